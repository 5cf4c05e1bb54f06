"""What a revision's source reads of its environment is found, whatever it is called and wherever it goes."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from surefoot.author.lint.source_file import SourceFile
from surefoot.author.lint.source_flow import Effect, Flow
from tests.support.databases import ROOT

ADD = 'op.execute("alter table t add d integer")'
INSERT = "op.execute(\"insert into t values ('demo')\")"
HELPERS = """
import os

from alembic import op

STAGE = os.environ.get("STAGE")
LENGTH = 20


def is_demo():
    return bool(os.getenv("DEMO"))


def add_demo_column():
    if is_demo():
        op.add_column("t", None)


def add_column(length):
    op.execute(f"alter table t add d varchar({length})")


def insert(value):
    op.execute(f"insert into t values ({value})")
"""

WHETHER = {
    "a from-import": f"from os import environ\nif environ.get('X'):\n    {ADD}",
    "an alias": f"import os as o\nif o.getenv('X') == 'y':\n    {ADD}",
    "an alias of a from-import": f"from os import getenv as asked\nif asked('X') == 'y':\n    {ADD}",
    "a name for it": f"import os\nread = os.getenv\nif read('X'):\n    {ADD}",
    "the clock": f"import datetime as dt\nif dt.datetime.now().year > 2026:\n    {ADD}",
    "the clock, utcnow": f"from datetime import datetime\nif datetime.utcnow().year > 2026:\n    {ADD}",
    "the day": f"from datetime import date\nif date.today().year > 2026:\n    {ADD}",
    "the time": f"import time\nif time.time() > 1e9:\n    {ADD}",
    "the host": f"import socket\nif socket.gethostname() == 'a':\n    {ADD}",
    "the system": f"from platform import system\nif system() == 'Linux':\n    {ADD}",
    "the platform": f"import sys\nif sys.platform == 'linux':\n    {ADD}",
    "chance": f"import random\nif random.random() > 0.5:\n    {ADD}",
    "an argument": f"from alembic import context\nif context.get_x_argument(as_dictionary=True).get('x'):\n    {ADD}",
    "an argument of op's": f"if op.get_context().environment_context.get_x_argument():\n    {ADD}",
    "the configuration": f"from alembic import context\nif context.config.get_main_option('x'):\n    {ADD}",
    "settings": f"from ourschool.settings import DEMO\nif DEMO:\n    {ADD}",
    "settings of the engine": f"from surefoot import settings\nif settings.load(None).demo:\n    {ADD}",
    "the database's name": f"url = op.get_bind().engine.url\nname = url.database\nif name == 'a':\n    {ADD}",
    "the database's host": f"if op.get_bind().connection.driver_connection.info.host == 'a':\n    {ADD}",
    "a transaction": f"if op.get_bind().in_transaction():\n    {ADD}",
    "an early return": f"import os\nif os.getenv('X'):\n    return\n{ADD}",
    "an early return further in": f"import os\nif 'a' > 'b':\n    if os.getenv('X'):\n        return\n{ADD}",
    "a loop that it ends": f"import os\nfor name in 'ab':\n    if os.getenv(name):\n        continue\n    {ADD}",
    "a loop over it": f"import os\nfor name in os.getenv('X', '').split():\n    {ADD}",
    "a condition in an expression": f"import os\n{ADD} if os.getenv('X') else None",
    "and": f"import os\nos.getenv('X') and {ADD}",
    "a comprehension": f"import os\n[{ADD} for name in 'ab' if os.getenv(name)]",
    "match": f"import os\nmatch os.getenv('X'):\n    case 'y':\n        {ADD}",
    "an exception": f"import os\ntry:\n    os.environ['X']\nexcept KeyError:\n    {ADD}",
    "a function": f"import os\ndef change():\n    {ADD}\nif os.getenv('X'):\n    change()",
    "a function's result": f"import os\ndef demo():\n    return os.getenv('X')\nif demo():\n    {ADD}",
    "a function's parameter": f"import os\ndef change(demo):\n    if demo:\n        {ADD}\nchange(os.getenv('X'))",
    "a function that is chosen": f"import os\ndef change():\n    {ADD}\n(change if os.getenv('X') else print)()",
    "a list that grows": "import os\nnames = []\nif os.getenv('X'):\n    names.append('a')\nfor name in names:\n    "
    + ADD,
    "an operation": "import os\nif os.getenv('X'):\n    op.create_index_online('i', 't', ['a'])",
    "a batch": "import os\nwith op.batch_alter_table('t') as t:\n    if os.getenv('X'):\n        t.drop_column('a')",
    "a type": "import os\nif os.getenv('X'):\n    sa.Enum('a', name='e').create(op.get_bind())",
    "a connection": "import os\nif os.getenv('X'):\n    op.get_bind().execute(sa.text('create table u ()'))",
    "a text with a name": f"import os\nSQL = {ADD[11:-1]}\nif os.getenv('X'):\n    op.execute(SQL)",
    "a text that a name begins": f"import os\nSQL = {ADD[11:-1]}\nif os.getenv('X'):\n    op.execute(f'{{SQL}};')",
    "a block": "import os\nif os.getenv('X'):\n    op.execute('do $$ begin alter table t add d integer; end $$')",
    "a text that nobody knows": "import os\nif os.getenv('X'):\n    op.execute(open('file').read())",
    "a constant of a module": f"import helpers\nif helpers.STAGE == 'y':\n    {ADD}",
    "a function of a module": f"from helpers import is_demo\nif is_demo():\n    {ADD}",
    "what a module does": "import helpers\nhelpers.add_demo_column()",
    "what a module does, conditionally": "import helpers, os\nif os.getenv('X'):\n    helpers.add_column(3)",
}
WHAT = {
    "a part of the statement": "import os\nop.execute('alter table t alter b set default ' + os.environ.get('X'))",
    "an argument": "import os\nop.add_column('t', sa.Column('d', sa.Text(), server_default=os.getenv('X')))",
    "a made-up name": "from uuid import uuid4\nop.create_index_online(f'i_{uuid4().hex}', 't', ['a'])",
    "what a branch assigned": "import os\nname = 'a'\nif os.getenv('X'):\n    name = 'b'\nop.drop_column('t', name)",
    "a module's parameter": "import helpers, os\nhelpers.add_column(os.getenv('X'))",
}
FAILURE = {
    "a variable that has to be": f"import os\nstage = os.environ['X']\n{INSERT}",
    "raise": f"import os\nif not os.getenv('X'):\n    raise RuntimeError\n{INSERT}",
    "assert": f"import os\nassert os.getenv('X')\n{INSERT}",
}
NOTHING = {
    "rows": f"import os\nif os.getenv('X'):\n    {INSERT}",
    "rows of SQLAlchemy's": "import os\nif os.getenv('X'):\n    op.execute(sa.insert(sa.table('t')).values(a=1))",
    "rows in a block": "import os\nif os.getenv('X'):\n    op.execute('do $$ begin update t set a = 1; end $$')",
    "rows with a name in it": "import os\nt = 't'\nif os.getenv('X'):\n    op.execute(f'update {t} set a = 1')",
    "rows in bulk": "import datetime\nop.bulk_insert(sa.table('t'), [{'at': datetime.datetime.now()}])",
    "a backfill": "import os\nif os.getenv('X'):\n    op.backfill('t', {'a': 'b'})",
    "a default in Python": "import uuid\nop.add_column('t', sa.Column('d', sa.UUID(), default=uuid.uuid4))",
    "the database's own clock": "op.add_column('t', sa.Column('d', sa.DateTime(), server_default=sa.func.now()))",
    "what is there": f"if not sa.inspect(op.get_bind()).has_table('u'):\n    {ADD}",
    "--sql": f"if not op.get_context().as_sql:\n    {ADD}",
    "another branch": f"import os\nif os.getenv('X'):\n    print('demo')\n{ADD}",
    "a variable that may be": f"import os\nif 'X' in os.environ:\n    print(os.environ['X'])\n{ADD}",
    "a constant of a module": f"import helpers\nif helpers.LENGTH > 3:\n    {ADD}",
    "a module's rows": "import helpers, os\nif os.getenv('X'):\n    helpers.insert(os.getenv('Y'))",
}
CASES = [
    *((effect, code, f"{effect.name}: {name}") for effect, cases in
      ((Effect.WHETHER, WHETHER), (Effect.WHAT, WHAT), (Effect.FAILURE, FAILURE)) for name, code in cases.items()),
    *((None, code, f"NOTHING: {name}") for name, code in NOTHING.items()),
]  # fmt: skip


@pytest.mark.promise("A11")
@pytest.mark.parametrize(("effect", "code"), [pytest.param(*case[:2], id=case[2]) for case in CASES])
def test_what_the_source_makes_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effect: Effect | None, code: str
) -> None:
    (tmp_path / "helpers.py").write_text(HELPERS)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "revision.py"
    body = indent(dedent(code), "    ")
    file.write_text(f"import sqlalchemy as sa\nfrom alembic import op\n\n\ndef upgrade():\n{body}\n")
    assert {each.effect for each in Flow(SourceFile(file)).dependences("upgrade")} == ({effect} if effect else set())


@pytest.mark.promise("A11")
def test_a_name_of_the_file_is_followed_and_only_where_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "revision.py"
    file.write_text(
        "import os\nfrom alembic import op\nSTAGE = os.environ.get('STAGE')\n\n\n"
        f"def upgrade():\n    {ADD}\n\n\ndef downgrade():\n    if STAGE:\n        op.drop_column('t', 'd')\n"
    )
    flow = Flow(SourceFile(file))
    assert flow.dependences("upgrade") == []
    (found,) = flow.dependences("downgrade")
    assert (found.read.what, found.read.line, found.calls[0].lineno) == ("os.environ", 3, 12)


@pytest.mark.promise("A11")
def test_no_released_revision_depends_on_the_environment() -> None:
    files = sorted((ROOT / "alembic" / "versions").glob("*.py"))
    assert len(files) > 50
    for file in files:
        flow = Flow(SourceFile(file))
        assert [flow.dependences("upgrade"), flow.dependences("downgrade")] == [[], []], file.name

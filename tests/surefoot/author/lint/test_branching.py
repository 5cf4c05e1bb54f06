"""Promise A11: what depends on the environment may differ in data, never in schema."""

from collections.abc import Iterator

import pytest

from surefoot.author.lint.linted_history import Report
from tests.support.databases import fresh
from tests.support.servers import Server
from tests.surefoot.author.lint.chain import Chain, Step, project_in, write

RULE = "schema-branches-on-environment"
ADD = 'op.execute("alter table {t} add if not exists d integer")'
INSERT = "op.execute(\"insert into {t} (b) values ('demo')\")"

BRANCHES = {
    "a value": (f'if os.environ.get("SCHOOL_STAGE") == "production":\n    {ADD}', ADD),
    "another value": (f'if os.environ.get("SCHOOL_STAGE", "production") == "production":\n    {ADD}', ADD),
    "set or not": (f'if "SCHOOL_STAGE" in os.environ:\n    {ADD}', ADD),
    "one of several": (f'if os.getenv("SCHOOL_STAGE", "").lower() in ("prod", "live"):\n    {ADD}', ADD),
    "the machine": (f'if socket.gethostname().startswith("school-"):\n    {ADD}', ADD),
    "the node": (f'if platform.node() == "school":\n    {ADD}', ADD),
    "the person": (f'if getpass.getuser() == "postgres-admin":\n    {ADD}', ADD),
    "the name of the database": (f'if op.get_bind().engine.url.database == "school":\n    {ADD}', ADD),
    "the server, asked": (
        f'if op.get_bind().execute(sa.text("select current_database()")).scalar() == "school":\n    {ADD}',
        "if op.get_bind().execute(",
    ),
    "the server, in a block": (
        """
        op.execute('''
            do $$
            begin
                if current_database() = 'school' then
                    alter table {t} add if not exists d integer;
                end if;
            end
            $$
        ''')
        """,
        "op.execute('''",
    ),
    "what stands in the statement": (
        """op.execute("alter table {t} alter b set default '" + os.environ.get("SCHOOL", "none") + "'")""",
        "op.execute(",
    ),
    "a failure": (
        '{}["" if os.environ.get("SCHOOL_STAGE") != "x" else "x"] if "S" in os.environ else 1',
        "def upgrade",
    ),
    "the time zone": (
        """
        op.execute('''
            do $$
            begin
                if current_setting('timezone') = 'Asia/Kathmandu' then
                    execute 'alter ' || 'table {t} add if not exists d integer';
                end if;
            end
            $$
        ''')
        """,
        "def upgrade",
    ),
}
"""By name: upgrade(), and the line that the finding points at."""

MAY = {
    "data by a variable": f'if os.environ.get("SCHOOL_DEMO"):\n    {INSERT}',
    "data by the machine": f'if socket.gethostname() == "demo":\n    {INSERT}',
    "the author kept": "op.execute(\"update {t} set b = current_user where id = 1\")",
    "a number that says how fast": 'size = int(os.environ.get("SCHOOL_BATCH", "100"))\n' + ADD,
}  # fmt: skip

STEPS = [
    *(Step(name, upgrade, 'op.execute("alter table {t} drop if exists d")') for name, (upgrade, _) in BRANCHES.items()),
    Step("at the top", f"if STAGE:\n    {ADD}", before='STAGE = os.environ.get("SCHOOL_STAGE") == "production"'),
    Step("going back", ADD, f'if os.environ.get("STAGE"):\n    {ADD.replace(" d ", " e ")}'),
    *(Step(name, upgrade) for name, upgrade in MAY.items()),
]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return write(project_in(tmp_path_factory), STEPS)


@pytest.fixture(scope="module")
def report(chain: Chain, newest: Server) -> Iterator[Report]:
    with fresh(newest) as database:
        yield chain.lint(database)


@pytest.mark.promise("A11")
@pytest.mark.parametrize("name", BRANCHES)
def test_a_schema_that_depends_on_the_environment_is_found(chain: Chain, report: Report, name: str) -> None:
    code = BRANCHES[name][1].replace("{t}", f"t{list(BRANCHES).index(name) + 1}")
    found = [each for each in chain.found(report, name) if each.rule == RULE]
    assert {chain.code(each)[: len(code)] for each in found} == {code}
    assert {each.direction for each in found} == {"upgrade"}


@pytest.mark.promise("A11")
@pytest.mark.parametrize(("name", "direction"), [("at the top", "upgrade"), ("going back", "downgrade")])
def test_wherever_it_is_asked(chain: Chain, report: Report, name: str, direction: str) -> None:
    assert [each.direction for each in chain.found(report, name) if each.rule == RULE] == [direction]


@pytest.mark.promise("A11")
@pytest.mark.parametrize("name", MAY)
def test_data_may_depend_on_it(chain: Chain, report: Report, name: str) -> None:
    assert [each.rule for each in chain.found(report, name) if each.rule == RULE] == []

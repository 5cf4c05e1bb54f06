"""What the engine takes from the inside of Alembic and SQLAlchemy is there, and does what it is taken for."""

import io
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command, op
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql

from surefoot import private_members
from surefoot.servers.async_driver import SharedConnection, _Shared
from tests.support.databases import Database

ENV = """
from alembic import context

given = context.config.attributes
context.configure(connection=given["connection"], **given.get("options", {}))
given["seen"](context.get_context())
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = """
revision = "{revision}"
down_revision = {down!r}


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A stock Alembic project of two revisions, in which nothing of ours runs."""
    versions = tmp_path / "versions"
    versions.mkdir()
    (tmp_path / "env.py").write_text(ENV)
    (tmp_path / "script.py.mako").write_text("")
    (versions / "one.py").write_text(REVISION.format(revision="one", down=None))
    (versions / "two.py").write_text(REVISION.format(revision="two", down="one"))
    made = Config()
    made.set_main_option("script_location", str(tmp_path))
    return made


def seen_by_a_command(config: Config, database: Database, look: Any, *, begun: bool = False) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        if begun:
            connection.begin()
        config.attributes |= {"connection": connection, "seen": look}
        command.upgrade(config, "head")
        connection.commit()


def offline() -> MigrationContext:
    return MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": io.StringIO()})


def test_a_command_s_steps_pass_one_place(config: Config, scratch: Database) -> None:
    passed: list[str] = []

    def look(context: MigrationContext) -> None:
        steps = private_members.steps_of_command(context)

        def counted(heads: Any, context: Any) -> Any:
            for step in steps(heads, context):
                passed.extend(step.to_revisions_no_deps)
                yield step

        private_members.replace_steps(context, counted)

    seen_by_a_command(config, scratch, look)
    assert passed == ["one", "two"]


@pytest.mark.parametrize("begun", [False, True])
def test_whose_the_transaction_is(config: Config, scratch: Database, begun: bool) -> None:
    found: list[bool] = []
    seen_by_a_command(
        config, scratch, lambda context: found.append(private_members.in_callers_transaction(context)), begun=begun
    )
    assert found == [begun]


def test_the_steps_of_a_command_beforehand(config: Config) -> None:
    script = ScriptDirectory.from_config(config)
    up = private_members.steps_up(script, "head", ("one",))
    down = private_members.steps_down(script, "base", ("two",))
    assert [step.from_revisions_no_deps for step in up] == [("one",)]
    assert [step.from_revisions_no_deps for step in down] == [("two",), ("one",)]


def test_a_file_is_where_alembic_puts_it(config: Config) -> None:
    config.set_main_option("file_template", "%%(year)d_%%(month).2d-%%(rev)s_%%(slug)s")
    config.set_main_option("timezone", "UTC")
    folder = Path(str(config.get_main_option("script_location")))
    head = '"""${message}\n\nWhy: it is so.\n"""\n'
    (folder / "script.py.mako").write_text(
        head + "revision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n"
    )
    command.revision(config, message="Add 2 fees, to users", rev_id="three")
    (written,) = (folder / "versions").glob("*three*")
    script = ScriptDirectory.from_config(config)
    three, moment = script.get_revision("three"), private_members.creation_time(script)
    assert three is not None
    assert moment.tzname() == "UTC"
    assert private_members.path_of(script, three, moment) == written


def test_the_version_table_is_made_when_it_is_said(config: Config, scratch: Database) -> None:
    there: list[object] = []

    def look(context: MigrationContext) -> None:
        make, steps = private_members.defer_version_table(context), private_members.steps_of_command(context)

        def first(heads: Any, context: Any) -> Any:
            there.append(context.connection.scalar(sa.text("select to_regclass('alembic_version')")))
            make()
            there.append(context.connection.scalar(sa.text("select to_regclass('alembic_version')::text")))
            return steps(heads, context)

        private_members.replace_steps(context, first)

    seen_by_a_command(config, scratch, look)
    assert there == [None, "alembic_version"]


def test_calls_of_op_go_where_they_are_sent() -> None:
    contexts = offline(), offline()
    outer, inner = (Operations(context) for context in contexts)
    with Operations.context(contexts[0]):
        outer = vars(op).get("_proxy", outer)
        with private_members.redirect_op(inner, outer):
            assert op.get_context() is contexts[1]
        assert op.get_context() is contexts[0]


def test_a_statement_is_printed() -> None:
    context = offline()
    private_members.print_statement(context, sa.text("select 1"))
    printed: Any = context.output_buffer
    assert "select 1" in printed.getvalue()


def test_a_type_and_a_per_cent_sign_as_autogenerate_writes_them() -> None:
    context = AutogenContext(
        MigrationContext.configure(dialect_name="postgresql"),
        opts={"sqlalchemy_module_prefix": "sa.", "user_module_prefix": None},
    )
    assert private_members.type_as_python(sa.String(50), context) == "sa.String(length=50)"
    dialect: Any = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    with private_members.single_percent_signs(dialect):
        assert "'100%'" in str(sa.text("'100%'").compile(dialect=dialect))
    assert "'100%%'" in str(sa.text("'100%'").compile(dialect=dialect))


def test_a_column_goes_and_is_copied() -> None:
    table = sa.Table("pupils", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("name", sa.Text, comment="said"))
    copy = private_members.copy_column(table.c.name)
    assert (copy.name, copy.comment) == ("name", "said")
    assert copy.table is None
    private_members.remove_column(table, table.c.name)
    assert [column.name for column in table.c] == ["id"]


def test_both_connections_of_psycopg_keep_their_state_under_the_names_that_are_shared(scratch: Database) -> None:
    shared = {name for name, value in vars(SharedConnection).items() if isinstance(value, _Shared)}
    with scratch.connect() as driver:
        state = {name for name in vars(driver) if name.startswith("_")}
    assert shared <= state
    assert state - shared == {"_closed"}, "and nothing else"


def test_a_pool_beside_connects_where_the_engine_does(scratch: Database) -> None:
    engine = sa.create_engine(scratch.url, pool_size=1, max_overflow=0)
    beside = sa.create_engine(scratch.url, pool=private_members.separate_pool(engine))
    with engine.connect() as one, beside.connect() as other:
        ask = sa.text("select current_database(), pg_backend_pid()")
        (first, pid), (second, another) = one.execute(ask).one(), other.execute(ask).one()
    assert first == second
    assert pid != another
    engine.dispose()

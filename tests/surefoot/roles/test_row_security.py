"""Row security hides no row from a migration: it is refused before, or ends, and never overlooks one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg import sql

from surefoot import database as ours
from surefoot.errors import FailedError, RefusedError
from surefoot.readonly import read_connection
from surefoot.runtime import preconditions
from tests.ourschool.history.schools import make_existing
from tests.support.databases import Database
from tests.support.typed import ourschool
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.online.harness import empty, write
from tests.surefoot.roles.people import FORCED, HIDE, Role, hide, role

ROWS = 1000
MADE = f"""
    op.execute("create table pupils (id integer primary key, name text, note text)")
    op.execute("insert into pupils select n, case when n > 5 then 'x' end from generate_series(1, {ROWS}) n")
"""
SEEN = "id > 995"
"""What the policy shows: five rows in which nothing is left to do."""
FORCE = "\n".join(f"op.execute({each.format(table='pupils', shows=SEEN)!r})" for each in FORCED)


@pytest.fixture
def owner(scratch: Database) -> Iterator[Role]:
    """Owns the database, and is neither a superuser nor past row security."""
    with role(scratch, owns=True) as made:
        yield made


@pytest.fixture
def pupils(owner: Role, project: Path) -> Database:
    """As its owner, at a first revision that made a thousand rows; a second one is pending that changes them all."""
    write(empty(project), "made", None, MADE)
    upgrade(owner.here, project)
    write(project, "work", "made", "op.execute(\"update pupils set note = 'n'\")")
    return owner.here


def upgrade(database: Database, project: Path, **engine: object) -> None:
    """`alembic upgrade head` in this process, on an engine of the application's own."""
    config = Config(str(project / "alembic.ini"))
    config.attributes["connection"] = sa.create_engine(database.url, poolclass=sa.NullPool, **engine)
    command.upgrade(config, "head")


def test_grade_levels_that_a_policy_hides_are_not_lost(scratch: Database, owner: Role) -> None:
    make_existing(owner.here)
    before = scratch.value("select array_agg(grade_level order by id) from users")
    hide(scratch, "users", "id = (select min(id) from terms)")
    said = complaint(owner.here.alembic("upgrade", "3f1c9a7d52e4", status=3))
    assert f"Row security hides rows of users from the role {owner.name!r}" in said
    assert "alter table users no force row level security;" in said
    assert scratch.value("select array_agg(grade_level order by id) from users") == before
    likewise = complaint(ourschool(owner.here, "adopt", "cd0edd614cc5", status=3))
    assert likewise.replace(" Nothing was changed.", "") == said.replace(" Nothing was changed.", "")
    status = ourschool(owner.here, "status", status=1)  # it can still be looked at
    assert "row security" in status.stdout


IN_THE_MIDDLE = {
    "backfill": "op.backfill('pupils', {'note': \"'n'\"}, \"note is null and id <= 995\")",
    "retire_rows": "op.retire_rows('pupils', \"id <= 995\")",
    "not null": "op.set_not_null_online('pupils', 'name')",
    "update": "op.execute(\"update pupils set note = 'n'\")",
    "check": "op.add_check_online('named', 'pupils', 'name is not null')",
    "unique": "op.create_index_online('ux', 'pupils', ['name'], unique=True)",
    "change types": "op.change_types_online('pupils', {'name': ('varchar(9)', 'name::varchar(9)', 'name')})",
    "foreign key": "op.execute('create table other (id integer primary key)');"
    " op.execute('alter table pupils add foreign key (id) references other')",
    "a block": "op.execute(\"do $$ begin update pupils set note = 'n'; end $$\")",
}


@pytest.mark.parametrize("body", IN_THE_MIDDLE.values(), ids=IN_THE_MIDDLE)
def test_what_a_revision_hides_from_the_next_ends_it(pupils: Database, project: Path, body: str) -> None:
    write(project, "force", "made", FORCE)
    write(project, "work", "force", body)
    with pytest.raises(FailedError) as failed:
        upgrade(pupils, project)
    assert "Row security on table pupils in" in failed.value.message
    assert "alter table pupils no force row level security;" in failed.value.remedy
    assert pupils.value("select version_num from alembic_version") == "force"
    pupils.execute("alter table pupils no force row level security")
    assert pupils.rows("select count(*), count(name), count(note) from pupils") == [(ROWS, ROWS - 5, 0)]


WAYS = {
    "forced on the owner": ("select", "", "pupils"),
    "the URL says on": ("select", "-c row_security=on", "pupils"),
    "the role says on": ("alter role {owner} set row_security = on", "", "pupils"),
    "a partition alone": (
        "alter table pupils no force row level security;"
        "create table whole (id integer primary key, name text) partition by range (id);"
        "create table lower partition of whole for values from (1) to (500);"
        f"{'; '.join(each.format(table='lower', shows='false') for each in FORCED)};"
        "alter table lower owner to {owner}",
        "",
        "lower",
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_refused_before_the_first_revision(
    owner: Role, pupils: Database, project: Path, way: tuple[str, str, str]
) -> None:
    before, options, table = way
    hide(owner.database, "pupils", SEEN)
    owner.database.execute(before.format(owner=owner.name))
    me = replace(pupils, url=pupils.url.set(query={"options": options} if options else {}))
    said = complaint(me.alembic("upgrade", "head", cwd=project, status=3))
    assert f"Row security hides rows of {table} from the role {owner.name!r}" in said
    assert f"alter table {table} no force row level security;" in said
    assert owner.database.value("select count(note) from pupils") == 0
    assert owner.database.value("select count(*) from migration_journal") == 1


@pytest.mark.parametrize("attributes", ["noinherit in role {owner}", ""], ids=["a member without rights", "a stranger"])
def test_who_is_not_the_owner_is_told_who_is(
    scratch: Database, owner: Role, pupils: Database, project: Path, attributes: str
) -> None:
    assert pupils.value("select count(*) from pupils") == ROWS
    hide(scratch, "pupils", SEEN, HIDE)  # not forced: the owner sees all
    with role(scratch, attributes.format(owner=owner.name)) as other:
        scratch.execute(
            f"grant all on all tables in schema public to {other.name}",
            f"grant all on all sequences in schema public to {other.name}",
            f"grant all on schema public to {other.name}",
        )
        with pytest.raises(RefusedError) as refused:
            upgrade(other.here, project)
        assert f"from the role {other.name!r}" in refused.value.message
        assert refused.value.remedy.startswith(f"Connect as the owner, {owner.name}, from whom nothing is hidden;")
        assert scratch.value("select count(note) from pupils") == 0
    upgrade(pupils, project)
    assert scratch.value("select count(note) from pupils") == ROWS


@pytest.mark.parametrize("attributes", ["in role {owner}", "superuser", "bypassrls"])
def test_from_whom_nothing_is_hidden_is_not_refused(
    scratch: Database, owner: Role, pupils: Database, attributes: str
) -> None:
    assert pupils.value("select count(*) from pupils") == ROWS
    hide(scratch, "pupils", SEEN, HIDE)
    with (
        role(scratch, attributes.format(owner=owner.name)) as other,
        read_connection(other.here.url, "test") as connection,
    ):
        preconditions.refuse_hidden_rows(connection)


def test_a_view_whose_owner_sees_less(scratch: Database, owner: Role, pupils: Database, project: Path) -> None:
    """The view reads as its owner, for whom the policy holds, though it does not for who runs the revision."""
    hide(scratch, "pupils", SEEN, HIDE)
    with role(scratch) as other:
        scratch.execute(
            "create view shown with (security_barrier) as select * from pupils",
            f"alter view shown owner to {other.name}",
            f"grant select on pupils to {other.name}",
            f"grant select on shown to {owner.name}",
        )
        write(project, "work", "made", "op.execute('create table copied as select * from shown')")
        with pytest.raises(FailedError) as failed:
            upgrade(pupils, project)
    assert "Row security on table pupils in" in failed.value.message
    assert "or from the owner of a view or function" in failed.value.message
    assert scratch.value("select to_regclass('copied')") is None


def test_a_table_elsewhere_stops_the_backup_alone(scratch: Database, pupils: Database, project: Path) -> None:
    pupils.execute("create schema own", "create table own.chats ()")
    hide(scratch, "own.chats", "false")
    assert "rows of own.chats" in complaint(ourschool(pupils, "backup", cwd=project, status=3))
    upgrade(pupils, project)
    assert pupils.value("select count(note) from pupils") == ROWS


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_a_passed_in_connection_has_its_own_setting_back(pupils: Database, project: Path, fails: bool) -> None:
    body = "op.execute(\"do $$ begin assert current_setting('row_security') = 'off'; end $$\")"
    write(project, "work", "made", body + ("; op.execute('select 1 / 0')" if fails else ""))
    engine = sa.create_engine(pupils.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        config = Config(str(project / "alembic.ini"))
        config.attributes["connection"] = connection
        if fails:
            with pytest.raises(FailedError, match="division by zero"):
                command.upgrade(config, "head")
            connection.rollback()
        else:
            command.upgrade(config, "head")
        assert connection.exec_driver_sql("show row_security").scalar_one() == "on"


def test_printed_sql_stops_too(scratch: Database, pupils: Database, project: Path) -> None:
    printed = pupils.alembic("upgrade", "made:head", "--sql", cwd=project).stdout
    assert printed.startswith("SET row_security = off;\n")
    hide(scratch, "pupils", SEEN)
    with pytest.raises(AssertionError, match="would be affected by row-level security"):
        pupils.psql(stdin=printed)
    assert scratch.value("select count(note) from pupils") == 0


def test_every_session_of_ours_says_so(owner: Role, pupils: Database) -> None:
    """Whatever the URL, the role, the database and a RESET say."""
    name = sql.Identifier(str(pupils.url.database)).as_string()
    owner.database.execute(f"alter database {name} set row_security = on")
    for options in (None, "-c row_security=on"):
        url = pupils.url.set(query={"options": options} if options else {})
        with ours.engine_for(url, application_name="ours", options={"work_mem": "5MB"}).connect() as connection:
            assert connection.exec_driver_sql("show row_security").scalar_one() == "off"
            connection.exec_driver_sql("reset all")
            assert connection.exec_driver_sql("show row_security").scalar_one() == "off"

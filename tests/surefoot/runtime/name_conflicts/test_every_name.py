"""Every name that a later revision makes is refused, whatever has it, before anything is changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ourschool.project import PROJECT
from surefoot import settings
from surefoot.catalogue import revision_names
from surefoot.catalogue.revision_names import TABLE_SCOPED, Name
from surefoot.revision_catalogues import build
from surefoot.runtime import name_conflicts
from tests.support.databases import ROOT, Database, fresh
from tests.support.servers import Server
from tests.surefoot.runtime.name_conflicts.made import ELSEWHERE
from tests.surefoot.runtime.name_conflicts.made import strangers as possible

BASELINE = "cd0edd614cc5"
SCRIPT = ScriptDirectory(str(ROOT / "alembic"))
PENDING = [each for each in SCRIPT.walk_revisions() if each.revision != BASELINE][::-1]
MADE = revision_names.read(ROOT / "alembic", SCRIPT.walk_revisions())
OLD = {name.name for name in MADE[BASELINE].made if name.kind == "table"}
WANTED = sorted({
    name for each in PENDING for name in MADE[each.revision].made if name.kind not in TABLE_SCOPED or name.on in OLD
})  # fmt: skip
"""All that the revisions after the baseline make, but for what hangs on their own tables."""


@pytest.fixture(scope="module")
def at_baseline(newest: Server) -> Iterator[Database]:
    with fresh(newest) as made:
        made.alembic("upgrade", BASELINE)
        made.execute(*ELSEWHERE)
        yield made


@pytest.fixture
def connection(at_baseline: Database) -> Iterator[Connection]:
    """In a transaction that is rolled back."""
    with at_baseline.engine().connect() as opened:
        yield opened
        opened.rollback()


def found(connection: Connection) -> list[name_conflicts.NameConflict]:
    return name_conflicts.find(connection, SCRIPT, (BASELINE,), PENDING)


def make(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def test_nothing_of_the_school_itself_is_a_stranger(connection: Connection) -> None:
    assert found(connection) == []
    assert len(WANTED) > 200
    assert len({name for name in WANTED if name.kind == "table"}) == 24


KINDS = sorted({kind for name in WANTED for kind, _ in possible(name)})


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_refused_whatever_has_it(connection: Connection, kind: str) -> None:
    made: dict[Name, str] = {}
    for name in WANTED:
        for what, statement in possible(name):
            if what == kind and name.name not in {one.name for one in made if one.on == name.on}:
                made[name] = statement
    taken: set[str] = set()
    for name, statement in made.items():
        with connection.begin_nested() as before:  # a table of that name has an index or sequence of another's
            try:
                make(connection, statement)
            except sa.exc.ProgrammingError:
                before.rollback()
                continue
        taken.add(name.name)
    names_told = {each.name for each in found(connection)}
    assert taken <= names_told | {each for each in taken if each.endswith(("_id_seq", "_pkey"))}
    assert len(taken) >= len({name.name for name in made}) * 0.7


@pytest.mark.parametrize(
    "harmless",
    [
        pytest.param(('create table "API_Keys" (foo text)', 'alter table users add column "Theme" text'), id="case"),
        pytest.param(
            ("create schema other", "create table other.api_keys (foo text)", "create type other.marks as enum ('a')",
             "set local search_path = public, other"),
            id="another schema on the search_path",
        ),
        pytest.param(("create temporary table api_keys (foo text)",), id="a temporary table"),
        pytest.param(
            ("create function keep_name(text) returns text language sql as 'select 1::text'",), id="other arguments"
        ),
        pytest.param(
            ("alter table subjects add constraint users_theme_check check (name <> '')",),
            id="a check's name on another table",
        ),
        pytest.param(
            ("create function other_trigger() returns trigger language plpgsql as 'begin return new; end'",
             "create trigger grade_history_append_only before update on terms for each row "
             "execute function other_trigger()"),
            id="a trigger's name on another table",
        ),
        pytest.param(("create index ix_users_parent_id on users (parent_id)",), id="the very index"),
        pytest.param(("alter table subjects add column theme text",), id="a column's name on another table"),
        pytest.param(('create table "api keys" (foo text)', 'create table "100% :x" (foo text)'), id="awkward"),
    ],
)  # fmt: skip
def test_what_takes_no_name_is_no_stranger(connection: Connection, harmless: tuple[str, ...]) -> None:
    make(connection, *harmless)
    assert found(connection) == []


@pytest.mark.parametrize(
    ("statements", "line"),
    [
        (
            ("create table api_keys (id serial, foo text)", "insert into api_keys values (1, 'a'), (2, 'b')"),
            "table api_keys, 2 rows: d3a80d2c8cc9 makes a table of that name",
        ),
        (
            ("alter table users add column external_id text",),
            "column users.external_id, 0 values: 697c3bef29b6 makes a column of that name",
        ),
        (("create view fees as select 1 as a",), "view fees: c408593ea583 makes a table of that name"),
        (("create type marks as (a int)",), "composite type marks: a937c171d3e2 makes a table of that name"),
        (
            ("create materialized view audit_log as select 1 as a",),
            "materialized view audit_log, 1 row: 6ef5e6668592 makes a table of that name",
        ),
        (
            ("create index ix_users_locked_until on users (role)",),
            "index ix_users_locked_until: 5c6ad8a982cd makes an index of that name",
        ),
        (
            ("create function exact_a83e41d6905b(text) returns text language sql as 'select 1::text'",
             "create function is_json(text) returns boolean language sql as 'select true'"),
            "function is_json(text): f107112354ef makes a function of that name",
        ),
    ],
)  # fmt: skip
def test_a_stranger_is_named_with_its_rows(connection: Connection, statements: tuple[str, ...], line: str) -> None:
    make(connection, *statements)
    assert [str(each) for each in found(connection)] == [line]


def test_the_names_that_come_with_the_revisions_are_what_they_make(scratch: Database, project: Path) -> None:
    shipped = (project / "alembic" / revision_names.FILE).read_text()
    (project / "alembic" / revision_names.FILE).unlink()
    mine = settings.load(PROJECT.at(project), database_url=scratch.url.render_as_string(False), environ={})
    build.write_packaged(mine, scratch.url)
    assert (project / "alembic" / revision_names.FILE).read_text() == shipped
    assert scratch.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == 0


def test_a_file_of_names_that_is_damaged_or_of_another_revision_is_none(project: Path) -> None:
    revisions = list(ScriptDirectory(str(project / "alembic")).walk_revisions())
    file = project / "alembic" / revision_names.FILE
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    assert revision_names.read(project / "alembic", revisions) == {}
    file.write_text(whole)
    changed = Path(revisions[0].path)
    changed.write_text(changed.read_text() + "\n")
    assert set(revision_names.read(project / "alembic", revisions)) == {each.revision for each in revisions[1:]}

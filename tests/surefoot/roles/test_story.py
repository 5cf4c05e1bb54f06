"""A school's whole way as each kind of role: adopted, rehearsed, upgraded, backed up, restored, rolled back, upgraded.

The commands are typed as that role, over TCP and with its password. In the short form the way ends at an early
revision, on one server; in the long form at head, on each.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ourschool.existing.rows import Size
from tests.ourschool.history.schools import BASELINE, HEAD, make_existing
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.support.typed import ourschool
from tests.surefoot.commands.complaints import complaint
from tests.surefoot.roles.people import PASSWORD, Role, hide

SIZE = Size(terms=2, student_assignments=60, attendance_records=60, conflicts=False)
NEAR = "1f95c3e8d704"
"""Rows set aside, keys, NOT NULL, triggers and two changes of types lie before it."""
NEW_TABLES = "d3a80d2c8cc9"
"""The first of the later tables are before it."""
SUPERUSER, CREATEDB, NEITHER = "superuser", "nosuperuser createdb", "nosuperuser nocreatedb"
OWNERS = [CREATEDB, NEITHER]
"""An application's rights and row security are another matter where a superuser owns the tables."""
ROWS = "select json_agg(u order by id)::text from (select id, email, first_name, grade_level::text from users) u"
WITHOUT = """
    select relname::text
      from pg_class
     where relnamespace = 'public'::regnamespace
       and relkind = 'r'
       and relname not in ('alembic_version', 'migration_journal')
       and not (has_table_privilege('{app}', oid, 'select') and has_table_privilege('{app}', oid, 'insert')
                and has_table_privilege('{app}', oid, 'update') and has_table_privilege('{app}', oid, 'delete'))
     order by 1
"""


@dataclass(frozen=True)
class Existing:
    """A template of an existing school, made and owned by a role whose attributes each story chooses."""

    server: Server
    template: str
    owner: str

    def with_attributes(self, attributes: str) -> None:
        with self.server.connect() as admin:
            admin.execute(f"alter role {self.owner} {attributes}")


@pytest.fixture(scope="session")
def existing_school(newest: Server) -> Iterator[Existing]:
    with existing(newest) as made:
        yield made


@pytest.fixture
def school(existing_school: Existing) -> Iterator[Role]:
    with clone(existing_school) as made:
        yield made


@contextmanager
def existing(server: Server) -> Iterator[Existing]:
    owner = f"school_{uuid.uuid4().hex[:8]}"
    with server.connect() as admin:
        admin.execute(f"create role {owner} login password '{PASSWORD}'")
    with fresh(server) as made:
        made.execute(f'alter database "{made.url.database}" owner to {owner}')
        make_existing(Role(owner, made).here, SIZE, stamped=False)
        yield Existing(server, str(made.url.database), owner)


@contextmanager
def clone(existing_school: Existing) -> Iterator[Role]:
    with fresh(existing_school.server, template=existing_school.template) as made:
        made.execute(f'alter database "{made.url.database}" owner to {existing_school.owner}')
        yield Role(existing_school.owner, made)
        with existing_school.server.connect() as admin:  # what a restore keeps beside it
            for (name,) in admin.execute(
                "select datname from pg_database where starts_with(datname, %s || '_')", (made.url.database,)
            ).fetchall():
                admin.execute(f'drop database "{name}" with (force)')


def go(me: Database, project: Path, target: str) -> None:
    """From the adopted database to `target`, and everything that an operator does there."""
    ourschool(me, "rehearse", target, cwd=project)
    ourschool(me, "upgrade", target, "--yes", "--no-backup", cwd=project)
    assert me.value("select version_num from alembic_version") == (HEAD if target == "head" else target)
    ourschool(me, "backup", cwd=project)
    rows = me.value(ROWS)
    me.execute("update users set first_name = 'somebody else'")
    ourschool(me, "restore", "latest", "--yes", "--disconnect", cwd=project)
    assert me.value(ROWS) == rows
    ourschool(me, "rollback", BASELINE, "--yes", cwd=project)
    assert me.value("select version_num from alembic_version") == BASELINE
    ourschool(me, "upgrade", target, "--yes", "--no-backup", cwd=project)
    assert me.value(ROWS) == rows


def test_an_owner_who_may_create_no_database(existing_school: Existing, school: Role, project: Path) -> None:
    existing_school.with_attributes(NEITHER)
    ourschool(school.here, "adopt", cwd=project)
    go(school.here, project, NEAR)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("attributes", [SUPERUSER, CREATEDB, NEITHER])
def test_the_whole_way_to_head(server: Server, project: Path, attributes: str) -> None:
    with existing(server) as made, clone(made) as school:
        made.with_attributes(attributes)
        ourschool(school.here, "adopt", cwd=project)
        go(school.here, project, "head")


def test_an_application_keeps_its_rights(existing_school: Existing, school: Role, project: Path) -> None:
    an_application_keeps_its_rights(existing_school, school, project, CREATEDB, NEW_TABLES)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("attributes", OWNERS)
def test_an_application_keeps_its_rights_to_head(server: Server, project: Path, attributes: str) -> None:
    with existing(server) as made, clone(made) as school:
        an_application_keeps_its_rights(made, school, project, attributes, "head")


def an_application_keeps_its_rights(
    existing_school: Existing, school: Role, project: Path, attributes: str, target: str
) -> None:
    existing_school.with_attributes(attributes)
    app = f"app_{school.database.url.database}"
    school.database.execute(f"create role {app} login password '{PASSWORD}'")
    try:
        me = school.here
        me.execute(
            f"grant select, insert, update, delete on all tables in schema public to {app}",
            f"grant usage on all sequences in schema public to {app}",
        )
        ourschool(me, "adopt", cwd=project)
        go(me, project, target)
        assert me.rows(WITHOUT.format(app=app)) == []
        user = Role(app, school.database).here.value("update users set last_name = last_name returning id")
        assert user is not None
    finally:
        school.database.execute(f"drop owned by {app}")
        # default privileges may name it in what a restore has kept
        school.database.execute(f"alter role {app} nologin")


HIDDEN = ("student_assignments", "users")


def test_row_security_is_refused_and_the_remedy_helps(existing_school: Existing, school: Role, project: Path) -> None:
    row_security_is_refused_and_the_remedy_helps(existing_school, school, project, CREATEDB, NEAR)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("attributes", OWNERS)
def test_row_security_is_refused_and_the_remedy_helps_to_head(server: Server, project: Path, attributes: str) -> None:
    with existing(server) as made, clone(made) as school:
        row_security_is_refused_and_the_remedy_helps(made, school, project, attributes, "head")


def row_security_is_refused_and_the_remedy_helps(
    existing_school: Existing, school: Role, project: Path, attributes: str, target: str
) -> None:
    existing_school.with_attributes(attributes)
    me, as_it_was = school.here, school.database.value(ROWS)
    ourschool(me, "adopt", cwd=project)
    for table in HIDDEN:
        hide(school.database, table, "false")
    rollback = ("rollback", "base", "--yes")
    for command in (("rehearse", target), ("upgrade", target, "--yes"), ("backup",), ("ensure",), rollback):
        said = complaint_of(me, project, *command)
        assert f"Row security hides rows of {', '.join(HIDDEN)} from the role {school.name!r}" in said
    said = complaint(me.alembic("upgrade", target, cwd=project, status=3))
    assert school.database.value(ROWS) == as_it_was
    assert not (project / "backups").exists() or not list((project / "backups").iterdir())

    off = re.search(rf"psql, as {school.name}: (.*?;) Then the same command again, and at the end: (.*?;) In", said)
    assert off is not None
    me.execute(*off[1].split("; "))
    go(me, project, target)
    me.execute(*off[2].split("; "))
    assert me.value("select count(*) from users") == 0
    assert school.database.value("select count(*) from users") != 0
    complaint_of(me, project, "backup")

    existing_school.with_attributes("bypassrls")  # the other remedy
    try:
        ourschool(me, "backup", cwd=project)
    finally:
        existing_school.with_attributes("nobypassrls")


def complaint_of(me: Database, project: Path, *command: str) -> str:
    """What the refused command said."""
    done = ourschool(me, *command, status=3, cwd=project)
    return " ".join((done.stdout + done.stderr).split())

"""The poolers that are allowed, with a school behind each, and what somebody has left in their sessions."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL

from tests.ourschool.existing.size import Size
from tests.ourschool.history.schools import BASELINE, at, catalogue, counted, journal, upgrade
from tests.support.databases import Database, fresh
from tests.support.servers import Server
from tests.surefoot.faults.runs import advisory_locks, until
from tests.surefoot.faults.test_killed import contents
from tests.surefoot.servers.matrix import KINDS, existing
from tests.surefoot.servers.ways import School

POOLERS = ("pgbouncer, session", "pgbouncer, session, ignore_startup_parameters", "pgpool, one server")
SIZE = Size.of(student_assignments=1500, attendance_records=1500, conflicts=False)
LATE = "5aaca5c6078c"
"""A revision from which it is not far to head: the short form begins there, the long one at the baseline."""
CLIENTS = 7
"""So many at once get every session that a pool has kept: pgpool has eight, and a command needs four."""
LEFT = """
select 'setting', name, setting
  from pg_settings
 where setting is distinct from reset_val
   and name not in ('application_name', 'in_hot_standby')
union all select 'role', current_user::text, session_user::text where current_user <> session_user
union all select 'prepared statement', name, statement from pg_prepared_statements
union all select 'cursor', name, statement from pg_cursors where name <> ''
union all select 'listens', channel, '' from pg_listening_channels() as channel
union all select 'temporary', relname::text, '' from pg_class where relnamespace = pg_my_temp_schema()
union all select 'lock', classid::text, objid::text from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
"""
SCHEMAS = "select nspname::text from pg_namespace where nspname not like 'pg\\_t%' order by 1"


@dataclass(frozen=True)
class Clone:
    """A copy of the school: `here` is the owner's way to it, through the pooler, `direct` a superuser's."""

    here: Database
    direct: Database

    def kept(self) -> set[tuple[object, ...]]:
        """Return what clients find in the sessions that they get, which a client who changes nothing would leave so."""
        found: set[tuple[object, ...]] = set()
        with ExitStack() as all_at_once:
            clients = [all_at_once.enter_context(self.here.connect(autocommit=True)) for _ in range(CLIENTS)]
            for client in clients:
                found.update(client.execute(LEFT.encode(), prepare=False).fetchall())
        return found

    def databases(self) -> list[tuple[object, ...]]:
        """Return the databases that have the school's name in theirs: scratch ones are called after it."""
        return self.direct.rows(f"select datname from pg_database where starts_with(datname, '{self.name}') order by 1")

    @property
    def name(self) -> str:
        return str(self.direct.url.database)

    def state(self) -> list[object]:
        """Return all that has to be equal, however one came to head: rows, catalogue, journal, schemas."""
        return [
            at(self.direct), journal(self.direct), counted(self.direct), contents(self.direct),
            self.direct.rows(SCHEMAS), catalogue(self.direct),
        ]  # fmt: skip

    def freed(self) -> None:
        """Wait until nobody holds a lock of ours."""
        until(lambda: not advisory_locks(self.direct), "no lock is left")


@dataclass(frozen=True)
class Prepared:
    """A school on its way to head, there to be cloned; how many statements the way has, and what it leads to."""

    school: School
    statements: int
    at_head: list[object]


@dataclass(frozen=True)
class Pool:
    """A pooler before the server of a school; `url` is how one gets to it."""

    school: School
    url: URL

    @contextmanager
    def clone(self) -> Iterator[Clone]:
        with fresh(self.school.server, template=self.school.name) as direct:
            name = str(direct.url.database)
            with direct.server.connect() as admin:
                admin.execute(f"alter database {name} owner to {self.school.owner}")
            yield Clone(replace(direct, url=self.url.set(database=name)), direct)


@contextmanager
def school_at(server: Server, revision: str) -> Iterator[Prepared]:
    """A school that has come to `revision`, and what becomes of it."""
    with existing(server, KINDS["direct"], SIZE) as school:
        school.as_superuser().execute("update users set created_at = '2020-01-01', updated_at = '2020-01-01'")
        owners = Database(server, school.direct())
        owners.alembic("stamp", BASELINE)
        owners.alembic("upgrade", revision)
        with Pool(school, school.direct()).clone() as unharmed:
            statements = statements_of(unharmed.here)
            yield Prepared(school, statements, unharmed.state())


@contextmanager
def pool_of(kind: str, school: School, folder: Path, *, server: Server | None = None) -> Iterator[Pool]:
    """A pooler of that kind before the school, which gets to it by `server`, else to the school's own."""
    with KINDS[kind].way(replace(school, server=server or school.server), folder) as url:
        yield Pool(school, url)


def statements_of(database: Database) -> int:
    """Run the upgrade in this process; return of how many statements it consists."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        upgrade(database, "head")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
    return seen

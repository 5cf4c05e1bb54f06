"""The one command that deletes: what revisions set aside, when it is older than asked, after a backup."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from ourschool import database
from ourschool.database import as_it_is
from ourschool.migrate.lock import only_migrator
from ourschool.migrate.session import backend_pid, server_settings
from ourschool.operate import set_aside
from ourschool.operate.backup import Backup, backup
from ourschool.operate.change.upgrading import Say
from ourschool.operate.looking import look
from ourschool.operate.set_aside import Old
from ourschool.settings import Settings

OLD = sa.text("""
    select id, what, schema_name::text as schema, table_name::text as table, column_name::text as column, revision,
           retired_at, stands_as::text as stands_as, readable_as::text as readable_as, rows,
           definitions ->> 'kind' as kind, definitions ->> 'arguments' as arguments
      from retired.things
     where retired_at < :before
     order by id
""")


@dataclass(frozen=True)
class Doomed:
    """One thing that was set aside: a column, a table, or rows."""

    id: int
    what: str
    schema: str
    table: str
    column: str | None
    revision: str
    retired_at: dt.datetime
    stands_as: str
    readable_as: str
    rows: int | None
    kind: str | None = None
    """Of an object that is neither table nor column: a view, a function."""
    arguments: str | None = None

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else self.table
        rows = "" if self.rows is None else f", about {self.rows} rows"
        return f"{self.kind or self.what} {name}{rows}, set aside on {self.retired_at:%Y-%m-%d} by {self.revision}"


def doomed(url: URL, older_than: dt.timedelta) -> list[Doomed | Old]:
    """What a purge would delete; nothing is changed."""
    before = dt.datetime.now(dt.UTC) - older_than
    with look(url, "ourschool purge") as connection:
        earlier = [each for each in set_aside.listed(connection) if each.since < before]
        return [*_old(connection, before), *earlier]


def purge(settings: Settings, url: URL, chosen: Sequence[Doomed | Old], *, say: Say = lambda _: None) -> Backup:
    """Back up, then delete exactly `chosen`, each in a transaction of its own under the migrators' lock.

    What came back meanwhile is left alone. Afterwards the way back of those revisions no longer finds it: the backup
    is what is left.
    """
    made = backup(settings, url, say=say)
    engine = database.engine_for(url, application_name="ourschool purge", options=server_settings(settings))
    try:
        with engine.connect() as first, engine.connect() as connection:
            beside = first.execution_options(isolation_level="AUTOCOMMIT")
            with only_migrator(beside, settings.migrator_deadline, backend_pid(connection)):
                connection.rollback()
                for thing in chosen:
                    with connection.begin():
                        if isinstance(thing, Old):
                            set_aside.delete(connection, thing)
                        else:
                            _delete(connection, thing)
                    say(f"Deleted: {thing}")
    except sa.exc.DBAPIError as fault:
        raise database.explain(fault, url) from fault
    return made


def _old(connection: Connection, before: dt.datetime) -> list[Doomed]:
    if connection.execute(sa.text("select to_regclass('retired.things')")).scalar_one() is None:
        return []
    return [Doomed(**row._mapping) for row in connection.execute(OLD, {"before": before})]  # noqa: SLF001  # public


def _delete(connection: Connection, thing: Doomed) -> None:
    gone = connection.execute(sa.text("delete from retired.things where id = :id"), {"id": thing.id}).rowcount == 0
    if gone:
        return
    readable = sql.Identifier("retired", thing.readable_as)
    if thing.what == "column":
        _run(connection, sql.SQL("drop view if exists {}").format(readable))
        table = sql.Identifier(thing.schema, thing.table)
        _run(
            connection,
            sql.SQL("alter table if exists {} drop column if exists {}").format(table, sql.Identifier(thing.stands_as)),
        )
    elif thing.what == "object":
        drop = sql.SQL("drop {} if exists {}{}")
        _run(connection, drop.format(sql.SQL(thing.kind or "table"), sql.Identifier("retired", thing.stands_as),
                                     sql.SQL(thing.arguments or "")))  # fmt: skip
    else:
        _run(connection, sql.SQL("drop table if exists {}").format(sql.Identifier("retired", thing.stands_as)))


def _run(connection: Connection, statement: sql.Composed) -> None:
    as_it_is(connection, statement)

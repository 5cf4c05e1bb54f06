"""Writes `snapshot.sql`: what every revision in turn makes of an empty database, as one script.

The schema is pg_dump's, without what differs from one of its versions to the next. The rows are those that revisions
insert; a time that only says when that was becomes the column's default again.
"""

import re
import subprocess
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import command
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from surefoot import client_programs, database
from surefoot.author import releases
from surefoot.catalogue.reader import KEPT_DEFINITIONS, read_catalogue
from surefoot.environment import alembic_api, from_snapshot, snapshot_file
from surefoot.environment.snapshot_file import Snapshot
from surefoot.errors import CheckFailed, FailedError
from surefoot.program import program
from surefoot.runtime import journal
from surefoot.scratch_database import scratch_database
from surefoot.servers import libpq
from surefoot.settings import Settings

LEFT_OUT = re.compile(
    r"^(?:\n?--\n-- (?:Name: |PostgreSQL database dump)[^\n]*\n--\n\n"  # pg_dump's heading of each statement
    r"|-- (?:Dumped|Started|Completed) [^\n]*\n"
    r"|\\(?:un)?restrict [^\n]*\n"
    r"|SET (?:\w+_timeout|client_encoding|standard_conforming_strings|check_function_bodies|xmloption"
    r"|client_min_messages|row_security|default_tablespace|default_table_access_method) = [^\n]*;\n"
    r"|SELECT pg_catalog\.set_config\('search_path', '', false\);\n"
    r"|GRANT [^\n]* TO (?!PUBLIC;)[^\n]*;\n"  # to the application's role of whoever writes this
    r")",
    re.MULTILINE,
)
EXTENSIONS = sa.text("select extname from pg_extension")
TABLES = sa.text("""
    select c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name, c.relname::text as plain
      from pg_class c
      join pg_namespace n on n.oid = relnamespace
     where relkind = 'r'
       and nspname !~ '^pg_'
       and nspname <> 'information_schema'
       and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
     order by 2
""")
COLUMNS = sa.text("""
    select attname::text as name,
           case
               when atthasdef and atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
               then atttypid::regtype::text
           end as time
      from pg_attribute
     where attrelid = :table
       and attnum > 0
       and not attisdropped
       and attgenerated = ''
     order by attnum
""")
SEQUENCES = sa.text("""
    select format('%I.%I', schemaname, sequencename) as name, last_value
      from pg_sequences
     where last_value is not null
     order by 1
""")
RETIRED = f"""
update public.{KEPT_DEFINITIONS}
   set retired_at = {{at}},
       thing = thing || jsonb_build_object('retired_at', {{at}}, 'retired_by', {{by}});
"""  # noqa: S608  # a constant of ours
"""What was retired on the way: the script says that who makes the database did that, at that moment.

Before that it is written as nobody's, in 1970, so that the file is the same whoever writes it, and when.
"""


def write(settings: Settings, url: URL) -> None:
    """Write the snapshot of head, tried out once.

    The scratch databases are on the server of `url`. Raises CheckFailed, with the old file in its place, where what the
    script makes is not what the revisions make; and what a migration and pg_dump raise.
    """
    folder = settings.project.script_folder
    with scratch_database(url, purpose="snapshot") as scratch:
        snapshot = _snapshot(settings, scratch)
    path = folder / snapshot_file.NAME
    before = path.read_bytes() if path.exists() else None
    snapshot_file.write(folder, snapshot)
    try:
        _try_out(settings, url, snapshot)
    except BaseException:
        path.unlink() if before is None else path.write_bytes(before)
        raise


def _try_out(settings: Settings, url: URL, snapshot: Snapshot) -> None:
    with scratch_database(url, purpose="snapshot") as scratch, alembic_api.configured(settings, scratch) as config:
        command.upgrade(config, "head")
        with database.engine_for(scratch, application_name=program()).connect() as connection:
            note = sa.select(journal.table.c.note).order_by(journal.table.c.id.desc()).limit(1)
            used = str(connection.execute(note).scalar()).startswith(journal.FROM_SNAPSHOT)
    if not used:
        raise CheckFailed(
            f"{snapshot_file.NAME} would not make what revision {snapshot.revision} makes: the line above says why.",
            "Mend what that line names. Without the file an empty database runs every revision.",
        )


def _snapshot(settings: Settings, scratch: URL) -> Snapshot:
    script = alembic_api.script(settings)
    with alembic_api.configured(settings, scratch, snapshot=False) as config:
        connection: Connection = config.attributes["connection"]
        started = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        present = set(connection.execute(EXTENSIONS).scalars())
        connection.rollback()
        command.upgrade(config, "head")
        catalogue = read_catalogue(connection)
        only_add = connection.execute(sa.select(journal.table.c.revision).where(journal.table.c.expand_only)).scalars()
        expand_only = frozenset(only_add)
        connection.execute(sa.select(sa.func.set_config("timezone", "UTC", True)))
        rows = [*_rows(connection, started), *_sequences(connection)]
        connection.rollback()
        parts = [_schema(connection, scratch, section, present) for section in ("pre-data", "post-data")]
    text = "\n".join([parts[0], *rows, parts[1]])
    return Snapshot(catalogue.fingerprint, releases.sums(script), f"\n{text.strip()}\n", expand_only)


def _schema(connection: Connection, url: URL, section: str, present: set[str]) -> str:
    """Return a section of pg_dump's script, without the extensions that were `present` before the first revision."""
    pg_dump = client_programs.for_connection("pg_dump", database.server_major(connection), connection, url)
    done = subprocess.run(
        [str(pg_dump), f"--section={section}", "--no-owner", "--no-tablespaces", "--no-table-access-method"],
        env=libpq.process_environment(url), capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        raise FailedError(
            f"pg_dump could not write the schema: {done.stderr.strip().splitlines()[-1]}.",
            f"Mend what it names, then again: python -m {program()} check --release.",
        )
    text = LEFT_OUT.sub("", done.stdout)
    extensions = "|".join(re.escape(name) for name in present)
    return re.sub(rf'^(?:CREATE|COMMENT ON) EXTENSION (?:IF NOT EXISTS )?"?(?:{extensions})"? [^\n]*\n', "", text,
                  flags=re.MULTILINE)  # fmt: skip


def _rows(connection: Connection, started: object) -> Iterator[str]:
    for table in connection.execute(TABLES).all():
        if table.plain == journal.table.name:
            continue
        if table.plain == KEPT_DEFINITIONS:
            database.execute_verbatim(connection, RETIRED.format(at="timestamptz 'epoch'", by="''"))
        columns = connection.execute(COLUMNS, {"table": table.oid}).all()
        values = sql.SQL(", ").join(_value(column.name, column.time, started) for column in columns)
        query = sql.SQL("select format('({})', {}) from {} order by ctid").format(
            sql.SQL(", ".join("%s" for _ in columns)), values, sql.SQL(table.name)
        )
        rows = database.execute_verbatim(connection, query).scalars().all()
        if rows:
            names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns).as_string()
            yield f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE VALUES\n" + ",\n".join(rows) + ";\n"
            if table.plain == KEPT_DEFINITIONS:
                yield RETIRED.format(at="now()", by="current_user")


def _value(column: str, time: str | None, started: object) -> sql.Composed:
    """Return the expression for a value as a literal, NULL or, where it is a time that says when that was, DEFAULT.

    `time` is the type of a column of times that has a default. A time without a zone may be that of another one, so
    what is within a day of the run counts.
    """
    literal = sql.SQL("quote_nullable({}::text)").format(sql.Identifier(column))
    if time is None:
        return literal
    within = "{0} between ({1}::timestamptz - interval '1 day')::{2} and (now() + interval '1 day')::{2}"
    of_the_run = sql.SQL(within).format(sql.Identifier(column), sql.Literal(str(started)), sql.SQL(time))
    return sql.SQL("case when {} then 'DEFAULT' else {} end").format(of_the_run, literal)


def _sequences(connection: Connection) -> Iterator[str]:
    for sequence in connection.execute(SEQUENCES).all():
        if sequence.name != f"{from_snapshot.SCHEMA}.{journal.table.name}_id_seq":
            literal = sql.quote(sequence.name)
            yield f"SELECT pg_catalog.setval({literal}, {sequence.last_value}, true);\n"

"""Every value of a database, what is set aside included, as text that two runs of the same work have alike."""

import datetime as dt

from psycopg import sql

from tests.support.databases import Database

RELATIONS = """
select n.nspname, c.relname,
       array(select array[a.attname::text, (a.atttypid = 'timestamptz'::regtype)::text]
               from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> 'ctid'
              order by a.attname)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('public', 'retired')
 where c.relkind in ('r', 'v')
   and c.relname <> 'migration_journal'
"""
SEQUENCES = """
select schemaname || '.' || sequencename, last_value
  from pg_sequences
 where schemaname in ('public', 'retired')
   and sequencename not in ('things_id_seq', 'migration_journal_id_seq')
"""
OF_THE_RUN = {
    "retired.things": {"id", "retired_at", "bytes", "rows"},
    "public.users": {"external_id"},
    "public.assignment_time_entries": {"id"},
    "public.guardianships": {"id"},
    "public.lesson_assignments": {"id"},
    "retired.lesson_assignments_moved_28bd94ce4cd6": {"id", "lesson_assignment_id"},
}
"""Columns that say when a run was, how much room it took, what it drew, or in which order it met the rows."""
PLAIN = sql.SQL("{0}::text")
SINCE = sql.SQL("case when {0} >= {1} then 'since' else {0}::text end")

Contents = dict[str, list[tuple[object, ...]]]


def contents(database: Database, since: dt.datetime) -> Contents:
    """The rows of each table and of each view of what is set aside; moments after `since` are all alike."""
    found: Contents = {"sequences": sorted(database.rows(SEQUENCES), key=repr)}
    with database.connect(autocommit=True) as connection:
        for schema, name, columns in connection.execute(RELATIONS).fetchall():
            each = [
                (SINCE if moment == "true" else PLAIN).format(sql.Identifier(column), since)
                for column, moment in columns
                if column not in OF_THE_RUN.get(f"{schema}.{name}", ())
            ]
            query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(each), sql.Identifier(schema, name))
            found[f"{schema}.{name}"] = sorted(connection.execute(query).fetchall(), key=repr)
    return found


def assert_alike(expected: Contents, found: Contents) -> None:
    """Fails with the first row that differs. A sequence may stand further on: what is begun again draws again."""
    assert expected.keys() == found.keys()
    for (name, one), (other, further) in zip(expected["sequences"], found["sequences"], strict=True):
        assert name == other
        assert int(str(further or 0)) >= int(str(one or 0)), name
    for name, rows in expected.items():
        if name == "sequences":
            continue
        for one, other in zip(rows, found[name], strict=False):
            assert one == other, name
        assert len(rows) == len(found[name]), name

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
JOURNAL = "select direction, revision from migration_journal where outcome = 'done' order by id"
BY_THE_RUN = {
    # the number is drawn again where the first try was rolled back; the room on disk is estimated
    "retired.things": {"id": "id > 0", "bytes": "null"},
    "public.migration_definitions": {
        "id": "id > 0",
        "thing": "thing - array['id', 'bytes', 'retired_at']",  # those of retired.things
        # servers before 18 have no names for NOT NULL
        "statements": r"regexp_replace(statements::text, ' add constraint \w+ (NOT NULL) (\w+)',"
        r" ' alter column \2 set not null', 'g')",
    },
}
"""What stands for a column that two runs never have alike, with the reason."""
MOVED = "retired.lesson_assignments_moved_28bd94ce4cd6"
ONCE_DRAWN = {
    "public.users": {"external_id": "external_id is not null"},  # by chance; a unique constraint is on it
    # numbered in the order in which the one INSERT meets the rows, which is another in a restored table
    "public.assignment_time_entries": {"id": "id > 0"},
    "public.guardianships": {"id": "id > 0"},
    "public.lesson_assignments": {"id": "id > 0"},
    MOVED: {
        "lesson_assignment_id": f"""exists (
            select from public.lesson_assignments there
             where there.id = lesson_assignment_id
               and there.lesson_id = {MOVED}.lesson_id
               and there.assignment_template_id = {MOVED}.assignment_template_id
        )"""
    },
}
"""The same of columns that a revision's first way up draws; a way down, and up again, has to leave them as they are."""
PLAIN = sql.SQL("{0}::text")
SINCE = sql.SQL("case when {0} >= {1} then 'since' else {0}::text end")

Contents = dict[str, list[tuple[object, ...]]]


def contents(database: Database, since: dt.datetime, *, drawn: bool = False, estimated: bool = False) -> Contents:
    """The rows of each table and of each view of what is set aside; moments after `since` are all alike.

    Where all is `drawn` before what is compared begins, it is compared as well. Numbers of rows are not where they are
    `estimated`: what is printed records the planner's.
    """
    found: Contents = {"sequences": sorted(database.rows(SEQUENCES), key=repr)}
    if database.value("select to_regclass('migration_journal') is not null"):
        found["done"] = database.rows(JOURNAL)
    with database.connect(autocommit=True) as connection:
        for schema, name, columns in connection.execute(RELATIONS).fetchall():
            instead = dict(BY_THE_RUN.get(f"{schema}.{name}", {}))
            instead |= {"rows": "null"} if estimated and (schema, name) == ("retired", "things") else {}
            instead |= {} if drawn else ONCE_DRAWN.get(f"{schema}.{name}", {})
            each = [
                (SINCE if moment == "true" else PLAIN).format(
                    sql.SQL(f"({instead[column]})") if column in instead else sql.Identifier(column), since
                )
                for column, moment in columns
            ]
            query = sql.SQL("select {} from {}").format(sql.SQL(", ").join(each), sql.Identifier(schema, name))
            found[f"{schema}.{name}"] = sorted(connection.execute(query).fetchall(), key=repr)
    return found


def assert_alike(expected: Contents, found: Contents) -> None:
    """Fails with the first row that differs. A sequence may stand further on: what is begun again draws again."""
    assert expected.keys() == found.keys(), f"here alone: {expected.keys() ^ found.keys()}"
    for (name, one), (other, further) in zip(expected["sequences"], found["sequences"], strict=True):
        assert name == other
        assert int(str(further or 0)) >= int(str(one or 0)), name
    for name, rows in expected.items():
        if name == "sequences":
            continue
        for one, other in zip(rows, found[name], strict=False):
            assert one == other, f"{name}: {other}, not {one}"
        assert len(rows) == len(found[name]), name

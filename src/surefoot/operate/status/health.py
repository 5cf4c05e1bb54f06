"""Checks that hold for every revision: invalid indexes, constraints NOT VALID, sequences behind, rights."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim, explain
from surefoot.operate import repack_leftovers, replication_notices, retired_items, set_aside_schema
from surefoot.operate.adopt.adopt_findings import literal, quoted
from surefoot.operate.retired_items import KeptItem
from surefoot.runtime import collation_versions, privileges, unbuilt_indexes

INDEXES = """
    select format('%I', x.relname) as name, format('%I', t.relname) as of, x.relname::text as plain
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      join pg_class t on t.oid = i.indrelid
     where x.relnamespace = quote_ident(current_schema())::regnamespace
       and not (i.indisvalid and i.indisready)
       and t.relkind <> 'p'
     order by 1
"""
CONSTRAINTS = """
    select format('%I', k.conname) as name, format('%I', t.relname) as of
      from pg_constraint k
      join pg_class t on t.oid = k.conrelid
     where k.connamespace = quote_ident(current_schema())::regnamespace
       and not k.convalidated
     order by 2, 1
"""
# A foreign key is enforced by internal triggers, which ALTER TABLE … DISABLE TRIGGER ALL disables as well.
TRIGGERS = """
    select format('%I', t.relname) as of,
           g.tgisinternal as internal,
           string_agg(distinct format('%I', case when g.tgisinternal then k.conname else g.tgname end), ', ') as names
      from pg_trigger g
      join pg_class t on t.oid = g.tgrelid
      left join pg_constraint k on k.oid = g.tgconstraint
     where t.relnamespace = quote_ident(current_schema())::regnamespace
       and g.tgenabled = 'D'
     group by t.relname, g.tgisinternal, case when g.tgisinternal then null else g.tgname end
     order by 1, 2, 3
"""
# Only columns that lead an index are checked: max() over any other column would read the whole table.
SEQUENCES = """
    select n.nspname as space, s.relname as name, t.relname as of, a.attname as column_name, q.seqincrement as step
      from pg_depend d
      join pg_class s on s.oid = d.objid and s.relkind = 'S'
      join pg_sequence q on q.seqrelid = s.oid
      join pg_class t on t.oid = d.refobjid
      join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
      join pg_namespace n on n.oid = s.relnamespace
     where d.classid = 'pg_class'::regclass
       and d.refclassid = 'pg_class'::regclass
       and d.deptype in ('a', 'i')
       and n.nspname = current_schema()
       and q.seqincrement > 0
       and not starts_with(a.attname, '__retired_')
       and exists (
           select from pg_index i where i.indrelid = t.oid and i.indkey[0] = a.attnum and i.indisvalid
       )
     order by 2
"""
HIGHEST_VALUES = """
    select {name} as name, {of} as of, {column} as column_name, highest,
           last_value + {step} * is_called::integer as next
      from {sequence}, (select max({key}) as highest from {table}) as top
"""
RETIRED = "retired"
"""The kind of what is retired and holds rows: no problem, and nothing that has to be done."""
UNFINISHED = frozenset({"invalid index", "unproven constraint"})
"""The kinds of problems that an unfinished revision leaves until it is continued."""


@dataclass(frozen=True)
class HealthFinding:
    """One problem that somebody should look at, and what to do about it."""

    kind: str
    what: str
    remedy: str


def find_problems(connection: Connection) -> list[HealthFinding]:
    """Run all checks. A check that the role may not run is itself returned as a problem."""
    return look(connection)[0]


def look(connection: Connection) -> tuple[list[HealthFinding], list[KeptItem]]:
    """Return the problems, and all that is retired: its rows are counted once for both."""
    problems: list[HealthFinding] = []
    kept: list[KeptItem] = []

    def retired(connection: Connection) -> Iterator[HealthFinding]:
        kept.extend(retired_items.read(connection))
        yield from _retired(kept)

    for check in (*CHECKS_BEFORE, retired, *CHECKS_AFTER):
        try:
            with connection.begin_nested():
                problems += check(connection)
        except sa.exc.DBAPIError as fault:
            if fault.connection_invalidated:
                raise
            why = explain(fault, connection.engine.url)
            problem = HealthFinding("not looked at", why.message, why.remedy)
            problems += [problem] if problem not in problems else []  # several checks fail on the same table
    return problems, kept


def _indexes(connection: Connection) -> Iterator[HealthFinding]:
    unbuilt = unbuilt_indexes.names(connection)
    for row in execute_verbatim(connection, INDEXES):
        if row.plain in unbuilt:
            continue
        yield HealthFinding(
            "invalid index",
            f"index {row.name} on {row.of} is INVALID: it slows down every write and no query uses it",
            f"reindex index concurrently {row.name};",
        )


def _constraints(connection: Connection) -> Iterator[HealthFinding]:
    for row in execute_verbatim(connection, CONSTRAINTS):
        yield HealthFinding(
            "unproven constraint",
            f"constraint {row.name} on {row.of} is NOT VALID: older rows may break it",
            f"alter table {row.of} validate constraint {row.name};",
        )


def _collations(connection: Connection) -> Iterator[HealthFinding]:
    for each in collation_versions.find(connection):
        yield HealthFinding("collation version", each.what, each.remedy)


def _triggers(connection: Connection) -> Iterator[HealthFinding]:
    for row in execute_verbatim(connection, TRIGGERS):
        if row.internal:
            what, which = f"nothing holds {row.names}: the triggers behind on {row.of} are disabled", "all"
        else:
            what, which = f"trigger {row.names} on {row.of} is disabled", row.names
        yield HealthFinding("disabled trigger", what, f"alter table {row.of} enable trigger {which};")


def _sequences(connection: Connection) -> Iterator[HealthFinding]:
    queries = [
        HIGHEST_VALUES.format(
            name=literal(row.name), of=literal(row.of), column=literal(row.column_name), step=row.step,
            sequence=f"{quoted(row.space)}.{quoted(row.name)}", key=quoted(row.column_name),
            table=f"{quoted(row.space)}.{quoted(row.of)}",
        )
        for row in connection.exec_driver_sql(SEQUENCES)
    ]  # fmt: skip
    if not queries:
        return
    for row in connection.exec_driver_sql(" union all ".join(queries).replace("%", "%%")):
        if row.highest is not None and row.next <= row.highest:
            name, column, table = quoted(row.name), quoted(row.column_name), quoted(row.of)
            yield HealthFinding(
                "sequence behind",
                f"sequence {row.name} would give {row.next}, but {row.of}.{row.column_name} has {row.highest} already:"
                " the next rows cannot be added",
                f"select setval({literal(name)}, max({column})) from {table};",  # noqa: S608  # quoted
            )


def _rights(connection: Connection) -> Iterator[HealthFinding]:
    """Report rights that a role has on most tables and lacks on some: forgotten, or withheld on purpose."""
    for lacking in privileges.roles_without_tables(connection):
        yield HealthFinding("missing rights", str(lacking), f"{lacking.statement} Where that is meant, leave it.")


def _set_aside(connection: Connection) -> Iterator[HealthFinding]:
    """Report foreign keys between the application's tables and those that `adopt` of earlier versions moved away."""
    for says, statement in set_aside_schema.foreign_keys(connection):
        yield HealthFinding("foreign key of what is set aside", says, statement)


def _repack(connection: Connection) -> Iterator[HealthFinding]:
    """Report what pg_repack left where it was cut off."""
    for says, remedy in repack_leftovers.read(connection):
        yield HealthFinding("left by pg_repack", says, remedy)


def _replication(connection: Connection) -> Iterator[HealthFinding]:
    """Report who follows: nothing is wrong with that, but an upgrade is felt there."""
    for says, remedy in replication_notices.read(connection):
        yield HealthFinding("replication", says, remedy)


def _retired(kept: list[KeptItem]) -> Iterator[HealthFinding]:
    """Report retired items that hold rows, and objects of others that were set aside.

    The rest needs nobody's decision.
    """
    for each in kept:
        if (each.holds_rows and each.relation) or each.unexpected:
            what = f"{each}, waits in {each.relation}" if each.relation else str(each)
            yield HealthFinding(RETIRED, what, each.advice)


CHECKS_BEFORE = (_indexes, _constraints, _collations, _triggers, _sequences, _rights)
CHECKS_AFTER = (_set_aside, _repack, _replication)

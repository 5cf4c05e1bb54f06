"""Adapts the repairs to name conflicts: an unexpected object is renamed or retired, or the operator is told what to do.

Objects that PostgreSQL references by OID, such as the table of a view, keep their dependents without being touched.
Whether something else prevents it is queried from the catalogue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.catalogue.differences import Deviation, Kind, Sides
from surefoot.catalogue.model import Domain, EnumType, Function
from surefoot.catalogue.model import Sequence as Counter
from surefoot.catalogue.relations import Column, Constraint, Index, Relation, Trigger
from surefoot.online.identifiers import candidate_names
from surefoot.operate.adopt import repair_retire
from surefoot.operate.adopt.adopt_findings import Finding, Group, Phase, Repair, Statement, decision, quoted
from surefoot.operate.adopt.repair_companions import ObjectKey
from surefoot.program import program
from surefoot.runtime.name_conflicts import NameConflict

RENAMED = "it gets another name, and goes on working under it"
TYPES = {"range type": "type", "multirange type": "type", "composite type": "type"}
ROUTINES = {"window function": "function"}

# Why an object cannot be retired, and what to do about it.
OBSTACLES = sa.text("""
    with thing (part, name, class, id, owner) as (
        select 'relation', relname::text, 'pg_class'::regclass, oid, relowner
          from pg_class where relnamespace = quote_ident(current_schema())::regnamespace
        union all
        select 'type', typname::text, 'pg_type'::regclass, oid, typowner
          from pg_type where typnamespace = quote_ident(current_schema())::regnamespace and typrelid = 0
        union all
        select 'function', quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')', 'pg_proc'::regclass, oid,
               proowner
          from pg_proc where pronamespace = quote_ident(current_schema())::regnamespace
    )
    select '' as on, thing.name,
           format('it belongs to extension %I: move that with alter extension %I set schema ..., or drop it',
                  extname, extname) as why
      from thing
      join pg_depend on classid = class and objid = id and deptype = 'e'
      join pg_extension on pg_extension.oid = refobjid
     union all
    select '', name,
           format('it belongs to %s, and %I may not move it: run the same as a superuser, or have %s rename it',
                  owner::regrole, current_user, owner::regrole)
      from thing
     where not pg_has_role(owner, 'usage')
""")
COLUMN_OBSTACLES = sa.text("""
    select relname::text as on, attname::text as name, why
      from pg_class
      join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
      join pg_type on pg_type.oid = atttypid
     cross join lateral (
         select 1, format('it is part of the primary key %I: make another column the key first, or rename the column',
                          conname)
           from pg_constraint
          where conrelid = attrelid and contype = 'p' and attnum = any (conkey)
         union all
         select 2, format('index %I over it is the replica identity: choose another first, with alter table %I replica'
                          ' identity full', indexrelid::regclass, relname)
           from pg_index
          where indrelid = attrelid and indisreplident and attnum = any (indkey::smallint[])
         union all
         select 3, format('its type %s refuses NULL: give the domain a default first, or rename the column', typname)
          where typnotnull and typdefault is null and attidentity = ''
         union all
         select 4, format('table %s inherits from %s, and its rows have the column too: end that first, with'
                          ' alter table %s no inherit %s, or rename the column',
                          inhrelid::regclass, inhparent::regclass, inhrelid::regclass, inhparent::regclass)
           from pg_inherits
          where attrelid in (inhrelid, inhparent)
     ) as hindered (rank, why)
     where relnamespace = quote_ident(current_schema())::regnamespace
     order by relname, attname, rank desc
""")


def add_name_conflicts(
    connection: Connection,
    findings: Sequence[Finding],
    strangers: Sequence[NameConflict],
    retire_for: Mapping[ObjectKey, str],
    *,
    retire_all: bool,
) -> tuple[Finding, ...]:
    """Return the findings, and those that name conflicts add. Reads the catalogue.

    `strangers` are the objects whose names are needed, `retire_for` these and what depends on them, with the revision
    to retire them for. Without `retire_all` everything else stays, and an object that works as well under another name
    is renamed.
    """
    by_key = {(each.on, each.name): each for each in strangers}
    why = _obstacles(connection)
    adapted_findings = []
    for each in findings:
        key = _key(each)
        conflict = by_key.pop(key, None) if key else None
        adapted = each
        if conflict and not retire_all and (rename := _rename(conflict)):
            adapted = replace(each, repair=rename)
        if key in retire_for and key in why and adapted.repair.statements:
            adapted = replace(each, repair=decision(f"it has to be set aside, but {why[key]}"))
        elif key not in retire_for and adapted.repair.group is Group.DECISION:
            adapted = replace(adapted, may_stay=not retire_all)
            if any("call pg_temp." in statement.sql for statement in adapted.repair.statements):
                undo = f"python -m {program()} adopt --give-back, as soon as the database is adopted"
                adapted = replace(adapted, repair=replace(adapted.repair, undo=undo))
        adapted_findings.append(adapted)
    return (*adapted_findings, *(_outside_catalogue(each, why) for each in by_key.values()))


def _obstacles(connection: Connection) -> dict[ObjectKey, str]:
    rows = [*connection.execute(COLUMN_OBSTACLES), *connection.execute(OBSTACLES)]
    return {(row.on, row.name): row.why for row in rows}


def _key(finding: Finding) -> ObjectKey | None:
    """Return how `retire_for` identifies the object; None if it was expected."""
    sides = finding.deviation.sides
    if sides.expected is not None:
        return None
    match sides.found:
        case Column() | Constraint() | Trigger():
            return sides.table or "", sides.found.name
        case Relation() | Index() | EnumType() | Domain() | Function() | Counter():
            return "", sides.found.name
    return None


def _outside_catalogue(stranger: NameConflict, why: Mapping[ObjectKey, str]) -> Finding:
    """Return a finding for an object that the catalogue does not compare, such as a range type."""
    what = f"{stranger.kind} {stranger.name}"
    deviation = Deviation(Kind.UNEXPECTED, what, None, None, str(stranger), Sides(None, stranger))
    repair = _rename(stranger)
    if repair is None:
        kind = TYPES.get(stranger.kind, ROUTINES.get(stranger.kind, stranger.kind))
        repair = repair_retire.other(kind.removeprefix("partitioned "), stranger.name, stranger.revision)
    reason = why.get((stranger.on, stranger.name))
    return Finding(deviation, decision(f"it has to be set aside, but {reason}") if reason else repair)


def _rename(stranger: NameConflict) -> Repair | None:
    """Return a repair that renames the object; None if it is useless under another name and has to be retired."""
    name, free = quoted(stranger.name), quoted(candidate_names(f"{stranger.name}_before_{stranger.revision}")[0])
    match stranger.kind:
        case "index" | "partitioned index":
            statement = f"alter index {name} rename to {free};"
        case "sequence" if stranger.owned:
            statement = f"alter sequence {name} rename to {free};"
        case "constraint":
            statement = f"alter table {quoted(stranger.on)} rename constraint {name} to {free};"
        case "trigger":
            statement = f"alter trigger {name} on {quoted(stranger.on)} rename to {free};"
        case _:
            return None
    return decision(RENAMED, Statement(Phase.PROGRAM_ASIDE, statement), undo="the same statement the other way round")

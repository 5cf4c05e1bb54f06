"""Whether the names that revisions will make are free: what has one already, and is not ours, is a stranger."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory
from psycopg import sql
from sqlalchemy.engine import Connection

from ourschool.database import as_it_is
from ourschool.errors import RefusedError
from ourschool.migrate import journal, made
from ourschool.migrate.plan import Step
from ourschool.schema import names
from ourschool.schema.names import ALIKE, HANGING, Name, Names
from ourschool.schema.snapshot import take

log = logging.getLogger("ourschool.migrate")

KINDS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table",
    "S": "sequence", "i": "index", "I": "partitioned index", "c": "composite type",
    "e": "type", "d": "domain", "b": "type", "n": "range type", "multi": "multirange type",
}  # fmt: skip
ROWS = frozenset("rpmf")
SIZE = sql.SQL("""
    select pg_relation_size(oid) as bytes, reltuples::bigint as estimate from pg_class where oid = {}::regclass
""")
COUNT = sql.SQL("select count({}) from {}")
COUNTED = 64 * 1024 * 1024
"""Bytes of a table whose rows are counted; of a larger one the last estimate is told."""

# What stands in the schema where unqualified names are made. PostgreSQL itself moves its array types out of the way.
TAKEN = sa.text("""
    with home as materialized (
        select oid from pg_namespace where nspname = current_schema()
    )
    select 'relation' as part, '' as on, relname::text as name, relkind::text as kind, pg_class.oid::bigint as oid,
           coalesce(indrelid, refobjid)::bigint as whole,
           case when not indisvalid then (select relname::text from pg_class where oid = indrelid) end as unfinished_on
      from home
      join pg_class on relnamespace = home.oid and relname = any(cast(:relations as name[]))
      left join pg_index on indexrelid = pg_class.oid
      left join pg_depend on classid = 'pg_class'::regclass and objid = pg_class.oid and relkind = 'S'
       and refclassid = 'pg_class'::regclass and refobjsubid > 0 and deptype in ('a', 'i')
     union all
    select 'type', '', typname::text,
           case typtype when 'm' then 'multi' when 'r' then 'n' else typtype::text end, null, null, null
      from home
      join pg_type on typnamespace = home.oid and typname = any(cast(:types as name[]))
     where typrelid = 0
       and not exists (select from pg_type as element where element.typarray = pg_type.oid)
     union all
    select 'function', '', quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')',
           case prokind when 'p' then 'procedure' when 'a' then 'aggregate' when 'w' then 'window function'
                        else 'function' end, null, null, null
      from home
      join pg_proc on pronamespace = home.oid
       and quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')' = any(:functions)
     union all
    select 'column', relname::text, attname::text, 'column', pg_class.oid::bigint, null, null
      from home
      join unnest(cast(:column_tables as name[]), cast(:columns as name[])) as wanted (of, name) on true
      join pg_class on relnamespace = home.oid and relname = wanted.of
      join pg_attribute on attrelid = pg_class.oid and attname = wanted.name and attnum > 0 and not attisdropped
     union all
    select 'constraint', relname::text, conname::text, 'constraint', pg_class.oid::bigint, null, null
      from home
      join unnest(cast(:constraint_tables as name[]), cast(:constraints as name[])) as wanted (of, name) on true
      join pg_class on relnamespace = home.oid and relname = wanted.of
      join pg_constraint on conrelid = pg_class.oid and conname = wanted.name
     union all
    select 'trigger', relname::text, tgname::text, 'trigger', pg_class.oid::bigint, null, null
      from home
      join unnest(cast(:trigger_tables as name[]), cast(:triggers as name[])) as wanted (of, name) on true
      join pg_class on relnamespace = home.oid and relname = wanted.of
      join pg_trigger on tgrelid = pg_class.oid and tgname = wanted.name and not tgisinternal
""")
BEGUN = sa.text("""
    select 1
     where exists (select from pg_attribute where starts_with(attname, '__changing_' || :revision) and attnum > 0)
        or exists (select from pg_proc where starts_with(proname, '__changing_' || :revision))
        or exists (select from pg_class where starts_with(relname, '__changing_' || :revision))
""")
FAILED = sa.text(f"""
    select direction = 'upgrade' and outcome = 'failed'
      from {journal.table.name}
     where revision = :revision
     order by id desc
     limit 1
""")  # noqa: S608  # a constant of ours


Found = sa.Row[Any]
"""A row of TAKEN."""


@dataclass(frozen=True)
class Stranger:
    """Something that has a name which a revision will make: `kind` is what it is, `wanted` what it stands in for."""

    kind: str
    on: str
    name: str
    amount: str
    """Its rows or values, as words; empty for what has none."""
    revision: str
    wanted: Name

    def __str__(self) -> str:
        what = f"column {self.on}.{self.name}" if self.kind == "column" else f"{self.kind} {self.name}"
        where = f" of {self.on}" if self.on and self.kind != "column" else ""
        amount = f", {self.amount}" if self.amount else ""
        article = "an" if self.wanted.kind[0] in "aeiou" else "a"
        return f"{what}{where}{amount}: {self.revision} makes {article} {self.wanted.kind} of that name"


def folder(script: ScriptDirectory) -> Path:
    """Where the names of the released revisions are."""
    return Path(script.dir)


def find(
    connection: Connection,
    script: ScriptDirectory,
    heads: Collection[str],
    pending: Sequence[Script],
    known: Mapping[str, Names] | None = None,
) -> list[Stranger]:
    """What has a name that one of `pending` will make, in a database that stands at `heads`; only reads.

    `known` are the names of revisions; those that come with the files where it is None. What the revision itself made
    in a run that was cut off is no stranger, nor a function, index, constraint or trigger that says the same,
    nor an INVALID index of the same table.
    """
    behind = list(script.iterate_revisions(tuple(heads), "base", inclusive=True))[::-1] if heads else []
    if known is None:
        known = names.read(folder(script), [*behind, *pending])
    ours = names.present(known[each.revision] for each in behind if each.revision in known)
    wanted = _wanted(pending, known, ours)
    found = list(_taken(connection, wanted))
    if not found:
        return []
    judge = _Judge(connection)
    # what goes with a table, its sequence or index, is whose the table is
    wholes = {row.oid for row, _, _ in found if row.part == "relation"}
    found = [(row, revision, name) for row, revision, name in found if not judge.ours(row, revision, name)]
    return sorted(
        (judge.stranger(row, revision, name) for row, revision, name in found if row.whole not in wholes),
        key=lambda one: (one.kind not in {"table", "view"}, one.on, one.name),
    )


def before_a_run(
    connection: Connection, script: ScriptDirectory, heads: tuple[str, ...], steps: Sequence[Step], *, forced: bool
) -> None:
    """Refuse where a stranger has a name that the steps will make, or that what comes after a stamp will.

    A stamp that is `forced` only says so.
    """
    stamped = [revision for step in steps if step.info.is_stamp for revision in step.info.destination_revision_ids]
    if stamped:
        behind = {each.revision for each in script.iterate_revisions(tuple(stamped), "base", inclusive=True)}
        pending = [each for each in script.walk_revisions() if each.revision not in behind][::-1]
        found = find(connection, script, stamped, pending)
    else:
        pending = [step.revision for step in steps if isinstance(step, RevisionStep) and step.is_upgrade]
        found = find(connection, script, heads, pending)
    if found and stamped and forced:
        lines = "".join(f"\n  {each}" for each in found)
        log.warning("Stamped all the same (-x force=yes), although later revisions will refuse to run:%s", lines)
        return
    refuse(found, stamped or heads)


def refuse(strangers: Sequence[Stranger], heads: Collection[str]) -> None:
    """Raise RefusedError that names each stranger and the way out; nothing where there is none."""
    if not strangers:
        return
    lines = "".join(f"\n  {each}" for each in strangers)
    adopt = f"python -m ourschool adopt {' '.join(sorted(heads))}".rstrip()
    only = "" if len(strangers) == 1 else "s"
    verb = "has a name" if len(strangers) == 1 else "have names"
    raise RefusedError(
        f"{len(strangers)} thing{only} of somebody else's {verb} that later revisions make, and would be taken for "
        f"theirs or stop them half-way:{lines}",
        "Nothing was changed. Rename or remove what is not needed, or have it set aside with all that is in it: "
        f"{adopt} --repair repair.sql --decided; read repair.sql, back up, then python -m ourschool psql -f "
        "repair.sql. The way down past the revision that makes the name brings it back.",
    )


def left_behind(connection: Connection, revision: Script, table: str, column: str | None = None) -> bool:
    """Whether a version that left no notes was cut off in the revision, after it had made this table or column."""
    known = names.read(Path(revision.path).parents[1], [revision])
    wanted = Name("table", "", table) if column is None else Name("column", table, column)
    made_by_it = {name: name.digest for each in known.values() for name in each.made}
    if wanted not in made_by_it or not _cut_off(connection, revision.revision):
        return False
    schema = connection.execute(sa.text("select current_schema()")).scalar_one()
    there = {name: name.digest for name in names.of(take(connection, schema))}
    return there.get(wanted) == made_by_it[wanted]


def _cut_off(connection: Connection, revision: str) -> bool:
    if connection.execute(BEGUN, {"revision": revision}).first() is not None:
        return True
    if connection.execute(sa.text(f"select to_regclass('{journal.table.name}')")).scalar_one() is None:
        return False
    return bool(connection.execute(FAILED, {"revision": revision}).scalar())


def _wanted(pending: Sequence[Script], known: Mapping[str, Names], ours: frozenset[Name]) -> dict[Name, str]:
    """Each name that will be made, and which revision makes it first, without those that are there as ours."""
    wanted: dict[Name, str] = {}
    tables = {name.name for name in ours if name.kind.endswith("table")}
    for each in pending:
        for name in known[each.revision].made if each.revision in known else ():
            if name not in ours and (name.kind not in HANGING or name.on in tables):
                wanted.setdefault(name, each.revision)
    return wanted


def _taken(connection: Connection, wanted: Mapping[Name, str]) -> Iterator[tuple[Found, str, Name]]:
    by_place = {place: (revision, name) for name, revision in wanted.items() for place in _places(name)}

    def listed(part: str) -> list[tuple[str, str]]:
        return sorted({(on, name) for one, on, name in by_place if one == part})

    told: set[Name] = set()
    parts = {part: listed(part) for part in ("relation", "type", "function", "column", "constraint", "trigger")}
    for row in connection.execute(TAKEN, {
        "relations": [name for _, name in parts["relation"]],
        "types": [name for _, name in parts["type"]],
        "functions": [name for _, name in parts["function"]],
        "column_tables": [on for on, _ in parts["column"]], "columns": [name for _, name in parts["column"]],
        "constraint_tables": [on for on, _ in parts["constraint"]],
        "constraints": [name for _, name in parts["constraint"]],
        "trigger_tables": [on for on, _ in parts["trigger"]], "triggers": [name for _, name in parts["trigger"]],
    }).all():  # fmt: skip
        revision, name = by_place[row.part, row.on, row.name]
        if name not in told:
            told.add(name)
            yield row, revision, name


def _places(name: Name) -> Iterable[tuple[str, str, str]]:
    """Where the name must be free: a relation's among relations, and among types where it has rows."""
    match name.kind:
        case "column" | "constraint" | "trigger":
            return [(name.kind, name.on, name.name)]
        case "function" | "procedure" | "aggregate" | "window function":
            return [("function", "", name.name)]
        case "index" | "sequence":
            return [("relation", "", name.name)]
        case _:
            return [("relation", "", name.name), ("type", "", name.name)]


def _autocommit(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    return isinstance(driver, psycopg.Connection) and driver.autocommit


class _Judge:
    """Tells ours from a stranger's; reads what it needs once there is something to judge."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._marks = made.marks(connection)
        schema = connection.execute(sa.text("select current_schema()")).scalar_one()
        self._there = {name: name.digest for name in names.of(take(connection, schema))}

    def ours(self, row: Found, revision: str, name: Name) -> bool:
        """Whether the revision has made it already, or it says the same as what the revision makes."""
        if name.kind == "index" and row.unfinished_on == name.on:
            return True  # left of a build that was cut off: it is of no use to anybody, and the revision clears it
        same = name.digest != "" and self._there.get(name) == name.digest
        if same and (name.kind in ALIKE or _cut_off(self._connection, revision)):
            return True
        noted = {(mark.kind, mark.name, mark.relation) for mark in self._marks
                 if mark.revision == revision and mark.direction == "upgrade"}  # fmt: skip
        return (row.part, row.name, row.oid) in noted

    def stranger(self, row: Found, revision: str, name: Name) -> Stranger:
        """What it is, with its rows."""
        amount = ""
        if row.part == "column":
            amount = self._amount(row.on, row.name)
        elif row.part == "relation" and row.kind in ROWS:
            amount = self._amount(row.name)
        return Stranger(KINDS.get(row.kind, row.kind), row.on, row.name, amount, revision, name)

    def _amount(self, table: str, column: str | None = None) -> str:
        home = self._connection.execute(sa.text("select current_schema()")).scalar_one()
        relation = sql.Identifier(home, table)
        word = "rows" if column is None else "values"
        try:
            with nullcontext() if _autocommit(self._connection) else self._connection.begin_nested():
                size = as_it_is(self._connection, SIZE.format(relation.as_string())).one()
                if size.bytes > COUNTED:
                    return f"about {size.estimate:,} {word}"
                what = sql.SQL("*") if column is None else sql.Identifier(column)
                count = as_it_is(self._connection, COUNT.format(what, relation)).scalar_one()
        except sa.exc.DBAPIError:
            return f"{word} not counted"
        return f"{count:,} {word if count != 1 else word.removesuffix('s')}"

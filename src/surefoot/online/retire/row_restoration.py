"""Restore retired rows in batches. Rows that would violate a constraint stay retired; a warning counts them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.catalogue.reader import KEPT_DEFINITIONS
from surefoot.errors import RefusedError
from surefoot.online import retired_registry, target_table
from surefoot.online.executor import Steps
from surefoot.online.retire import row_retirement_sql
from surefoot.online.retire.block_batches import run_by_blocks
from surefoot.online.retire.row_retirement import find_retired, retired_table
from surefoot.online.retired_registry import RetiredItem
from surefoot.online.target_table import Table
from surefoot.runtime import error_translation, lock_retry

log = logging.getLogger("surefoot")

COLUMNS = """
    select held.attname as name, present.attname is not null as there, present.attgenerated <> '' as generated
      from pg_attribute as held
      left join pg_attribute as present
        on present.attrelid = :table
       and present.attname = held.attname
       and present.attnum > 0
       and not present.attisdropped
     where held.attrelid = to_regclass(:place)
       and held.attnum > 0
       and not held.attisdropped
     order by held.attnum
"""
# A foreign key over periods is PostgreSQL's to tell: several parents may cover a row together.
PARENTS = """
    select confrelid::regclass::text as table,
           confrelid = conrelid as own,
           array(select attname::text from unnest(conkey) with ordinality as part (number, place)
                   join pg_attribute on attrelid = conrelid and attnum = number order by place) as columns,
           array(select attname::text from unnest(confkey) with ordinality as part (number, place)
                   join pg_attribute on attrelid = confrelid and attnum = number order by place) as referred
      from pg_constraint
     where contype = 'f'
       and to_jsonb(pg_constraint) -> 'conperiod' is distinct from 'true'
       and conrelid = :table
       and conparentid = 0
     order by conname
"""
PURGED = f"""
    select thing ->> 'stands_as' as stands_as
      from {KEPT_DEFINITIONS}
     where what = 'column'
       and schema_name = :schema
       and table_name = :table
"""  # noqa: S608  # a constant of ours
MOVE_BACK = sql.SQL("""
    with chosen as (
        select distinct on ({key}) ctid as __place, held.*
          from {place} as held
         where {here}
           and {parents}
         order by {key}, {at} desc
    ),
    back as (
        insert into {table} ({columns}) overriding system value
        select {columns}
          from chosen
            {conflicts}
     returning {key}
    )
    delete from {place} as held
     using chosen
     where held.ctid = chosen.__place
       and ({chosen_key}) in (select {key} from back)
""")
COUNT = sql.SQL(
    "select count(*) as many, (array_agg(concat_ws(', ', {key})))[1:5] as sample from {place} as held where {where}"
)
DEFERRABLE = "select from pg_index where indrelid = :table and not indimmediate"
"""A unique or exclusion constraint that is DEFERRABLE: PostgreSQL takes no ON CONFLICT for such a table."""
MISSING_PARENT = sql.SQL("{known} and not exists (select from {table} as parent where {pairs}) and not ({own})")
RECORD_LEFT = sql.SQL("""
    update retired.things
       set rows = {rows},
           bytes = pg_total_relation_size({text}::regclass),
           definitions = jsonb_set(definitions, '{{done}}', '[]')
     where id = {id}
""")


def restore(steps: Steps, name: str) -> int:
    """Move back the rows of table `name` that the other direction retired; return how many this run moved.

    Raises RefusedError, with nothing changed, where the table lacks a column that the rows have.
    """
    total = 0
    for nth, item in enumerate(find_retired(steps, name, by_opposite=True)):
        table = target_table.find(steps, name, partition=False, writes=True)
        row_retirement_sql.refuse_rules(steps, table)
        try:
            columns = _columns(steps, item, table)
        except RefusedError as fault:
            if nth == 0:
                raise
            log.warning("%s They stay in retired.%s.", fault.message, item.stands_as)
            continue
        deferrable = bool(steps.fetch(DEFERRABLE, table=table.oid))
        restoration = RowRestoration(steps, item, table, columns, _parents(steps, table), deferrable)
        back = 0
        # a row may reference another retired one, which has to be moved first: repeated until no row can be moved
        while moved := run_by_blocks(steps, retired_table(item), restoration.work):
            back += moved
        restoration.finish(back)
        total += back
    retired_registry.drop_if_empty(steps)
    return total


@dataclass(frozen=True)
class Parent:
    """The other end of a foreign key. `missing` is the condition for a row, called `held`, without its parent."""

    table: str
    columns: tuple[str, ...]
    missing: sql.Composed


@dataclass(frozen=True)
class RowRestoration:
    """The restoration of rows to `table`. `columns` are those to write, without generated ones."""

    steps: Steps
    item: RetiredItem
    table: Table
    columns: tuple[str, ...]
    parents: tuple[Parent, ...]
    deferrable: bool
    """Whether the table has a DEFERRABLE constraint: rows whose key is taken are found by bisection then."""

    def work(self, blocks: sql.Composed) -> int:
        """Move back the rows of a range of blocks that violate nothing, inside a transaction; return how many."""
        self.steps.execute("set constraints all immediate")
        moved = self._try(blocks)
        return moved if moved is not None else self._bisect(self._places(blocks))

    def finish(self, total: int) -> None:
        """Drop the table of retired rows if it is empty; otherwise warn how many stay, and why."""
        steps, place = self.steps, retired_table(self.item)
        remaining, _ = self._count(sql.SQL("true"))
        if not remaining:
            with steps.transaction():
                steps.execute(sql.SQL("drop table {}").format(place))
                retired_registry.delete_item(steps, self.item)
            log.info("%s rows of %s are back.", total, self.table.name)
            return
        steps.run(RECORD_LEFT.format(rows=remaining, text=place.as_string(), id=self.item.id))
        log.warning(
            "%s rows of %s are back; %s stay retired in retired.%s: %s.",
            total, self.table.name, remaining, self.item.stands_as, self._reasons(remaining),
        )  # fmt: skip

    def _try(self, here: sql.Composable) -> int | None:
        """Move the rows back and return how many; return None, with none moved, where one violates a constraint."""
        self.steps.execute("savepoint ourschool_rows")
        try:
            moved = self.steps.execute(self._statement(here))
        except sa.exc.DBAPIError as fault:
            state = getattr(fault.orig, "sqlstate", None) or ""
            if lock_retry.is_lock_failure(fault) or state[:2] not in {"22", "23", "P0"}:
                raise
            self.steps.execute("rollback to savepoint ourschool_rows")
            log.debug("%s", error_translation.primary_message(fault))
            return None
        self.steps.execute("release savepoint ourschool_rows")
        return moved

    def _bisect(self, places: Sequence[str]) -> int:
        """Move back all of these ctids but the rows that violate a constraint, which are found by bisection."""
        moved = self._try(sql.SQL("ctid = any ({}::tid[])").format(list(places))) if places else 0
        if moved is not None or len(places) == 1:
            return moved or 0
        middle = len(places) // 2
        return self._bisect(places[:middle]) + self._bisect(places[middle:])

    def _places(self, here: sql.Composed) -> list[str]:
        query = sql.SQL("select ctid::text from {} as held where {} and {}")
        return [row[0] for row in self.steps.fetch(query.format(retired_table(self.item), here, self._parents_exist()))]

    def _statement(self, here: sql.Composable) -> sql.Composed:
        return MOVE_BACK.format(
            key=_list(self.table.key),
            chosen_key=sql.SQL(", ").join(sql.Identifier("chosen", column) for column in self.table.key),
            place=retired_table(self.item),
            here=here,
            parents=self._parents_exist(),
            at=sql.Identifier(self.item.definitions["extra"]["retired_at"]),
            table=self.table.identifier,
            columns=_list(self.columns),
            conflicts=sql.SQL("" if self.deferrable else "on conflict do nothing"),
        )

    def _parents_exist(self) -> sql.Composable:
        conditions: list[sql.Composable] = [sql.SQL("not ({})").format(parent.missing) for parent in self.parents]
        return sql.SQL(" and ").join(conditions or [sql.SQL("true")])

    def _reasons(self, remaining: int) -> str:
        key = sql.SQL("exists (select from {} as taken where ({}) = ({}))").format(
            self.table.identifier,
            sql.SQL(", ").join(sql.Identifier("taken", column) for column in self.table.key),
            sql.SQL(", ").join(sql.Identifier("held", column) for column in self.table.key),
        )
        explained, texts = 0, []
        reasons = [("whose key is taken", key)]
        for each in self.parents:
            reasons += [(f"whose {', '.join(each.columns)} is gone from {each.table}", each.missing)]
        for words, where in reasons:
            many, sample = self._count(where)
            if many:
                explained += many
                texts.append(f"{many} {words} ({', '.join(self.table.key)} {'; '.join(sample)})")
        if explained < remaining:
            texts.append(f"{remaining - explained} that break another rule of the table")
        return ", ".join(texts)

    def _count(self, where: sql.Composable) -> tuple[int, list[str]]:
        query = COUNT.format(key=_list(self.table.key), place=retired_table(self.item), where=where)
        row = self.steps.retry_on_lock(lambda: self.steps.fetch(query))[0]
        return int(row.many), list(row.sample or ())


def _columns(steps: Steps, item: RetiredItem, table: Table) -> tuple[str, ...]:
    ours = set(item.definitions["extra"].values())
    rows = [row for row in steps.fetch(COLUMNS, table=table.oid, place=retired_table(item).as_string())
            if row.name not in ours]  # fmt: skip
    purged = _purged(steps, item) if not all(row.there for row in rows) else set()
    missing = [row.name for row in rows if not row.there and row.name not in purged]
    if missing:
        raise RefusedError(
            f"Rows of {table.name} cannot be restored: the table has no column {missing[0]} any more, and they have.",
            "Restore the column first: what was retired last comes back first. Nothing was changed.",
        )
    if gone := [row.name for row in rows if not row.there]:
        log.warning("Rows of %s come back without %s, which was purged from all others.", table.name, ", ".join(gone))
    return tuple(row.name for row in rows if row.there and not row.generated)


def _purged(steps: Steps, item: RetiredItem) -> set[str]:
    """Return the columns of the rows that were retired in the table, and purged there: their definition is kept."""
    if not retired_registry.is_present(steps, definitions=True):
        return set()
    return {row.stands_as for row in steps.fetch(PURGED, schema=item.schema, table=item.table)}


def _parents(steps: Steps, table: Table) -> tuple[Parent, ...]:
    parents = []
    for row in steps.fetch(PARENTS, table=table.oid):
        here = [sql.Identifier("held", column) for column in row.columns]
        there = [sql.Identifier("parent", column) for column in row.referred]
        itself = [sql.Identifier("held", column) for column in row.referred]
        missing = MISSING_PARENT.format(
            known=sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in here),
            table=sql.SQL(row.table),
            pairs=_pairs(there, here),
            own=_pairs(itself, here) if row.own else sql.SQL("false"),
        )
        parents.append(Parent(row.table, tuple(row.columns), missing))
    return tuple(parents)


def _pairs(ones: Sequence[sql.Identifier], others: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL(" and ").join(map(sql.SQL("{} = {}").format, ones, others))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))

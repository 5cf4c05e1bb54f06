"""The way back of retired rows: in batches, and what does not fit any more stays retired, counted and named."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online import retired_registry, target_table
from surefoot.online.executor import Steps
from surefoot.online.retire.block_batches import stretches
from surefoot.online.retire.row_retirement import place_of, retired
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
PARENTS = """
    select confrelid::regclass::text as table,
           confrelid = conrelid as own,
           array(select attname::text from unnest(conkey) with ordinality as part (number, place)
                   join pg_attribute on attrelid = conrelid and attnum = number order by place) as columns,
           array(select attname::text from unnest(confkey) with ordinality as part (number, place)
                   join pg_attribute on attrelid = confrelid and attnum = number order by place) as referred
      from pg_constraint
     where contype = 'f'
       and conrelid = :table
       and conparentid = 0
     order by conname
"""
BACK = sql.SQL("""
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
            on conflict do nothing
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
LEFT = sql.SQL("""
    update retired.things
       set rows = {rows},
           bytes = pg_total_relation_size({text}::regclass),
           definitions = jsonb_set(definitions, '{{done}}', '[]')
     where id = {id}
""")


def restore(steps: Steps, name: str) -> int:
    """Put back the rows of table `name` that the other direction retired; returns how many this run put back.

    Raises RefusedError, with nothing changed, where the table lacks a column that they have.
    """
    thing = retired(steps, name, back=True)
    total = 0
    if thing is not None:
        table = target_table.find(steps, name, partition=False)
        way = Way(steps, thing, table, _columns(steps, thing, table), _parents(steps, table))
        # a row may have to wait for another that it points to: again, until no more can go
        while moved := stretches(steps, place_of(thing), way.work):
            total += moved
        way.finish(total)
    retired_registry.tidy(steps)
    return total


@dataclass(frozen=True)
class Parent:
    """What a row of the table points to: `gone` is true where that is not there."""

    table: str
    columns: tuple[str, ...]
    gone: sql.Composed


@dataclass(frozen=True)
class Way:
    """Rows on their way back to `table`."""

    steps: Steps
    thing: RetiredItem
    table: Table
    columns: tuple[str, ...]
    parents: tuple[Parent, ...]

    def work(self, here: sql.Composed) -> int:
        """Put back what fits of one stretch; inside a transaction."""
        self.steps.execute("set constraints all immediate")
        moved = self._try(here)
        return moved if moved is not None else self._halves(self._places(here))

    def finish(self, total: int) -> None:
        """Drop what is empty; tell what stays."""
        steps, place = self.steps, place_of(self.thing)
        left, _ = self._count(sql.SQL("true"))
        if not left:
            with steps.transaction():
                steps.execute(sql.SQL("drop table {}").format(place))
                retired_registry.forget(steps, self.thing)
            log.info("%s rows of %s are back.", total, self.table.name)
            return
        steps.run(LEFT.format(rows=left, text=place.as_string(), id=self.thing.id))
        log.warning(
            "%s rows of %s are back; %s stay retired in retired.%s: %s.",
            total, self.table.name, left, self.thing.stands_as, self._why(left),
        )  # fmt: skip

    def _try(self, here: sql.Composable) -> int | None:
        """How many of those rows went back; None where one of them breaks a rule and none did."""
        self.steps.execute("savepoint ourschool_rows")
        try:
            done = self.steps.execute(self._statement(here))
        except sa.exc.DBAPIError as fault:
            state = getattr(fault.orig, "sqlstate", None) or ""
            if lock_retry.is_lock_failure(fault) or state[:2] not in {"22", "23", "P0"}:
                raise
            self.steps.execute("rollback to savepoint ourschool_rows")
            log.debug("%s", error_translation.primary_message(fault))
            return None
        self.steps.execute("release savepoint ourschool_rows")
        return done.rowcount if done is not None else 0

    def _halves(self, places: Sequence[str]) -> int:
        """All but the rows that break a rule, found by halves."""
        moved = self._try(sql.SQL("ctid = any ({}::tid[])").format(list(places))) if places else 0
        if moved is not None or len(places) == 1:
            return moved or 0
        middle = len(places) // 2
        return self._halves(places[:middle]) + self._halves(places[middle:])

    def _places(self, here: sql.Composed) -> list[str]:
        query = sql.SQL("select ctid::text from {} as held where {} and {}")
        result = self.steps.execute(query.format(place_of(self.thing), here, self._parents_there()))
        return [row[0] for row in result] if result is not None else []

    def _statement(self, here: sql.Composable) -> sql.Composed:
        return BACK.format(
            key=_list(self.table.key),
            chosen_key=sql.SQL(", ").join(sql.Identifier("chosen", column) for column in self.table.key),
            place=place_of(self.thing),
            here=here,
            parents=self._parents_there(),
            at=sql.Identifier(self.thing.definitions["extra"]["retired_at"]),
            table=self.table.identifier,
            columns=_list(self.columns),
        )

    def _parents_there(self) -> sql.Composable:
        kept: list[sql.Composable] = [sql.SQL("not ({})").format(parent.gone) for parent in self.parents]
        return sql.SQL(" and ").join(kept or [sql.SQL("true")])

    def _why(self, left: int) -> str:
        key = sql.SQL("exists (select from {} as taken where ({}) = ({}))").format(
            self.table.identifier,
            sql.SQL(", ").join(sql.Identifier("taken", column) for column in self.table.key),
            sql.SQL(", ").join(sql.Identifier("held", column) for column in self.table.key),
        )
        told, texts = 0, []
        reasons = [("whose key is taken", key)]
        reasons += [(f"whose {', '.join(each.columns)} is gone from {each.table}", each.gone) for each in self.parents]
        for words, where in reasons:
            many, sample = self._count(where)
            if many:
                told += many
                texts.append(f"{many} {words} ({', '.join(self.table.key)} {'; '.join(sample)})")
        if told < left:
            texts.append(f"{left - told} that break another rule of the table")
        return ", ".join(texts)

    def _count(self, where: sql.Composable) -> tuple[int, list[str]]:
        query = COUNT.format(key=_list(self.table.key), place=place_of(self.thing), where=where)
        result = self.steps.repeat(lambda: self.steps.execute(query))
        assert result is not None  # only offline there is none, and nobody asks there
        row = result.one()
        return int(row.many), list(row.sample or ())


def _columns(steps: Steps, thing: RetiredItem, table: Table) -> tuple[str, ...]:
    ours = set(thing.definitions["extra"].values())
    rows = [row for row in steps.look(COLUMNS, table=table.oid, place=place_of(thing).as_string())
            if row.name not in ours]  # fmt: skip
    missing = [row.name for row in rows if not row.there]
    if missing:
        raise RefusedError(
            f"Rows of {table.name} cannot be restored: the table has no column {missing[0]} any more, and they have.",
            "Restore the column first: what was retired last comes back first. Nothing was changed.",
        )
    return tuple(row.name for row in rows if not row.generated)


def _parents(steps: Steps, table: Table) -> tuple[Parent, ...]:
    found = []
    for row in steps.look(PARENTS, table=table.oid):
        here = [sql.Identifier("held", column) for column in row.columns]
        there = [sql.Identifier("parent", column) for column in row.referred]
        itself = [sql.Identifier("held", column) for column in row.referred]
        gone = sql.SQL("{known} and not exists (select from {table} as parent where {pairs}) and not ({own})").format(
            known=sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in here),
            table=sql.SQL(row.table),
            pairs=_pairs(there, here),
            own=_pairs(itself, here) if row.own else sql.SQL("false"),
        )
        found.append(Parent(row.table, tuple(row.columns), gone))
    return tuple(found)


def _pairs(ones: Sequence[sql.Identifier], others: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL(" and ").join(map(sql.SQL("{} = {}").format, ones, others))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))

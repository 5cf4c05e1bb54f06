"""Moving rows to `retired.<table>_rows_<revision>`: their keys first, then batches, each moved or not moved at all."""

import hashlib
import logging

from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import retired_registry, target_table
from surefoot.online.executor import Steps
from surefoot.online.retire.block_batches import ranges
from surefoot.online.retire.references import Pointer, pointing
from surefoot.online.retire.row_retirement_sql import CONDITION, KEYS, MOVE, OFFLINE, RECORD, ROWS
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.online.target_table import Table

log = logging.getLogger("surefoot")


def retire(steps: Steps, name: str, where: str, reason: str | None) -> int:
    """Set aside the rows of table `name` that `where` is true for; returns how many this run moved.

    Where an earlier, cut-off run of this revision has begun, it goes on with the rows that one had found.
    """
    if steps.offline:
        _print(steps, name, where, reason)
        return 0
    table = target_table.find(steps, name, partition=False)
    if not table.key:
        raise UsageError(
            f"Table {name} has no primary key, so its rows cannot be told apart while they are moved.",
            "Give it a primary key in a revision before this one; nothing was changed.",
        )
    mark = hashlib.sha256(f"{where}\n{reason}".encode()).hexdigest()[:8]
    there = retired(steps, name, back=False)
    if there is not None and steps.direction != "unknown" and mark in there.definitions["done"]:
        return 0
    move = Move(steps, table, where, reason, pointing(steps, table))
    thing = move.prepare(there, mark)
    if thing is None:
        return 0
    moved = move.all(thing, keys_of(thing, mark))
    move.finish(thing, keys_of(thing, mark), mark)
    log.info("%s rows of %s were set aside in retired.%s.", moved, name, thing.stands_as)
    return moved


def retired(steps: Steps, table: str, *, back: bool) -> RetiredItem | None:
    """The rows of that table that this revision has set aside; see `retire_columns.retired`."""
    for thing in retired_registry.set_aside_by(steps, "rows", table, back=back):
        if steps.look("select 1 where to_regclass(:name) is not null", name=place_of(thing).as_string()):
            return thing
    return None


def place_of(thing: RetiredItem) -> sql.Identifier:
    """The table that holds the retired rows."""
    return sql.Identifier(SCHEMA, thing.stands_as)


def keys_of(thing: RetiredItem, mark: str) -> sql.Identifier:
    """The table that lists the keys to move, while they are moved."""
    return sql.Identifier(SCHEMA, retired_registry.within(f"{thing.stands_as}_keys_{mark}"))


class Move:
    """Rows of one table on their way out."""

    def __init__(self, steps: Steps, table: Table, where: str, reason: str | None, pointers: list[Pointer]) -> None:
        self.steps = steps
        self.table = table
        self.where = sql.SQL(where)
        self.reason = reason
        self.pointers = pointers
        self.key = sql.SQL(", ").join(sql.Identifier(column) for column in table.key)

    def prepare(self, there: RetiredItem | None, mark: str) -> RetiredItem | None:
        """List the keys, and make the place for the rows, in one transaction; None where no row is meant.

        Raises RefusedError, with nothing changed, where other rows point to these.
        """
        if there is not None and self._lists(keys_of(there, mark)):
            return there
        if not self._any(sql.SQL("select 1 from {} where ({}\n) limit 1").format(self.table.identifier, self.where)):
            return None
        return self.steps.repeat(lambda: self._prepared(there, mark))

    def all(self, thing: RetiredItem, keys: sql.Identifier) -> int:
        """Move what is listed, batch by batch."""
        last = self._number(sql.SQL("select coalesce(max(__nth), 0) from {}").format(keys))
        return sum(ranges(self.steps, last, lambda first, end: self._batch(thing, keys, first, end)))

    def finish(self, thing: RetiredItem, keys: sql.Identifier, mark: str) -> None:
        """Note that it is done, and drop the list. Raises RefusedError where rows would not go."""
        listed = CONDITION.format(key=self.key, keys=keys, range=sql.SQL("true"), where=self.where)
        left = self._number(sql.SQL("select count(*) from {} where {}").format(self.table.identifier, listed))
        if left:
            raise RefusedError(
                f"{_rows(left)} of {self.table.name} {'was deleted and is' if left == 1 else 'were deleted and are'} "
                "still there: a trigger or a rule keeps them.",
                "Let its function pass where current_setting('ourschool.retiring', true) = 'on', or disable it in this "
                "revision; then run the same command again. What was moved stays retired.",
            )
        self.steps.together(
            RECORD.format(place=place_of(thing), text=place_of(thing).as_string(), mark=mark, id=thing.id),
            sql.SQL("drop table {}").format(keys),
        )

    def _prepared(self, there: RetiredItem | None, mark: str) -> RetiredItem:
        steps = self.steps
        with steps.transaction():
            thing = there or self._place()
            keys = keys_of(thing, mark)
            with target_table.asked_right(f"where={self.where.as_string()!r}"):
                steps.execute(KEYS.format(keys=keys, key=self.key, table=self.table.identifier, where=self.where))
            steps.execute(sql.SQL("alter table {} add primary key (__nth)").format(keys))
            steps.execute(sql.SQL("analyze {}").format(keys))
            listed = CONDITION.format(key=self.key, keys=keys, range=sql.SQL("true"), where=sql.SQL("true"))
            found = [text for pointer in self.pointers if (text := pointer.count(steps, self.table, listed))]
            if found:
                raise RefusedError(
                    f"Rows of {self.table.name} cannot be retired, others point to them: {'; '.join(found)}.",
                    f"Retire those first: {self._first()}. Nothing was changed.",
                )
        return thing

    def _place(self) -> RetiredItem:
        steps, name = self.steps, self.table.name
        for statement in retired_registry.SET_UP:
            steps.execute(statement)
        taken = {row.relname for row in steps.look(
            "select relname from pg_class where relnamespace = to_regnamespace(:schema)", schema=SCHEMA)}  # fmt: skip
        free = next(each for each in retired_registry.names(f"{name}_rows_{steps.revision}") if each not in taken)
        extra = {each: next(n for n in (each, f"retired_{each}", f"__{each}") if n not in self.table.columns)
                 for each in ("reason", "retired_at")}  # fmt: skip
        steps.execute(
            ROWS.format(
                place=sql.Identifier(SCHEMA, free),
                table=self.table.identifier,
                reason=sql.Identifier(extra["reason"]),
                at=sql.Identifier(extra["retired_at"]),
            )
        )
        retired_registry.record(steps, "rows", name, free, {"extra": extra, "done": []})
        made = retired(steps, name, back=False)
        assert made is not None  # it has just been recorded
        return made

    def _batch(self, thing: RetiredItem, keys: sql.Identifier, first: int, last: int) -> int:
        between = sql.SQL("__nth between {} and {}").format(first, last)
        listed = CONDITION.format(key=self.key, keys=keys, range=between, where=self.where)
        if self.pointers:
            # a row that comes meanwhile and points to one of these has to wait now, and then finds it gone
            self.steps.execute(sql.SQL("select from {} where {} for update").format(self.table.identifier, listed))
        for pointer in self.pointers:
            if found := pointer.count(self.steps, self.table, listed):
                raise RefusedError(
                    f"Rows of {self.table.name} cannot be retired, others have come to point to them: {found}.",
                    "Retire those first, and run the same command again; what was moved stays retired.",
                )
        extra = thing.definitions["extra"]
        columns = sql.SQL(", ").join(sql.Identifier(column) for column in self.table.columns)
        done = self.steps.execute(
            MOVE.format(
                table=self.table.identifier,
                listed=listed,
                place=place_of(thing),
                columns=columns,
                extra=sql.SQL(", ").join(sql.Identifier(extra[each]) for each in ("reason", "retired_at")),
                reason=self.reason,
            )
        )
        return done.rowcount if done is not None else 0

    def _first(self) -> str:
        """The call that would retire what points to the rows."""
        pointer = self.pointers[0]
        where = sql.SQL("({}) in (select {} from {} where {})").format(
            sql.SQL(", ").join(map(sql.Identifier, pointer.columns)),
            sql.SQL(", ").join(map(sql.Identifier, pointer.referred)),
            self.table.identifier,
            self.where,
        )
        return f"op.retire_rows({pointer.table!r}, {where.as_string()!r})"

    def _lists(self, keys: sql.Identifier) -> bool:
        return bool(self.steps.look("select 1 where to_regclass(:name) is not null", name=keys.as_string()))

    def _any(self, query: sql.Composed) -> bool:
        with target_table.asked_right(f"where={self.where.as_string()!r}"):
            result = self.steps.repeat(lambda: self.steps.execute(query))
        return result is not None and result.first() is not None

    def _number(self, query: sql.Composed) -> int:
        result = self.steps.repeat(lambda: self.steps.execute(query))
        assert result is not None  # only offline there is none, and nobody asks there
        return int(result.scalar_one())


def _rows(many: int) -> str:
    return "1 row" if many == 1 else f"{many} rows"


def _print(steps: Steps, table: str, where: str, reason: str | None) -> None:
    """The same as one block that psql runs: all rows in one transaction, and nothing where no row is meant."""
    place = retired_registry.within(f"{table}_rows_{steps.revision}")
    body = sql.SQL(OFFLINE).format(
        relation=sql.Identifier(table).as_string(),
        table=table,
        where=f"({where}\n)",
        place=sql.Identifier(SCHEMA, place).as_string(),
        name=place,
        revision=steps.revision,
        direction=steps.direction,
        reason=reason,
        wrong=retired_registry.WRONG_USE,
        refused=retired_registry.REFUSED,
        alone=target_table.ALONE,
        set_up=sql.SQL("".join(f"{statement};\n" for statement in retired_registry.SET_UP)),
    )
    steps.together(retired_registry.block(body))

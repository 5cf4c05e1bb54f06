"""Retire rows to `retired.<table>_rows_<revision>`: their keys are listed first, then they are moved in batches."""

import hashlib
import logging

from psycopg import sql

from surefoot.errors import RefusedError, UsageError
from surefoot.online import identifiers, retired_registry, target_table
from surefoot.online.executor import Steps
from surefoot.online.retire.block_batches import run_by_numbers
from surefoot.online.retire.references import PRINTED_CHECK, Reference, find_references
from surefoot.online.retire.row_retirement_sql import (
    CONDITION,
    CREATE_TABLE,
    KEYS,
    LACKING,
    MOVE,
    PRINTED_BLOCK,
    PRINTED_CREATE_TABLE,
    PRINTED_MOVE,
    PRINTED_RECORD,
    RECORD,
    refuse_rules,
)
from surefoot.online.retired_registry import SCHEMA, RetiredItem
from surefoot.online.target_table import Table

log = logging.getLogger("surefoot")


def retire(steps: Steps, name: str, where: str, reason: str | None) -> int:
    """Retire the rows of table `name` for which the SQL `where` is true; return how many this run moved.

    An interrupted run of this revision is resumed with the rows that it had listed. Raises UsageError for a table
    without a primary key and for wrong SQL, RefusedError where other rows reference these or a trigger keeps them.
    """
    if steps.offline:
        _print(steps, name, where, reason)
        return 0
    table = target_table.find(steps, name, partition=False, writes=True)
    if not table.key:
        raise UsageError(
            f"Table {name} has no primary key, so its rows cannot be told apart while they are moved.",
            "Give it a primary key in a revision before this one; nothing was changed.",
        )
    refuse_rules(steps, table)
    mark = _mark(where, reason)
    existing = find_retired(steps, name, by_opposite=False)
    if steps.direction != "unknown" and _is_done(existing, mark):
        return 0
    move = RowRetirement(steps, table, where, reason, find_references(steps, table))
    item = move.prepare(existing, mark)
    if item is None:
        return 0
    moved = move.move_all(item, key_table(item, mark))
    move.finish(item, key_table(item, mark), mark)
    log.info("%s rows of %s were set aside in retired.%s.", moved, name, item.stands_as)
    return moved


def check(steps: Steps, table: Table, where: str, reason: str | None, references: list[Reference]) -> None:
    """Raise RefusedError where other rows reference by `references` those that `retire` would move."""
    if not _is_done(find_retired(steps, table.name, by_opposite=False), _mark(where, reason)):
        retirement = RowRetirement(steps, table, where, reason, references)
        retirement.refuse_referenced(sql.SQL("({}\n)").format(sql.SQL(where)))


def _mark(where: str, reason: str | None) -> str:
    return hashlib.sha256(f"{where}\n{reason}".encode()).hexdigest()[:8]


def _is_done(items: list[RetiredItem], mark: str) -> bool:
    return any(mark in each.definitions["done"] for each in items)


def find_retired(steps: Steps, table: str, *, by_opposite: bool) -> list[RetiredItem]:
    """Return the rows of that table that this revision has retired, newest first; see `column_retirement.find_retired`.

    There is more than one item where the table had other columns when rows were retired again.
    """
    return [
        item
        for item in retired_registry.items_of_revision(steps, "rows", table, by_opposite=by_opposite)
        if steps.fetch("select 1 where to_regclass(:name) is not null", name=retired_table(item).as_string())
    ]


def retired_table(item: RetiredItem) -> sql.Identifier:
    """Return the table in schema `retired` that has the retired rows."""
    return sql.Identifier(SCHEMA, item.stands_as)


def key_table(item: RetiredItem, mark: str) -> sql.Identifier:
    """Return the table in schema `retired` that lists the keys of the rows while they are moved."""
    return sql.Identifier(SCHEMA, identifiers.fit_identifier(f"{item.stands_as}_keys_{mark}"))


class RowRetirement:
    """The retirement of rows of one table. `mark` stands for `where` and reason: a revision may retire rows twice."""

    def __init__(self, steps: Steps, table: Table, where: str, reason: str | None, references: list[Reference]) -> None:
        self.steps = steps
        self.table = table
        self.where = sql.SQL(where)
        self.reason = reason
        self.references = references
        self.key = sql.SQL(", ").join(sql.Identifier(column) for column in table.key)

    def prepare(self, existing: list[RetiredItem], mark: str) -> RetiredItem | None:
        """List the keys and create the table for the rows, in one transaction; return None where no row matches.

        Rows that an earlier run has left retired are joined where the table has no other columns by now. Raises
        RefusedError, with nothing changed, where other rows reference these.
        """
        for begun in existing:
            if self._exists(key_table(begun, mark)):
                return begun
        if not self._matches_any(
            sql.SQL("select 1 from {} where ({}\n) limit 1").format(self.table.identifier, self.where)
        ):
            return None
        fitting = existing[0] if existing and self._fits(existing[0]) else None
        return self.steps.retry_on_lock(lambda: self._list_keys(fitting, mark))

    def move_all(self, item: RetiredItem, keys: sql.Identifier) -> int:
        """Move the listed rows in batches; return how many were moved."""
        last = self._scalar(sql.SQL("select coalesce(max(__nth), 0) from {}").format(keys))
        return sum(run_by_numbers(self.steps, last, lambda first, end: self._batch(item, keys, first, end)))

    def finish(self, item: RetiredItem, keys: sql.Identifier, mark: str) -> None:
        """Record the row count and drop the list of keys. Raises RefusedError where deleted rows still exist."""
        listed = CONDITION.format(key=self.key, keys=keys, range=sql.SQL("true"), where=self.where)
        remaining = self._scalar(sql.SQL("select count(*) from {} where {}").format(self.table.identifier, listed))
        if remaining:
            verbs = "was deleted and is" if remaining == 1 else "were deleted and are"
            raise RefusedError(
                f"{_rows(remaining)} of {self.table.name} {verbs} still there: a trigger or a rule keeps them.",
                "Let its function pass where current_setting('ourschool.retiring', true) = 'on', or disable it in this "
                "revision; then run the same command again. What was moved stays retired.",
            )
        self.steps.run_in_transaction(
            RECORD.format(place=retired_table(item), text=retired_table(item).as_string(), mark=mark, id=item.id),
            sql.SQL("drop table {}").format(keys),
        )

    def _list_keys(self, existing: RetiredItem | None, mark: str) -> RetiredItem:
        steps = self.steps
        with steps.transaction():
            item = existing or self._create_retired_table()
            keys = key_table(item, mark)
            with target_table.reporting_usage_errors(f"where={self.where.as_string()!r}"):
                steps.execute(KEYS.format(keys=keys, key=self.key, table=self.table.identifier, where=self.where))
            steps.execute(sql.SQL("alter table {} add primary key (__nth)").format(keys))
            steps.execute(sql.SQL("analyze {}").format(keys))
            listed = CONDITION.format(key=self.key, keys=keys, range=sql.SQL("true"), where=sql.SQL("true"))
            self.refuse_referenced(listed)
        return item

    def refuse_referenced(self, listed: sql.Composable) -> None:
        """Raise RefusedError where other rows reference those that the SQL `listed` is true for."""
        counts = [text for each in self.references if (text := each.count(self.steps, self.table, listed))]
        if counts:
            raise RefusedError(
                f"Rows of {self.table.name} cannot be retired, others point to them: {'; '.join(counts)}.",
                f"Retire those first: {self._remedy_call()}. Nothing was changed.",
            )

    def _create_retired_table(self) -> RetiredItem:
        steps, name = self.steps, self.table.name
        retired_registry.set_up(steps)
        taken = {row.relname for row in steps.fetch(
            "select relname from pg_class where relnamespace = to_regnamespace(:schema)", schema=SCHEMA)}  # fmt: skip
        free = next(each for each in identifiers.candidate_names(f"{name}_rows_{steps.revision}") if each not in taken)
        extra = {each: next(n for n in (each, f"retired_{each}", *identifiers.candidate_names(f"__{each}"))
                            if n not in self.table.columns) for each in ("reason", "retired_at")}  # fmt: skip
        steps.execute(
            CREATE_TABLE.format(
                place=sql.Identifier(SCHEMA, free),
                table=self.table.identifier,
                reason=sql.Identifier(extra["reason"]),
                at=sql.Identifier(extra["retired_at"]),
            )
        )
        retired_registry.record(steps, "rows", name, free, {"extra": extra, "done": []})
        return find_retired(steps, name, by_opposite=False)[0]  # it has just been recorded

    def _batch(self, item: RetiredItem, keys: sql.Identifier, first: int, last: int) -> int:
        between = sql.SQL("__nth between {} and {}").format(first, last)
        listed = CONDITION.format(key=self.key, keys=keys, range=between, where=self.where)
        if self.references:
            # a transaction that inserts a reference to one of these rows waits now, and fails once they are deleted
            self.steps.execute(sql.SQL("select from {} where {} for update").format(self.table.identifier, listed))
        for reference in self.references:
            if count := reference.count(self.steps, self.table, listed):
                raise RefusedError(
                    f"Rows of {self.table.name} cannot be retired, others have come to point to them: {count}.",
                    "Retire those first, and run the same command again; what was moved stays retired.",
                )
        extra = item.definitions["extra"]
        columns = sql.SQL(", ").join(sql.Identifier(column) for column in self.table.columns)
        return self.steps.execute(
            MOVE.format(
                table=self.table.identifier,
                listed=listed,
                place=retired_table(item),
                columns=columns,
                extra=sql.SQL(", ").join(sql.Identifier(extra[each]) for each in ("reason", "retired_at")),
                reason=self.reason,
            )
        )

    def _remedy_call(self) -> str:
        """Return the call that would retire the rows that reference these."""
        reference = self.references[0]
        where = sql.SQL("({}) in (select {} from {} where {})").format(
            sql.SQL(", ").join(map(sql.Identifier, reference.columns)),
            sql.SQL(", ").join(map(sql.Identifier, reference.referred)),
            self.table.identifier,
            self.where,
        )
        return f"op.retire_rows({reference.table!r}, {where.as_string()!r})"

    def _fits(self, item: RetiredItem) -> bool:
        """Return whether the retired table has all columns that the table has now, with their types."""
        place = retired_table(item).as_string()
        return not self.steps.fetch(LACKING, table=self.table.oid, place=place)

    def _exists(self, keys: sql.Identifier) -> bool:
        return bool(self.steps.fetch("select 1 where to_regclass(:name) is not null", name=keys.as_string()))

    def _matches_any(self, query: sql.Composed) -> bool:
        with target_table.reporting_usage_errors(f"where={self.where.as_string()!r}"):
            return bool(self.steps.retry_on_lock(lambda: self.steps.fetch(query)))

    def _scalar(self, query: sql.Composed) -> int:
        return int(self.steps.retry_on_lock(lambda: self.steps.fetch(query))[0][0])


def _rows(many: int) -> str:
    return "1 row" if many == 1 else f"{many} rows"


def _print(steps: Steps, table: str, where: str, reason: str | None) -> None:
    """Print one block that moves all rows in one transaction; it does nothing where no row matches."""
    place = identifiers.fit_identifier(f"{table}_rows_{steps.revision}")
    values = {
        "relation": sql.Identifier(table).as_string(),
        "table": table,
        "where": f"({where}\n)",
        "place": sql.Identifier(SCHEMA, place).as_string(),
        "name": place,
        "revision": steps.revision,
        "direction": steps.direction,
        "reason": reason,
        "wrong": retired_registry.WRONG_USE,
        "refused": retired_registry.REFUSED,
    }
    parts = {
        "check_references": PRINTED_CHECK,
        "create_table": PRINTED_CREATE_TABLE,
        "move": PRINTED_MOVE,
        "record": PRINTED_RECORD,
    }
    body = sql.SQL(PRINTED_BLOCK).format(
        **values,
        refuse_inheritance=target_table.REFUSE_INHERITANCE,
        set_up=sql.SQL("".join(f"{statement};\n" for statement in retired_registry.SET_UP)),
        **{part: sql.SQL(text).format(**values) for part, text in parts.items()},
    )
    steps.run_in_transaction(retired_registry.do_block(body))

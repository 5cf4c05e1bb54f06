"""What one revision did in one direction: its statements, and the states of the database between them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from surefoot.author.lint import sql_tokens, syntax
from surefoot.author.lint.span import Span
from surefoot.author.lint.sql_tokens import Words
from surefoot.author.lint.syntax import Parsed
from surefoot.author.lint.table_state import Relation, State

RETIRED = "retired"
"""The schema of what was set aside: no application reads it, so nobody waits."""


@dataclass(frozen=True)
class Statement:
    """One statement as it was sent, with the state of the database before and after it.

    `transaction` is the transaction's number and, inside a DO block, the number of the block's commits before it.
    `spans` are the calls in the revision that led to it, innermost first. `online` is set where an online operation
    sent it, `inner` where it is one of several of a text, as in a DO block. `seconds` is how long it took, `idle` how
    long Python took before it in the same transaction, `rows` what the cursor counted, `runs` how often executemany
    ran it.
    """

    sql: str
    parsed: Parsed
    transaction: tuple[int, int]
    spans: tuple[Span, ...]
    online: bool
    before: State
    after: State
    inner: bool = False
    seconds: float = 0.0
    idle: float = 0.0
    rows: int = 0
    runs: int = 1

    @property
    def line(self) -> int:
        """The first line of the call that sent it."""
        return self.spans[0].first

    @cached_property
    def words(self) -> Words:
        """The tokens of its text."""
        return sql_tokens.words(self.sql)

    def parts(self) -> Iterator["Statement"]:
        """Yield the statements of its text, in place of a DO block those inside it, each with the states around all."""
        statements = syntax.parse(self.sql)
        for each in statements:
            within = syntax.block_statements(each) if each.kind == "DoStmt" else ()
            for parsed in within or (each,):
                yield replace(
                    self, sql=parsed.sql, parsed=parsed, inner=parsed.inner or len(statements) > 1,
                    transaction=(self.transaction[0], parsed.part),
                )  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """The statements of one revision in one direction, and the transaction that wrote alembic_version.

    `end` is the state after the last one, `rows` has the number of rows of each table at the start by oid,
    `idle_at_end` is how long Python took after the last statement. `undone` is the upgrade that a downgrade undoes.
    """

    revision: str
    file: Path
    direction: str
    start: State
    statements: tuple[Statement, ...]
    version_transaction: int | None
    end: State = field(default_factory=lambda: State({}))
    rows: Mapping[int, int] = field(default_factory=dict)
    idle_at_end: float = 0.0
    undone: "Recording | None" = None

    @cached_property
    def single_statements(self) -> tuple[Statement, ...]:
        """The statements, in place of a DO block those inside it, with the states around the whole block."""
        return tuple(part for statement in self.statements for part in statement.parts())

    def committed(self, statement: Statement) -> bool:
        """Return whether the statement is committed before the revision is recorded: a second run meets its work."""
        return self.version_transaction is not None and statement.transaction[0] != self.version_transaction

    def existing(self, name: str | None, at: State) -> Relation | None:
        """Return the relation of that name, None where the revision made it: nobody uses it yet."""
        relation = at.find(name) if name else None
        return relation if relation is not None and relation.oid in self.start.relations else None

    def is_new(self, name: str | None, at: State) -> bool:
        """Return whether the revision made the relation of that name itself."""
        relation = at.find(name) if name else None
        return relation is not None and relation.oid not in self.start.relations

    def tables(self) -> Iterator[Relation]:
        """Yield the application's tables that were there at the start, those in schema retired left out."""
        for relation in self.start.relations.values():
            if relation.is_table and relation.schema != RETIRED:
                yield relation

    def inserted(self, table: str) -> int:
        """Return the number of rows that the revision inserted into the table of that name."""
        before, after = self.start.find(table), self.end.find(table)
        return (after.inserted if after else 0) - (before.inserted if before else 0)

    def was_so(self, holds: Callable[[State], bool]) -> bool:
        """Return whether `holds` is true of the state that a downgrade goes back to; False for an upgrade."""
        return self.undone is not None and holds(self.undone.start)

    def when(self, holds: Callable[[State], bool]) -> Statement | None:
        """Return the first statement after which `holds` is true of the state for good; None where it never is."""
        found = None
        states = [*(each.before for each in self.statements[1:]), self.end]
        for statement, state in zip(reversed(self.statements), reversed(states), strict=False):
            if not holds(state):
                break
            found = statement
        return found

"""What a statement of a revision does to rows that were there: the facts that a table's size turns into seconds."""

from dataclasses import dataclass

REWRITE, INDEX, SCAN, CHANGE, LOST = "rewrite", "index", "scan", "change", "lost"


@dataclass(frozen=True)
class Work:
    """What is done to the rows of one table; `share` of them is 1 for every row, `table` is its name with its schema.

    REWRITE, an INDEX that is built, a SCAN, a CHANGE of rows, or values LOST: gone, and not set aside.
    """

    kind: str
    table: str
    share: float = 1.0


@dataclass(frozen=True)
class Fact:
    """What a statement did: its work, and the locks that stop others, by table, which its transaction then held.

    `line` and `statement` are those of findings.
    """

    direction: str
    transaction: tuple[int, int]
    line: int
    statement: str
    work: tuple[Work, ...] = ()
    held: tuple[tuple[str, str], ...] = ()

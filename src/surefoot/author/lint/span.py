"""A place in a revision file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """The first and the last line of a call in the revision file."""

    first: int
    last: int

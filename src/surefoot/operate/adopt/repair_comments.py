"""Repairs of comments."""

from surefoot.operate.adopt.adopt_findings import Phase, Statement, literal


def required(kind: str, name: str, comment: str | None) -> Statement:
    """Return the COMMENT statement for an object, whose name is quoted already."""
    return Statement(Phase.COMMENT, f"comment on {kind} {name} is {literal(comment)};")


def optional(kind: str, name: str, comment: str | None) -> tuple[Statement, ...]:
    """Return the COMMENT statement if there is a comment, else nothing."""
    return (required(kind, name, comment),) if comment else ()

"""Make identifiers of at most 63 bytes for objects that an operation names."""

import hashlib

LONGEST_NAME = 63
"""Bytes of an identifier (NAMEDATALEN - 1). PostgreSQL truncates a longer one silently: two names could become one."""
MOST_NAMES = 50
"""How many names there are for one item. A revision that goes up and down again may retire the same name each time."""


def candidate_names(full: str, *, most: int = MOST_NAMES) -> list[str]:
    """Return identifiers for `full`, the preferred one first; from the second on with a number."""
    return [fit_identifier(full if nth == 1 else f"{full}_{nth}") for nth in range(1, most + 1)]


def fit_identifier(full: str) -> str:
    """Return `full` if it has at most 63 bytes, else its beginning and a hash of the whole."""
    if len(full.encode()) <= LONGEST_NAME:
        return full
    mark = f"_{hashlib.sha256(full.encode()).hexdigest()[:8]}"
    return full.encode()[: LONGEST_NAME - len(mark)].decode(errors="ignore") + mark

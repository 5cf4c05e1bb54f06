"""What the tokens of a statement say of it: its table, its actions, the lock it takes, the rows it selects."""

from collections.abc import Iterator

from surefoot.author.lint.sql_tokens import UNKNOWN, Words

BRIEF = frozenset({("validate", "constraint"), ("attach", "partition")})
"""Actions of ALTER TABLE with a weaker lock than ACCESS EXCLUSIVE, beside those of _is_minor."""
COMPARISONS = frozenset({"=", "<", "<=", ">", ">=", "between", "in"})


def name_at(words: Words, place: int) -> tuple[str | None, int]:
    """Return the name, qualified or not, that begins at token `place`, and the place after it."""
    if place >= len(words) or not (words[place][0].isidentifier() or words[place][0] == UNKNOWN or "." in words[place]):
        return None, place
    name, place = words[place], place + 1
    while words[place : place + 1] == (".",) and place + 1 < len(words):
        name, place = f"{name}.{words[place + 1]}", place + 2
    return name, place


def target(words: Words) -> str | None:
    """Return the table that a statement changes or locks, or the index that it drops or rebuilds."""
    if words[:1] == ("create",) and "index" in words[:3] and "on" in words:
        return name_at(words, _skip(words, words.index("on") + 1, "only"))[0]
    if words[:2] in {("alter", "table"), ("drop", "table"), ("create", "table")}:
        return name_at(words, _skip(words, 2, "if", "not", "exists", "only"))[0]
    if words[:1] in {("truncate",), ("lock",), ("cluster",)}:
        return name_at(words, _skip(words, 1, "table", "only"))[0]
    if words[:2] == ("drop", "index"):
        return name_at(words, _skip(words, 2, "concurrently", "if", "exists"))[0]
    if words[:1] == ("reindex",):
        return name_at(words, _skip(words, 1, "table", "index", "concurrently"))[0]
    changed = data_target(words)
    return changed[1] if changed else None


def data_target(words: Words) -> tuple[str, str] | None:
    """Return verb and table of the first change of rows, in a WITH too, such as ("update", "users").

    INSERT … VALUES does not count: it writes as many rows as it shows.
    """
    for place, word in enumerate(words):
        before = words[place - 1] if place else None
        if before not in {None, "(", ")"}:
            continue
        if word == "update" and "set" in words[place:]:
            name = name_at(words, _skip(words, place + 1, "only"))[0]
        elif words[place : place + 2] in {("delete", "from"), ("merge", "into")}:
            name = name_at(words, _skip(words, place + 2, "only"))[0]
        elif words[place : place + 2] == ("insert", "into") and ("select" in words or "table" in words):
            name = name_at(words, place + 2)[0]
        else:
            continue
        if name is not None:
            return word, name
    return None


def deletes(words: Words) -> Iterator[str]:
    """Yield every table that the statement deletes rows from, inside a WITH too."""
    for place in range(len(words) - 2):
        if words[place : place + 2] == ("delete", "from"):
            name = name_at(words, _skip(words, place + 2, "only"))[0]
            if name is not None:
                yield name


def reads(words: Words) -> Iterator[str]:
    """Yield the names after FROM, JOIN and USING."""
    for place, word in enumerate(words):
        if word in {"from", "join", "using"}:
            name = name_at(words, _skip(words, place + 1, "only", "lateral"))[0]
            if name is not None:
                yield name


def alters(words: Words) -> Iterator[Words]:
    """Yield the actions of an ALTER TABLE: `alter table t add …, drop …` has two."""
    if words[:2] != ("alter", "table"):
        return
    _, place = name_at(words, _skip(words, 2, "if", "exists", "only"))
    depth, start = 0, place
    for here in range(place, len(words)):
        depth += (words[here] in {"(", "["}) - (words[here] in {")", "]"})
        if words[here] == "," and depth == 0:
            yield words[start:here]
            start = here + 1
    if start < len(words):
        yield words[start:]


def locks(words: Words) -> str | None:
    """Return the table that the statement, by its text, locks ACCESS EXCLUSIVE; None where it takes a weaker lock."""
    if words[:1] == ("lock",):
        mode = words[words.index("in") + 1 :] if "in" in words else ("access", "exclusive")
        return target(words) if mode[:2] == ("access", "exclusive") else None
    if words[:1] == ("truncate",) or words[:2] == ("drop", "table"):
        return target(words)
    if any(action[:2] not in BRIEF and not _is_minor(action) for action in alters(words)):
        return target(words)
    return None


def condition(words: Words) -> Words:
    """Return the WHERE condition of the first UPDATE or DELETE, up to its end or RETURNING."""
    depth = 0
    start: int | None = None
    for place, word in enumerate(words):
        if start is None:
            if word == "where" and {"update", "delete"} & set(words[:place]):
                start, depth = place + 1, 0
            continue
        depth += (word == "(") - (word == ")")
        if depth < 0 or (depth == 0 and word == "returning"):
            return words[start:place]
    return words[start:] if start is not None else ()


def key_condition(where: Words, keys: frozenset[str]) -> str | None:
    """Return `row` where a condition names single keys, `range` where it bounds them, None where any row may match."""
    if "or" in _outermost(where):
        return None
    strictest: str | None = None
    for place, word in enumerate(where):
        if word not in keys | {"ctid"} or where[place + 1 : place + 2] == ("not",):
            continue
        operator = where[place + 1] if place + 1 < len(where) else ""
        right = where[place + 2 : place + 5]
        if operator not in COMPARISONS or right[1:2] == (".",):  # another table's column bounds nothing
            continue
        if operator == "in" and "select" in right and "limit" not in where:
            continue
        if operator in {"=", "in"} and "select" not in right and "any" not in right:
            return "row"
        strictest = "range"
    return strictest


def _outermost(words: Words) -> Iterator[str]:
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth == 0:
            yield word


def _is_minor(action: Words) -> bool:
    """Return whether the action takes SHARE UPDATE EXCLUSIVE: SET STATISTICS, storage parameters, CLUSTER ON."""
    return "statistics" in action or action[:2] in {("set", "("), ("reset", "("), ("cluster", "on"), ("set", "without")}


def _skip(words: Words, place: int, *noise: str) -> int:
    while place < len(words) and words[place] in noise:
        place += 1
    return place

"""Write the headings Locks, Data and Way back of a generated revision's docstring."""

from collections.abc import Iterable, Sequence
from textwrap import fill

from surefoot.autogenerate.planned_change import Change, Lock, Phase

WIDTH = 120


def known_parts(upgrade: Sequence[Change], downgrade: Sequence[Change]) -> dict[str, str]:
    """Return the text under each heading but Why, which the author has to write."""
    return {
        "Locks": _locks(upgrade),
        "Data": " ".join(_sentences(upgrade)) or "none is touched.",
        "Way back": _downgrade_text(downgrade),
    }


def lines(known: dict[str, str]) -> str:
    """Return the parts as wrapped lines of the docstring, escaped for Python."""
    parts = (f"{part}: {words}" for part, words in known.items())
    text = "\n".join(fill(part, WIDTH, break_long_words=False, break_on_hyphens=False) for part in parts)
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _locks(changes: Iterable[Change]) -> str:
    by_table: dict[str, dict[Lock, list[str]]] = {}
    for change in changes:
        for lock in change.locks:
            purposes = by_table.setdefault(lock.table, {}).setdefault(lock.lock, [])
            if lock.purpose and lock.purpose not in purposes:
                purposes.append(lock.purpose)
    new = {table for table, locks in by_table.items() if Lock.NEW in locks}
    texts = [f"{', '.join(sorted(new))} {'is' if len(new) == 1 else 'are'} new, nobody uses it yet."] if new else []
    for table in sorted(by_table.keys() - new):
        locks = [_lock_text(kind, purposes) for kind, purposes in by_table[table].items()]
        texts.append(f"{table}: {'; '.join(locks)}.")
    return " ".join(texts) or "none on a table."


def _lock_text(lock: Lock, purposes: Sequence[str]) -> str:
    return f"{lock} ({', '.join(purposes)})" if purposes else str(lock)


def _sentences(changes: Iterable[Change]) -> list[str]:
    return list(dict.fromkeys(change.data for change in changes if change.data))


def _downgrade_text(downgrade: Sequence[Change]) -> str:
    sentences = _sentences(downgrade) or ["everything is as it was; no row is touched."]
    if any(change.phase in {Phase.RETIRE_COLUMN, Phase.RETIRE_TABLE} and change.data for change in downgrade):
        sentences.append("The next way up takes back what is set aside, values included.")
    return " ".join(sentences)

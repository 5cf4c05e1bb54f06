"""What the docstring of a written revision says by itself: Locks, Data and Way back, as far as they can be known."""

from collections.abc import Iterable, Sequence
from textwrap import fill

from surefoot.autogenerate.planned_change import Change, Lock, Phase

WIDTH = 120


def filled(upgrade: Sequence[Change], downgrade: Sequence[Change]) -> dict[str, str]:
    """The parts that are known; Why stays with the author."""
    return {
        "Locks": _locks(upgrade),
        "Data": " ".join(_sentences(upgrade)) or "none is touched.",
        "Way back": _way_back(downgrade),
    }


def lines(known: dict[str, str]) -> str:
    """The known parts as they stand in the docstring."""
    parts = (f"{part}: {words}" for part, words in known.items())
    text = "\n".join(fill(part, WIDTH, break_long_words=False, break_on_hyphens=False) for part in parts)
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _locks(changes: Iterable[Change]) -> str:
    by_table: dict[str, dict[Lock, list[str]]] = {}
    for change in changes:
        for held in change.held:
            purposes = by_table.setdefault(held.table, {}).setdefault(held.lock, [])
            if held.purpose and held.purpose not in purposes:
                purposes.append(held.purpose)
    new = {table for table, locks in by_table.items() if Lock.NEW in locks}
    texts = [f"{', '.join(sorted(new))} {'is' if len(new) == 1 else 'are'} new, nobody uses it yet."] if new else []
    for table in sorted(by_table.keys() - new):
        locks = [_held(lock, purposes) for lock, purposes in by_table[table].items()]
        texts.append(f"{table}: {'; '.join(locks)}.")
    return " ".join(texts) or "none on a table."


def _held(lock: Lock, purposes: Sequence[str]) -> str:
    return f"{lock} ({', '.join(purposes)})" if purposes else str(lock)


def _sentences(changes: Iterable[Change]) -> list[str]:
    return list(dict.fromkeys(change.data for change in changes if change.data))


def _way_back(downgrade: Sequence[Change]) -> str:
    said = _sentences(downgrade) or ["everything is as it was; no row is touched."]
    if any(change.phase in {Phase.RETIRE_COLUMN, Phase.RETIRE_TABLE} and change.data for change in downgrade):
        said.append("The next way up takes back what is set aside, values included.")
    return " ".join(said)

"""A dump's table of contents: the statements of each entry, as pg_restore would run them, and what each depends on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from surefoot.operate.backup import dump_programs
from surefoot.program import program

LISTED = re.compile(r"^(\d+); \d+ \d+ ", re.MULTILINE)
SUBSCRIPTION = re.compile(
    r"^(?P<id>\d+); \d+ \d+ (?P<about>(?:COMMENT|SECURITY LABEL|ACL) - )?SUBSCRIPTION "
    r"(?:TABLE |- )?(?P<name>.*) (?P<owner>\S+)$",
    re.MULTILINE,
)
"""A subscription in the list of `pg_restore`, or what is said of one."""
HEADER = re.compile(
    r"^--\n-- (?:TOC entry (?P<id>\d+) \(class \d+ OID \d+\)\n(?:-- Dependencies: (?P<needs>[\d ]+)\n)?)"
    r"-- (?:Data for )?Name: (?P<name>.*); Type: (?P<kind>[A-Z][A-Z ]*); Schema: (?P<schema>.*); Owner: .*\n--\n",
    re.MULTILINE,
)
"""What `pg_restore --verbose` writes above each entry."""
FOREIGN = re.compile(r"^(?:\\(?:un)?restrict .*|SET transaction_timeout = 0;)\n", re.MULTILINE)
"""psql's own commands, which guard a script against what it may hold, and what older servers do not know."""


@dataclass(frozen=True)
class Entry:
    """One entry: a table, an index, a comment …; `id` is its number in the dump, 0 that of the session's settings."""

    id: int
    kind: str
    schema: str
    name: str
    needs: frozenset[int]
    sql: str

    def __str__(self) -> str:
        where = "" if self.schema in {"-", ""} else f"{self.schema}."
        return f"{self.kind.lower()} {where}{self.name}"


def ids(listing: str) -> frozenset[int]:
    """The numbers of the entries that `pg_restore --list` names."""
    return frozenset(int(found) for found in LISTED.findall(listing))


def subscriptions(listing: str) -> dict[int, str | None]:
    """The entries that make a subscription, by number its name, or that say something of one (None).

    None of them is restored anywhere: what pulls from a publisher is one database alone, and to have its slot taken by
    a copy would cost it rows.
    """
    return {
        int(found["id"]): None if found["about"] or found["owner"] is None else found["name"]
        for found in SUBSCRIPTION.finditer(listing)
    }


def schema(binary: Path, dump: Path, section: str, listed: frozenset[int], options: tuple[str, ...]) -> list[Entry]:
    """The entries of one section of `dump`, pre-data or post-data, in the order of a restore; without subscriptions.

    Raises FailedError where pg_restore does.
    """
    script = dump_programs.start(binary, ["--verbose", f"--section={section}", *options, "--file=-", str(dump)])
    text, complaint = script.communicate()
    if script.returncode:
        raise dump_programs.failed(script, complaint, None, f"Take another backup: {program()} backup list shows them.")
    found = entries(text.decode("utf-8", "surrogateescape"), listed)
    return [each for each in found if not _of_a_subscription(each)]


def _of_a_subscription(entry: Entry) -> bool:
    return entry.kind.startswith("SUBSCRIPTION") or (
        entry.kind in {"COMMENT", "SECURITY LABEL", "ACL"} and entry.name.startswith("SUBSCRIPTION ")
    )


def entries(script: str, listed: frozenset[int]) -> Iterator[Entry]:
    """The entries of a script of `pg_restore --verbose`.

    A text inside a function that looks like a header is none: each number stands in the list, and once.
    """
    seen: set[int] = set()
    heads = []
    for match in HEADER.finditer(script):
        number = int(match["id"])
        if number in listed and number not in seen:
            seen.add(number)
            heads.append(match)
    starts = [match.start() for match in heads] + [len(script)]
    yield Entry(0, "SETTINGS", "-", "-", frozenset(), FOREIGN.sub("", script[: starts[0]]))
    for match, end in zip(heads, starts[1:], strict=True):
        needs = frozenset(int(each) for each in (match["needs"] or "").split())
        text = script[match.end() : end]
        yield Entry(int(match["id"]), match["kind"], match["schema"], match["name"], needs, FOREIGN.sub("", text))

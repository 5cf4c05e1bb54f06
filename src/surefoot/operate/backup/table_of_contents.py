"""Reads a dump's table of contents: the statements of each entry, as pg_restore runs them, and its dependencies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from surefoot.operate.backup import dump_programs
from surefoot.program import program

LISTED = re.compile(r"^(\d+); \d+ \d+ ", re.MULTILINE)
NEEDS = re.compile(r"^;\tdepends on: ([\d ]+)$")
"""What `pg_restore --list --verbose` writes below an entry."""
SUBSCRIPTION = re.compile(
    r"^(?P<id>\d+); \d+ \d+ (?P<about>(?:COMMENT|SECURITY LABEL|ACL) - )?SUBSCRIPTION "
    r"(?:TABLE |- )?(?P<name>.*) (?P<owner>\S+)$",
    re.MULTILINE,
)
"""A subscription in the output of `pg_restore --list`, or an entry about one."""
HEADER = re.compile(
    r"^--\n-- (?:TOC entry (?P<id>\d+) \(class \d+ OID \d+\)\n(?:-- Dependencies: (?P<needs>[\d ]+)\n)?)"
    r"-- (?:Data for )?Name: (?P<name>.*); Type: (?P<kind>[A-Z][A-Z ]*); Schema: (?P<schema>.*); Owner: .*\n--\n",
    re.MULTILINE,
)
"""What `pg_restore --verbose` writes above each entry."""
PSQL_ONLY = re.compile(r"^(?:\\(?:un)?restrict .*|SET transaction_timeout = 0;)\n", re.MULTILINE)
"""Commands of psql that protect a script against its contents, and a setting that older servers do not know."""


GRANTOR = re.compile(r"^(?:RESET SESSION AUTHORIZATION|SET SESSION AUTHORIZATION .+);\n", re.MULTILINE)
"""Around what somebody granted to whom it had been granted: only a superuser may run that."""


@dataclass(frozen=True)
class Entry:
    """An entry: a table, an index, a comment …; `id` is its number in the dump, 0 for the settings of the session."""

    id: int
    kind: str
    schema: str
    name: str
    dependencies: frozenset[int]
    sql: str

    @property
    def granted_by_others(self) -> bool:
        """Whether these are privileges that others than the owner granted as well."""
        return self.kind == "ACL" and GRANTOR.search(self.sql) is not None

    def granted_by_one(self) -> "Entry":
        """Return the same privileges, all granted by who restores them."""
        return replace(self, sql=GRANTOR.sub("", self.sql)) if self.granted_by_others else self

    def __str__(self) -> str:
        where = "" if self.schema in {"-", ""} else f"{self.schema}."
        return f"{self.kind.lower()} {where}{self.name}"


def entry_numbers(listing: str) -> frozenset[int]:
    """Return the numbers of the entries that `pg_restore --list` names."""
    return frozenset(int(number) for number in LISTED.findall(listing))


def with_dependents(verbose_listing: str, missing: frozenset[int]) -> frozenset[int]:
    """Return the numbers `missing` with those of the entries that need one of them, such as its rows and privileges."""
    found, number = set(missing), 0
    for line in verbose_listing.splitlines():
        if entry := LISTED.match(line):
            number = int(entry[1])
        elif (needs := NEEDS.match(line)) and found.intersection(map(int, needs[1].split())):
            found.add(number)
    return frozenset(found)


def subscriptions(listing: str) -> dict[int, str | None]:
    """Return the name of each subscription, by entry number; None for an entry about one, such as its comment.

    Subscriptions are never restored: only one database may use the replication slot, and a copy that used it would cost
    that database rows.
    """
    return {
        int(match["id"]): None if match["about"] or match["owner"] is None else match["name"]
        for match in SUBSCRIPTION.finditer(listing)
    }


def read_section(
    binary: Path, dump: Path, section: str, listed: frozenset[int], options: tuple[str, ...]
) -> list[Entry]:
    """Return the entries of one section of `dump`, pre-data or post-data, in the order of a restore.

    Subscriptions are left out. Raises FailedError if pg_restore does.
    """
    arguments = ["--verbose", f"--section={section}", *options, "--file=-", str(dump)]
    script = dump_programs.run(binary, arguments, f"Take another backup: {program()} backup list shows them.")
    found = entries(script.decode("utf-8", "surrogateescape"), listed)
    return [each for each in found if not _of_a_subscription(each)]


def _of_a_subscription(entry: Entry) -> bool:
    return entry.kind.startswith("SUBSCRIPTION") or (
        entry.kind in {"COMMENT", "SECURITY LABEL", "ACL"} and entry.name.startswith("SUBSCRIPTION ")
    )


def entries(script: str, listed: frozenset[int]) -> Iterator[Entry]:
    """Yield the entries of a script of `pg_restore --verbose`.

    Text inside a function that looks like a header is none: each number is listed, and occurs once.
    """
    numbers: set[int] = set()
    headers = []
    for match in HEADER.finditer(script):
        number = int(match["id"])
        if number in listed and number not in numbers:
            numbers.add(number)
            headers.append(match)
    starts = [match.start() for match in headers] + [len(script)]
    yield Entry(0, "SETTINGS", "-", "-", frozenset(), PSQL_ONLY.sub("", script[: starts[0]]))
    for match, end in zip(headers, starts[1:], strict=True):
        dependencies = frozenset(int(each) for each in (match["needs"] or "").split())
        text = script[match.end() : end]
        yield Entry(
            int(match["id"]), match["kind"], match["schema"], match["name"], dependencies, PSQL_ONLY.sub("", text)
        )

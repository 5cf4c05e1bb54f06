"""How large the tables of a real database are: by a backup's manifest, or by a file that somebody wrote."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surefoot.errors import UsageError
from surefoot.program import program
from surefoot.settings import Settings
from surefoot.wording import utc_time

QUERY = (
    "select relid::regclass as table, n_live_tup as rows, pg_total_relation_size(relid) as bytes "
    "from pg_stat_user_tables"
)
"""What writes such a file with psql: estimates of the server's own, which autovacuum keeps."""


@dataclass(frozen=True)
class Size:
    """The rows of a table, and its bytes with its indexes, where they are known."""

    rows: int
    bytes: int | None = None


@dataclass(frozen=True)
class TableSizes:
    """The sizes by name, with or without the schema, and what they are from, for people."""

    tables: Mapping[str, Size] = field(default_factory=dict)
    source: str = ""

    def of(self, table: str) -> Size | None:
        """Return the size of a table, named with its schema; None where nobody knows it."""
        return self.tables.get(table, self.tables.get(table.partition(".")[2]))

    def rows_of(self, table: str) -> int:
        """Return the rows of a table; 0 where nobody knows them."""
        size = self.of(table)
        return size.rows if size is not None else 0


NO_SIZES = TableSizes()


def of_newest_backup(settings: Settings) -> TableSizes:
    """Return the sizes that the newest backup has in its manifest; none where there is no backup."""
    from surefoot.operate.backup import store  # noqa: PLC0415  # lint and prove load this module for its values

    newest = store.latest(settings.backup_folder)
    if newest is None:
        return TableSizes()
    source = f"backup {newest.name} of {utc_time(newest.manifest.started_at)} UTC"
    return TableSizes({_plain(name): Size(rows) for name, rows in newest.manifest.rows.items()}, source)


def read(file: Path) -> TableSizes:
    """Return the sizes in a file: a manifest, JSON or CSV with `table`, `rows` and, where known, `bytes`.

    Raises UsageError for a file that is not there, or has none of these forms.
    """
    try:
        text = file.read_text("utf-8")
        found = _from_json(json.loads(text)) if text.lstrip()[:1] in {"{", "["} else _from_csv(text)
    except OSError as fault:
        raise UsageError(f"{file} cannot be read: {fault.strerror}.", _remedy()) from fault
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        why = f"{file} has no sizes of tables: it is neither a manifest nor a list of them."
        raise UsageError(why, _remedy()) from fault
    if not found:
        raise UsageError(f"{file} names no table.", _remedy())
    return TableSizes(found, file.name)


def _from_json(said: Any) -> dict[str, Size]:
    if isinstance(said, list):
        return _from_rows(said)
    rows = said["rows"] if isinstance(said.get("rows"), dict) else said
    return {_plain(name): _size(count, None) for name, count in rows.items()}


def _from_csv(text: str) -> dict[str, Size]:
    return _from_rows(csv.DictReader(io.StringIO(text)))


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, Size]:
    return {_plain(each["table"]): _size(each["rows"], each.get("bytes")) for each in rows}


def _size(rows: Any, size: Any) -> Size:
    found = Size(int(rows), int(size) if size not in {None, ""} else None)
    if found.rows < 0:
        raise ValueError(found)
    return found


def _plain(name: str) -> str:
    """Return a name without the quotes that some names have."""
    return name.replace('"', "")


def _remedy() -> str:
    return f"Write one, with lines table,rows,bytes: {program()} psql --csv -c '{QUERY}' > sizes.csv"

"""What sets a restored database apart from what the manifest of its backup says."""

from collections.abc import Iterator

from surefoot.operate.backup.backup_contents import Contents
from surefoot.operate.backup.manifest import Manifest


def unequal(wanted: Manifest, found: Contents) -> Iterator[str]:
    """What a restored database holds that is not what the manifest says, in words."""
    for table in sorted(wanted.rows.keys() | found.rows.keys()):
        expected, there = wanted.rows.get(table), found.rows.get(table)
        if expected is None:
            yield f"table {table} is there, and was not dumped"
        elif there is None:
            yield f"table {table} is missing"
        elif there != expected:
            yield f"table {table} has {there:,} rows instead of {expected:,}"
    for schema in sorted(wanted.schemas.keys() | found.schemas.keys()):
        if wanted.schemas.get(schema) != found.schemas.get(schema):
            yield f"schema {schema} has another fingerprint"

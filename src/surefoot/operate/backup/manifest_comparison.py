"""Compares a restored database with the manifest of its backup."""

from collections.abc import Iterator

from surefoot.operate.backup.backup_contents import Contents
from surefoot.operate.backup.manifest import Manifest


def differences(manifest: Manifest, found: Contents) -> Iterator[str]:
    """Yield in words how the contents of a restored database differ from the manifest."""
    for table in sorted(manifest.rows.keys() | found.rows.keys()):
        expected, present = manifest.rows.get(table), found.rows.get(table)
        if expected is None:
            yield f"table {table} is there, and was not dumped"
        elif present is None:
            yield f"table {table} is missing"
        elif present != expected:
            yield f"table {table} has {present:,} rows instead of {expected:,}"
    for schema in sorted(manifest.schemas.keys() | found.schemas.keys()):
        if manifest.schemas.get(schema) != found.schemas.get(schema):
            yield f"schema {schema} has another fingerprint"

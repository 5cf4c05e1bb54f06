"""Decides whether an object with a name that a revision creates was created by that revision before it was cut off."""

from pathlib import Path

import sqlalchemy as sa
from alembic.script import Script
from sqlalchemy.engine import Connection

from surefoot.catalogue import revision_names
from surefoot.catalogue.reader import read_catalogue
from surefoot.catalogue.revision_names import REPLACEABLE, Name
from surefoot.runtime import created_objects, journal
from surefoot.runtime.taken_names import TakenRow

BEGUN = sa.text("""
    select 1
     where exists (select from pg_attribute where starts_with(attname, '__changing_' || :revision) and attnum > 0)
        or exists (select from pg_proc where starts_with(proname, '__changing_' || :revision))
        or exists (select from pg_class where starts_with(relname, '__changing_' || :revision))
""")
FAILED = sa.text(f"""
    select direction = 'upgrade' and outcome = 'failed'
      from {journal.table.name}
     where revision = :revision
     order by id desc
     limit 1
""")  # noqa: S608  # a constant of ours


class OwnObjects:
    """The objects of a database that revisions created.

    It reads the catalogue, so make it only when one is in doubt.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._created = created_objects.read_created(connection)
        self._digests = _digests(connection)

    def made_by(self, row: TakenRow, revision: str, name: Name) -> bool:
        """Return whether the revision has created the object of `row`, or the object equals what it will create."""
        if name.kind == "index" and row.unfinished_on == name.on:
            return True  # an INVALID index of a build that was cut off is of no use, and the revision drops it
        same = name.digest != "" and self._digests.get(name) == name.digest
        if same and (name.kind in REPLACEABLE or was_cut_off(self._connection, revision)):
            return True
        recorded = {(each.kind, each.name, each.relation) for each in self._created
                    if each.revision == revision and each.direction == "upgrade"}  # fmt: skip
        return (row.part, row.name, row.oid) in recorded


def made_before_cut_off(connection: Connection, revision: Script, table: str, column: str | None = None) -> bool:
    """Return whether an older version of this package created this table or column and was cut off in the revision.

    Older versions did not record what they created. So the object has to equal what the revision creates, and the
    revision has to be begun and not finished.
    """
    known = revision_names.read(Path(revision.path).parents[1], [revision])
    name = Name("table", "", table) if column is None else Name("column", table, column)
    expected = {made: made.digest for each in known.values() for made in each.made}
    if name not in expected or not was_cut_off(connection, revision.revision):
        return False
    return _digests(connection).get(name) == expected[name]


def was_cut_off(connection: Connection, revision: str) -> bool:
    """Return whether the revision was begun in this database and not finished, by what any version leaves behind."""
    if connection.execute(BEGUN, {"revision": revision}).first() is not None:
        return True
    if connection.execute(sa.text(f"select to_regclass('{journal.table.name}')")).scalar_one() is None:
        return False
    return bool(connection.execute(FAILED, {"revision": revision}).scalar())


def _digests(connection: Connection) -> dict[Name, str]:
    schema = connection.execute(sa.text("select current_schema()")).scalar_one()
    return {name: name.digest for name in revision_names.names_in(read_catalogue(connection, schema))}

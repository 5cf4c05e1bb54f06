"""Whose it is that has a name which a revision makes: what the revision made before it was cut off is its own."""

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
    """Tells ours from a stranger's; reads what it needs once there is something to judge."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._marks = created_objects.read_created(connection)
        schema = connection.execute(sa.text("select current_schema()")).scalar_one()
        self._there = {name: name.digest for name in revision_names.names_in(read_catalogue(connection, schema))}

    def made_by(self, row: TakenRow, revision: str, name: Name) -> bool:
        """Whether the revision has made it already, or it says the same as what the revision makes."""
        if name.kind == "index" and row.unfinished_on == name.on:
            return True  # left of a build that was cut off: it is of no use to anybody, and the revision clears it
        same = name.digest != "" and self._there.get(name) == name.digest
        if same and (name.kind in REPLACEABLE or was_cut_off(self._connection, revision)):
            return True
        noted = {(mark.kind, mark.name, mark.relation) for mark in self._marks
                 if mark.revision == revision and mark.direction == "upgrade"}  # fmt: skip
        return (row.part, row.name, row.oid) in noted


def made_before_cut_off(connection: Connection, revision: Script, table: str, column: str | None = None) -> bool:
    """Whether a version that left no notes was cut off in the revision, after it had made this table or column."""
    known = revision_names.read(Path(revision.path).parents[1], [revision])
    wanted = Name("table", "", table) if column is None else Name("column", table, column)
    made_by_it = {name: name.digest for each in known.values() for name in each.made}
    if wanted not in made_by_it or not was_cut_off(connection, revision.revision):
        return False
    schema = connection.execute(sa.text("select current_schema()")).scalar_one()
    there = {name: name.digest for name in revision_names.names_in(read_catalogue(connection, schema))}
    return there.get(wanted) == made_by_it[wanted]


def was_cut_off(connection: Connection, revision: str) -> bool:
    """Whether the revision has begun in this database and not ended, as far as former versions tell."""
    if connection.execute(BEGUN, {"revision": revision}).first() is not None:
        return True
    if connection.execute(sa.text(f"select to_regclass('{journal.table.name}')")).scalar_one() is None:
        return False
    return bool(connection.execute(FAILED, {"revision": revision}).scalar())

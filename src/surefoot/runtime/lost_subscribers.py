"""Refuses what a subscriber, or the publisher's own UPDATE, would not survive, and says the way out."""

from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from surefoot.errors import RefusedError
from surefoot.program import variable
from surefoot.runtime.publications import Publications, PublishedTable, quoted, read

UNCHANGED = "Nothing was changed."


def notices(connection: Connection) -> list[tuple[str, str]]:
    """Return what an operator should know of each publication before an upgrade, as sentence and remedy."""
    found = read(connection)
    names = [name for name, _ in found.whole]
    said = [
        (
            f"publication {quoted(name)} is {what}, {found.readers}: a subscriber stops at the first row of a table or "
            "column that an upgrade makes here and that it lacks, the tables of the migrations themselves included",
            whole_remedy(),
        )
        for name, what in found.whole
    ]
    for publication in dict.fromkeys(each.publication for each in found.tables if each.publication not in names):
        tables = ", ".join(each.label for each in found.tables if each.publication == publication)
        said.append((
            f"publication {quoted(publication)} sends {tables}, {found.readers}: a revision that changes what is sent "
            "is refused before it changes anything",
            "Change the subscriber first, or take the table out of the publication while it changes.",
        ))  # fmt: skip
    return said


def whole_remedy() -> str:
    """Return the way out where a publication has all tables, those that are yet to be made included."""
    return (
        "Give the subscriber the same change first (the same upgrade runs there, while its subscription is disabled), "
        "enable it, and after the upgrade here: alter subscription ... refresh publication. Where the subscriber has "
        f"the change, or takes it by itself, say so with {variable('SUBSCRIBERS_CHANGED')}=yes."
    )


def refuse_run(connection: Connection, *, acknowledged: bool) -> None:
    """Refuse a run in a database that publishes all its tables to somebody: already the journal's row would stop them.

    `acknowledged` is what the operator says with SUBSCRIBERS_CHANGED. Raises RefusedError.
    """
    if acknowledged:
        return
    found = read(connection)
    if found.whole and found.slots:
        name, what = found.whole[0]
        raise RefusedError(
            f"Publication {quoted(name)} is {what}, {found.readers}: a subscriber stops for good at the first row of a "
            f"table or column that a revision makes and that it lacks, the migrations' own tables too. {UNCHANGED}",
            whole_remedy(),
        )


def refuse_changed(before: Publications, after: Publications, *, acknowledged: bool) -> None:
    """Refuse what the open transaction has made of the published tables, where a subscriber would not survive it."""
    stands = {(each.publication, each.oid): each for each in after.tables}
    for was in before.tables:
        now = stands.get((was.publication, was.oid))
        if now is None or "retired" in {was.schema, now.schema}:
            continue  # no row of it is written any more, or none was
        if was.changeable and not now.changeable:
            raise lost_identity(
                was, f"Index {', '.join(map(quoted, was.identity))}" if was.identity else "The whole row"
            )
        if acknowledged or not before.watched([was]):
            continue
        raise_for([was], _change(was, now))
    whole = {name for name, _ in after.whole}
    known = {(each.publication, each.oid) for each in before.tables}
    for each in after.tables:
        is_partition = each.automatic and each.publication not in whole and len(each.family) > 1
        if is_partition and not acknowledged and (each.publication, each.oid) not in known:
            raise_for([each], "makes it a partition, whose rows are published")


def _change(was: PublishedTable, now: PublishedTable) -> str | None:
    if (was.schema, was.name) != (now.schema, now.name):
        return f"renames it to {now.label}"
    for column, type_ in was.columns.items():
        if column not in now.columns:
            return f"takes column {quoted(column)} from it"
        if now.columns[column] != type_:
            return f"makes column {quoted(column)} {now.columns[column]} that was {type_}"
    for column in now.columns:
        if column not in was.columns:
            return f"adds column {quoted(column)} to it"
    lost = [rule for rule in was.rules if rule not in now.rules]
    return f"ends a rule of its rows ({lost[0]})" if lost else None


def raise_for(tables: Sequence[PublishedTable], change: str | None) -> None:
    """Raise RefusedError for a `change`, such as "adds column x to it", of the first of these tables."""
    if tables and change:
        table = tables[0]
        raise RefusedError(
            f"Table {table.label} is published by {quoted(table.publication)}, and this revision {change}: a "
            f"subscriber whose table is not changed likewise stops for good at the first row that differs. {UNCHANGED}",
            _way_out(tables[:1]),
        )


def _way_out(tables: Sequence[PublishedTable]) -> str:
    """Return what to do with these tables of one publication."""
    if tables[0].automatic:
        return whole_remedy()
    publication, names = quoted(tables[0].publication), ", ".join(each.label for each in tables)
    return (
        f"Publish without it while it changes: alter publication {publication} drop table {names}; after the upgrade "
        f"change the subscriber likewise and empty what changed there, then alter publication {publication} add table "
        f"{names}, and on the subscriber alter subscription ... refresh publication. Where the subscriber has the "
        f"change already, or takes it by itself, say so with {variable('SUBSCRIBERS_CHANGED')}=yes."
    )


def bound_column(table: PublishedTable, column: str) -> RefusedError:
    """Return the error for a change of a column that the list or the row filter of a publication names."""
    kept = ", ".join(quoted(each) for each in table.columns if each != column)
    publication = quoted(table.publication)
    where = "the column list or the row filter" if table.listed else "the row filter"
    return RefusedError(
        f"Column {table.label}.{quoted(column)} is in {where} of publication {publication}: the subscriber would stop "
        f"for good, or rows would silently never arrive. {UNCHANGED}",
        f"Publish the table without it first, as the owner of the publication: alter publication {publication} drop "
        f"table {table.label}; alter publication {publication} add table {table.label} ({kept}), with a filter that "
        "does not need it; on the subscriber, alter subscription ... refresh publication with (copy_data = false). "
        "Then run the same command again.",
    )


def lost_identity(table: PublishedTable, index: str) -> RefusedError:
    """Return the error for the end of the index that is the replica identity of a published table."""
    return RefusedError(
        f"{index} is the replica identity of {table.label}, which {quoted(table.publication)} publishes: without it "
        f"every UPDATE and DELETE of the table would fail. {UNCHANGED}",
        f"Choose another first: alter table {table.label} replica identity using index <a unique index of NOT NULL "
        f"columns>, or alter table {table.label} replica identity full.",
    )


def no_identity(table: PublishedTable) -> RefusedError:
    """Return the error for a published table whose rows nobody can update or delete."""
    return RefusedError(
        f"Table {table.label} is published by {quoted(table.publication)} and has no replica identity that the "
        f"publication covers: PostgreSQL lets nobody update or delete its rows. {UNCHANGED}",
        f"Give it one first: a primary key, or alter table {table.label} replica identity full.",
    )


def refuse_pending(found: Publications, changed: Mapping[str, Sequence[str]]) -> None:
    """Refuse a run whose revisions change published tables; `changed` are columns by the name of their table."""
    lost: list[tuple[PublishedTable, str]] = []
    for each in found.watched(found.tables):
        columns = changed.get(each.name, ()) if each.schema == quoted(each.here) else ()
        sent = [quoted(column) for column in columns if column in each.columns or not each.listed]
        if sent and (not lost or lost[0][0].publication == each.publication):
            lost.append((each, ", ".join(sent)))
    if lost:
        listed = "".join(f"\n  {table.label}: {sent}" for table, sent in lost)
        raise RefusedError(
            f"Publication {quoted(lost[0][0].publication)} sends what pending revisions change, and a subscriber that "
            f"is not changed likewise stops for good at the first row that differs. {UNCHANGED}{listed}",
            _way_out([table for table, _ in lost]),
        )

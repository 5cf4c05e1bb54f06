"""Rules of the state after a revision, laid on the tables before it while rows are made: rows that it must take."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.author.sample_rows.table_shape import Column, Shape, read

TEXTS = frozenset({"text", "varchar", "bpchar"})


@contextmanager
def demanded(connection: Connection, after: Mapping[str, Shape]) -> Iterator[None]:
    """Inside the block the tables take only what the tables `after` would take too, as far as that can be said."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    before = read(connection)
    connection.rollback()
    undo: list[sql.Composed] = []
    for name in before.keys() & after.keys():
        for do, back in _rules(before[name], after[name]):
            try:
                with driver.transaction():
                    driver.execute(do)
            except psycopg.Error:
                continue  # it is about what is not there yet
            undo.append(back)
    driver.commit()
    yield
    for back in reversed(undo):
        driver.execute(back)
    driver.commit()


def _rules(before: Shape, after: Shape) -> Iterator[tuple[sql.Composed, sql.Composed]]:
    """Each as what lays it on, and what takes it off."""
    table = sql.Identifier(before.name)
    known = {rule.definition for rule in before.rules.values()}
    number = 0
    for rule in after.rules.values():
        if rule.definition in known or rule.kind == "p":
            continue
        number += 1
        name = sql.Identifier(f"ourschool_proof_{before.name[:30]}_{number}")
        if rule.kind == "i":
            yield (
                sql.SQL("create unique index {} on {} using {}").format(name, table, sql.SQL(rule.definition)),
                sql.SQL("drop index {}").format(name),
            )
        else:
            add = sql.SQL("alter table {} add constraint {} {}").format(table, name, sql.SQL(rule.definition))
            yield add, sql.SQL("alter table {} drop constraint {}").format(table, name)
    there = {column.name: column for column in before.columns}
    for column in after.columns:
        old = there.get(column.name)
        if old is None:
            continue
        if column.not_null and not old.not_null:
            words = sql.SQL("alter table {} alter column {} {} not null")
            yield (
                words.format(table, sql.Identifier(column.name), sql.SQL("set")),
                words.format(table, sql.Identifier(column.name), sql.SQL("drop")),
            )
        if (old.printed, old.labels) != (column.printed, column.labels):
            name = sql.Identifier(f"ourschool_proof_{before.name[:20]}_{column.name[:20]}_type")
            add = sql.SQL("alter table {} add constraint {} check ({})").format(table, name, _converts(old, column))
            yield add, sql.SQL("alter table {} drop constraint {}").format(table, name)


def _converts(old: Column, new: Column) -> sql.Composed:
    name = sql.Identifier(old.name)
    if new.labels:
        return sql.SQL("{}::text in ({})").format(name, sql.SQL(", ").join(map(sql.Literal, new.labels)))
    if new.type in TEXTS:
        return sql.SQL("{}::text::{}::text = {}::text").format(name, sql.SQL(new.printed), name)
    return sql.SQL("({}::{} is null) = ({} is null)").format(name, sql.SQL(new.printed), name)

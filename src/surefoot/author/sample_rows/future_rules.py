"""Adds the constraints of the schema after a revision to the tables before it, so that sample rows satisfy them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import Connection

from surefoot.author.sample_rows.table_shape import Column, Shape, read
from surefoot.database import driver_of

TEXTS = frozenset({"text", "varchar", "bpchar"})


@contextmanager
def later_rules(connection: Connection, after: Mapping[str, Shape]) -> Iterator[None]:
    """Add what can be added of the constraints of the tables `after` while the block runs; `connection` is idle."""
    driver = driver_of(connection)
    before = read(connection)
    connection.rollback()
    removals: list[sql.Composed] = []
    for name in before.keys() & after.keys():
        for addition, removal in _rules(before[name], after[name]):
            try:
                with driver.transaction():
                    driver.execute(addition)
            except psycopg.Error:
                continue  # the rule needs a column or function of the revision's
            removals.append(removal)
    driver.commit()
    yield
    for removal in reversed(removals):
        driver.execute(removal)
    driver.commit()


def _rules(before: Shape, after: Shape) -> Iterator[tuple[sql.Composed, sql.Composed]]:
    """Yield for each rule the statement that adds it and the one that drops it."""
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
    present = {column.name: column for column in before.columns}
    for column in after.columns:
        old = present.get(column.name)
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

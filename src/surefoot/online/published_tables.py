"""What an operation may not do to a published table: asked by the operation itself, and before the revision begins.

Nothing is asked offline. What is asked of names that are not there, or not published, is no matter here.
"""

import logging
import re
from collections.abc import Iterable

from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from surefoot.errors import RefusedError
from surefoot.runtime import lost_subscribers, publications
from surefoot.runtime.publications import Publications, PublishedTable, quoted

log = logging.getLogger("surefoot")

_ALTERED = re.compile(r"""
    alter\ table\ (if\ exists\ )?(only\ )?(?P<table>\S+)\ (?P<change>
        add\ (column\ )?(if\ not\ exists\ )?(?!(constraint|check|unique|primary|foreign|exclude|not\ null)\b)\S+
      | drop\ (column\ )?(if\ exists\ )?(?!(constraint|expression|identity)\b)\S+
      | rename\ (?!constraint\b)(column\ )?\S+
      | alter\ (column\ )?\S+\ (set\ data\ )?type\b
      | alter\ (column\ )?\S+\ drop\ not\ null
    )
""", re.VERBOSE)  # fmt: skip
"""A statement that changes what is sent, in lower case and with single spaces."""


def refuse_new_column(context: MigrationContext, table: str, column: str, schema: str | None = None) -> None:
    """Refuse a new column of a published table, except of one with a list of the columns that it sends."""
    found, sent = _published(context, table, schema)
    _refuse(context, found, [each for each in sent if not each.listed], f"adds column {quoted(column)} to it")


def refuse_changed_column(
    context: MigrationContext, table: str, columns: Iterable[str], change: str, schema: str | None = None
) -> None:
    """Refuse a `change` (in which %s stands for the column) of columns that are sent, or that a filter reads."""
    found, sent = _published(context, table, schema)
    for column in columns:
        for each in sent:
            if column in each.bound:
                raise lost_subscribers.bound_column(each, column)
        _refuse(context, found, [each for each in sent if column in each.columns], change % quoted(column))


def refuse_labels(context: MigrationContext, table: str, columns: Iterable[str]) -> None:
    """Refuse other labels for the type of columns that are sent."""
    found, sent = _published(context, table, None)
    for column in columns:
        holds = [each for each in sent if column in each.columns]
        _refuse(context, found, holds, f"gives the type of column {quoted(column)} other labels")


def refuse_null(context: MigrationContext, table: str, column: str, schema: str | None = None) -> None:
    """Refuse that NULL comes to be allowed in a column that is sent."""
    found, sent = _published(context, table, schema)
    not_null = [each for each in sent if f"{column} is not null" in each.rules]
    _refuse(context, found, not_null, f"allows NULL in column {quoted(column)}")


def refuse_renamed_table(context: MigrationContext, table: str, schema: str | None = None) -> None:
    """Refuse another name for a published table: the subscriber has none of that name."""
    found, sent = _published(context, table, schema)
    _refuse(context, found, sent, "renames it")


def refuse_lost_rule(context: MigrationContext, table: str | None, name: str) -> None:
    """Refuse the end of an index or constraint by which rows are told, or that a subscriber may hold its rows to."""
    if context.as_sql or context.connection is None:
        return
    found = publications.of_run(context.connection)
    for each in found.tables:
        if name in each.rule_names and (table is None or each.is_named(table)):
            if each.identifies and name in each.identity:
                raise lost_subscribers.lost_identity(each, f"Index {quoted(name)}")
            _refuse(context, found, [each], f"ends {quoted(name)}, which the subscriber may still have")


def refuse_subscribed(context: MigrationContext, table: str, missing: str = "in the column of the new type") -> None:
    """Refuse where a subscription writes to the table: what it writes fires no trigger, so no new column follows it.

    `missing` says where its rows would be missing.
    """
    if context.as_sql or context.connection is None:
        return
    names = publications.subscriptions_of(context.connection, table)
    if names:
        raise RefusedError(
            f"Subscription {', '.join(map(quoted, names))} writes to {quoted(table)}, and its rows fire no trigger: "
            f"they would be missing {missing}. Nothing was changed.",
            f"Disable it while the upgrade runs: alter subscription {quoted(names[0])} disable; enable it afterwards.",
        )


def refuse_unchangeable(context: MigrationContext, table: str) -> None:
    """Refuse what changes or deletes rows of a published table that has no replica identity: PostgreSQL would."""
    for each in _published(context, table, None)[1]:
        if not each.changeable:
            raise lost_subscribers.no_identity(each)


def tell_retired_rows(context: MigrationContext, table: str) -> None:
    """Say of rows that are set aside that the subscriber loses them: they are deleted there."""
    for each in _published(context, table, None)[1][:1]:
        log.warning(
            "%s is published by %s: rows that are set aside here are deleted at the subscriber.",
            each.label, quoted(each.publication),
        )  # fmt: skip


def tell_retired_table(context: MigrationContext, table: str) -> None:
    """Say of a table that is set aside that its publication keeps it: a new subscription would look for it in vain."""
    for each in _published(context, table, None)[1]:
        if not each.automatic:
            log.warning(
                "%s stays in publication %s, in schema retired, and nothing more comes from it: alter publication %s "
                "drop table retired.<its name there>, before anybody subscribes anew.",
                each.label, quoted(each.publication), quoted(each.publication),
            )  # fmt: skip


def refuse_sql(context: MigrationContext, text: str) -> None:
    """Refuse a statement of `text`, in lower case and with single spaces, that changes what a published table sends."""
    for match in _ALTERED.finditer(text):
        schema, _, table = match["table"].replace('"', "").rpartition(".")
        found, sent = _published(context, table, schema or None)
        _refuse(context, found, sent, f"says {match['change']}")


def _published(context: MigrationContext, table: str, schema: str | None) -> tuple[Publications, list[PublishedTable]]:
    connection: Connection | None = context.connection
    if context.as_sql or connection is None:
        return Publications(), []
    found = publications.of_run(connection)
    return found, found.named(table, schema)


def _refuse(context: MigrationContext, found: Publications, tables: list[PublishedTable], change: str) -> None:
    run = context.opts.get("run") if tables else None
    if run is None or not run.settings.subscribers_changed:
        lost_subscribers.raise_for(found.watched(tables), change)

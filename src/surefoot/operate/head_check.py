"""Whether a database is at head, asked with psycopg alone: what stands before every start must not load the rest."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from surefoot.program import program
from surefoot.settings import Settings

SCHEME = re.compile(r"postgres(ql)?(\+psycopg)?://")
VERSIONS = "select version_num from alembic_version"
STANDS = """
    select version_num,
           coalesce((
               select direction = 'downgrade' and outcome <> 'done'
                 from migration_journal
                where revision = version_num
                order by id desc
                limit 1
           ), false)
      from alembic_version
"""
"""The revisions, and whether the last that the journal has of one is a way down that did not come to its end."""
WITHOUT_JOURNAL = frozenset({"42P01", "42501"})
"""There is none, or this role may not read it."""

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query and returns its rows, so that another may follow where it is refused."""


def wholly_at(ask: Ask) -> tuple[str, ...]:
    """The revisions that `alembic_version` has and of which nothing is taken down, as far as the journal can be read.

    One round trip where it can. Raises what `ask` does where `alembic_version` itself cannot be read.
    """
    try:
        return tuple(version for version, half_way_down in ask(STANDS) if not half_way_down)
    except Exception as fault:
        if state(fault) not in WITHOUT_JOURNAL:
            raise
        return tuple(version for (version,) in ask(VERSIONS))


def state(fault: Exception) -> str | None:
    """The SQLSTATE of a fault, raised by psycopg or by SQLAlchemy around it."""
    return getattr(getattr(fault, "orig", fault), "sqlstate", None)


def at_head(settings: Settings) -> str | None:
    """The head, where the database is there; None where it is not, or where anything at all is in the way.

    Who gets None asks again with `ensure_current`, which explains.
    """
    head, url = settings.project.head(), settings.database_url or ""
    if head is None or not SCHEME.match(url):
        return None
    try:
        with psycopg.connect(
            SCHEME.sub("postgresql://", url, count=1),
            autocommit=True, application_name=f"{program()} ensure", connect_timeout=10,
            client_encoding="utf8",
        ) as connection:  # fmt: skip
            found = wholly_at(lambda query: connection.execute(query.encode()).fetchall())
    except psycopg.Error:
        return None
    return head if found == (head,) else None

"""Whether a database is at head, asked with psycopg alone: what stands before every start must not load the rest."""

import re

import psycopg

from ourschool import project
from ourschool.settings import Settings

SCHEME = re.compile(r"postgres(ql)?(\+psycopg)?://")
VERSIONS = "select version_num from alembic_version"


def at_head(settings: Settings) -> str | None:
    """The head, where the database is there; None where it is not, or where anything at all is in the way.

    Who gets None asks again with `ensure_current`, which explains.
    """
    head, url = project.newest(settings.ini.parent / "alembic" / "versions"), settings.database_url or ""
    if head is None or not SCHEME.match(url):
        return None
    try:
        with psycopg.connect(
            SCHEME.sub("postgresql://", url, count=1),
            autocommit=True, application_name="ourschool ensure", connect_timeout=10,
        ) as connection:  # fmt: skip
            found = connection.execute(VERSIONS).fetchall()
    except psycopg.Error:
        return None
    return head if found == [(head,)] else None

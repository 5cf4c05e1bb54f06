"""Rules by which a table does not take what is written to it: `create rule ... do instead nothing` and its like.

PostgreSQL says of such a statement that it was done, so a revision that writes there loses rows without an error.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from surefoot import database
from surefoot.catalogue.reader import BOOKKEEPING
from surefoot.errors import RefusedError

# A rule that is enabled for replicas only does nothing in a session like ours.
TABLE = r"""(?:["'.]|\b(?:table|update|into|from|join|on|exists|only)\s+)"""
RULE = r"\brule\s+[\"]?"
"""What stands in the text of a revision before the name of a table, and of a rule that it creates."""
RULES = """
select c.oid,
       format('%I', r.rulename) as name,
       r.rulename::text as plain,
       c.relname::text as on,
       case when n.nspname = current_schema() then format('%I', c.relname)
            else format('%I.%I', n.nspname, c.relname) end as table,
       case r.ev_type when '2' then 'UPDATE' when '3' then 'INSERT' when '4' then 'DELETE' else 'SELECT' end as event
  from pg_rewrite r
  join pg_class c on c.oid = r.ev_class
  join pg_namespace n on n.oid = c.relnamespace
 where r.is_instead
   and r.ev_enabled in ('O', 'A')
   and c.relkind in ('r', 'p')
   and n.nspname in (current_schema(), 'retired')
 order by 4, 2
"""
"""Returns the enabled DO INSTEAD rules of the tables of the school, and of those that were retired."""


def refuse(connection: Connection, script: ScriptDirectory) -> None:
    """Raise RefusedError for a rule of somebody else's on a table that revisions name, or on our own bookkeeping.

    A rule that a revision creates is that revision's affair; an online operation on its table is still refused.
    """
    rows = database.execute_verbatim(connection, RULES).all()
    if not rows:
        return
    texts = [Path(each.path).read_text("utf-8") for each in script.walk_revisions()]
    for row in rows:
        known = row.on in BOOKKEEPING or _named(texts, row.on, after=TABLE)
        if known and not _named(texts, row.plain, after=RULE):
            raise error(row)


def refuse_on(rows: Iterable[Any]) -> None:
    """Raise RefusedError for the first of the `rows` of RULES."""
    for row in rows:
        raise error(row)


def error(row: Any) -> RefusedError:
    """Return the error for one row of RULES."""
    return RefusedError(
        f"The rule {row.name} on {row.table} does something else instead of each {row.event}, so what a revision "
        "writes there would be lost without an error. Nothing was changed.",
        f"alter table {row.table} disable rule {row.name}; switches it off until the work is done, and drop rule "
        f"{row.name} on {row.table}; for good. Then run the same command again.",
    )


def _named(texts: Iterable[str], name: str, *, after: str) -> bool:
    pattern = re.compile(rf"{after}{re.escape(name)}\b", re.IGNORECASE)
    return any(pattern.search(text) for text in texts)

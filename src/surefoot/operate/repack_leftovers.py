"""What pg_repack leaves where it was cut off, and the tables that it works on at this moment.

Its trigger writes each change of a row into a table of the schema `repack`, for ever. That table has a column of the
type of the whole row, so that PostgreSQL refuses other types for the columns of the one that it was made for.
"""

from sqlalchemy.engine import Connection

from surefoot.database import execute_verbatim

# pg_repack names its tables after the oid of the one that it works on, and calls its sessions by its own name.
LEFTOVERS = """
  with made as (
       select c.oid, c.relname as name, substring(c.relname from '_([0-9]+)$')::oid as of
         from pg_class c
        where c.relnamespace = to_regnamespace('repack')
          and c.relkind = 'r'
          and c.relname ~ '^(log|table)_[0-9]{1,9}$'
       )
select coalesce(t.oid::regclass::text, m.of::text) as table,
       coalesce(g.name, '') as trigger,
       array_remove(array_agg(m.name order by m.name), null) as tables,
       (select min(pid) from pg_stat_activity
         where application_name = 'pg_repack' and datname = current_database()) as pid
  from made m
  full join (select tgrelid, format('%I', tgname) as name from pg_trigger where tgname = 'repack_trigger') g
    on g.tgrelid = m.of
  left join pg_class t
    on t.oid = coalesce(g.tgrelid, m.of)
 group by t.oid, m.of, g.name
 order by 1
"""
EXTENSION = "select exists (select from pg_extension where extname = 'pg_repack')"


def read(connection: Connection) -> list[tuple[str, str]]:
    """Return sentence and remedy for each table that pg_repack works on, or has left its objects at."""
    found = []
    for row in execute_verbatim(connection, LEFTOVERS).all():
        if row.pid is not None:
            found.append((
                f"pg_repack works on {row.table} now (pid {row.pid}): its trigger and its lock are in the way of a "
                "change of this table",
                "Wait until it is done.",
            ))  # fmt: skip
            continue
        drops = [f"drop trigger {row.trigger} on {row.table}"] if row.trigger else []
        drops += [f"drop table repack.{name}" for name in row.tables]
        writes = f"trigger {row.trigger} writes every change of its rows a second time, and " if row.trigger else ""
        anew = "or, of everything at once: drop extension pg_repack cascade; create extension pg_repack;"
        installed = execute_verbatim(connection, EXTENSION).scalar_one()
        found.append((
            f"pg_repack was cut off at {row.table}: {writes}what it left there refuses another type for a column",
            f"{'; '.join(drops)};" + (f" {anew}" if installed else ""),
        ))  # fmt: skip
    return found

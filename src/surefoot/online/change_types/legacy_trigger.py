"""Restate the condition of sync triggers that an older engine created and that pg_dump writes wrongly."""

import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot import database
from surefoot.runtime import lock_retry

# The first released revisions wrote the condition with the operator *<>, which pg_dump prints without casts to record.
RESTATE = r"""
do $restated$
declare
    one record;
begin
    for one in
        select t.tgname as name, t.tgrelid::regclass as relation, pg_get_triggerdef(t.oid) as definition
          from pg_trigger t
         where not t.tgisinternal
           and t.tgname like '%\_\_changing\_%'
           and t.tgqual is not null
           and pg_has_role((select relowner from pg_class where pg_class.oid = t.tgrelid), 'usage')
    loop
        continue when one.definition !~ ' WHEN \(\(ROW\(.*\) \*<> ROW\(.*\)\)\) EXECUTE ';
        execute format('drop trigger %I on %s', one.name, one.relation);
        execute regexp_replace(one.definition, ' WHEN \(\(ROW\((.*)\) \*<> ROW\((.*)\)\)\) EXECUTE ',
                               ' WHEN (pg_catalog.record_image_ne(ROW(\1), ROW(\2))) EXECUTE ');
        execute format('alter table %s enable always trigger %I', one.relation, one.name);
    end loop;
end
$restated$
"""

TRIES = 50


def restate(connection: Connection) -> None:
    """Recreate each such trigger of an interrupted change of types with a condition that a dump can restore.

    This runs in a transaction of its own, with a lock_timeout of 200 ms and up to `TRIES` tries. Raises DBAPIError
    where all of them time out.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            database.execute_verbatim(connection, "set local lock_timeout = '200ms'")
            database.execute_verbatim(connection, RESTATE)
            connection.commit()
            return
        except sa.exc.DBAPIError as fault:
            connection.rollback()
            if not tries_left or not lock_retry.is_lock_failure(fault):
                raise
            time.sleep(0.2)

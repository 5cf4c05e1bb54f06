"""The old condition of a syncing trigger, which no restore reads: told anew where a change of types was cut off."""

import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot import database
from surefoot.runtime import lock_retry

# It was told by the operator when the first revisions were released. What PostgreSQL prints of that has no casts.
RESTATED = r"""
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
    """Put what every dump can say in the place of an old trigger's condition, where a change of types was cut off.

    In a transaction of its own, in short tries that give way to others. Raises DBAPIError where none of them gets on.
    """
    for left in reversed(range(TRIES)):
        try:
            database.execute_verbatim(connection, "set local lock_timeout = '200ms'")
            database.execute_verbatim(connection, RESTATED)
            connection.commit()
            return
        except sa.exc.DBAPIError as fault:
            connection.rollback()
            if not left or not lock_retry.is_lock_failure(fault):
                raise
            time.sleep(0.2)

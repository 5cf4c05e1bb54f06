"""The new columns, and the trigger that keeps them as the old ones are while the change of types is under way."""

import logging
from dataclasses import dataclass

from psycopg import sql

from ourschool.errors import UsageError
from ourschool.migrate.online import conversion
from ourschool.migrate.online.conversion import PREFIX, Conversion
from ourschool.migrate.online.steps import Steps
from ourschool.migrate.online.things import within

log = logging.getLogger("ourschool.migrate")

LAST = ("~", "\U0010fffd")
"""Triggers fire in the order of their names, as bytes: what ours begins with, and where one begins like it, this."""

TARGETS = """
select a.attname::text as name,
       col_description(a.attrelid, a.attnum) as comment
  from pg_attribute a
 where a.attrelid = :table
   and a.attname = any (:names)
   and not a.attisdropped
"""
TRIGGERS = """
select t.tgname::text as name,
       p.prosrc as body
  from pg_trigger t
  join pg_proc p on p.oid = t.tgfoid
 where t.tgrelid = :table
   and not t.tgisinternal
   and t.tgname like '%\\_\\_changing\\_%'
"""
# Before, for each row; tgtype has a bit for each: 1 row, 2 before, 4 insert, 16 update.
OTHERS = """
select t.tgname::text as name,
       t.tgtype & 16 <> 0 as on_update
  from pg_trigger t
 where t.tgrelid = :table
   and not t.tgisinternal
   and t.tgtype & 3 = 3
   and t.tgname not like '%\\_\\_changing\\_%'
"""
WATCHED = """
select a.attname::text as name
  from pg_attribute a
 where a.attrelid = :table
   and a.attnum > 0
   and not a.attisdropped
   and a.attgenerated = ''
 order by a.attnum
"""
# What a client writes must never fail because of us. A value that does not convert is noted in the sequence, which
# no rollback takes back, and looked at before the swap. The settings are the revision's: a cast may read the time zone.
FUNCTION = sql.SQL("""
create or replace function {function}() returns trigger
language plpgsql
security definer
set search_path from current
set timezone from current
set datestyle from current
set intervalstyle from current
as {body}
""")
BODY = sql.SQL("""
begin
    begin
        select {values} into {targets} from (select new.*) as {table};
    exception when others then
        perform nextval({misses});
        {one_by_one}
    end;
    return new;
end
""")
ONE = sql.SQL("""
        begin
            select {value} into {target} from (select new.*) as {table};
        exception when others then
            {target} := null;
        end;
""")
ON_INSERT = "create trigger {trigger} before insert on {table} for each row execute function {function}()"
ON_UPDATE = "create trigger {trigger} before update of {columns} on {table} for each row execute function {function}()"
# Another trigger may change a column that the statement does not name: then only the values themselves can tell.
ON_CHANGE = """
create trigger {trigger} before update on {table} for each row
when (row({old})::record *<> row({new})::record) execute function {function}()
"""
ALWAYS = "alter table {table} enable always trigger {trigger}"


@dataclass(frozen=True)
class Names:
    """What our trigger, its function and its count of misses are called."""

    function: sql.Identifier
    misses: sql.Identifier
    triggers: tuple[str, str]


class Expansion:
    """The temporary parts of one change of types."""

    def __init__(self, steps: Steps, change: Conversion) -> None:
        self.steps, self.conversion, self.table = steps, change, change.table
        base = f"{PREFIX}{steps.revision}_{self.table.name}"
        others = steps.look(OTHERS, table=self.table.oid)
        first = LAST[any(row.name.encode() > LAST[0].encode() for row in others)]
        self._watched_by_value = any(row.on_update for row in others)
        self.names = Names(
            sql.Identifier(within(base)),
            sql.Identifier(within(f"{base}_misses")),
            (within(f"{first}{base}_i"), within(f"{first}{base}_u")),
        )

    def make(self) -> None:
        """Add columns and triggers in one short transaction, unless an earlier run of this very change has."""
        if self.stands():
            return
        self.undo()
        steps, table = self.steps, self.table

        def work() -> None:
            with steps.transaction():
                conversion.lock(steps, table)
                for change in self.conversion.changes:
                    if change.thing is None:
                        self._add(change)
                for statement in self._triggers():
                    steps.execute(statement)

        steps.repeat(work)

    def undo(self) -> None:
        """Take away everything that is there of this or an earlier try; retired columns only lose what hung on them."""
        steps, table = self.steps, self.table
        there = steps.look(TARGETS, table=table.oid, names=[c.target for c in self.conversion.changes])
        comments = {row.name: row.comment or "" for row in there}
        for change in self.conversion.changes:
            if change.thing is None and not comments.get(change.target, "ourschool: ").startswith("ourschool: "):
                raise UsageError(
                    f"The name {change.target!r} is taken: {table.name} has a column of that name that is not ours.",
                    "Rename that column; nothing was changed.",
                )
        leftovers = steps.look(LEFTOVERS, table=table.oid, names=[c.target for c in self.conversion.changes])
        if not there and not leftovers and not steps.look(TRIGGERS, table=table.oid):
            return

        def work() -> None:
            with steps.transaction():
                conversion.lock(steps, table, sorted({row.on for row in leftovers if row.elsewhere}))
                for statement in self.end():
                    steps.execute(statement)
                for row in leftovers:
                    steps.execute(row.statement)
                for change in self.conversion.changes:
                    if change.thing is None:
                        steps.execute(
                            sql.SQL("alter table {} drop column if exists {}").format(
                                table.identifier, change.successor
                            )
                        )
                    elif change.target in comments:
                        steps.execute(
                            sql.SQL("alter table {} alter column {} drop not null").format(
                                table.identifier, change.successor
                            )
                        )

        steps.repeat(work)

    def end(self) -> list[sql.Composable]:
        """The statements that take the triggers away, for the swap."""
        found = self.steps.look(TRIGGERS, table=self.table.oid)
        return [
            *(
                sql.SQL("drop trigger {} on {}").format(sql.Identifier(row.name), self.table.identifier)
                for row in found
            ),
            sql.SQL("drop function if exists {}()").format(self.names.function),
            sql.SQL("drop sequence if exists {}").format(self.names.misses),
        ]

    def misses(self) -> int:
        """How often a value that was written could not be converted."""
        found = self.steps.execute(
            sql.SQL("select case when is_called then last_value else 0 end from {}").format(self.names.misses)
        )
        assert found is not None
        return int(found.scalar_one())

    def stands(self) -> bool:
        """Whether an earlier run of this very change has made all of it."""
        names = [change.target for change in self.conversion.changes]
        there = {row.name: row.comment for row in self.steps.look(TARGETS, table=self.table.oid, names=names)}
        bodies = {row.name: row.body for row in self.steps.look(TRIGGERS, table=self.table.oid)}
        return bodies == dict.fromkeys(self.names.triggers, self._body().as_string()) and all(
            change.target in there
            and (change.thing is not None or there[change.target] == change.mark(self.steps.revision))
            for change in self.conversion.changes
        )

    def _add(self, change: conversion.Change) -> None:
        parts = {"table": self.table.identifier, "column": change.successor}
        collation = sql.SQL(f" collate {change.collation}" if change.collation else "")
        self.steps.execute(
            sql.SQL("alter table {table} add column {column} {type}{collation}").format(
                **parts, type=sql.SQL(change.type), collation=collation
            )
        )
        self.steps.execute(
            sql.SQL("comment on column {table}.{column} is {mark}").format(
                **parts, mark=change.mark(self.steps.revision)
            )
        )

    def _triggers(self) -> list[sql.Composable]:
        targets = {change.target for change in self.conversion.changes}
        watched = [
            sql.Identifier(row.name)
            for row in self.steps.look(WATCHED, table=self.table.oid)
            if row.name not in targets
        ]
        parts = {
            "table": self.table.identifier,
            "function": self.names.function,
            "columns": sql.SQL(", ").join(watched),
            "old": sql.SQL(", ").join(sql.SQL("old.{}").format(name) for name in watched),
            "new": sql.SQL(", ").join(sql.SQL("new.{}").format(name) for name in watched),
        }
        on_insert, on_update = map(sql.Identifier, self.names.triggers)
        return [
            sql.SQL("create sequence {}").format(self.names.misses),
            FUNCTION.format(function=self.names.function, body=self._body().as_string()),
            sql.SQL(ON_INSERT).format(**parts, trigger=on_insert),
            sql.SQL(ON_CHANGE if self._watched_by_value else ON_UPDATE).format(**parts, trigger=on_update),
            sql.SQL(ALWAYS).format(**parts, trigger=on_insert),
            sql.SQL(ALWAYS).format(**parts, trigger=on_update),
        ]

    def _body(self) -> sql.Composed:
        changes = self.conversion.changes
        targets = [sql.SQL("new.{}").format(change.successor) for change in changes]
        return BODY.format(
            values=sql.SQL(", ").join(self.conversion.value(change) for change in changes),
            targets=sql.SQL(", ").join(targets),
            table=self.table.identifier,
            one_by_one=sql.SQL("").join(
                ONE.format(value=self.conversion.value(change), target=target, table=self.table.identifier)
                for change, target in zip(changes, targets, strict=True)
            ),
            misses=sql.SQL("{}::regclass").format(self.names.misses.as_string()),
        )


# Constraints first: a foreign key needs the index it points to.
LEFTOVERS = """
select 1 as rank,
       c.conrelid::regclass::text as on,
       c.conrelid <> :table as elsewhere,
       format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname) as statement
  from pg_constraint c
 where :table in (c.conrelid, c.confrelid)
   and c.contype in ('c', 'f')
   and (starts_with(c.conname, '__changing_') or starts_with(c.conname, 'ourschool_') and exists (
           select from pg_attribute a
            where a.attrelid = c.conrelid and a.attnum = any (c.conkey) and a.attname = any (:names)))
union all
select 2, i.indrelid::regclass::text, false, format('drop index %s', i.indexrelid::regclass)
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
 where i.indrelid = :table
   and starts_with(x.relname, '__changing_')
 order by 1, 2, 4
"""

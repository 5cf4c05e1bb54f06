"""What a column has of its own: default, comment, privileges, sequence, statistics target; carried to its successor."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.change_types.conversion import Change, Conversion, given
from surefoot.online.change_types.preflight import scratch
from surefoot.online.change_types.unconvertible_rows import said
from surefoot.online.executor import Steps

CONSTANT = """
e.adbin is not null
       and e.adbin::text !~ '[{](SQLVALUEFUNCTION|NEXTVALUEEXPR|SUBLINK) '
       and not exists (
           select from regexp_matches(e.adbin::text, '(funcid|opfuncid) (\\d+)', 'g') as called (found)
             join pg_proc p on p.oid = called.found[2]::oid
            where p.provolatile <> 'i'
       )
"""
"""Whether the default `e` has the same value for every row."""
TRAITS = f"""
select a.attname::text as column,
       pg_get_expr(e.adbin, e.adrelid) as default,
       {CONSTANT} as constant,
       a.attidentity::text as identity,
       col_description(a.attrelid, a.attnum) as comment,
       nullif(a.attstattarget, -1) as target,
       a.attoptions as options,
       (select array_agg(format('grant %s (%%s) on %%s to %s%s', g.privilege_type,
                                case when g.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
                                case when g.is_grantable then ' with grant option' else '' end))
          from aclexplode(a.attacl) as g) as grants,
       s.seqrelid::regclass::text as sequence,
       format('sequence name %s start %s increment %s minvalue %s maxvalue %s cache %s %s', s.seqrelid::regclass,
              s.seqstart, s.seqincrement,
              case when s.seqincrement < 0 and s.seqmin = l.lowest then 'default' else s.seqmin::text end,
              case when s.seqincrement > 0 and s.seqmax = l.highest then 'default' else s.seqmax::text end,
              s.seqcache, case when s.seqcycle then 'cycle' else 'no cycle' end) as options_of_identity
  from pg_attribute a
  left join pg_attrdef e on e.adrelid = a.attrelid and e.adnum = a.attnum
  left join pg_depend d
    on d.classid = 'pg_class'::regclass
   and d.refclassid = 'pg_class'::regclass
   and d.refobjid = a.attrelid
   and d.refobjsubid = a.attnum
   and d.deptype in ('a', 'i')
   and exists (select from pg_class where oid = d.objid and relkind = 'S')
  left join pg_sequence s on s.seqrelid = d.objid
  left join lateral (
      select case s.seqtypid when 'smallint'::regtype then -32768 when 'integer'::regtype then -2147483648
                             else -9223372036854775808 end as lowest,
             case s.seqtypid when 'smallint'::regtype then 32767 when 'integer'::regtype then 2147483647
                             else 9223372036854775807 end as highest
  ) as l on true
 where a.attrelid = :table
   and a.attname = any (:names)
   and not (s.seqrelid is null and d.objid is not null)
"""  # noqa: S608  # the constant above, nothing else


@dataclass(frozen=True)
class Traits:
    """Of one column; `default` is for the new type."""

    change: Change
    default: str | None
    identity: str
    comment: str | None
    target: int | None
    options: tuple[str, ...]
    grants: tuple[str, ...]
    sequence: str | None
    options_of_identity: str | None

    def of_statistics(self) -> Iterator[sql.Composable]:
        """What ANALYZE has to know before it looks; these stop nobody."""
        column = sql.SQL("alter table {} alter column {} ").format(self.change.table.identifier, self.change.successor)
        if self.target is not None:
            yield column + sql.SQL("set statistics {}").format(self.target)
        if self.options:
            yield column + sql.SQL("set ({})").format(sql.SQL(", ".join(self.options)))

    def before_the_swap(self) -> Iterator[sql.Composable]:
        """Takes the sequence away from the column that will be retired; inside the swap's transaction."""
        parts = {"table": self.change.table.identifier, "column": self.change.name, "to": self.change.successor}
        if self.identity:
            yield sql.SQL("alter table {table} alter column {column} drop identity").format(**parts)
        elif self.sequence:
            yield sql.SQL("alter sequence {} owned by {table}.{to}").format(sql.SQL(self.sequence), **parts)

    def after_the_swap(self, place: tuple[int, bool] | None) -> Iterator[sql.Composable]:
        """Gives the successor, which has the name now, all of it; `place` is where the identity's sequence stood."""
        table, name = self.change.table.identifier, self.change.name
        column = sql.SQL("alter table {} alter column {} ").format(table, name)
        if self.identity and self.options_of_identity and self.sequence and place:
            how = {"a": "always", "d": "by default"}[self.identity]
            options = self.options_of_identity.replace("maxvalue default", "").replace("minvalue default", "")
            yield column + sql.SQL(f"add generated {how} as identity ({options})")
            yield sql.SQL("select setval({}::regclass, {}, {})").format(self.sequence, *place)
        elif self.default is not None:
            yield column + sql.SQL(f"set default {self.default}")
        yield sql.SQL("comment on column {}.{} is {}").format(table, name, self.comment)
        for grant in self.grants:
            yield sql.SQL(grant % (name.as_string(), table.as_string()))


def read(steps: Steps, conversion: Conversion) -> tuple[Traits, ...]:
    """The traits of each column, the default made one of the new type.

    Raises RefusedError for a default that cannot be.
    """
    changes = {change.column: change for change in conversion.changes}
    rows = steps.look(TRAITS, table=conversion.table.oid, names=list(changes))
    return tuple(
        Traits(
            changes[row.column],
            _default(steps, conversion, changes[row.column], row) if row.default is not None else None,
            row.identity,
            row.comment,
            row.target,
            tuple(row.options or ()),
            tuple(row.grants or ()),
            row.sequence,
            row.options_of_identity,
        )
        for row in sorted(rows, key=lambda row: str(row.column))  # the same statements in the same order everywhere
    )


def _default(steps: Steps, conversion: Conversion, change: Change, row: sa.Row[tuple[object, ...]]) -> str:
    """A constant goes the way of the values; what is asked anew for each row has to fit by itself."""
    table, kind = conversion.table, sql.SQL(change.type)
    try:
        with scratch(steps):
            if row.constant:
                columns = sql.SQL(", ").join(
                    sql.SQL("({}){} as {}").format(
                        sql.SQL(row.default), sql.SQL(f"::{change.old_type}"), sql.Identifier(name)
                    )
                    if name == change.column
                    else sql.SQL("(null::{}).{} as {}").format(table.identifier, *[sql.Identifier(name)] * 2)
                    for name in table.columns
                )
                found = steps.execute(
                    sql.SQL("select {}::{}::text from (select {}) as {}").format(
                        given(change.using), kind, columns, table.identifier
                    )
                )
                assert found is not None
                value = found.scalar_one()
                text = "null" if value is None else sql.Literal(value).as_string()
                return f"{text}::{change.type}"
            steps.execute(
                sql.SQL("create temporary table ourschool_default (one {} default {})").format(
                    kind, sql.SQL(row.default)
                )
            )
            return str(row.default)
    except sa.exc.DBAPIError as fault:
        raise RefusedError(
            f"The type of {change.called} cannot be changed to {change.type}: its default {row.default} does not go "
            f"with it ({said(fault)}).",
            "Drop the default in the same revision before, op.alter_column(…, server_default=None), and give a new one "
            "after; nothing was changed.",
        ) from fault

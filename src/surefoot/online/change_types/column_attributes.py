"""Read a column's default, identity, comment, privileges and statistics target, and give them to its shadow column.

`PRINTED_DEFAULT` is the part of the `--sql` form that converts a default, as `_default` does online.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg import sql

from surefoot.errors import RefusedError
from surefoot.online.change_types.conversion import Change, Conversion, parenthesized
from surefoot.online.dependent_ddl import comment_on
from surefoot.online.executor import Steps
from surefoot.runtime import error_translation

CONSTANT = """
e.adbin is not null
       and e.adbin::text !~ '[{](SQLVALUEFUNCTION|NEXTVALUEEXPR|SUBLINK) '
       and not exists (
           select from regexp_matches(e.adbin::text, '(funcid|opfuncid) (\\d+)', 'g') as called (found)
             join pg_proc p on p.oid = called.found[2]::oid
            where p.provolatile <> 'i'
       )
"""
"""SQL that is true where the default `e` of pg_attrdef has the same value for every row."""
ATTRIBUTES = f"""
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
       obj_description(s.seqrelid, 'pg_class') as comment_of_sequence,
       (select array_agg(format('grant %s on sequence %s to %s%s', g.privilege_type, c.oid::regclass,
                                case when g.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
                                case when g.is_grantable then ' with grant option' else '' end))
          from pg_class c cross join aclexplode(c.relacl) as g
         where c.oid = s.seqrelid and g.grantee <> c.relowner) as grants_of_sequence,
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
class ColumnAttributes:
    """The attributes of one column. Each is SQL, as the statements below need it."""

    change: Change
    default: str | None
    """The default, converted to the new type."""
    identity: str
    comment: str | None
    target: int | None
    """The statistics target; None for the server's default."""
    options: tuple[str, ...]
    grants: tuple[str, ...]
    """GRANT statements with %s for the column and the table."""
    sequence: str | None
    options_of_identity: str | None
    comment_of_sequence: str | None
    grants_of_sequence: tuple[str, ...]
    """GRANT statements for the sequence of an identity, which is made anew."""

    def statistics_statements(self) -> Iterator[sql.Composable]:
        """Yield what sets the statistics target and options before ANALYZE; SHARE UPDATE EXCLUSIVE blocks nobody."""
        column = sql.SQL("alter table {} alter column {} ").format(self.change.table.identifier, self.change.shadow)
        if self.target is not None:
            yield column + sql.SQL("set statistics {}").format(self.target)
        if self.options:
            yield column + sql.SQL("set ({})").format(sql.SQL(", ".join(self.options)))

    def before_cutover(self) -> Iterator[sql.Composable]:
        """Yield what takes the sequence from the column that will be retired, for the cutover's transaction."""
        parts = {"table": self.change.table.identifier, "column": self.change.name, "to": self.change.shadow}
        if self.identity:
            yield sql.SQL("alter table {table} alter column {column} drop identity").format(**parts)
        elif self.sequence:
            yield sql.SQL("alter sequence {} owned by {table}.{to}").format(sql.SQL(self.sequence), **parts)

    def after_cutover(self, position: tuple[int, bool] | None) -> Iterator[sql.Composable]:
        """Yield what gives the attributes to the shadow column, which has the column's name by then.

        `position` is last_value and is_called of the identity's sequence.
        """
        table, name = self.change.table.identifier, self.change.name
        column = sql.SQL("alter table {} alter column {} ").format(table, name)
        if self.identity and self.options_of_identity and self.sequence and position:
            how = {"a": "always", "d": "by default"}[self.identity]
            options = self.options_of_identity.replace("maxvalue default", "").replace("minvalue default", "")
            yield column + sql.SQL(f"add generated {how} as identity ({options})")
            yield sql.SQL("select setval({}::regclass, {}, {})").format(self.sequence, *position)
            yield from comment_on(sql.SQL("sequence {}").format(sql.SQL(self.sequence)), self.comment_of_sequence)
            yield from map(sql.SQL, self.grants_of_sequence)
        elif self.default is not None:
            yield column + sql.SQL(f"set default {self.default}")
        yield sql.SQL("comment on column {}.{} is {}").format(table, name, self.comment)
        for grant in self.grants:
            yield sql.SQL(grant % (name.as_string(), table.as_string()))


def read(steps: Steps, conversion: Conversion) -> tuple[ColumnAttributes, ...]:
    """Return the attributes of each column. Raises RefusedError for a default that the new type does not allow."""
    changes = {change.column: change for change in conversion.changes}
    rows = steps.fetch(ATTRIBUTES, table=conversion.table.oid, names=list(changes))
    return tuple(
        ColumnAttributes(
            changes[row.column],
            _default(steps, conversion, changes[row.column], row) if row.default is not None else None,
            row.identity,
            row.comment,
            row.target,
            tuple(row.options or ()),
            tuple(row.grants or ()),
            row.sequence,
            row.options_of_identity,
            row.comment_of_sequence,
            tuple(row.grants_of_sequence or ()),
        )
        for row in sorted(rows, key=lambda row: str(row.column))  # the same statements in the same order everywhere
    )


def _default(steps: Steps, conversion: Conversion, change: Change, row: sa.Row[tuple[object, ...]]) -> str:
    """Return the default for the new type: a constant converted by `using`, any other as it is."""
    table, kind = conversion.table, sql.SQL(change.type)
    try:
        with steps.rolled_back():
            if row.constant:
                columns = sql.SQL(", ").join(
                    sql.SQL("({}){} as {}").format(
                        sql.SQL(row.default), sql.SQL(f"::{change.old_type}"), sql.Identifier(name)
                    )
                    if name == change.column
                    else sql.SQL("(null::{}).{} as {}").format(table.identifier, *[sql.Identifier(name)] * 2)
                    for name in table.columns
                )
                rows = steps.fetch(
                    sql.SQL("select {}::{}::text from (select {}) as {}").format(
                        parenthesized(change.using), kind, columns, table.identifier
                    )
                )
                value = rows[0][0]
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
            f"The type of {change.label} cannot be changed to {change.type}: its default {row.default} does not go "
            f"with it ({error_translation.primary_message(fault)}).",
            "Drop the default in the same revision before, op.alter_column(…, server_default=None), and give a new one "
            "after; nothing was changed.",
        ) from fault


# What `_default` does, of `place`, the column's row in the printed block: its `value` is the default of the old type.
PRINTED_DEFAULT = """\
    if place.value is not null then
        if place.constant then
            execute format('select ((%s)::%s)::text from (select (%s)::%s as %I) as %s', {using}, {type_text},
                           place.value, place.type, {column}, {alias}) into plain;
            place.value := format('%L::%s', plain, {type_text});
        end if;
        execute format('alter table %s alter column %I set default %s', target, {column}, place.value);
    end if;"""

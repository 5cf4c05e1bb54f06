"""Find the foreign keys that reference a table, and count the rows that reference rows which are to be retired.

`PRINTED_CHECK` is the `--sql` form of that, a part of the block in `row_retirement_sql`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from surefoot.online.executor import Steps
from surefoot.online.target_table import Table

REFERENCES = """
    select conrelid::regclass::text as table,
           array(select attname::text from unnest(conkey) with ordinality as part (number, place)
                   join pg_attribute on attrelid = conrelid and attnum = number order by place) as columns,
           array(select attname::text from unnest(confkey) with ordinality as part (number, place)
                   join pg_attribute on attrelid = confrelid and attnum = number order by place) as referred,
           confdeltype as on_delete
      from pg_constraint
     where contype = 'f'
       and confrelid = :table
       and conparentid = 0
     order by conrelid::regclass::text, conname
"""
COUNT = sql.SQL("""
    select count(*) from {child} as pointing where ({columns}) in (select {referred} from {table} where {listed})
""")
# Raises for the first foreign key from which rows reference those of `target` that {where}, a literal, is true for.
PRINTED_CHECK = """\
    for one in
        select conname, conrelid::regclass as child,
               (select string_agg(quote_ident(attname), ', ' order by array_position(conkey, attnum))
                  from pg_attribute where attrelid = conrelid and attnum = any (conkey)) as columns,
               (select string_agg(quote_ident(attname), ', ' order by array_position(confkey, attnum))
                  from pg_attribute where attrelid = confrelid and attnum = any (confkey)) as referred
          from pg_constraint
         where contype = 'f' and confrelid = target and conparentid = 0
    loop
        execute format('select count(*) from %s where (%s) in (select %s from %s where %s)',
                       one.child, one.columns, one.referred, target, {where}) into many;
        if many > 0 then
            raise exception using errcode = {refused},
                message = format('Rows of %I cannot be retired, others point to them: %s rows of %s (%s).',
                                 {table}, many, one.child, one.columns),
                hint = 'Retire those first. Nothing was changed.';
        end if;
    end loop;"""
WOULD = {
    "c": ", which ON DELETE CASCADE would delete",
    "n": ", which ON DELETE SET NULL would change",
    "d": ", which ON DELETE SET DEFAULT would change",
}


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` of `table` (quoted) reference the columns `referred`. `on_delete` is confdeltype."""

    table: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]
    on_delete: str

    @property
    def plain_name(self) -> str:
        """Return the table's name without quotes."""
        return self.table.removeprefix('"').removesuffix('"').replace('""', '"')

    def count(self, steps: Steps, table: Table, listed: sql.Composable) -> str:
        """Return how many rows reference the rows of `table` for which `listed` is true, as words; empty for none."""
        rows = steps.fetch(
            COUNT.format(
                child=sql.SQL(self.table),
                columns=_list(sql.Identifier("pointing", column) for column in self.columns),
                referred=_list(sql.Identifier(table.name, column) for column in self.referred),
                table=table.identifier,
                listed=listed,
            )
        )
        many = int(rows[0][0])
        if not many:
            return ""
        count = "1 row" if many == 1 else f"{many} rows"
        return f"{count} of {self.table} ({', '.join(self.columns)}){WOULD.get(self.on_delete, '')}"


def find_references(steps: Steps, table: Table) -> list[Reference]:
    """Return every foreign key that references `table`, its own included."""
    return [
        Reference(row.table, tuple(row.columns), tuple(row.referred), row.on_delete)
        for row in steps.fetch(REFERENCES, table=table.oid)
    ]


def _list(names: Iterable[sql.Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(names)

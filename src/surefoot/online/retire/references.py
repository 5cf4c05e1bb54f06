"""The foreign keys that point to a table: whoever takes rows away has to know who points to them."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from surefoot.online.executor import Steps
from surefoot.online.target_table import Table

POINTING = """
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
WOULD = {
    "c": ", which ON DELETE CASCADE would delete",
    "n": ", which ON DELETE SET NULL would change",
    "d": ", which ON DELETE SET DEFAULT would change",
}


@dataclass(frozen=True)
class Pointer:
    """One foreign key: `columns` of `table` point to the columns `referred`."""

    table: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]
    on_delete: str

    def count(self, steps: Steps, table: Table, listed: sql.Composable) -> str:
        """How many rows point to those rows of `table` that `listed` is true for, as words; empty for none."""
        result = steps.execute(
            COUNT.format(
                child=sql.SQL(self.table),
                columns=_list(sql.Identifier("pointing", column) for column in self.columns),
                referred=_list(sql.Identifier(table.name, column) for column in self.referred),
                table=table.identifier,
                listed=listed,
            )
        )
        many = int(result.scalar_one()) if result is not None else 0
        if not many:
            return ""
        rows = "1 row" if many == 1 else f"{many} rows"
        return f"{rows} of {self.table} ({', '.join(self.columns)}){WOULD.get(self.on_delete, '')}"


def pointing(steps: Steps, table: Table) -> list[Pointer]:
    """Every foreign key that points to `table`, its own included."""
    return [
        Pointer(row.table, tuple(row.columns), tuple(row.referred), row.on_delete)
        for row in steps.look(POINTING, table=table.oid)
    ]


def _list(names: Iterable[sql.Identifier]) -> sql.Composed:
    return sql.SQL(", ").join(names)

"""`op.create_enum`, `op.retire_enum` and `op.change_enum`.

A type that retired columns still use cannot be dropped: it is retired with them, as `retired.<type>_<revision>`.
"""

from collections.abc import Mapping, Sequence

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from psycopg import sql

from surefoot.catalogue.reader import KEPT_DEFINITIONS
from surefoot.online.enums.enum_labels import Labels, change_labels
from surefoot.online.executor import Steps
from surefoot.online.identifiers import fit_identifier
from surefoot.online.rendering import call
from surefoot.online.retire import kept_definitions
from surefoot.online.retired_registry import SCHEMA, do_block

CREATE = """
declare
    kept constant text := format('%I.{registry}', current_schema());
    -- as they stand in JSON: a definition may have been printed with the name that the type had while it was aside
    aside constant text := to_jsonb(format('%I.%I', {schema_text}, {aside_only_text}))::text;
    own constant text := to_jsonb(format('%I.%I', current_schema(), {name_only_text}))::text;
begin
    if to_regtype({name_text}) is null then
        if {labels_text} = (select array_agg(enumlabel::text order by enumsortorder) from pg_enum
                             where enumtypid = to_regtype({aside_text})) then
            execute format('alter type {schema}.{aside} set schema %I', current_schema());
            alter type {aside} rename to {name};
        else
            create type {name} as enum ({labels});
        end if;
    end if;
    if to_regclass(kept) is not null and to_regtype({aside_text}) is null then
        execute format('update %s set statements = replace(statements::text, $1, $2)::jsonb where revision = $3 '
                       'and strpos(statements::text, $1) > 0', kept)
          using substr(aside, 2, length(aside) - 2), substr(own, 2, length(own) - 2), {revision};
    end if;
end
"""
RETIRE = """
begin
    if to_regtype({name_text}) is null then
        null;
    elsif exists (select from pg_depend
                   where refclassid = 'pg_type'::regclass
                     and deptype = 'n'
                     and refobjid in (select unnest(array[oid, typarray])
                                        from pg_type
                                       where oid = {name_text}::regtype))
    then
        create schema if not exists {schema};
        alter type {name} rename to {aside};
        alter type {aside} set schema {schema};
    else
        drop type {name};
    end if;
end
"""


@Operations.register_operation("create_enum")
class CreateEnumOp(MigrateOperation):
    """An enum type that is created, or taken back from schema `retired`."""

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name = name
        self.labels = list(labels)

    @classmethod
    def create_enum(cls, operations: Operations, name: str, labels: Sequence[str]) -> None:
        """Create the type, or take back the one that this revision retired with these labels; keep an existing one."""
        operations.invoke(cls(name, labels))

    def reverse(self) -> "RetireEnumOp":
        """Return the operation that retires the type."""
        return RetireEnumOp(self.name)


@Operations.register_operation("retire_enum")
class RetireEnumOp(MigrateOperation):
    """An enum type that is dropped where nothing uses it, else moved to schema `retired`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def retire_enum(cls, operations: Operations, name: str) -> None:
        """Drop the type, or move it to schema `retired` where anything uses it; do nothing where there is none."""
        operations.invoke(cls(name))


@Operations.register_operation("change_enum")
class ChangeEnumOp(MigrateOperation):
    """Other labels for an enum type.

    `columns` are those that have it, by table, `arrays` those that are arrays of it; only printed SQL needs them.
    """

    def __init__(
        self,
        name: str,
        labels: Sequence[str],
        was: Sequence[str],
        columns: Mapping[str, Sequence[str]] | None = None,
        arrays: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name = name
        self.labels = list(labels)
        self.was = list(was)
        self.columns = {table: list(names) for table, names in (columns or {}).items()}
        self.arrays = {table: list(names) for table, names in (arrays or {}).items()}

    @classmethod
    def change_enum(  # noqa: PLR0913  # all of a type and of what has it
        cls,
        operations: Operations,
        name: str,
        labels: Sequence[str],
        *,
        was: Sequence[str],
        columns: Mapping[str, Sequence[str]] | None = None,
        arrays: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Give the type these labels: new ones are added in place; where one is removed, columns move to a new type.

        `was` are the labels that the downgrade restores; `columns` are those that have the type and `arrays`
        those that are arrays of it, by table, for printed SQL. Raises RefusedError where rows have a label that is
        removed; nothing is changed then.
        """
        operations.invoke(cls(name, labels, was, columns, arrays))

    def reverse(self) -> "ChangeEnumOp":
        """Return the operation that restores the labels of before."""
        return ChangeEnumOp(self.name, self.was, self.labels, self.columns, self.arrays)


@Operations.implementation_for(CreateEnumOp)
def _create(operations: Operations, op: CreateEnumOp) -> None:
    labels = sql.SQL(", ").join(map(sql.Literal, op.labels))
    _execute(operations, CREATE, op.name, labels=labels, labels_text=sql.SQL("array[{}]::text[]").format(labels))


@Operations.implementation_for(RetireEnumOp)
def _retire(operations: Operations, op: RetireEnumOp) -> None:
    _execute(operations, RETIRE, op.name)
    kept_definitions.note_retirement(Steps(operations), "type", _stands_as(operations, op.name))


@Operations.implementation_for(ChangeEnumOp)
def _change(operations: Operations, op: ChangeEnumOp) -> None:
    columns = {
        table: dict.fromkeys(op.columns.get(table, ()), False) | dict.fromkeys(op.arrays.get(table, ()), True)
        for table in (*op.columns, *op.arrays)
    }
    change_labels(operations, op.name, Labels(tuple(op.labels), tuple(op.was)), columns)


def _stands_as(operations: Operations, name: str) -> str:
    """Return the name that the type has in schema `retired`."""
    return fit_identifier(f"{name}_{Steps(operations).revision}")


def _execute(operations: Operations, template: str, name: str, **more: sql.Composable) -> None:
    """Run the template as one DO block, in the revision's own transaction."""
    retired_name = _stands_as(operations, name)
    body = sql.SQL(template).format(
        name=sql.Identifier(name),
        name_text=sql.Identifier(name).as_string(),
        aside=sql.Identifier(retired_name),
        aside_text=sql.Identifier(SCHEMA, retired_name).as_string(),
        schema=sql.Identifier(SCHEMA),
        schema_text=SCHEMA,
        aside_only_text=retired_name,
        name_only_text=name,
        registry=sql.SQL(KEPT_DEFINITIONS),
        revision=Steps(operations).revision,
        **more,
    )
    operations.execute(do_block(body).replace(":", r"\:"))


@renderers.dispatch_for(CreateEnumOp)
def _render_create(context: AutogenContext, op: CreateEnumOp) -> str:
    return call(context, "create_enum", op.name, op.labels)


@renderers.dispatch_for(RetireEnumOp)
def _render_retire(context: AutogenContext, op: RetireEnumOp) -> str:
    return call(context, "retire_enum", op.name)


@renderers.dispatch_for(ChangeEnumOp)
def _render_change(context: AutogenContext, op: ChangeEnumOp) -> str:
    columns, arrays = op.columns or None, op.arrays or None
    return call(context, "change_enum", op.name, op.labels, was=op.was, columns=columns, arrays=arrays)

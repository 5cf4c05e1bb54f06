"""Safe code to paste in place of a statement that lint finds, with the statement's names where it shows them."""

from collections.abc import Sequence

from surefoot.author.lint.sql_tokens import words
from surefoot.author.lint.statement_info import actions, changes, constraint_of, target
from surefoot.author.lint.syntax import Parsed, nodes, range_name, strings, whole


def create_index(parsed: Parsed) -> str:
    """Return the remedy for CREATE INDEX on a table with rows."""
    node = parsed.node if parsed.kind == "IndexStmt" else {}
    columns = [
        each["IndexElem"].get("name", 'sa.text("...")') for each in node.get("indexParams", []) if "IndexElem" in each
    ]
    unique = ", unique=True" if node.get("unique") else ""
    where = ', postgresql_where=sa.text("...")' if "whereClause" in node else ""
    name = node.get("idxname") or "ix_..."
    return f'op.create_index_online("{name}", "{_table(parsed)}", [{_listed(columns)}]{unique}{where})'


def drop_index(parsed: Parsed) -> str:
    """Return the remedy for DROP INDEX."""
    return f'op.drop_index_online("{_table(parsed)}")'


def add_constraint(parsed: Parsed) -> str:
    """Return the remedy for a CHECK, FOREIGN KEY or UNIQUE constraint that is added at once, or NOT VALID by hand."""
    table = _table(parsed)
    for constraint in filter(None, map(constraint_of, actions(parsed))):
        name = constraint.get("conname", "...")
        if constraint["contype"] == "CONSTR_FOREIGN":
            other = range_name(constraint["pktable"])
            columns, referred = strings(constraint["fk_attrs"]), strings(constraint.get("pk_attrs", [])) or ("id",)
            return (
                f'op.add_foreign_key_online("{name}", "{table}", "{other}", [{_listed(columns)}], '
                f"[{_listed(referred)}])"
            )
        if constraint["contype"] == "CONSTR_UNIQUE":
            return f'op.add_unique_online("{name}", "{table}", [{_listed(strings(constraint.get("keys", [])))}])'
        return f'op.add_check_online("{name}", "{table}", "{_condition(parsed, name)}")'
    return f'op.add_check_online("...", "{table}", "...")'


def inline_reference(table: str, column: str) -> str:
    """Return the remedy for a foreign key that is added to a column which is new, and NULL in every row."""
    return (
        "# the column is new and NULL in every row: inline, PostgreSQL skips the scan\n"
        f'column = sa.Column("{column}", sa.<type>(), sa.ForeignKey("..."))\n'
        f'op.add_column("{table}", column, inline_references=True, if_not_exists=True)'
    )


def set_not_null(parsed: Parsed) -> str:
    """Return the remedy for SET NOT NULL, and for a column that is added NOT NULL."""
    table, column = _table(parsed), _column(parsed)
    if any(action["subtype"] == "AT_AddColumn" for action in actions(parsed)):
        return (
            f'op.add_column("{table}", sa.Column("{column}", ...), if_not_exists=True)\n'
            f'op.backfill("{table}", {{"{column}": "..."}}, "{column} is null")\n'
            f'op.set_not_null_online("{table}", "{column}")'
        )
    return f'op.set_not_null_online("{table}", "{column}")'


def change_types(parsed: Parsed) -> str:
    """Return the remedy for a statement that rewrites a table."""
    return f'op.change_types_online("{_table(parsed)}", {{"{_column(parsed)}": (sa.<type>(), "<using>", "<back>")}})'


def in_batches(parsed: Parsed) -> str:
    """Return the remedy for a change of a whole table."""
    change = next(changes(parsed), None)
    if change is None:
        return 'op.backfill("...", {"<column>": "<expression>"}, "<column> is distinct from <expression>")'
    if change.verb == "delete":
        return retire_rows(parsed, change.table)
    column = next((str(each.get("name")) for _, each in nodes(change.node.get("targetList", []), "ResTarget")), "...")
    return f'op.backfill("{change.table}", {{"{column}": "<expression>"}}, "{column} is distinct from <expression>")'


def retire_table(name: str) -> str:
    """Return the remedy for DROP TABLE."""
    return f'op.retire_table("{name}")  # the other direction: if not op.restore_table("{name}"): op.create_table(...)'


def retire_column(table: str, column: str) -> str:
    """Return the remedy for DROP COLUMN."""
    return (
        f'op.retire_column("{table}", "{column}")  # the other direction: '
        f'if not op.restore_column("{table}", "{column}"): op.add_column(...)'
    )


def retire_rows(parsed: Parsed, table: str) -> str:
    """Return the remedy for DELETE and TRUNCATE."""
    where = "true" if parsed.kind == "TruncateStmt" else "<condition>"
    return f'op.retire_rows("{table}", "{where}")  # the other direction: op.restore_rows("{table}")'


def two_transactions(parsed: Parsed) -> str:
    """Return the remedy for NOT VALID and VALIDATE in one transaction."""
    validated = (action["name"] for action in actions(parsed) if action["subtype"] == "AT_ValidateConstraint")
    return (
        f'op.add_check_online("{next(validated, "...")}", "{_table(parsed)}", "<condition>")  '
        "# or op.add_foreign_key_online(...):\n# each validates in a transaction of its own"
    )


def own_transaction(parsed: Parsed) -> str:
    """Return the remedy for long work while a lock is held: it goes into a transaction of its own."""
    if parsed.kind == "IndexStmt":
        return create_index(parsed)
    if parsed.kind == "AlterTableStmt":
        return add_constraint(parsed)
    if parsed.kind == "InsertStmt":
        return "# a revision of its own for this statement, before the one that locks"
    return in_batches(parsed)


def rerunnable(parsed: Parsed) -> str:
    """Return the remedy for a statement that fails when it is run a second time."""
    table = _table(parsed)
    if parsed.kind == "IndexStmt":
        return create_index(parsed)
    if any(map(constraint_of, actions(parsed))):
        return add_constraint(parsed)
    if parsed.kind == "CreateStmt":
        return f'op.create_table("{table}", ..., if_not_exists=True)'
    if parsed.kind == "AlterTableStmt":
        return f'op.add_column("{table}", sa.Column(...), if_not_exists=True)  # if_exists=True where it drops'
    if parsed.kind == "DropStmt":
        return "op.drop_...(..., if_exists=True)"
    return "... if not exists / if exists / on conflict do nothing; or a revision of its own for it"


def primary_key(parsed: Parsed) -> str:
    """Return the remedy for ADD PRIMARY KEY."""
    table = _table(parsed)
    keys = (each.get("keys", []) for _, each in nodes(whole(parsed), "Constraint"))
    columns = next((strings(each) for each in keys if each), ())
    return (
        f'op.create_index_online("{table}_pkey", "{table}", [{_listed(columns)}], unique=True)\n'
        f"op.execute('alter table {table} add primary key using index {table}_pkey')"
    )


def rename(parsed: Parsed) -> str:
    """Return the remedy for RENAME, which breaks running clients: expand, let the clients follow, contract."""
    table = _table(parsed)
    if parsed.node.get("renameType") == "OBJECT_TABLE":
        new = parsed.node.get("newname", "...")
        return (
            f'op.rename_table_online("{table}", "{new}")  # the old name lives on as a view\n'
            f'# in a revision of a later release: op.end_table_rename("{table}", "{new}", since="<this revision>")'
        )
    old, new = parsed.node.get("subname", "..."), parsed.node.get("newname", "...")
    return (
        f'op.rename_column_online("{table}", "{old}", "{new}")  # the old name lives on as a second column\n'
        "# in a revision of a later release:\n"
        f'# op.end_column_rename("{table}", "{old}", "{new}", since="<this revision>")'
    )


def _table(parsed: Parsed) -> str:
    return target(parsed) or "..."


def _column(parsed: Parsed) -> str:
    """Return the column of the first action of an ALTER TABLE."""
    action = next(actions(parsed), {})
    return str(action.get("name") or action.get("def", {}).get("ColumnDef", {}).get("colname") or "...")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(column if column.startswith("sa.") else f'"{column}"' for column in columns)


def _condition(parsed: Parsed, name: str) -> str:
    """Return the condition of the CHECK of that name, in the words of the statement."""
    found = words(parsed.sql)
    place = found.index(name) if name in found else 0
    if "(" not in found[place:]:
        return "..."
    opening = found.index("(", place)
    depth = 0
    for here in range(opening, len(found)):
        depth += (found[here] == "(") - (found[here] == ")")
        if depth == 0:
            return " ".join(found[opening + 1 : here])
    return "..."

"""Safe code to paste in place of a statement that lint finds, with the statement's names where it shows them."""

from surefoot.author.lint.sql_tokens import Words
from surefoot.author.lint.statement_info import alters, data_target, name_at, target


def create_index(words: Words) -> str:
    """Return the remedy for CREATE INDEX on a table with rows."""
    opening = words.index("(") if "(" in words else len(words)
    before_on = words[: words.index("on")] if "on" in words else words
    name = before_on[-1] if before_on[-1] not in {"index", "concurrently", "exists"} else "ix_..."
    columns = [word for word in words[opening + 1 : _closing(words, opening)] if word != ","]
    unique = ", unique=True" if words[1:2] == ("unique",) else ""
    listed = ", ".join(f'"{column}"' for column in columns)
    where = ', postgresql_where=sa.text("...")' if "where" in words else ""
    return f'op.create_index_online("{name}", "{target(words) or "..."}", [{listed}]{unique}{where})'


def drop_index(words: Words) -> str:
    """Return the remedy for DROP INDEX."""
    noise = {"drop", "index", "if", "exists"}
    name = next((word for word in words if word not in noise), "...")
    return f'op.drop_index_online("{name}")'


def add_constraint(words: Words) -> str:
    """Return the remedy for a CHECK, FOREIGN KEY or UNIQUE constraint that is added at once, or NOT VALID by hand."""
    table = target(words) or "..."
    for action in alters(words):
        if action[:2] != ("add", "constraint"):
            continue
        name, place = name_at(action, 2)
        kind = action[place : place + 1]
        if kind == ("foreign",):
            columns = _column_list(action, place)
            other, after = name_at(action, action.index("references") + 1)
            referred = _column_list(action, after) or ["id"]
            call = f'op.add_foreign_key_online("{name}", "{table}", "{other}", {columns}, {referred})'
            return call.replace("'", '"')
        if kind == ("unique",):
            return f'op.add_unique_online("{name}", "{table}", {_column_list(action, place)})'.replace("'", '"')
        return f'op.add_check_online("{name}", "{table}", "{_in_parentheses(action, place)}")'
    return f'op.add_check_online("...", "{table}", "...")'


def set_not_null(words: Words) -> str:
    """Return the remedy for SET NOT NULL, and for a column that is added NOT NULL."""
    table = target(words) or "..."
    column = next((_column(action) for action in alters(words)), "...")
    if any(action[:1] == ("add",) for action in alters(words)):
        return (
            f'op.add_column("{table}", sa.Column("{column}", ...), if_not_exists=True)\n'
            f'op.backfill("{table}", {{"{column}": "..."}}, "{column} is null")\n'
            f'op.set_not_null_online("{table}", "{column}")'
        )
    return f'op.set_not_null_online("{table}", "{column}")'


def change_types(words: Words) -> str:
    """Return the remedy for a statement that rewrites a table."""
    column = next((_column(action) for action in alters(words)), "...")
    return f'op.change_types_online("{target(words) or "..."}", {{"{column}": (sa.<type>(), "<using>", "<back>")}})'


def in_batches(words: Words) -> str:
    """Return the remedy for an UPDATE or DELETE of a whole table."""
    verb, table = data_target(words) or ("update", "...")
    if verb == "delete":
        return retire_rows(words, table)
    column = name_at(words, words.index("set") + 1)[0] if "set" in words else "..."
    return f'op.backfill("{table}", {{"{column}": "<expression>"}}, "{column} is distinct from <expression>")'


def retire_table(name: str) -> str:
    """Return the remedy for DROP TABLE."""
    return f'op.retire_table("{name}")  # the other direction: if not op.restore_table("{name}"): op.create_table(...)'


def retire_column(table: str, column: str) -> str:
    """Return the remedy for DROP COLUMN."""
    return (
        f'op.retire_column("{table}", "{column}")  # the other direction: '
        f'if not op.restore_column("{table}", "{column}"): op.add_column(...)'
    )


def retire_rows(words: Words, table: str) -> str:
    """Return the remedy for DELETE and TRUNCATE."""
    where = "true" if words[:1] == ("truncate",) else "<condition>"
    return f'op.retire_rows("{table}", "{where}")  # the other direction: op.restore_rows("{table}")'


def two_transactions(words: Words) -> str:
    """Return the remedy for NOT VALID and VALIDATE in one transaction."""
    name = next((action[2] for action in alters(words) if action[:2] == ("validate", "constraint")), "...")
    table = target(words) or "..."
    return (
        f'op.add_check_online("{name}", "{table}", "<condition>")  # or op.add_foreign_key_online(...):\n'
        "# each validates in a transaction of its own"
    )


def own_transaction(words: Words) -> str:
    """Return the remedy for long work while a lock is held: it goes into a transaction of its own."""
    if words[:1] == ("create",):
        return create_index(words)
    if alters(words) and words[:1] == ("alter",):
        return add_constraint(words)
    if words[:1] == ("insert",):
        return "# a revision of its own for this statement, before the one that locks"
    return in_batches(words)


def rerunnable(words: Words) -> str:
    """Return the remedy for a statement that fails when it is run a second time."""
    if words[:1] == ("create",) and "index" in words[:3]:
        return create_index(words)
    if any(action[:2] == ("add", "constraint") for action in alters(words)):
        return add_constraint(words)
    if words[:2] == ("create", "table"):
        return f'op.create_table("{target(words)}", ..., if_not_exists=True)'
    if words[:2] == ("alter", "table"):
        return f'op.add_column("{target(words)}", sa.Column(...), if_not_exists=True)  # if_exists=True where it drops'
    if words[:1] == ("drop",):
        return "op.drop_...(..., if_exists=True)"
    return "... if not exists / if exists / on conflict do nothing; or a revision of its own for it"


def primary_key(words: Words) -> str:
    """Return the remedy for ADD PRIMARY KEY."""
    table = target(words) or "..."
    columns = next((_column_list(action, 0) for action in alters(words) if "primary" in action), [])
    listed = ", ".join(f'"{column}"' for column in columns)
    return (
        f'op.create_index_online("{table}_pkey", "{table}", [{listed}], unique=True)\n'
        f"op.execute('alter table {table} add primary key using index {table}_pkey')"
    )


def rename(words: Words) -> str:
    """Return the remedy for RENAME, which breaks running clients: expand, let the clients follow, contract."""
    table = target(words) or "..."
    return (
        f'op.add_column("{table}", sa.Column("<new>", ...), if_not_exists=True)  # verb by a trigger or the '
        f'application\nop.backfill("{table}", {{"<new>": "<old>"}}, "<new> is null")\n'
        f'# in a later revision: op.retire_column("{table}", "<old>")'
    )


def _column(action: Words) -> str:
    place = 1
    while place < len(action) and action[place] in {"column", "if", "not", "exists"}:
        place += 1
    return action[place] if place < len(action) else "..."


def _closing(words: Words, opening: int) -> int:
    depth = 0
    for place in range(opening, len(words)):
        depth += (words[place] == "(") - (words[place] == ")")
        if depth == 0:
            return place
    return len(words)


def _column_list(words: Words, start: int) -> list[str]:
    if "(" not in words[start:]:
        return []
    opening = words.index("(", start)
    return [word for word in words[opening + 1 : _closing(words, opening)] if word != ","]


def _in_parentheses(words: Words, start: int) -> str:
    if "(" not in words[start:]:
        return "..."
    opening = words.index("(", start)
    return " ".join(words[opening + 1 : _closing(words, opening)])

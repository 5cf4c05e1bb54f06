"""Render an online operation as the Python call that autogenerate writes: `op.name('a', 'b', option='c')`."""

from typing import Any

from alembic.autogenerate.api import AutogenContext


def call(context: AutogenContext, operation: str, *arguments: Any, **options: Any) -> str:
    """Return the call of `operation` as Python text. Options that are None or False are left out."""
    prefix = context.opts["alembic_module_prefix"] or ""
    given = [_literal(argument) for argument in arguments]
    given += [
        f"{name}={_literal(value)}" for name, value in options.items() if value is not None and value is not False
    ]
    return f"{prefix}{operation}({', '.join(given)})"


def _literal(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(each) for each in value)}]"
    return repr(str(value)) if isinstance(value, str) else repr(value)

"""The types of columns as a revision can write them: SQLAlchemy's own, by what they compile to.

A revision imports SQLAlchemy and nothing of the application, so that it means the same for ever.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import CompileError

from surefoot.private_members import variant_for

# With the paramstyle named, SQLAlchemy does not double percent signs.
DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
Type = sa.types.TypeEngine[Any]


def written(kind: Type) -> Type:
    """Return the type as SQLAlchemy's own, NullType where it has none that makes the same column.

    An enum type is neither created nor dropped with a table.
    """
    kind = variant_for(kind, DIALECT.name)
    if isinstance(kind, sa.types.TypeDecorator):
        return written(kind.type_engine(DIALECT))
    if isinstance(kind, sa.ARRAY):
        item = written(kind.item_type)
        return item if isinstance(item, sa.types.NullType) else sa.ARRAY(item, dimensions=kind.dimensions)
    if isinstance(kind, sa.Enum) and kind.native_enum and kind.name:
        return postgresql.ENUM(*kind.enums, name=kind.name, create_type=False)
    if isinstance(kind, sa.Enum):
        return sa.String(kind.length)
    if isinstance(kind, postgresql.DOMAIN):
        return sa.types.NullType()  # its Python, as Alembic has it, lacks the import of its type
    return _public(kind)


def _public(kind: Type) -> Type:
    """Return the type as an instance of a class that revisions can import, NullType where none compiles to the same."""
    known = next((each for each in type(kind).__mro__ if _is_public(each)), None)
    if known is type(kind):
        return kind
    text = _sql(kind)
    named = DIALECT.ischema_names.get(text)
    candidates: tuple[Type | None, ...] = (kind.adapt(known) if known else None, named() if named else None)
    for candidate in candidates:
        if candidate is not None and _sql(candidate) == text:
            return candidate
    return sa.types.NullType()


def _is_public(known: type) -> bool:
    """Return whether `sa.` or `postgresql.` is a name of the class."""
    return issubclass(known, sa.types.TypeEngine) and any(
        getattr(module, known.__name__, None) is known for module in (sa, postgresql)
    )


def _sql(kind: Type) -> str:
    try:
        return str(kind.compile(dialect=DIALECT)).lower()
    except CompileError:
        return ""

"""Keeps two projects in two schemas of one database apart where both would keep things in schema `retired`."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from surefoot.errors import RefusedError
from surefoot.program import program

READABLE = sa.text("""
    select has_schema_privilege(oid, 'usage') as may_use,
           exists (select from pg_class where relnamespace = pg_namespace.oid and relname = 'things') as things
      from pg_namespace
     where nspname = 'retired'
""")
# A schema that has no alembic_version any more was renamed: what it kept belongs to the schema of today.
OWNER = sa.text("""
    select min(schema_name)
      from retired.things
     where to_regclass(format('%I.alembic_version', schema_name)) is not null
    having bool_and(schema_name <> current_schema())
""")
# Who may not read the registry is told by the owner of the schema whose it is.
OWNER_BY_ROLE = sa.text("""
    select min(nspname)
      from pg_class
      join pg_namespace on pg_namespace.oid = relnamespace
     where relname = 'alembic_version'
       and nspname <> current_schema()
       and relowner = (select nspowner from pg_namespace where nspname = 'retired')
""")


def other_owner(connection: Connection) -> str | None:
    """Return the schema whose project keeps things in `retired`, where that is not current_schema(); else None.

    Names in `retired` are those of revisions, so that two projects with the same revisions cannot share it.
    """
    found = connection.execute(READABLE).first()
    if found is None or not found.things:
        return None
    owner: str | None = connection.execute(OWNER if found.may_use else OWNER_BY_ROLE).scalar_one_or_none()
    return owner


def refuse_other_owner(connection: Connection) -> None:
    """Raise RefusedError where another schema of this database keeps things in `retired`."""
    owner = other_owner(connection)
    if owner is not None:
        raise RefusedError(
            f"Schema retired of this database holds what {program()} has set aside for schema {owner}, and two cannot "
            "share it: nothing would tell their rows apart. Nothing was changed.",
            f"Give each of the two a database of its own, or delete what is kept for {owner}, if nobody needs it: "
            f"python -m {program()} purge, with the search_path of {owner}.",
        )

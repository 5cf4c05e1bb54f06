"""How constraints and indexes are named, for the models and for revisions, which run without the models."""

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
"""PostgreSQL's own default names, so that constraints that were made by hand have the names of the models."""

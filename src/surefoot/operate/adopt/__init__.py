"""`adopt` takes over a database that Alembic does not know: it proves it equal to a revision, or writes the repair."""

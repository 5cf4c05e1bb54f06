"""Taking over a database that Alembic does not know: prove it equal to a revision, or say and repair what differs."""

"""Safe migrations for Alembic projects on PostgreSQL: no statement blocks the application for long, no data is lost."""

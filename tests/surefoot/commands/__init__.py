"""Every Alembic command as a person types it, and what it says when something is wrong."""

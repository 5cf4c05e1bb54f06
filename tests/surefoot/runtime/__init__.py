"""What runs while Alembic runs."""

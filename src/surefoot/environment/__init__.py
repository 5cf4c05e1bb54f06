"""What env.py calls: one Alembic command, from its door to the journal."""

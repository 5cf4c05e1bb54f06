"""What env.py calls: runs one Alembic command, from the project and the connection to the journal."""

"""The database as it was before Alembic: its catalogue as recorded, and rows of the kind that such databases hold."""

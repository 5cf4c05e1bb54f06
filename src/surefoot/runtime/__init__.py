"""What runs while Alembic runs: one migrator at a time, no queue of stalled users, a journal, refusals."""

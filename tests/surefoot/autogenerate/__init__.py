"""What `alembic revision --autogenerate` writes for a change of the models, run up, down and up with rows."""

"""Migrations of an Alembic project on PostgreSQL that stall nobody and lose nothing: the engine under any project."""

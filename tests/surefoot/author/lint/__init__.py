"""Lint, held against revisions that are bad in one way, and their good twins."""

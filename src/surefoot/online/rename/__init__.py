"""Renames that leave the old name alive, until a later revision takes it away."""

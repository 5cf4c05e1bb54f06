"""Filling columns of a big table in batches."""

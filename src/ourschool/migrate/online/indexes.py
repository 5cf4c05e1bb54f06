"""`op.create_index_online` and `op.drop_index_online`: CONCURRENTLY, and whatever was cut off is cleared first."""

"""The operation that sets columns of a big table in batches."""

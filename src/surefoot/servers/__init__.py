"""What depends on the server: the embedded PostgreSQL, libpq's parameters, and refusals for missing privileges."""

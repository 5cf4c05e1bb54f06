"""Other types for columns in use: expand, sync, fill, rebuild, swap."""

"""The operation that changes types of columns in use: shadow column, trigger, backfill, rebuild, cutover."""

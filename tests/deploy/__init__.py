"""deploy/: the start script runs for real, the examples are read and their commands tried."""

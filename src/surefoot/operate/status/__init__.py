"""How a database stands: revision, what is pending, drift, who migrates, health, the last backup, the journal."""

"""`status` and `history`: revision, pending revisions, drift, running migration, health, last backup and journal."""

"""What can go wrong while a database is migrated, made to go wrong on real servers."""

"""What a database is at each revision, built by the revisions themselves, and which revision a database equals."""

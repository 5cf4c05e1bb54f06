"""The catalogue of a database at each revision, and the revision that a database equals."""

"""The history of the database, revision by revision, with rows in it that real schools had."""

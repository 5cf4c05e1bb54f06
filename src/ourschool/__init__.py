"""The database of a school, kept right for years: models, revisions, and the commands to run them safely."""

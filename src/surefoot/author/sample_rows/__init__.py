"""Sample rows for the test of a revision, made from the catalogue for every table."""

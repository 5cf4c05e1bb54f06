"""Commands for the author of a revision: generate it, test it on scratch databases, lint it, check the project."""

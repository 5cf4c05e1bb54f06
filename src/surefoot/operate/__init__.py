"""What an operator or an author asks for beyond Alembic: lint and, with time, the rest."""

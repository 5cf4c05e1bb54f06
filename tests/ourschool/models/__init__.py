"""The rules that the database keeps by itself: each is tried to be broken, by raw SQL."""

"""Tests of taking over, and of telling what a database is."""

"""Tests of how a database stands, as the operator reads it."""

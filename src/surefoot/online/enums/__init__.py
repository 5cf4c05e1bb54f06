"""Enum types that come, go and change their labels."""

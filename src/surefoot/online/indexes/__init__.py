"""Indexes built and dropped while the table is in use."""

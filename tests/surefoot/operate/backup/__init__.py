"""Backups and restores on real servers."""

"""Lint of revisions: their statements are recorded on a scratch database, and checked by squawk and our rules."""

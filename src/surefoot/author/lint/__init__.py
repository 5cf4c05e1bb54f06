"""Lint of revisions: their statements, recorded while they run on a scratch database, held to squawk and our rules."""

"""Checks all operations of a revision for what they would refuse, before the first one changes anything."""

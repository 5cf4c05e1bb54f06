"""`rehearse` runs the pending revisions on a copy of the real data, up, down and up again, and measures them."""

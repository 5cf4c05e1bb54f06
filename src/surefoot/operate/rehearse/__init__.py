"""A rehearsal: the pending revisions on a copy of the real data, up, down and up again, with what they cost."""

"""Who connects: superuser, owner, an application's role; and what row security hides from each."""

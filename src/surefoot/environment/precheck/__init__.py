"""What a revision's operations would refuse, asked of all of them before the first one changes anything."""

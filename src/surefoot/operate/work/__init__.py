"""Works off what revisions left to be done after the deploy, as slowly as those who use the database need it."""

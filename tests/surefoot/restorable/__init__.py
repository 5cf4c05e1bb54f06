"""A database that was cut off anywhere in an upgrade can be dumped and restored, and goes on from there to the end."""

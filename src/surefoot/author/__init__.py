"""For whoever writes a revision: write it, prove it, check the project, and say what in it would hurt."""

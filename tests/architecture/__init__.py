"""What must hold of the files themselves, whatever they do when they run."""

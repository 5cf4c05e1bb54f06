"""What operators and authors ask for: one folder for each."""

"""What a database is: its catalogue as values that can be compared, fingerprinted and told apart line by line."""

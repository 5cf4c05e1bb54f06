"""Constraints added NOT VALID and validated beside the users; NOT NULL; dropping them."""

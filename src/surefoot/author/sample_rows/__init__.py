"""Rows for a proof: made from the catalogue, so that every table has some, whatever revision made it."""

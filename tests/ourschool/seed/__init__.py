"""The made-up school: whole, the same for the same seed, and refused where it would be in the way."""

"""Names that later revisions make, taken by what somebody else made: refused, set aside, and brought back."""

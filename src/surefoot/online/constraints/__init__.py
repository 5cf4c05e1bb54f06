"""Operations that add constraints NOT VALID and validate them while others work, and that drop them."""

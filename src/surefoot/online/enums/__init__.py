"""Operations that create and retire enum types and change their labels."""

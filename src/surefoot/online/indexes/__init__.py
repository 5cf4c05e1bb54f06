"""Operations that create and drop indexes CONCURRENTLY."""

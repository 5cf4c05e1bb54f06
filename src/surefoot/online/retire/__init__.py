"""Operations that retire columns, tables and rows instead of dropping them, and that restore them."""

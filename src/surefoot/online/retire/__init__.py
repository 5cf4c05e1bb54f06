"""Setting columns, tables and rows aside in schema `retired`, and taking them back."""

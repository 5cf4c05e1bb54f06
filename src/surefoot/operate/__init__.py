"""What an operator asks for: status, adopt, upgrade, rollback, purge, backup, restore, rehearse, ensure."""

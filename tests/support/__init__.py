"""What several tests need: servers, databases, commands as a person types them, a terminal, a second project."""

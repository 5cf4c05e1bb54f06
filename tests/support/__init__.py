"""What the tests stand on: servers, databases on them, a copy of the project to write into."""

"""What an application gets: `ensure_current`, `ourschool ensure`, fixtures for its tests, and all of it in a wheel."""

"""The pages of --html, as text and in a browser."""

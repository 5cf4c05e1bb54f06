"""The pages about the schema, and what writes them from the models."""

"""A bakery: a second, tiny project on the same engine, so that whoever ties the engine to one project breaks it."""

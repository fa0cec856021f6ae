"""The read model: where everything stands, from the database alone, with or without a runner."""

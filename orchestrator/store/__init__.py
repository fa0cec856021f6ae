"""SQL, by aggregate, each with its reads, and the unit of work."""

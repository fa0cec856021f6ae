"""SQL, by aggregate, each with its reads; nothing else changes a row."""

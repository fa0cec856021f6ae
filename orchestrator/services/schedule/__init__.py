"""The schedule: what is due when, carried out once, and shown."""

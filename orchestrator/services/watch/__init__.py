"""Watching the accounts: readings, the decision that one is lost, and what follows from it."""

"""Telling the outside: which facts become messages, and carrying each message to every receiver."""

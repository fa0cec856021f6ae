"""Carries messages from the outbox to hooks and people."""

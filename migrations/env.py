"""Alembic's way in: `orchestrator.store.schema` gives the connection, in a transaction with the lock."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through `rejoin db upgrade`, not through the alembic command")

context.configure(connection=connection, target_metadata=context.config.attributes.get("metadata"))
context.run_migrations()

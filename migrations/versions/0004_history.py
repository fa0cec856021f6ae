"""What a restored database must look at before it joins; what lasts of an identity stands apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("instances", "memberships"):
        op.add_column(table, sa.Column("history_epoch", sa.Integer(), server_default="0", nullable=False))
    op.add_column("instances", sa.Column("clock_steps", sa.Integer(), server_default="0", nullable=False))
    _split_identities()


def _split_identities() -> None:
    """Put what changes with a restart behind an @: the device of a file, the start of a server."""
    instances = sa.table("instances", sa.column("id"), sa.column("seen_database"))
    bind = op.get_bind()
    known = sa.select(instances.c.id, instances.c.seen_database).where(instances.c.seen_database.is_not(None))
    for number, seen in bind.execute(known).all():
        parts = seen.split("/")
        volatile = parts.pop(0 if bind.dialect.name == "sqlite" else 2)
        changed = sa.update(instances).where(instances.c.id == number)
        bind.execute(changed.values(seen_database="/".join(parts) + "@" + volatile))


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError

"""Several daemons on one PostgreSQL database: which accounts each knows, and which daemon works for which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("daemon", sa.Column("knows", sa.Text(), server_default="[]", nullable=False))
    op.add_column("daemon", sa.Column("agreed", sa.Text()))
    op.add_column("instances", sa.Column("daemon_fence", sa.Integer()))


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError

"""The revision of an account: counts what others than its worker wrote, so that the worker looks again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instances", sa.Column("revision", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError

"""Which number stands behind an instance, and the gateway's own name of its session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("session_name", sa.Text()),
        sa.Column("identified_fence", sa.Integer()),
        sa.Column("identity_changed_at", sa.Double()),
        sa.Column("configured", sa.Boolean(), server_default=sa.true(), nullable=False),
    ):
        op.add_column("instances", column)


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError

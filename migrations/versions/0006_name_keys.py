"""Names and subjects are stored in the form in which they are compared, too: a look-up needs an index.

Comparing them in SQL depends on the database: SQLite's `lower` knows ASCII only.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orchestrator.domain.group_fields import name_key

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BATCH = 1000


def upgrade() -> None:
    op.add_column("groups", sa.Column("name_key", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("groups", sa.Column("subject_key", sa.Text()))
    _fill(op.get_bind())
    op.create_index("ix_groups_name_key", "groups", ["name_key"])


def _fill(bind: sa.Connection) -> None:
    """Batch by batch in the order of the ids."""
    groups = sa.table(
        "groups",
        sa.column("id", sa.BigInteger),
        *(sa.column(name, sa.Text) for name in ("name", "subject", "name_key", "subject_key")),
    )
    c, last = groups.c, 0
    fill = sa.update(groups).where(c.id == sa.bindparam("row"))
    fill = fill.values(name_key=sa.bindparam("of_name"), subject_key=sa.bindparam("of_subject"))
    while True:
        query = sa.select(c.id, c.name, c.subject).where(c.id > last).order_by(c.id).limit(_BATCH)
        rows = bind.execute(query).all()
        if not rows:
            return
        keys = [
            {
                "row": row.id,
                "of_name": name_key(row.name),
                "of_subject": row.subject and name_key(row.subject),
            }
            for row in rows
        ]
        bind.execute(fill, keys)
        last = rows[-1].id


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError

"""What a daemon needs: itself, losses, events, messages and their deliveries, the schedule; pruning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_YOUNG = 30 * 86400
"""Seconds: a journal line younger than that can never be deleted, whatever the retention says."""

# Still append-only, but what is old may be pruned.
_PRUNABLE = {
    "sqlite": (
        "DROP TRIGGER journal_no_delete",
        (
            "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal"
            f" WHEN OLD.at > (julianday('now') - 2440587.5) * 86400.0 - {_YOUNG}"
            " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE OR REPLACE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN"
            f" IF TG_OP = 'DELETE' AND OLD.at <= extract(epoch from clock_timestamp()) - {_YOUNG}"
            " THEN RETURN OLD; END IF;"
            " RAISE EXCEPTION 'the journal is append-only'; END $$"
        ),
    ),
}


def upgrade() -> None:
    _recoveries()
    op.add_column("memberships", sa.Column("slow_rounds", sa.Integer(), server_default="0", nullable=False))
    _daemon()
    _losses()
    _events()
    _messages()
    _deliveries()
    _schedule()
    for statement in _PRUNABLE[op.get_bind().dialect.name]:
        op.execute(statement)


def _recoveries() -> None:
    for column in (
        sa.Column("driver", sa.Text(), server_default="person", nullable=False),
        sa.Column("fixed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("joins_left", sa.Integer()),
        sa.Column("deadline", sa.Double()),
        sa.Column("follows_id", Id),
    ):
        op.add_column("recoveries", column)


def _daemon() -> None:
    op.create_table(
        "daemon",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("started_at", sa.Double()),
        sa.Column("heartbeat_at", sa.Double()),
        sa.Column("until", sa.Double()),
        sa.Column("version", sa.Text()),
        sa.Column("listen", sa.Text()),
        sa.Column("stopping", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("troubles", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_daemon"),
    )
    op.execute("INSERT INTO daemon (id) VALUES (1)")


def _losses() -> None:
    op.create_table(
        "losses",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("instance_id", Id, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("suspected_at", sa.Double(), nullable=False),
        sa.Column("decided_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("evidence", sa.Text(), server_default="[]", nullable=False),
        sa.Column("action", sa.Text()),
        sa.Column("recovery_id", Id),
        sa.Column("detail", sa.Text()),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name="fk_losses_instance_id_instances"),
        sa.ForeignKeyConstraint(["recovery_id"], ["recoveries.id"], name="fk_losses_recovery_id_recoveries"),
        sa.PrimaryKeyConstraint("id", name="pk_losses"),
    )
    _index("uq_losses_open", "losses", ["instance_id"], "state IN ('suspected', 'lost')", unique=True)
    op.create_index("ix_losses_instance_id", "losses", ["instance_id", "id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("instance_id", Id, nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.Double()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="new", nullable=False),
        sa.Column("next_try_at", sa.Double()),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("group_id", Id),
        sa.Column("processed_at", sa.Double()),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name="fk_events_instance_id_instances"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("instance_id", "key", name="uq_events_instance_id_key"),
    )
    _index("ix_events_open", "events", ["state", "id"], "state IN ('new', 'waiting')")
    op.create_index("ix_events_received_at", "events", ["received_at"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("instance_id", Id),
        sa.Column("group_id", Id),
        sa.Column("recovery_id", Id),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("fanned_out", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("uid", name="uq_messages_uid"),
    )
    _index("ix_messages_new", "messages", ["id"], "NOT fanned_out")
    op.create_index("ix_messages_at", "messages", ["at"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.Double()),
        sa.Column("delivered_at", sa.Double()),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_deliveries_message_id_messages", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("message_id", "sink", name="uq_deliveries_message_id_sink"),
    )
    _index("ix_deliveries_open", "deliveries", ["sink", "subject", "message_id"], "state = 'pending'")
    _index("ix_deliveries_parked", "deliveries", ["id"], "state = 'parked'")


def _schedule() -> None:
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("last_due_at", sa.Double()),
        sa.Column("last_ran_at", sa.Double()),
        sa.Column("last_result", sa.Text()),
        sa.PrimaryKeyConstraint("name", name="pk_schedule"),
    )


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError

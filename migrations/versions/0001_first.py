"""The first schema."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# The database's own clock, never an accelerated one: `created_at` anchors that.
_CLOCK = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch from clock_timestamp())::double precision",
}

_APPEND_ONLY = {
    "sqlite": (
        (
            "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal"
            " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        ),
        (
            "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal"
            " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal"
            " FOR EACH ROW EXECUTE FUNCTION journal_append_only()"
        ),
        (
            "CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal"
            " FOR EACH STATEMENT EXECUTE FUNCTION journal_append_only()"
        ),
    ),
}


def upgrade() -> None:
    _groups()
    _instances()
    _journal()
    _meta()
    _group_instances()
    _group_labels()
    _invite_codes()
    _recoveries()
    _memberships()
    _slots()
    _journal_append_only()
    _first_rows()


def downgrade() -> None:
    raise NotImplementedError("there is no way back: restore a backup")


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("notes", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("jid", name="uq_groups_jid"),
        sa.UniqueConstraint("slug", name="uq_groups_slug"),
    )


def _instances() -> None:
    op.create_table(
        "instances",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("known_since", sa.Double(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_holder", sa.Text()),
        sa.Column("lease_until", sa.Double()),
        sa.Column("seen_at", sa.Double()),
        sa.Column("seen_boottime", sa.Double()),
        sa.Column("seen_boot_id", sa.Text()),
        sa.Column("seen_database", sa.Text()),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("pause_text", sa.Text()),
        sa.Column("pause_by", sa.Text()),
        sa.Column("paused_at", sa.Double()),
        sa.Column("paused_until", sa.Double()),
        sa.Column("strikes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("slow_until", sa.Double()),
        sa.Column("state", sa.Text()),
        sa.Column("state_word", sa.Text()),
        sa.Column("state_since", sa.Double()),
        sa.Column("state_checked_at", sa.Double()),
        sa.Column("own_phone", sa.Text()),
        sa.Column("own_lid", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_instances"),
        sa.UniqueConstraint("name", name="uq_instances_name"),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("instance_id", Id),
        sa.Column("group_id", Id),
        sa.Column("recovery_id", Id),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_index("ix_journal_group_id", "journal", ["group_id", "id"])
    op.create_index("ix_journal_recovery_id", "journal", ["recovery_id", "id"])


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )


def _group_instances() -> None:
    op.create_table(
        "group_instances",
        sa.Column("group_id", Id, nullable=False),
        sa.Column("instance_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_group_instances_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "instance_name", name="pk_group_instances"),
    )
    op.create_index("ix_group_instances_instance_name", "group_instances", ["instance_name", "group_id"])


def _group_labels() -> None:
    op.create_table(
        "group_labels",
        sa.Column("group_id", Id, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_group_labels_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "label", name="pk_group_labels"),
    )
    op.create_index("ix_group_labels_label", "group_labels", ["label", "group_id"])


def _invite_codes() -> None:
    op.create_table(
        "invite_codes",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("group_id", Id, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("current", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("retired_at", sa.Double()),
        sa.Column("verdict", sa.Text()),
        sa.Column("checked_at", sa.Double()),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name="fk_invite_codes_group_id_groups", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invite_codes"),
        sa.UniqueConstraint("fingerprint", name="uq_invite_codes_fingerprint"),
    )
    op.create_index("ix_invite_codes_group_id", "invite_codes", ["group_id"])
    op.create_index(
        "uq_invite_codes_current",
        "invite_codes",
        ["group_id"],
        unique=True,
        sqlite_where=sa.text("current"),
        postgresql_where=sa.text("current"),
    )


def _recoveries() -> None:
    op.create_table(
        "recoveries",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("to_instance_id", Id, nullable=False),
        sa.Column("from_name", sa.Text()),
        sa.Column("labels", sa.Text(), server_default="[]", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.Column("stop_requested_at", sa.Double()),
        sa.Column("stop_requested_by", sa.Text()),
        sa.Column("counts", sa.Text()),
        sa.Column("pace", sa.Double()),
        sa.ForeignKeyConstraint(
            ["to_instance_id"], ["instances.id"], name="fk_recoveries_to_instance_id_instances"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recoveries"),
    )
    op.create_index("ix_recoveries_to_instance_id", "recoveries", ["to_instance_id", "id"])


def _memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("instance_id", Id, nullable=False),
        sa.Column("group_id", Id, nullable=False),
        sa.Column("recovery_id", Id),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("status_since", sa.Double(), nullable=False),
        sa.Column("next_attempt_at", sa.Double()),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unknowns", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("code_id", Id),
        sa.Column("jid", sa.Text()),
        sa.Column("seen_subject", sa.Text()),
        sa.Column("seen_owner", sa.Text()),
        sa.Column("seen_members", sa.Integer()),
        sa.Column("announce", sa.Boolean()),
        sa.Column("approval", sa.Boolean()),
        sa.Column("verified_at", sa.Double()),
        sa.Column("requested_at", sa.Double()),
        sa.Column("joined_at", sa.Double()),
        sa.Column("confirmed_at", sa.Double()),
        sa.Column("evidence", sa.Text()),
        sa.Column("greeting", sa.Text(), server_default="none", nullable=False),
        sa.Column("greeted_at", sa.Double()),
        sa.ForeignKeyConstraint(["code_id"], ["invite_codes.id"], name="fk_memberships_code_id_invite_codes"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_memberships_group_id_groups"),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name="fk_memberships_instance_id_instances"
        ),
        sa.ForeignKeyConstraint(
            ["recovery_id"], ["recoveries.id"], name="fk_memberships_recovery_id_recoveries"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
        sa.UniqueConstraint("instance_id", "group_id", name="uq_memberships_instance_id_group_id"),
    )
    op.create_index(
        "ix_memberships_claim", "memberships", ["instance_id", "status", sa.text("priority DESC"), "id"]
    )
    op.create_index("ix_memberships_due", "memberships", ["instance_id", "status", "next_attempt_at"])
    op.create_index(
        "ix_memberships_greeting",
        "memberships",
        ["instance_id", "greeting", "confirmed_at"],
        sqlite_where=sa.text("greeting IN ('pending', 'sending')"),
        postgresql_where=sa.text("greeting IN ('pending', 'sending')"),
    )
    op.create_index("ix_memberships_group_id", "memberships", ["group_id"])
    op.create_index("ix_memberships_reason", "memberships", ["instance_id", "status", "reason"])
    op.create_index(
        "ix_memberships_recovery_id", "memberships", ["recovery_id", "status", "reason", "next_attempt_at"]
    )
    op.create_index(
        "uq_memberships_jid",
        "memberships",
        ["instance_id", "jid"],
        unique=True,
        sqlite_where=sa.text("jid IS NOT NULL"),
        postgresql_where=sa.text("jid IS NOT NULL"),
    )


def _slots() -> None:
    op.create_table(
        "slots",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("instance_id", Id, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("membership_id", Id, nullable=False),
        sa.Column("recovery_id", Id),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("code_id", Id),
        sa.Column("reserved_at", sa.Double(), nullable=False),
        sa.Column("send_at", sa.Double(), nullable=False),
        sa.Column("dice", sa.Double(), nullable=False),
        sa.Column("sent_at", sa.Double()),
        sa.Column("finished_at", sa.Double()),
        sa.Column("outcome", sa.Text()),
        sa.ForeignKeyConstraint(["code_id"], ["invite_codes.id"], name="fk_slots_code_id_invite_codes"),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name="fk_slots_instance_id_instances"),
        sa.ForeignKeyConstraint(
            ["membership_id"], ["memberships.id"], name="fk_slots_membership_id_memberships"
        ),
        sa.ForeignKeyConstraint(["recovery_id"], ["recoveries.id"], name="fk_slots_recovery_id_recoveries"),
        sa.PrimaryKeyConstraint("id", name="pk_slots"),
        sa.UniqueConstraint("instance_id", "n", name="uq_slots_instance_id_n"),
    )
    op.create_index("ix_slots_membership_id", "slots", ["membership_id"])
    op.create_index(
        "ix_slots_unfinished",
        "slots",
        ["instance_id"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def _journal_append_only() -> None:
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def _first_rows() -> None:
    bind = op.get_bind()
    created_at = float(bind.exec_driver_sql(_CLOCK[bind.dialect.name]).scalar_one())
    meta = sa.table("meta", sa.column("key", sa.Text), sa.column("value", sa.Text))
    rows = {"created_at": repr(created_at), "database_id": uuid.uuid4().hex}
    bind.execute(sa.insert(meta), [{"key": key, "value": value} for key, value in rows.items()])

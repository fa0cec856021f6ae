"""The tables. Instants are seconds since 1970 (UTC) as double precision, so that both databases do arithmetic
on them alike; small closed lists are text. The migrations make these tables; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    func,
    select,
    text,
    true,
)

from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Greeting, MembershipEvidence, Status, known_reason


class EnumText(TypeDecorator[Any]):
    """A member of a closed list, stored as its word; both drivers take a StrEnum for the text that it is."""

    impl = Text
    cache_ok = True

    def __init__(self, read: Callable[[str], StrEnum | None]) -> None:
        super().__init__()
        self.read = read

    def process_result_value(self, value: str | None, dialect: object) -> StrEnum | None:  # noqa: ARG002
        return None if value is None else self.read(value)


class Json(TypeDecorator[Any]):
    """JSON as text, on both databases alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: object) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: object) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts rows up only in an INTEGER column


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),  # created_at, database_id, active_key
    Column("value", Text, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("account", Text, nullable=False),  # base_url and instance id: what must have one driver only
    Column("known_since", Double, nullable=False),  # since then this database knows every join it sent
    # The lease: who drives this instance. The fence grows with every taking.
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("lease_holder", Text),  # JSON: host, boot id, pid and its start, what it runs
    Column("lease_until", Double),
    # Continuity: last seen clock pair and database, to notice jumps and swaps.
    Column("seen_at", Double),
    Column("seen_boottime", Double),
    Column("seen_boot_id", Text),
    Column("seen_database", Text),
    # The pauses.
    Column("pause_reason", Text),
    Column("pause_text", Text),
    Column("pause_by", Text),
    Column("paused_at", Double),
    Column("paused_until", Double),  # null with a reason: until a person resumes
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("slow_until", Double),  # half pace until then
    # What the gateway last said of the session.
    Column("state", Text),
    Column("state_word", Text),
    Column("state_since", Double),
    Column("state_checked_at", Double),
    Column("own_phone", Text),
    Column("own_lid", Text),
    Column("session_name", Text),  # the gateway's own name of the session; its events may carry it
    # The number: the fence under which its driver's session reading told it, and when it last changed.
    Column("identified_fence", Integer),
    Column("identity_changed_at", Double),
    Column("configured", Boolean, nullable=False, server_default=true()),  # stands in the configuration
    Column("clock_steps", Integer, nullable=False, server_default="0"),  # noticed under this lease
    # Counts how often the log of slots was found not to know every join; see memberships.history_epoch.
    Column("history_epoch", Integer, nullable=False, server_default="0"),
    # Counts the writes that are not its worker's own: a worker that sees it grow looks again.
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("daemon_fence", Integer),  # of the daemon that works for it; see daemon.fence
)

groups = Table(
    "groups",
    metadata,
    _id(),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("jid", Text, unique=True),
    Column("subject", Text),
    Column("owner", Text),  # digits of a phone number
    Column("priority", Integer, nullable=False, server_default="0"),  # higher comes back first
    Column("notes", Text),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # The form in which name and subject are compared (domain.groups.name_key); written by store.groups alone.
    Column("name_key", Text, nullable=False, server_default=text("''")),
    Column("subject_key", Text),
    Index("ix_groups_name_key", "name_key"),
)

group_labels = Table(
    "group_labels",
    metadata,
    Column("group_id", Id, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("label", Text, primary_key=True),
    Index("ix_group_labels_label", "label", "group_id"),
)

group_instances = Table(
    "group_instances",
    metadata,
    Column("group_id", Id, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("instance_name", Text, primary_key=True),  # as imported; need not be configured any more
    Index("ix_group_instances_instance_name", "instance_name", "group_id"),
)

invite_codes = Table(
    "invite_codes",
    metadata,
    _id(),
    Column("group_id", Id, ForeignKey("groups.id", ondelete="CASCADE"), nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("last4", Text, nullable=False),
    Column("current", Boolean, nullable=False, server_default=false()),
    Column("source", Text, nullable=False),  # import, set-code
    Column("created_at", Double, nullable=False),
    Column("retired_at", Double),
    Column("verdict", Text),  # what the last use said: good, or a reason
    Column("checked_at", Double),
    Index("ix_invite_codes_group_id", "group_id"),
)

_UNIT = "\x1f"  # between labels: a control character, which no label may hold
LABELS = (
    select(func.aggregate_strings(group_labels.c.label, _UNIT))
    .where(group_labels.c.group_id == groups.c.id)
    .correlate(groups)
    .scalar_subquery()
)
"""All labels of a group as one text, for `split_labels`."""


def split_labels(joined: str | None) -> tuple[str, ...]:
    return tuple(sorted(joined.split(_UNIT))) if joined else ()


recoveries = Table(
    "recoveries",
    metadata,
    _id(),
    Column("to_instance_id", Id, ForeignKey("instances.id"), nullable=False),
    Column("from_name", Text),
    Column("labels", Json, nullable=False, server_default="[]"),  # a list
    Column("state", Text, nullable=False),  # running, stopped, finished
    Column("outcome", Text),  # complete, needs_you, deferred, instance_lost, stopped, credentials
    Column("actor", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("stop_requested_at", Double),
    Column("stop_requested_by", Text),
    Column("counts", Json),  # at the end: {"active": 61, ...}
    Column("pace", Double),  # joins a minute, when the call said so
    Column("driver", Text, nullable=False, server_default="person"),  # person: a `run`; daemon: the daemon's
    Column("fixed", Boolean, nullable=False, server_default=false()),  # its groups were chosen once
    Column("joins_left", Integer),  # --limit, counted down
    Column("deadline", Double),  # --max-duration: it ends then
    Column("follows_id", Id),  # the recovery onto a backup that was lost, which this one goes on with
    Index("ix_recoveries_to_instance_id", "to_instance_id", "id"),
)

memberships = Table(
    "memberships",
    metadata,
    _id(),
    Column("instance_id", Id, ForeignKey("instances.id"), nullable=False),
    Column("group_id", Id, ForeignKey("groups.id"), nullable=False),
    Column("recovery_id", Id, ForeignKey("recoveries.id")),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("status", EnumText(Status), nullable=False),
    Column("reason", EnumText(known_reason)),
    Column("detail", Text),  # foreign text, scrubbed
    Column("status_since", Double, nullable=False),
    Column("next_attempt_at", Double),
    Column("attempts", Integer, nullable=False, server_default="0"),  # that failed because of the group
    Column("slow_rounds", Integer, nullable=False, server_default="0"),  # that found it full or locked
    Column("unknowns", Integer, nullable=False, server_default="0"),  # joins whose outcome was unknown
    Column("looks", Integer, nullable=False, server_default="0"),  # since the status began
    Column("code_id", Id, ForeignKey("invite_codes.id")),  # probed and, if so, joined with
    Column("jid", Text),
    Column("seen_subject", Text),
    Column("seen_owner", Text),
    Column("seen_members", Integer),
    Column("announce", Boolean),
    Column("approval", Boolean),
    Column("verified_at", Double),
    Column("requested_at", Double),  # when the last join was sent
    Column("joined_at", Double),  # when the receipt came
    Column("confirmed_at", Double),
    Column("evidence", EnumText(MembershipEvidence)),
    Column("greeting", EnumText(Greeting), nullable=False, server_default="none"),
    Column("greeted_at", Double),
    Column("history_epoch", Integer, nullable=False, server_default="0"),  # the instance's at the last look
    UniqueConstraint("instance_id", "group_id"),
    Index("ix_memberships_claim", "instance_id", "status", text("priority DESC"), "id"),
    Index("ix_memberships_due", "instance_id", "status", "next_attempt_at"),
    Index("ix_memberships_reason", "instance_id", "status", "reason"),
    Index("ix_memberships_group_id", "group_id"),
    # Covers the counts of `status`: they are read from the index alone.
    Index("ix_memberships_recovery_id", "recovery_id", "status", "reason", "next_attempt_at"),
)

slots = Table(
    "slots",
    metadata,
    _id(),
    Column("instance_id", Id, ForeignKey("instances.id"), nullable=False),
    Column("n", Integer, nullable=False),  # counts up for each instance
    Column("membership_id", Id, ForeignKey("memberships.id"), nullable=False),
    Column("recovery_id", Id, ForeignKey("recoveries.id")),
    Column("fence", Integer, nullable=False),
    Column("code_id", Id, ForeignKey("invite_codes.id")),
    Column("reserved_at", Double, nullable=False),
    Column("send_at", Double, nullable=False),
    Column("dice", Double, nullable=False),
    Column("sent_at", Double),
    Column("finished_at", Double),
    Column("outcome", Text),
    UniqueConstraint("instance_id", "n"),
    Index("ix_slots_membership_id", "membership_id"),
)

journal = Table(
    "journal",
    metadata,
    _id(),
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),  # call.probe, move, slot.reserved, act.skip, ...
    Column("actor", Text, nullable=False),  # who: the recovery loop, or a person's login at a host
    Column("instance_id", Id),
    Column("group_id", Id),
    Column("recovery_id", Id),
    Column("data", Text, nullable=False, server_default="{}"),  # JSON, scrubbed
    Index("ix_journal_group_id", "group_id", "id"),
    Index("ix_journal_recovery_id", "recovery_id", "id"),
)

daemon = Table(
    "daemon",
    metadata,
    # A place for a daemon. On SQLite there is one, on PostgreSQL one more whenever all are taken.
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Grows with every taking of any place: no two daemons ever have the same one.
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("holder", Text),  # JSON, as in instances.lease_holder; null: none runs
    Column("started_at", Double),
    Column("heartbeat_at", Double),
    Column("until", Double),  # without a sign of life another may take over then
    Column("version", Text),
    Column("listen", Text),  # where it takes webhooks
    Column("stopping", Boolean, nullable=False, server_default=false()),
    Column("troubles", Text, nullable=False, server_default="[]"),  # JSON: [{part, since, text}]
    Column("knows", Text, nullable=False, server_default="[]"),  # JSON: ids of its file's instances
    Column("agreed", Text),  # stands for the settings that are to be the same for all daemons
)

losses = Table(
    "losses",
    metadata,
    _id(),
    Column("instance_id", Id, ForeignKey("instances.id"), nullable=False),
    Column(
        "state", EnumText(LossState), nullable=False
    ),  # suspected, lost, returned (after lost), dismissed (false alarm)
    Column("suspected_at", Double, nullable=False),
    Column("decided_at", Double),
    Column("ended_at", Double),
    Column("evidence", Text, nullable=False, server_default="[]"),  # JSON: [{at, kind, says, gone, text}]
    Column("action", Text),  # notify, recover: what followed
    Column("recovery_id", Id, ForeignKey("recoveries.id")),
    Column("detail", Text),  # why nothing followed yet, such as: no backup is healthy
    Index("ix_losses_instance_id", "instance_id", "id"),
)

events = Table(
    "events",
    metadata,
    _id(),
    Column("instance_id", Id, ForeignKey("instances.id"), nullable=False),
    Column("received_at", Double, nullable=False),
    Column("key", Text, nullable=False),  # the event's own id, else the digest of its body
    Column("kind", Text, nullable=False),  # the gateway's word, such as group.v2.join
    Column("sent_at", Double),  # the gateway's own time stamp
    Column("body", Text, nullable=False),  # JSON as it came, scrubbed of secrets
    Column("state", Text, nullable=False, server_default="new"),  # new, waiting, done
    Column("next_try_at", Double),  # waiting: for a look
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("times", Integer, nullable=False, server_default="1"),  # how often it was delivered
    Column("result", Text),  # confirmed, left, session, not_us, unknown_group, stale, known, ignored, failed
    Column("group_id", Id),
    Column("processed_at", Double),
    UniqueConstraint("instance_id", "key"),
    Index("ix_events_received_at", "received_at"),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    Column("uid", Text, nullable=False, unique=True),  # msg_...: what a receiver tells duplicates by
    Column("kind", Text, nullable=False),  # group.active, recovery.finished, ...
    Column("at", Double, nullable=False),
    Column("subject", Text, nullable=False),  # delivered in order within: group:12, recovery:3, instance:2
    Column("instance_id", Id),
    Column("group_id", Id),
    Column("recovery_id", Id),
    Column("data", Text, nullable=False),  # JSON
    Column("fanned_out", Boolean, nullable=False, server_default=false()),  # deliveries have been made
    Index("ix_messages_at", "at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    Column("message_id", Id, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("sink", Text, nullable=False),  # hook:NAME, people
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),  # pending, delivered, parked
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Double),
    Column("delivered_at", Double),
    Column("error", Text),  # of the last attempt, scrubbed
    UniqueConstraint("message_id", "sink"),
)

schedule = Table(
    "schedule",
    metadata,
    Column("name", Text, primary_key=True),  # recover
    Column("expression", Text, nullable=False),
    Column("last_due_at", Double),  # the instant of the plan that was carried out last
    Column("last_ran_at", Double),
    Column("last_result", Text),  # one sentence
)


class _Partial(NamedTuple):
    """An index on the rows for which `where` holds."""

    table: Table
    name: str
    columns: tuple[str, ...]
    where: str
    unique: bool = False


_PARTIAL = (
    _Partial(invite_codes, "uq_invite_codes_current", ("group_id",), "current", unique=True),
    _Partial(memberships, "uq_memberships_jid", ("instance_id", "jid"), "jid IS NOT NULL", unique=True),
    _Partial(
        memberships,
        "ix_memberships_greeting",
        ("instance_id", "greeting", "confirmed_at"),
        "greeting IN ('pending', 'sending')",
    ),
    _Partial(slots, "ix_slots_unfinished", ("instance_id",), "finished_at IS NULL"),
    _Partial(losses, "uq_losses_open", ("instance_id",), "state IN ('suspected', 'lost')", unique=True),
    _Partial(events, "ix_events_open", ("state", "id"), "state IN ('new', 'waiting')"),
    _Partial(messages, "ix_messages_new", ("id",), "NOT fanned_out"),
    _Partial(deliveries, "ix_deliveries_open", ("sink", "subject", "message_id"), "state = 'pending'"),
    _Partial(deliveries, "ix_deliveries_parked", ("id",), "state = 'parked'"),
)


@cache
def declare_partial_indexes() -> None:
    """For who compares or makes the schema.

    The toolkit loads PostgreSQL's dialect to read `postgresql_where`: a tenth of the start of a command that
    has no use for it.
    """
    for one in _PARTIAL:
        columns, where = [one.table.c[name] for name in one.columns], text(one.where)
        Index(one.name, *columns, unique=one.unique, sqlite_where=where, postgresql_where=where)

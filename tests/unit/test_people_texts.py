"""What people read says what happened, where, since when and what follows."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from orchestrator.messaging.routing import Parcel
from orchestrator.messaging.telling_people import Needs, compose
from orchestrator.store import outgoing_messages

AT = "2027-01-15T08:00:00Z"
CLOCK = "2027-01-15 08:00 UTC"
NOTHING_FOLLOWS = "Nothing follows by itself. To recover: rejoin run --from sales-main"
LOST = {
    "instance": "sales-main",
    "role": "primary",
    "since": AT,
    "decided_by": "for 10 min, by 2 kinds",
}


@pytest.mark.parametrize(
    ("kind", "data", "title", "body"),
    [
        (
            outgoing_messages.INSTANCE_LOST,
            LOST | {"action": "notify", "command": "rejoin run --from sales-main"},
            "Rejoin: sales-main is lost",
            f"Not working since {CLOCK}; decided for 10 min, by 2 kinds.\n{NOTHING_FOLLOWS}",
        ),
        (
            outgoing_messages.INSTANCE_LOST,
            LOST | {"action": "recover", "recovery": 7, "to": "backup-1"},
            "Rejoin: sales-main is lost",
            "Recovery 7 onto backup-1 has begun.",
        ),
        (
            outgoing_messages.INSTANCE_LOST,
            LOST | {"action": "recover", "detail": "no backup is healthy: backup-1 is paused"},
            "Rejoin: sales-main is lost",
            "A recovery follows by itself: no backup is healthy: backup-1 is paused.",
        ),
        (
            outgoing_messages.INSTANCE_LOST,
            LOST | {"role": "backup", "instance": "backup-1", "action": "notify", "may_be_in": 2},
            "Rejoin: the backup backup-1 is lost",
            "It may be in 2 groups whose join was not confirmed.",
        ),
        (
            outgoing_messages.INSTANCE_RETURNED,
            {"instance": "sales-main", "lost_at": AT, "returned_at": AT},
            "Rejoin: sales-main is back",
            "Lost 2027-01-15 08:00 UTC, back 2027-01-15 08:00 UTC.",
        ),
        (
            outgoing_messages.INSTANCE_HALTED,
            {"instance": "backup-1", "sentence": "its loop died (KeyError)"},
            "Rejoin: backup-1 is halted",
            "its loop died (KeyError)",
        ),
        (
            outgoing_messages.INSTANCE_PAUSED,
            {"instance": "backup-1", "sentence": "it is restricted", "hint": "wait", "until": AT},
            "Rejoin: backup-1 is paused",
            "it is restricted; paused until 2027-01-15 08:00 UTC. wait",
        ),
        (
            outgoing_messages.RECOVERY_FINISHED,
            {"recovery": 7, "to": "backup-1", "outcome": "complete", "active": 1, "total": 1},
            "Rejoin: recovery onto backup-1: all groups are in place",
            "In place: 1 of 1 group.",
        ),
        (
            outgoing_messages.RECOVERY_FINISHED,
            {"recovery": 7, "to": "backup-1", "outcome": "a newer word", "active": 1, "total": 2},
            "Rejoin: recovery onto backup-1: it ended",
            "In place: 1 of 2 groups.",
        ),
    ],
)
def test_the_notice_of_each_fact(kind: str, data: dict[str, Any], title: str, body: str) -> None:
    notice = compose(Parcel("msg_1", kind, 0.0, data), Needs(), UTC)

    assert notice is not None
    assert notice.title == title
    assert body in notice.body


def test_a_code_in_a_foreign_word_stays_hidden() -> None:
    data = {"instance": "b", "sentence": "chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv"}
    notice = compose(Parcel("msg_1", outgoing_messages.INSTANCE_HALTED, 0.0, data), Needs(), UTC)

    assert notice is not None
    assert notice.body == "chat.whatsapp.com/…StUv"

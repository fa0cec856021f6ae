"""docs/webhooks-out.md says every type and field, and its receiver verifies what we sign."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest

from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Greeting, MembershipEvidence, Status
from orchestrator.messaging.routing import HOOK_KINDS
from orchestrator.messaging.webhooks_and_pings import key_of, signature
from orchestrator.store import outgoing_messages
from orchestrator.store.journal import Entry
from orchestrator.store.memberships import Membership, Move
from orchestrator.store.outgoing_messages import GroupFacts
from orchestrator.store.recoveries import Recovery

if TYPE_CHECKING:
    from orchestrator.store.outbox import Message

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks-out.md").read_text(encoding="utf-8")


def blank(kind: type, **values: Any) -> Any:
    """One of that dataclass; what is not said is None."""
    return kind(**dict.fromkeys(get_type_hints(kind)) | values)


INSTANCE = blank(InstanceRecord, id=2, name="backup-1", role="backup")
MEMBER = blank(
    Membership,
    id=1,
    group_id=1,
    status=Status.ACTIVE,
    evidence=MembershipEvidence.EVENT,
    greeting=Greeting.NONE,
)
WAITING = blank(Membership, id=1, group_id=1, status=Status.CONFIRMING, greeting=Greeting.NONE)
GROUP = GroupFacts(1, "North", "north", "1@g.us", "North", ())
RECOVERY = Recovery(
    id=3,
    to_instance_id=1,
    to_name="backup-1",
    from_name=None,
    labels=(),
    state="running",
    outcome=None,
    actor="ana@box",
    created_at=1.0,
    started_at=1.0,
    finished_at=None,
    stop_requested_at=None,
    stop_requested_by=None,
    counts=None,
    pace=None,
    driver="person",
    follows_id=None,
    fixed=False,
)
PAUSE = Entry("instance.paused", "x", {"reason": "restricted", "until": 2.0})


@pytest.mark.parametrize(
    ("title", "message"),
    [
        (
            "`group.active`, `group.blocked`",
            outgoing_messages.group_message(Move(WAITING, MEMBER), GROUP, INSTANCE),
        ),
        (
            "`recovery.started`, `recovery.finished`",
            outgoing_messages.recovery_message(outgoing_messages.RECOVERY_STARTED, INSTANCE, RECOVERY),
        ),
        ("`instance.paused`", outgoing_messages.paused_message(INSTANCE, PAUSE, 1.0)),
    ],
)
def test_every_field_of_a_message_stands_there_and_no_other(title: str, message: Message) -> None:
    section = re.split(r"\n\n(?=`|##)", PAGE.partition(f"\n\n{title}")[2])[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(message.data)


def test_every_type_stands_there() -> None:
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, re.MULTILINE)) == HOOK_KINDS


@pytest.mark.parametrize("secret", ["whsec_c2VjcmV0LWtleQ==", "plain words"])
def test_the_receiver_of_the_page_takes_what_we_sign_and_nothing_else(secret: str) -> None:
    names: dict[str, Any] = {}
    exec(PAGE.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102 - our own page
    now = int(time.time())
    signed = signature(key_of(secret), "msg_1", now, b'{"a":1}')
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": f"v1,x {signed}"}

    verified = names["verified"]
    assert verified(secret, headers, b'{"a":1}')
    assert not verified(secret, headers, b'{"a":2}')
    assert not verified(secret, headers | {"webhook-id": "msg_2"}, b'{"a":1}')
    assert not verified(secret, headers | {"webhook-timestamp": str(now - 400)}, b'{"a":1}')

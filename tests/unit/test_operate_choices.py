from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from orchestrator.domain.memberships import TRANSITIONS, Greeting, Reason, Status
from orchestrator.operations.retry_skip import Way, on_retry, on_retry_of_all, on_skip
from orchestrator.store.memberships import Membership

_TARGETS = {Way.IN_LINE: Status.PENDING, Way.LOOK: Status.CONFIRMING, Way.SKIP: Status.SKIPPED}


def membership(status: Status, reason: Reason | None = None, **more: Any) -> Membership:
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(Membership))
    return Membership(**values | {"status": status, "reason": reason, "greeting": Greeting.NONE} | more)


@pytest.mark.parametrize("status", Status)
def test_every_status_has_an_answer_to_retry_and_skip_along_the_table(status: Status) -> None:
    for requested_at in (None, 1.0):
        old = membership(status, Reason.OPERATOR, requested_at=requested_at)
        for choice in (on_retry(old), on_retry_of_all(old), on_skip(old, "closed")):
            assert choice.sentence
            target = _TARGETS.get(choice.way)
            assert target is None or target is status or target in TRANSITIONS[status]


@pytest.mark.parametrize("status", [Status.JOINING, Status.CONFIRMING, Status.ACTIVE])
def test_what_is_in_motion_or_in_is_refused(status: Status) -> None:
    assert on_retry(membership(status)).way is Way.REFUSE
    assert on_skip(membership(status), None).way is Way.REFUSE


@pytest.mark.parametrize(
    ("old", "way"),
    [
        (membership(Status.BLOCKED, Reason.OUTCOME_UNKNOWN), Way.LOOK),
        (membership(Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING), Way.LOOK),
        (membership(Status.SKIPPED, Reason.OPERATOR, requested_at=5.0, jid="1@g.us"), Way.LOOK),
        # It led elsewhere, and that group was left: there is nothing to look at.
        (membership(Status.SKIPPED, Reason.OPERATOR, requested_at=5.0), Way.IN_LINE),
        (membership(Status.SKIPPED, Reason.OPERATOR), Way.IN_LINE),
        (membership(Status.BLOCKED, Reason.CODE_REVOKED, requested_at=5.0), Way.IN_LINE),
    ],
)
def test_where_a_join_may_have_taken_effect_a_retry_looks_first(old: Membership, way: Way) -> None:
    assert on_retry(old).way is way


def test_a_retry_of_all_does_not_send_pending_requests_again() -> None:
    old = membership(Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING)
    assert on_retry_of_all(old).way is Way.LOOK_ONLY


def test_a_group_that_led_elsewhere_must_be_left_before_anything_else() -> None:
    old = membership(Status.BLOCKED, Reason.IDENTITY_MISMATCH, joined_at=5.0, jid="1@g.us")
    assert on_retry(old).way is Way.REFUSE
    assert on_skip(old, None).way is Way.REFUSE


def test_skipping_again_changes_nothing_but_a_new_reason_does() -> None:
    old = membership(Status.SKIPPED, Reason.OPERATOR, detail="closed in May")
    assert on_skip(old, None).way is Way.STAY
    assert on_skip(old, "closed in May").way is Way.STAY
    assert on_skip(old, "sold").way is Way.SKIP

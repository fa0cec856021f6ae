"""What a network tells its gateways' webhooks, before any shape is given to it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Event(NamedTuple):
    """Something that a gateway would tell by webhook to the one account that saw it.

    group.join, group.leave   the account itself; `effect` says how
    group.member              another member of one of its groups: `joined`, and `phone` or `lid` or both
    group.update              `subject`
    session.status            `status`
    """

    at: float
    kind: str
    account: str
    group: str | None
    data: dict[str, Any]

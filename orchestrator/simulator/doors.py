"""Why WhatsApp refuses an account at a group's door, as IQ codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.simulator.iq import IqError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.simulator.model import Account, Group

_CODE = re.compile(r"[A-Za-z0-9_-]{20,24}")


def behind(code: str, codes: Mapping[str, Group]) -> Group:
    """The group that a code leads to: 400 malformed, 406 unknown, 404 group closed, 410 code revoked."""
    if not _CODE.fullmatch(code):
        raise IqError(400)
    group = codes.get(code)
    if group is None:
        raise IqError(406)
    if group.closed:
        raise IqError(404)
    if not group.codes[code]:
        raise IqError(410)
    return group


def refuse_at_door(account: Account, group: Group, parent: Group | None, now: float) -> None:
    """401 removed, 416 suspended, 423 locked, 436 growth-locked, 405 and 412 for the community."""
    if account.name in group.removed:
        raise IqError(401)
    if group.suspended:
        raise IqError(416)
    if group.locked:
        raise IqError(423)
    if group.growth_locked_until > now:
        raise IqError(436)
    if parent is not None and account.name in parent.removed:
        raise IqError(405)
    if parent is not None and parent.is_full and account.name not in parent.inside:
        raise IqError(412)


def spend_budget(account: Account, now: float) -> None:
    """One join of the account's budget: 429 when it is used up, for as long as the pause lasts."""
    if account.limited_until > now:
        raise IqError(429)
    if account.join_budget is None:
        return
    if account.budget_used >= account.join_budget:
        account.budget_used = 0
        account.limited_until = now + account.join_pause
        raise IqError(429)
    account.budget_used += 1

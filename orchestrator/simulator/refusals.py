"""What WhatsApp itself answers when it refuses, and why: an IQ error with a number and a text.

Texts are those of whatsmeow (errors.go) where it has one; the rest are seen in public reports or, for
numbers without a known text, descriptive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.simulator.model import Account, Group

TEXTS: dict[int, str] = {
    304: "not-modified",
    400: "bad-request",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "not-allowed",
    406: "not-acceptable",
    409: "conflict",
    410: "gone",
    412: "precondition-failed",
    416: "range-not-satisfiable",
    419: "resource-limit",
    423: "locked",
    426: "upgrade-required",
    429: "rate-overlimit",
    436: "growth-locked",
    463: "account_reachout_restricted",
    500: "internal-server-error",
    503: "service-unavailable",
    530: "partial-server-error",
}

SPOKEN: dict[int, str] = {
    406: "that group invite link is not valid",
    410: "that group invite link has been revoked",
}
"""whatsmeow's own sentences, which a gateway on it shows in place of number and text."""

SPOKEN_OF_INFO: dict[int, str] = {
    403: "you're not participating in that group",
    404: "that group does not exist",
}
"""The same for calls that ask about a group by its JID (whatsmeow `group.go`, getGroupInfo)."""


class IqError(Exception):
    """WhatsApp refused. `code` is the number, `text` the text of the `<error>` node."""

    def __init__(self, code: int, text: str | None = None, *, of_info: bool = False) -> None:
        self.code = code
        self.of_info = of_info
        self.text = TEXTS.get(code, "") if text is None else text
        super().__init__(f"info query returned status {self.code}: {self.text}")

    @property
    def sentence(self) -> str:
        """What whatsmeow says in its place."""
        return (SPOKEN_OF_INFO if self.of_info else SPOKEN).get(self.code, str(self))


class SessionDownError(Exception):
    """The account is not connected to WhatsApp: nothing can be asked for it."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"session is {state}")


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

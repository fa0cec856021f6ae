"""The things of a WhatsApp network: accounts, groups, members, invite codes, and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from orchestrator.simulator.checked_tables import digits, flag, knob, number, one_of, text, whole

GATEWAYS = ("wawp", "waha", "evolution", "gowa")


class AccountState(StrEnum):
    """The gateway's word for the state of a session (WAHA's words, which Wawp uses too)."""

    WORKING = "WORKING"
    SCAN_QR_CODE = "SCAN_QR_CODE"
    FAILED = "FAILED"
    STARTING = "STARTING"
    STOPPED = "STOPPED"


@dataclass(slots=True)
class Account:
    """One WhatsApp account and the gateway instance that it is linked to. Instants in simulated seconds."""

    name: str = knob(text)
    instance_id: str = knob(text)
    access_token: str = knob(text, repr=False)
    phone: str = knob(digits, "")  # bare digits
    lid: str = knob(digits, "")  # bare digits of its other name
    push_name: str = knob(text, "")
    gateway: str = knob(one_of(*GATEWAYS), "wawp")  # where it is linked
    session_name: str = knob(text, "")  # of the gateway; empty: wawp- and the instance's id
    state: AccountState = knob(one_of(*AccountState), AccountState.WORKING)
    shown_state: AccountState | None = knob(one_of(*AccountState), None)  # by the gateway; None: the truth
    join_budget: int | None = knob(whole, None)  # joins before WhatsApp says 429; None: no limit
    join_pause: float = knob(number, 3600.0)  # how long that 429 lasts; afterwards the budget is whole again
    restricted_until: float = 0.0  # joins answer 463 until then
    ban_after: int | None = knob(whole, None)  # banned for good after so many joins
    banned: bool = False
    joins_made: int = 0
    budget_used: int = 0
    limited_until: float = 0.0
    webhooks: list[dict[str, object]] = field(default_factory=list, repr=False)
    settings: dict[str, object] = field(default_factory=dict, repr=False)  # what else its session is set to

    def link(self, gateway: str) -> None:
        """Link it at another gateway. GOWA's token is `user:password`."""
        self.gateway = gateway
        if gateway == "gowa" and ":" not in self.access_token:
            self.access_token = f"rejoin:{self.access_token}"

    @property
    def session(self) -> str:
        """The name of its session, as session/info tells it."""
        if self.gateway != "wawp":
            return self.instance_id
        return self.session_name or f"wawp-{self.instance_id}"

    @property
    def shown(self) -> AccountState:
        """The state that the gateway tells."""
        return self.state if self.shown_state is None else self.shown_state


@dataclass(frozen=True, slots=True)
class Member:
    """One member that is no account of ours. Bare digits; a LID-only member has no phone."""

    phone: str | None = None
    lid: str | None = None
    admin: bool = False
    owner: bool = False


class Naming(StrEnum):
    """How a group names its members."""

    PHONE = "phone"  # by phone number
    LID = "lid"  # by LID, with the phone number beside it
    LID_ONLY = "lid_only"  # by LID alone


@dataclass(slots=True)
class Group:
    """One group as WhatsApp knows it."""

    jid: str
    subject: str = knob(text)
    description: str = knob(text, "")
    owner: str = knob(digits, "")  # phone, bare digits
    created: int = knob(whole, 1_650_000_000)  # unix seconds
    naming: Naming = Naming.PHONE
    announce: bool = knob(flag, False)  # only admins may write
    approval: bool = knob(flag, False)  # an admin must let each new member in
    approve_after: float | None = knob(number, None)  # an admin does so after that many seconds; None: never
    max_size: int = knob(whole, 1024)
    full: bool = knob(flag, False)  # full whatever the numbers say
    locked: bool = knob(flag, False)
    growth_locked_until: float = 0.0
    needs_upgrade: bool = knob(flag, False)
    closed: bool = knob(flag, False)
    suspended: bool = knob(flag, False)
    parent: str | None = knob(text, None)  # JID of the community
    is_parent: bool = knob(flag, False)
    is_announcement_child: bool = knob(flag, False)  # every member of the community is in it
    probe_tells: bool = knob(flag, True)  # False: locks and removal show at the join only, not at the probe
    strangers: int = 0  # members without a face: counted, named on demand
    members: list[Member] = field(default_factory=list)
    inside: dict[str, bool] = field(default_factory=dict)  # account name -> is admin
    pending: dict[str, float] = field(default_factory=dict)  # account name -> since
    removed: set[str] = field(default_factory=set)  # account names an admin threw out
    codes: dict[str, bool] = field(default_factory=dict, repr=False)  # code -> is current
    messages: list[tuple[float, str, str]] = field(default_factory=list, repr=False)  # at, account, text

    @property
    def size(self) -> int:
        """The number of members."""
        return self.strangers + len(self.members) + len(self.inside)

    @property
    def is_full(self) -> bool:
        """Whether nobody more can come in."""
        return self.full or self.size >= self.max_size

    @property
    def current_code(self) -> str | None:
        """The newest code that is not revoked."""
        return next((code for code in reversed(self.codes) if self.codes[code]), None)

    def take_member(self, phone: str | None, lid: str | None) -> Member | None:
        """Take out the member of that phone or LID; without either the last who came."""
        if phone is None and lid is None:
            return self.members.pop() if self.members else self._take_stranger()
        wanted = {phone, lid} - {None}
        found = next((m for m in self.members if {m.phone, m.lid} & wanted), None)
        if found is not None:
            self.members.remove(found)
        return found

    def _take_stranger(self) -> Member | None:
        if self.strangers == 0:
            return None
        self.strangers -= 1
        return stranger(self.strangers)


def stranger(number: int) -> Member:
    """A member without a face, by number."""
    return Member(f"9990{number:07d}", f"8880{number:010d}")


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

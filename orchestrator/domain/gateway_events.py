"""What a gateway tells by itself, in our words. Adapters make these of their vendor's shapes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.domain.outcomes import InstanceState, Participant


class EventKind(StrEnum):
    """What an event is about."""

    JOINED = "joined"  # we (`ours`), or `members`, joined a group or were added to it
    LEFT = "left"  # we (`ours`), or `members`, left a group: by ourselves or not, it does not say
    REMOVED = "removed"  # the same, and it says that somebody else did it
    MEMBERS = "members"  # the group's list of members changed; `change` says how
    SESSION = "session"  # the state of the account's session
    OTHER = "other"  # an event that is not used


class MemberChange(StrEnum):
    """What happened to the members that a MEMBERS event names."""

    JOIN = "join"
    LEAVE = "leave"
    REMOVE = "remove"  # by somebody else
    OTHER = "other"  # promoted, demoted, or a word that nobody knows


USED = frozenset(EventKind) - {EventKind.OTHER}
"""The kinds that are kept and processed."""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One event. Nothing in it is proof by itself; what it may prove is decided elsewhere.

    `ours`: the shape itself means the account that it was sent for (WAHA's `group.v2.join` and `leave`), and
    `members` is empty then. Otherwise `members` are those to whom it happened, whoever they are.
    """

    kind: EventKind
    name: str  # the gateway's word, such as group.v2.join
    id: str | None = None  # the event's own id, the same in each delivery
    sent_at: float | None = None  # the gateway's time of what happened: seconds since 1970
    me: Participant | None = None  # the account that it was sent for, as the event says
    session: str | None = None  # the gateway's own name of that account, if the event has one
    jid: str | None = None  # of the group
    ours: bool = False
    members: tuple[Participant, ...] = ()
    change: MemberChange | None = None  # of a MEMBERS event
    state: InstanceState | None = None  # of a SESSION event
    word: str = ""  # the gateway's own word for that state (foreign text)


ReadEvent = Callable[[Mapping[str, Any]], GatewayEvent | None]
"""One vendor's reader: the body of a webhook in our words; None if it is no event. It never raises."""

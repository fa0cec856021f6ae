"""What a receiver of messages is, and which receivers a message goes to.

Hooks hear every fact; people hear little, by `notify.level`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from orchestrator.domain.recoveries import End
from orchestrator.store import outbox, outgoing_messages
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.outbox import Stored


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way. `uid` stays the same over all attempts; `at` is when the fact came about."""

    uid: str
    kind: str
    at: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt went. `text` holds no address and no secret.

    `final`: trying again is of no use. `retry_after`: seconds that the receiver asked for.
    """

    ok: bool
    text: str = ""
    final: bool = False
    retry_after: float | None = None


class Receiver(Protocol):
    """A sink. Its name is shown to people; its address never is."""

    @property
    def name(self) -> str:
        """What its deliveries are stored under."""

    async def deliver(self, parcel: Parcel) -> Answer:
        """Try once, within a time-out. Never raises for what the other side or the network does."""


Level = Literal["all", "needs_you", "failures"]

NEWS_FOR_PEOPLE = 86400.0
"""Seconds after which a fact that no daemon was there to tell is no news to people any more."""
NEWS_FOR_PING = 3600.0

PING = "ping"
HOOK_KINDS = frozenset(
    {
        outgoing_messages.RECOVERY_STARTED,
        outgoing_messages.GROUP_ACTIVE,
        outgoing_messages.GROUP_BLOCKED,
        outgoing_messages.GROUP_LEFT,
        outgoing_messages.RECOVERY_FINISHED,
        outgoing_messages.INSTANCE_LOST,
        outgoing_messages.INSTANCE_PAUSED,
        outgoing_messages.INSTANCE_IDENTITY_CHANGED,
    }
)
_PING_KINDS = frozenset({outgoing_messages.RECOVERY_STARTED, outgoing_messages.RECOVERY_FINISHED})
_FAILED_ENDS = frozenset({End.INSTANCE_LOST.value, End.CREDENTIALS.value, End.UNAVAILABLE.value})


@dataclass(frozen=True, slots=True)
class Routes:
    """The sinks that are configured, by name."""

    level: Level
    hooks: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    ping: bool = False

    @property
    def sinks(self) -> tuple[str, ...]:
        return (*self.hooks, *self.people, *((PING,) if self.ping else ()))


def sinks_of(message: Stored, routes: Routes, *, now: float, told_with_loss: bool = False) -> list[str]:
    """`told_with_loss`: the message of a loss has said already that this recovery began."""
    age, found = now - message.at, list[str]()
    if message.kind in HOOK_KINDS:
        found += routes.hooks
    if routes.ping and message.kind in _PING_KINDS and age < NEWS_FOR_PING:
        found.append(PING)
    if age < NEWS_FOR_PEOPLE and not told_with_loss and concerns_people(message, routes.level):
        found += routes.people
    return found


def concerns_people(message: Stored, level: Level) -> bool:
    """Whether people who want to hear so much are told. Never one notice for each group."""
    data = message.data
    match message.kind:
        case (
            outgoing_messages.INSTANCE_LOST
            | outgoing_messages.INSTANCE_HALTED
            | outgoing_messages.INSTANCE_IDENTITY_CHANGED
        ):
            levels: tuple[Level, ...] = ("failures", "needs_you", "all")
        case outgoing_messages.RECOVERY_FINISHED if data.get("outcome") in _FAILED_ENDS:
            levels = ("failures", "needs_you", "all")
        case outgoing_messages.RECOVERY_FINISHED | outgoing_messages.DIGEST:
            levels = ("needs_you", "all")
        case outgoing_messages.RECOVERY_STARTED if data.get("by_itself"):
            levels = ("needs_you", "all")
        case outgoing_messages.INSTANCE_RETURNED:
            levels = ("all",)
        case outgoing_messages.INSTANCE_PAUSED if not data.get("short"):
            levels = ("all",)
        case _:
            levels = ()
    return level in levels


async def fan_out(database: Database, routes: Routes) -> int:
    """Make the deliveries of new messages; how many messages it were. Asks for the write lock only then."""
    async with database.read() as connection:
        if not await outbox.new_messages(connection, limit=1):
            return 0
    async with database.write() as connection:
        new = await outbox.new_messages(connection)
        now = await database.now(connection)
        routed = [
            (
                message,
                sinks_of(message, routes, now=now, told_with_loss=await _told_with_loss(connection, message)),
            )
            for message in new
        ]
        await outbox.fan_out(connection, routed, in_one_line=(*routes.people, PING))
    return len(new)


async def _told_with_loss(connection: AsyncConnection, message: Stored) -> bool:
    if message.kind != outgoing_messages.RECOVERY_STARTED or message.recovery_id is None:
        return False
    return await outbox.was_told(
        connection, outgoing_messages.INSTANCE_LOST, message.recovery_id, since=message.at - NEWS_FOR_PEOPLE
    )

"""A gateway in the test's own process: a small WhatsApp, whose answers may be lost, late or untrue."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from orchestrator.domain.outcomes import (
    CodeAnswer,
    GatewayAnswer,
    GroupAnswer,
    GroupListAnswer,
    GroupPreview,
    InstanceState,
    JoinReceipt,
    LimitsAnswer,
    Outcome,
    Participant,
    ParticipantsAnswer,
    ProbeAnswer,
    SeenGroup,
    SendAnswer,
    SessionAnswer,
    WebhooksAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.gateways.base import LastLook, Remark

OWN, STRANGER = "15550100002", "15550109999"
GOOD = GatewayAnswer(Outcome.OK)
TIMEOUT = 100.0


class Killed(BaseException):
    """The process died here."""


class HandTime:
    """Both clocks in the test's hand: whoever sleeps moves them on. The database's can be set as well."""

    def __init__(self) -> None:
        self.true = 1_000_000.0
        self.offset = 1_799_000_000.0

    def now(self) -> float:
        return self.true + self.offset

    def boottime(self) -> float:
        return self.true

    async def sleep(self, seconds: float) -> None:
        self.true += max(0.0, seconds)

    def real(self, seconds: float) -> float:
        return seconds

    def sql(self, dialect: str) -> str:
        del dialect
        return f"CAST({self.now()!r} AS DOUBLE PRECISION)"


@dataclass(frozen=True)
class Fate:
    """What becomes of one join. `way`: seconds until it is received; `back`: until its answer is here."""

    way: float = 0.1
    back: float = 0.1
    settle: float = 0.0  # seconds from its receipt to its effect
    takes_effect: bool = True
    answer_lost: bool = False
    refusal: Outcome | None = None
    killed: bool = False  # the process dies while it waits for the answer


@dataclass
class FakeGroup:
    jid: str
    subject: str
    inside: bool = False
    entered: int = 0  # how often a join took effect


@dataclass
class FakeGateway:
    """Implements gateways.base.Gateway. `heard` tells in order what was asked: (time, kind, code or JID)."""

    time: HandTime
    groups_by_code: dict[str, FakeGroup]
    fate: Fate = field(default_factory=Fate)
    lists_lie: bool = False
    reads_fail: bool = False
    state: InstanceState = InstanceState.WORKING
    heard: list[tuple[float, str, str]] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)  # true times at which joins were received
    needless: list[str] = field(default_factory=list)  # joins of groups that it was in
    refused: set[int] = field(default_factory=set)  # places in `heard` of joins that were surely refused
    greeted: dict[str, int] = field(default_factory=dict)
    _later: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def settle(self) -> None:
        while self._later and self._later[0][0] <= self.time.true:
            heapq.heappop(self._later)[2]()

    def _hear(self, kind: str, what: str) -> None:
        self.settle()
        self.heard.append((self.time.true, kind, what))

    async def session(self) -> SessionAnswer:
        self.settle()
        return SessionAnswer(GOOD, self.state, self.state.value.upper(), phone=OWN)

    async def remarks(self) -> tuple[Remark, ...]:
        return ()

    async def limits(self) -> LimitsAnswer:
        return LimitsAnswer(GatewayAnswer(Outcome.NOT_SUPPORTED))

    async def probe(self, code: str) -> ProbeAnswer:
        self._hear("probe", code)
        if self.reads_fail:
            return ProbeAnswer(GatewayAnswer(Outcome.TRANSIENT))
        group = self.groups_by_code[code]
        preview = GroupPreview(group.jid, group.subject, members=30, announce=False, approval=False)
        return ProbeAnswer(GOOD, preview)

    async def join(self, code: str, *, last_look: LastLook) -> JoinReceipt:
        if not last_look():
            return JoinReceipt(GatewayAnswer(Outcome.TRANSIENT, sent=False))
        self._hear("join", code)
        fate, group, sent = self.fate, self.groups_by_code[code], self.time.true
        received = sent + min(fate.way, TIMEOUT)
        self.arrivals.append(received)
        if fate.refusal is not None:
            if not fate.killed:
                self.refused.add(len(self.heard) - 1)
        elif fate.takes_effect:
            act = lambda: self._enter(group, code)  # noqa: E731 - one short deed
            heapq.heappush(self._later, (received + fate.settle, next(self._order), act))
        if fate.killed:
            raise Killed
        return await self._answer(fate, group, sent)

    async def _answer(self, fate: Fate, group: FakeGroup, sent: float) -> JoinReceipt:
        took = min(fate.way, TIMEOUT) + fate.back
        await self.time.sleep(sent + min(took, TIMEOUT) - self.time.true)
        self.settle()
        if fate.answer_lost or took > TIMEOUT:
            return JoinReceipt(GatewayAnswer(Outcome.UNKNOWN))
        if fate.refusal is not None:
            return JoinReceipt(GatewayAnswer(fate.refusal))
        if not fate.takes_effect:
            return JoinReceipt(GatewayAnswer(Outcome.UNKNOWN))
        return JoinReceipt(GatewayAnswer(Outcome.JOINED), jid=group.jid)

    def _enter(self, group: FakeGroup, code: str) -> None:
        if group.inside:
            self.needless.append(code)
            return
        group.inside = True
        group.entered += 1

    async def groups(self) -> GroupListAnswer:
        self._hear("list", "")
        if self.lists_lie:
            return GroupListAnswer(GOOD, ())
        us = (Participant(phone=OWN), Participant(phone=STRANGER))
        inside = [group for group in self.groups_by_code.values() if group.inside]
        return GroupListAnswer(GOOD, tuple(SeenGroup(g.jid, g.subject, participants=us) for g in inside))

    async def participants(self, jid: str) -> ParticipantsAnswer:
        self._hear("look", jid)
        if self.reads_fail:
            return ParticipantsAnswer(GatewayAnswer(Outcome.TRANSIENT))
        group = next(group for group in self.groups_by_code.values() if group.jid == jid)
        if not group.inside:
            return ParticipantsAnswer(GatewayAnswer(Outcome.FORBIDDEN))
        return ParticipantsAnswer(GOOD, (Participant(phone=STRANGER), Participant(phone=OWN)))

    async def group(self, jid: str) -> GroupAnswer:
        return GroupAnswer(GOOD, SeenGroup(jid, announce=False))

    async def send_text(self, jid: str, text: str) -> SendAnswer:
        del text
        self.settle()
        self.greeted[jid] = self.greeted.get(jid, 0) + 1
        return SendAnswer(GOOD, "1")

    async def leave(self, jid: str) -> GatewayAnswer:
        raise NotImplementedError(jid)

    async def invite_code(self, jid: str) -> CodeAnswer:
        raise NotImplementedError(jid)

    async def revoke_code(self, jid: str) -> CodeAnswer:
        raise NotImplementedError(jid)

    async def webhooks(self) -> WebhooksAnswer:
        raise NotImplementedError

    async def set_webhooks(self, webhooks: Any) -> GatewayAnswer:
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is open."""

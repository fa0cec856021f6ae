"""Probing for a plan: session, one list, then each group, gently. Trouble with the account ends it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.domain.endings import CALM_WAITS, Act, limit_wait, step
from orchestrator.domain.errors import (
    ConfigurationError,
    CredentialsError,
    InstanceLostError,
    RejoinError,
    TemporaryError,
)
from orchestrator.domain.looking import OwnIds
from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, ProbeAnswer
from orchestrator.services.plan import deciding
from orchestrator.services.plan.result import Line, probing_time
from orchestrator.services.recover.brakes import CURED_BY_A_WORKING_SESSION, SEVERAL
from orchestrator.services.recover.gap import Gap
from orchestrator.services.recover.keeping import GONE_STATES
from orchestrator.services.recover.looking import BRAKES
from orchestrator.services.recover.probing import FAILURES_IN_A_ROW
from orchestrator.services.recover.retrying import read
from orchestrator.store import codes, journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.clock import Clock
    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.gateways.base import Gateway
    from orchestrator.services.plan.deciding import Known
    from orchestrator.services.recover.settings import RecoverySettings
    from orchestrator.store.engine import Database
    from orchestrator.store.memberships import StoredCode
    from orchestrator.store.reads_plan import PlanRow

LONGEST_WAITING = 300.0
"""Seconds that one plan rests in all because the gateway wants fewer calls; then it ends, and says so."""

_DOCTOR = "rejoin doctor shows more; rejoin plan --no-probe answers from the database"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the probing is. `seconds_left`: about how long the rest takes at the gentle pace.

    `waits`: seconds for which it rests now, because the gateway asked for fewer calls.
    """

    done: int
    total: int
    seconds_left: float
    waits: float = 0.0


@dataclass(frozen=True, slots=True)
class Probing:
    """What a plan that probes needs beside the database."""

    gateway: Gateway
    clock: Clock
    reveal: Callable[[StoredCode], str]
    actor: str
    progress: Callable[[Progress], None] = lambda _: None
    dice: random.Random = field(default_factory=random.SystemRandom)


class Prober:
    """Probes for one plan. Writes what the probes say of the codes, and the journal."""

    def __init__(
        self, database: Database, instance: InstanceRecord, settings: RecoverySettings, parts: Probing
    ) -> None:
        self._database = database
        self._instance = instance
        self._settings = settings
        self._parts = parts
        self._seconds = settings.probe_gap
        self._gap = Gap(parts.clock, settings.probe_gap, parts.dice)
        self._failed_in_a_row = 0
        self._throttled, self._waited = 0, 0.0
        self._accusations = 0  # in a row
        self.done = 0

    async def get_ready(self, known: Known) -> None:
        """Ask for the session and, once, for the account's own groups. A list that fails is no list."""
        session = await self._parts.gateway.session()
        name = self._instance.name
        _raise_if_account(name, session.answer)
        if session.answer.outcome is not Outcome.OK:
            raise TemporaryError(
                f"the gateway does not answer for {name}: {_said(session.answer)}", hint=_DOCTOR
            )
        if session.state is not InstanceState.WORKING:
            kind = InstanceLostError if session.state in GONE_STATES else TemporaryError
            raise kind(f"the session of {name} is {session.word or session.state.value}", hint=_DOCTOR)
        known.own = OwnIds(session.phone or known.own.phone, session.lid or known.own.lid)
        limits = (await self._parts.gateway.limits()).limits
        if limits is not None and limits.gap > self._seconds:
            self._seconds = limits.gap
            self._gap = Gap(self._parts.clock, limits.gap, self._parts.dice)
        listed = await read(self._parts.gateway.groups, self._settings.retry, self._parts.clock)
        _raise_if_account(name, listed.answer)
        if listed.answer.outcome is Outcome.OK:
            known.listed = {group.jid: group for group in listed.groups}

    async def lines(self, rows: Sequence[PlanRow], known: Known) -> list[Line]:
        """The plan's lines in the order of the rows."""
        settled = [deciding.settled(row, known) for row in rows]
        total = settled.count(None)
        self._tell(total)
        found: list[Line] = []
        for row, line in zip(rows, settled, strict=True):
            if line is None:
                found.append(await self._probe(row, known, total))
                self.done += 1
                self._tell(total)
            else:
                found.append(line)
        return found

    def _tell(self, total: int, *, waits: float = 0.0) -> None:
        left = probing_time(total - self.done, self._seconds)
        self._parts.progress(Progress(self.done, total, left, waits))

    async def _probe(self, row: PlanRow, known: Known, total: int) -> Line:
        while True:
            probed = await self._ask(row)
            line = deciding.by_probe(row, known, probed)
            await self._record(row, line, probed.answer)
            if not await self._waited_out(probed.answer, total):
                break
        if not await self._is_contradicted(probed.answer):
            _raise_if_account(self._instance.name, probed.answer)
        self._count_failures(probed.answer)
        return line

    async def _is_contradicted(self, answer: GatewayAnswer) -> bool:
        """Whether one group's answer speaks of a trouble of which the session knows nothing, as in a run."""
        if BRAKES.get(answer.outcome) not in CURED_BY_A_WORKING_SESSION:
            self._accusations = 0 if answer.outcome is Outcome.OK else self._accusations
            return False
        self._accusations += 1
        if self._accusations >= SEVERAL:
            return False
        session = await self._parts.gateway.session()
        return session.answer.outcome is Outcome.OK and session.state is InstanceState.WORKING

    async def _waited_out(self, answer: GatewayAnswer, total: int) -> bool:
        """Whether the gateway asked for fewer calls, and has got its rest: as a run would give it."""
        if answer.outcome not in (Outcome.THROTTLED, Outcome.GATEWAY_LIMITED):
            self._throttled = 0
            return False
        wait = limit_wait(self._throttled, answer.retry_after)
        if answer.outcome is Outcome.THROTTLED:
            wait = answer.retry_after or step(CALM_WAITS, self._throttled)
        if self._waited + wait > LONGEST_WAITING:
            return False
        self._throttled, self._waited = self._throttled + 1, self._waited + wait
        self._tell(total, waits=wait)
        await self._parts.clock.sleep(wait)
        return True

    async def _ask(self, row: PlanRow) -> ProbeAnswer:
        parts, code = self._parts, row.code
        if code is None:  # settled before
            return ProbeAnswer(GatewayAnswer(Outcome.CODE_INVALID, sent=False))
        try:
            revealed = parts.reveal(code)
        except ConfigurationError as error:
            return ProbeAnswer(GatewayAnswer(Outcome.CODE_INVALID, error.message, sent=False))
        await parts.clock.sleep(self._gap.remaining())
        self._gap.taken()
        return await read(lambda: parts.gateway.probe(revealed), self._settings.retry, parts.clock)

    async def _record(self, row: PlanRow, line: Line, answer: GatewayAnswer) -> None:
        ending = None if answer.outcome is Outcome.OK else deciding.ending_of(answer).act
        account = ending in (Act.PAUSE, Act.CALM)
        data = {
            "plan": True,
            "code": row.code.last4 if row.code else None,
            "outcome": answer.outcome.value,
            "http": answer.http_status,
            "iq": answer.iq_code,
            "decision": None if account else line.decision.value,
            "reason": line.reason.value if line.reason and not account else None,
            "detail": line.sentence if line.reason and not account else answer.text or None,
        }
        entry = journal.Entry(
            "probe",
            self._parts.actor,
            {key: value for key, value in data.items() if value is not None},
            self._instance.id,
            row.group_id,
        )
        verdict = None if account else deciding.code_verdict(line)
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            if row.code is not None and verdict is not None:
                await codes.record_verdict(connection, row.code.id, verdict, now=now)
            await journal.append(connection, now, [entry])

    def _count_failures(self, answer: GatewayAnswer) -> None:
        """Several lost probes in a row: it is the gateway, not the groups."""
        lost = answer.outcome is not Outcome.OK and deciding.ending_of(answer).act is Act.RETRY
        self._failed_in_a_row = self._failed_in_a_row + 1 if lost else 0
        if self._failed_in_a_row >= FAILURES_IN_A_ROW:
            raise TemporaryError(
                f"the gateway does not answer: {_said(answer)}; {self.done + 1} groups were probed",
                hint=_DOCTOR,
            )


_ACCOUNT_ERRORS: dict[Reason, type[RejoinError]] = {
    Reason.CREDENTIALS_REFUSED: CredentialsError,
    Reason.PLAN_LIMIT: CredentialsError,
    Reason.NOT_SUPPORTED: ConfigurationError,
}
_ACCOUNT_SENTENCES = {
    Reason.RATE_LIMITED: "WhatsApp wants fewer calls for {name}",
    Reason.GATEWAY_LIMIT: "the gateway wants fewer calls for {name}",
    Reason.NOT_SUPPORTED: "the gateway does not know this call for {name}, or not with these parameters",
    Reason.INSTANCE_UNAVAILABLE: "the session of {name} is down",
    Reason.CREDENTIALS_REFUSED: "the gateway refused the token of {name}, or its instance_id",
    Reason.RESTRICTED: "WhatsApp has restricted the account of {name}",
    Reason.PLAN_LIMIT: "the subscription at the gateway does not allow it for {name}",
}
_BRAKES = BRAKES | {Outcome.JOIN_LIMITED: Reason.RATE_LIMITED, Outcome.NOT_SUPPORTED: Reason.NOT_SUPPORTED}


def _raise_if_account(name: str, answer: GatewayAnswer) -> None:
    """Trouble with the account: no further call for this plan."""
    reason = _BRAKES.get(answer.outcome)
    if reason is None:
        return
    sentence = f"{_ACCOUNT_SENTENCES[reason].format(name=name)}: {_said(answer)}; the plan stops here"
    raise _ACCOUNT_ERRORS.get(reason, TemporaryError)(sentence, hint=_DOCTOR)


def _said(answer: GatewayAnswer) -> str:
    return answer.text or answer.outcome.value

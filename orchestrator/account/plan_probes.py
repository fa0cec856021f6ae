"""Probing for a plan: session, one list, then each group, gently. Trouble with the account ends it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.account import plan_lines
from orchestrator.account.gateway_calls import Gap, call_with_retry
from orchestrator.account.looking import PAUSE_REASONS
from orchestrator.account.monitor import GONE_STATES
from orchestrator.account.plan_lines import Known
from orchestrator.account.plan_result import Line, probing_time
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.clock import Clock
from orchestrator.domain import identity
from orchestrator.domain.answer_reactions import (
    CURED_BY_A_WORKING_SESSION,
    SUSPICIONS,
    Action,
    Reaction,
    back_off_wait,
    is_believed,
    limit_wait,
)
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import (
    ConfigurationError,
    CredentialsError,
    InstanceLostError,
    RejoinError,
    TemporaryError,
)
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, ProbeAnswer
from orchestrator.domain.probe_judgement import ProbeJudgement
from orchestrator.gateways.base import Gateway
from orchestrator.store import codes, instances, journal, memberships
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import PlanRow
from orchestrator.store.memberships import StoredCode

LONGEST_WAITING = 300.0
"""Seconds that one plan rests in all because the gateway wants fewer calls; then it ends, and says so."""

_DOCTOR = f"{Operation.DOCTOR} shows more; {Operation.PLAN_UNPROBED} answers from the database"


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
    rng: random.Random = field(default_factory=random.SystemRandom)


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
        self._gap = Gap(parts.clock, settings.probe_gap, parts.rng)
        self._throttled, self._waited = 0, 0.0
        self._accused_by = Counter[int]()  # groups that spoke of trouble, with no good answer between
        self.done = 0

    async def get_ready(self, known: Known) -> None:
        """Ask for the session and, once, for the account's own groups. A list that fails is no list."""
        session = await self._parts.gateway.session()
        name = self._instance.name
        self._raise_if_account(session.answer)
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
            self._gap = Gap(self._parts.clock, limits.gap, self._parts.rng)
        listed = await call_with_retry(self._parts.gateway.groups, self._settings.retry, self._parts.clock)
        self._raise_if_account(listed.answer)
        if listed.answer.outcome is Outcome.OK:
            known.listed = {group.jid: group for group in listed.groups}

    async def lines(self, rows: Sequence[PlanRow], known: Known) -> list[Line]:
        """The plan's lines in the order of the rows."""
        known.entered = await self._entered(rows, known.own)
        settled = [plan_lines.settled(row, known) for row in rows]
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

    async def _entered(self, rows: Sequence[PlanRow], own: OwnIds) -> dict[int, float]:
        """By group: when another entry, as this very number, last asked to join or was found in."""
        async with self._database.read() as connection:
            others = await instances.others(connection, self._instance.id)
            namesakes = {number for number, ids in others.items() if identity.likeness(ids, own)}
            if not namesakes:
                return {}
            return await memberships.entered_by(connection, namesakes, [row.group_id for row in rows])

    async def _probe(self, row: PlanRow, known: Known, total: int) -> Line:
        while True:
            probed = await self._ask(row)
            judged, line = await self._record(row, known, probed)
            if not await self._waited_out(judged.account, probed.answer, total):
                break
        if judged.seen is not None:
            self._accused_by.clear()
        if judged.account is not None:
            await self._raise_unless_contradicted(row, judged.account, probed.answer)
        return line

    async def _raise_unless_contradicted(
        self, row: PlanRow, reaction: Reaction, answer: GatewayAnswer
    ) -> None:
        """One group's answer may speak of a trouble of which the session knows nothing, as in a run."""
        reason = reaction.reason or Reason.GATEWAY_ERROR
        if reason is Reason.GATEWAY_ERROR:
            raise TemporaryError(
                f"the gateway does not answer: {_said(answer)}; {self.done + 1} groups were probed",
                hint=_DOCTOR,
            )
        if reason in SUSPICIONS:
            self._accused_by[row.group_id] += 1
            if not is_believed(reason, self._accused_by):
                if reason not in CURED_BY_A_WORKING_SESSION:
                    return
                session = await self._parts.gateway.session()
                if session.answer.outcome is Outcome.OK and session.state is InstanceState.WORKING:
                    return
        raise _account_error(self._instance.name, reason, answer)

    async def _waited_out(self, reaction: Reaction | None, answer: GatewayAnswer, total: int) -> bool:
        """Whether the gateway asked for fewer calls, and has got its rest: as a run would give it."""
        if (
            reaction is None
            or reaction.action is not Action.BACK_OFF
            or reaction.reason is Reason.GATEWAY_ERROR
        ):
            self._throttled = 0
            return False
        how_long = limit_wait if reaction.reason is Reason.GATEWAY_LIMIT else back_off_wait
        wait = how_long(self._throttled, answer.retry_after)
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
        return await call_with_retry(lambda: parts.gateway.probe(revealed), self._settings.retry, parts.clock)

    async def _record(self, row: PlanRow, known: Known, probed: ProbeAnswer) -> tuple[ProbeJudgement, Line]:
        """Judge the answer by the database's clock, and write down what it says of the code."""
        answer = probed.answer
        async with self._database.write() as connection:
            known.now = await self._database.now(connection)
            judged = plan_lines.judge(row, known, probed)
            line = plan_lines.by_probe(row, known, judged, answer)
            if row.code is not None and judged.code_verdict is not None:
                await codes.record_verdicts(connection, {row.code.id: judged.code_verdict}, now=known.now)
            entry = self._entry(row, answer, line if judged.account is None else None)
            await journal.append(connection, known.now, [entry])
        return judged, line

    def _entry(self, row: PlanRow, answer: GatewayAnswer, line: Line | None) -> journal.Entry:
        reason = line.reason if line is not None else None
        data = {
            "plan": True,
            "code": row.code.last4 if row.code else None,
            "outcome": answer.outcome.value,
            "http": answer.http_status,
            "iq": answer.iq_code,
            "decision": line.decision.value if line is not None else None,
            "reason": reason.value if reason is not None else None,
            "detail": line.sentence if line is not None and reason is not None else answer.text or None,
        }
        said = {key: value for key, value in data.items() if value is not None}
        return journal.Entry("probe", self._parts.actor, said, self._instance.id, row.group_id)

    def _raise_if_account(self, answer: GatewayAnswer) -> None:
        """Trouble with the account: no further call for this plan."""
        reason = _PAUSE_REASONS.get(answer.outcome)
        if reason is not None:
            raise _account_error(self._instance.name, reason, answer)


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
_PAUSE_REASONS = PAUSE_REASONS | {
    Outcome.JOIN_LIMITED: Reason.RATE_LIMITED,
    Outcome.NOT_SUPPORTED: Reason.NOT_SUPPORTED,
}


def _account_error(name: str, reason: Reason, answer: GatewayAnswer) -> RejoinError:
    sentence = f"{_ACCOUNT_SENTENCES[reason].format(name=name)}: {_said(answer)}; the plan stops here"
    return _ACCOUNT_ERRORS.get(reason, TemporaryError)(sentence, hint=_DOCTOR)


def _said(answer: GatewayAnswer) -> str:
    return answer.text or answer.outcome.value

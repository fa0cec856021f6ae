"""Whatever a probe is answered, and whatever is known of the group: the plan says what the run then does."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from orchestrator.account import lease
from orchestrator.account.context import Context
from orchestrator.account.joining import Joiner
from orchestrator.account.looking import Looker
from orchestrator.account.monitor import Monitor
from orchestrator.account.plan_making import make_plan
from orchestrator.account.plan_probes import Probing
from orchestrator.account.plan_result import Decision, Line
from orchestrator.account.preparing import open_recovery, recognise, require_session
from orchestrator.account.probing import Prober
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.account.requests import Request
from orchestrator.domain.errors import RejoinError
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    GroupListAnswer,
    GroupPreview,
    Outcome,
    Participant,
    ProbeAnswer,
    SeenGroup,
)
from orchestrator.domain.verification import Mode
from orchestrator.store import instances, memberships
from orchestrator.store.engine import Database
from orchestrator.store.recoveries import Scope
from orchestrator.store.tables import groups, invite_codes, journal, slots
from orchestrator.store.tables import instances as instance_table
from orchestrator.store.tables import memberships as table
from orchestrator.store.tables import recoveries as recovery_table
from tests.support.defaults import allowing, recovery
from tests.support.fake_gateway import OWN, STRANGER, FakeGateway, HandTime

if TYPE_CHECKING:
    from orchestrator.store.memberships import Membership

ONE, TWO = "120363000000000001@g.us", "120363000000000002@g.us"
SUBJECT = "Sales north"
CODE = "SalesteamnorthgateHmbg"  # a code that only a careful reader tells from a word
FOREIGN_SUBJECT = f"Sales {CODE} token=q1w2e3r4t5"
SECRETS = (CODE, "q1w2e3r4t5")
PLANNED = (None, Status.PENDING, Status.READY, Status.DEFERRED)
BACK, FAR_BACK = -500.0, -5000.0  # seconds

jids = st.sampled_from([None, ONE, TWO])
instants = st.sampled_from([None, BACK, FAR_BACK])
answers = st.builds(
    GatewayAnswer,
    outcome=st.sampled_from(Outcome),
    text=st.sampled_from(["", "no", "no such thing"]),
    retry_after=st.sampled_from([None, None, 20.0, 90_000.0]),
)
previews = st.builds(
    GroupPreview,
    jid=jids,
    subject=st.sampled_from([SUBJECT, SUBJECT, "Sales south", FOREIGN_SUBJECT, None]),
    owner=st.sampled_from([None, OWN, STRANGER]),
    members=st.sampled_from([None, 30]),
    approval=st.sampled_from([None, False, True]),
)


@dataclass(frozen=True)
class Case:
    """What is known before the probe, and what the probe is answered. Instants count from now."""

    answer: GatewayAnswer = GatewayAnswer(Outcome.OK)  # noqa: RUF009 - frozen
    preview: GroupPreview = GroupPreview(ONE, SUBJECT)  # noqa: RUF009 - frozen
    status: Status | None = Status.PENDING
    expected_jid: str | None = ONE
    expected_owner: str | None = None
    mode: Mode = Mode.EXPECTED
    jid: str | None = None
    held_by_another: str | None = None
    listed: str | None = None
    listed_with_us: bool | None = None  # None: without members
    attempts: int = 0
    slow_rounds: int = 0
    detail: str | None = None
    requested_at: float | None = None
    confirmed_at: float | None = None
    identity_changed_at: float | None = None
    entered_by_another: float | None = None
    forgotten: bool = False
    last_verdict: str | None = None
    has_code: bool = True

    @property
    def worth_a_probe(self) -> bool:
        """A plan does not ask about a group of which the configuration says that it is never joined."""
        return self.mode is Mode.EXPECTED or self.expected_jid is not None

    @property
    def probed(self) -> ProbeAnswer:
        return ProbeAnswer(self.answer, self.preview if self.answer.outcome is Outcome.OK else None)


cases = st.builds(
    Case,
    answer=st.one_of(st.just(GatewayAnswer(Outcome.OK)), answers),
    preview=previews,
    status=st.sampled_from(PLANNED),
    expected_jid=jids,
    expected_owner=st.sampled_from([None, None, OWN]),
    mode=st.sampled_from([Mode.EXPECTED, Mode.EXPECTED, Mode.LISTED_JIDS]),
    jid=jids,
    held_by_another=jids,
    listed=jids,
    listed_with_us=st.sampled_from([None, False, True]),
    attempts=st.integers(0, 5),
    slow_rounds=st.integers(0, 4),
    detail=st.sampled_from([None, "no", "something else"]),
    requested_at=instants,
    confirmed_at=instants,
    identity_changed_at=st.sampled_from([None, -20.0, -1000.0]),
    entered_by_another=st.sampled_from([None, None, BACK, FAR_BACK]),
    forgotten=st.booleans(),
    last_verdict=st.sampled_from([None, "good", "code_revoked"]),
    has_code=st.sampled_from([True, True, True, False]),
).filter(lambda case: case.worth_a_probe)


@dataclass
class OneAnswer(FakeGateway):
    """Answers every probe alike."""

    probed: ProbeAnswer = field(default_factory=lambda: ProbeAnswer(GatewayAnswer(Outcome.OK)))
    listed: tuple[SeenGroup, ...] = ()

    async def probe(self, code: str) -> ProbeAnswer:
        self._hear("probe", code)
        return self.probed

    async def groups(self) -> GroupListAnswer:
        return GroupListAnswer(GatewayAnswer(Outcome.OK), self.listed)


@dataclass(frozen=True)
class Planned:
    line: Line | None  # None: the plan ended with an error
    at: float
    verdict: str | None
    written: str


@dataclass(frozen=True)
class Done:
    membership: Membership
    pause_reason: str | None
    at: float
    verdict: str | None
    written: str


class Both:
    """One small database on which first a plan is made, and then a run takes its first steps."""

    def __init__(self, url: str) -> None:
        self.time = HandTime()
        self.database = Database(url, self.time)
        self.gateway = OneAnswer(self.time, {})

    async def prepare(self, case: Case) -> None:
        """Three instances, of which the last is the same number as the backup was seen to be."""
        self.gateway.probed = case.probed
        members = {None: None, True: (Participant(phone=OWN),), False: (Participant(phone=STRANGER),)}
        self.gateway.listed = (
            ()
            if case.listed is None
            else (SeenGroup(case.listed, participants=members[case.listed_with_us]),)
        )
        async with self.database.write() as connection:
            now = await self.database.now(connection)
            for used in (slots, table, invite_codes, groups, recovery_table):
                await connection.execute(delete(used))
            names = [("main", "primary"), ("backup-1", "backup"), ("backup-2", "backup")]
            await instances.sync(
                connection, [instances.Configured(name, role, "fake", name) for name, role in names], now
            )
            free = {"pause_reason": None, "paused_until": None, "own_lid": None, "known_since": now - 1e6}
            await connection.execute(update(instance_table).values(lease_until=None, **free))
            backup = await instances.get(connection, "backup-1")
            namesake = await instances.get(connection, "backup-2")
            changed = None if case.identity_changed_at is None else now + case.identity_changed_at
            await instances.set_values(
                connection, backup.id, own_phone=OWN, identity_changed_at=changed, history_epoch=1
            )
            await instances.set_values(
                connection,
                namesake.id,
                own_phone=OWN if case.entered_by_another is not None else None,
                configured=False,
            )
            for number in (1, 2):
                await self._add_group(
                    connection, case if number == 1 else Case(expected_jid=None), number, now
                )
            if case.entered_by_another is not None:
                at = now + case.entered_by_another
                await self._put(connection, namesake.id, 1, status="left", requested_at=at)
            if case.held_by_another is not None and case.held_by_another != case.jid:
                jid = case.held_by_another
                await self._put(connection, backup.id, 2, status="active", jid=jid, confirmed_at=now)
            else:
                await self._put(connection, backup.id, 2, status="skipped", reason="operator")
            if case.status is not None:
                await self._put(connection, backup.id, 1, **self._row(case, now))

    def _row(self, case: Case, now: float) -> dict[str, Any]:
        since = {"requested_at": case.requested_at, "confirmed_at": case.confirmed_at}
        found: dict[str, Any] = {name: None if at is None else now + at for name, at in since.items()}
        found |= {"history_epoch": 0 if case.forgotten else 1, "jid": case.jid, "detail": case.detail}
        found |= {"attempts": case.attempts, "slow_rounds": case.slow_rounds}
        assert case.status is not None
        if case.status is Status.DEFERRED:
            found |= {"reason": "probe_failed", "next_attempt_at": now - 1.0}
        return found | {"status": case.status.value}

    async def _put(self, connection: Any, instance_id: int, group_id: int, **values: Any) -> None:
        row = {"instance_id": instance_id, "group_id": group_id, "status_since": 1.0} | values
        await connection.execute(insert(table).values(**row))

    async def _add_group(self, connection: Any, case: Case, number: int, now: float) -> None:
        subject = FOREIGN_SUBJECT if case.preview.subject == FOREIGN_SUBJECT else SUBJECT
        row = {"id": number, "slug": f"g{number}", "name": "One", "subject": subject}
        row |= {
            "jid": case.expected_jid,
            "owner": case.expected_owner,
            "priority": 9 - number,
            "created_at": now,
            "updated_at": now,
        }
        await connection.execute(insert(groups).values(**row))
        if case.has_code:
            code = {"group_id": number, "ciphertext": b"the code", "key_id": "clear", "last4": "code"}
            code |= {"fingerprint": f"f{number}", "current": True, "source": "import", "created_at": now}
            await connection.execute(insert(invite_codes).values(verdict=case.last_verdict, **code))

    def settings(self, case: Case) -> RecoverySettings:
        return recovery(allow=allowing(mode=case.mode))

    async def plan(self, case: Case) -> Planned:
        first = await self._last_line()
        probing = Probing(
            self.gateway,
            self.time,
            lambda code: bytes(code.ciphertext).decode(),
            "ana",
            rng=random.Random(1),
        )
        made = None
        with suppress(RejoinError):
            made = await make_plan(
                self.database, "backup-1", Scope(), settings=self.settings(case), probing=probing
            )
        line = None if made is None else made.lines[0]
        shown = "" if line is None else f"{line.sentence} {line.group}"
        return Planned(line, self.time.now(), await self._verdict(), shown + await self._lines_since(first))

    async def run(self, case: Case) -> Done:
        """As far as the first probe is recorded."""
        first = await self._last_line()
        context = Context(
            database=self.database, gateway=self.gateway, clock=self.time, settings=self.settings(case),
            reveal=lambda code: bytes(code.ciphertext).decode(), instance_id=2,
            instance_name="backup-1", actor="run", boot_id="boot", rng=random.Random(3),
        )  # fmt: skip
        monitor = Monitor(context, Joiner(context))
        await lease.take(context)
        await require_session(context, monitor)
        await open_recovery(context, Request(), pace=5.0)
        await recognise(context, Looker(context))
        async with context.writing() as writing:
            waiting = table.c.status.in_([Status.DEFERRED.value, Status.READY.value])
            back = {"status": Status.PENDING.value, "next_attempt_at": None, "reason": None}
            await writing.connection.execute(update(table).where(waiting).values(**back))
        await Prober(context).step()
        async with self.database.read() as connection:
            work = await memberships.by_group(connection, context.instance_id, 1)
            instance, now = await context.observe(connection)
        assert work is not None
        paused = instance.pause_reason if instance.paused(now) else None
        written = str(work.membership.detail) + await self._lines_since(first)
        return Done(work.membership, paused, self.time.now(), await self._verdict(), written)

    async def _verdict(self) -> str | None:
        async with self.database.read() as connection:
            query = select(invite_codes.c.verdict).where(invite_codes.c.group_id == 1)
            return (await connection.execute(query)).scalar_one_or_none()

    async def _last_line(self) -> int:
        async with self.database.read() as connection:
            query = select(journal.c.id).order_by(journal.c.id.desc()).limit(1)
            return (await connection.execute(query)).scalar_one_or_none() or 0

    async def _lines_since(self, first: int) -> str:
        async with self.database.read() as connection:
            query = select(journal.c.data).where(journal.c.id > first).order_by(journal.c.id)
            return json.dumps(list((await connection.execute(query)).scalars()), ensure_ascii=False)


def _expected(done: Done, case: Case) -> tuple[Decision, str | None]:
    """The decision and the reason of a line that tells where the run left the group."""
    now = done.membership
    said_in = case.answer.outcome is Outcome.ALREADY_MEMBER or now.jid == case.listed
    decision = {
        Status.READY: Decision.JOIN,
        Status.ACTIVE: Decision.ALREADY_IN,
        Status.CONFIRMING: Decision.ALREADY_IN if said_in else Decision.JOIN,
        Status.BLOCKED: Decision.BLOCKED,
        Status.DEFERRED: Decision.DEFERRED,
        Status.PENDING: Decision.DEFERRED,  # until the session has said whether the account is in trouble
    }[now.status]
    if now.status is Status.CONFIRMING and now.reason is Reason.APPROVAL_PENDING:
        decision = Decision.AWAITING_APPROVAL
    return decision, done.pause_reason if now.status is Status.PENDING else now.reason


async def compare(both: Both, case: Case) -> None:
    await both.prepare(case)
    planned = await both.plan(case)
    await both.prepare(case)
    done = await both.run(case)

    now, line = done.membership, planned.line
    if line is None:  # the account's trouble ends a plan; the run rests, and the group lost nothing
        assert (now.status, now.attempts) == (Status.PENDING, 0 if case.status is None else case.attempts)
        assert done.pause_reason is not None
    else:
        assert (line.decision, line.reason) == _expected(done, case)
        if now.status is Status.DEFERRED:
            waits = (line.until or 0.0) - planned.at, (now.next_attempt_at or 0.0) - done.at
            assert abs(waits[0] - waits[1]) < 1.0
        if now.status in (Status.READY, Status.CONFIRMING):
            assert line.jid == now.jid
            assert ("looked up first" in line.sentence) == (
                now.status is Status.CONFIRMING and line.decision is Decision.JOIN
            )
    assert planned.verdict == done.verdict
    for secret in SECRETS:
        assert secret not in planned.written
        assert secret not in done.written


def test_a_plan_says_of_every_answer_what_a_run_does_about_it(sqlite_url: str) -> None:
    both = Both(sqlite_url)
    with asyncio.Runner() as runner:

        @settings(max_examples=60, deadline=None)
        @given(cases)
        @example(Case(preview=GroupPreview(TWO, FOREIGN_SUBJECT)))
        @example(Case(GatewayAnswer(Outcome.TRANSIENT, "no"), attempts=4))
        @example(Case(GatewayAnswer(Outcome.BAD_REQUEST, "no"), attempts=4, detail="something else"))
        @example(Case(GatewayAnswer(Outcome.ALREADY_MEMBER), attempts=5))
        @example(Case(GatewayAnswer(Outcome.ALREADY_MEMBER), held_by_another=ONE))
        @example(Case(GatewayAnswer(Outcome.APPROVAL_PENDING), expected_jid=None))
        @example(Case(entered_by_another=BACK))
        @example(Case(requested_at=FAR_BACK, identity_changed_at=-1000.0))
        @example(Case(forgotten=True))
        @example(Case(GatewayAnswer(Outcome.NOT_SUPPORTED)))
        @example(Case(GatewayAnswer(Outcome.CODE_REVOKED), last_verdict="good"))
        def check(case: Case) -> None:
            runner.run(compare(both, case))

        try:
            check()
        finally:
            runner.run(both.database.close())

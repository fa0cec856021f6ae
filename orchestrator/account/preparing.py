"""Before the first join: lease, session, the recovery's row, what we are in already, what a crash left."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from math import isfinite

from orchestrator.account.context import Context, Writing
from orchestrator.account.gateway_calls import LONGEST_ASKED_WAIT
from orchestrator.account.greet import give_up_on_unsure
from orchestrator.account.looking import Looker, apply_look, pause_for, stands_in, start_lookups_after_crash
from orchestrator.account.monitor import GONE_STATES, Monitor
from orchestrator.account.requests import Request, to_go_on_with
from orchestrator.domain.answer_reactions import limit_wait
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import (
    ConfigurationError,
    CredentialsError,
    InstanceLostError,
    NotFoundError,
    TemporaryError,
    credentials_refused,
)
from orchestrator.domain.hints import account_hint
from orchestrator.domain.memberships import MembershipEvidence, Reason, Status
from orchestrator.domain.outcomes import InstanceState, Outcome, SessionAnswer
from orchestrator.domain.recoveries import End
from orchestrator.domain.sightings import Sighting
from orchestrator.store import gateway_limits, memberships, orders, recoveries, unit_of_work
from orchestrator.store.gateway_limits import StoredLimits
from orchestrator.store.memberships import Work
from orchestrator.store.recoveries import Recovery

CHECK_AGAIN = 5.0  # seconds
OPEN_STATUSES = (
    Status.PENDING,
    Status.READY,
    Status.DEFERRED,
    Status.BLOCKED,
    Status.CONFIRMING,
    Status.AWAITING_APPROVAL,
)
PAGE = 500


async def require_session(context: Context, monitor: Monitor, adopt: int | None = None) -> End | None:
    """Wait for a working session within the run's patience; `adopt`: the recovery that waits for it.

    None: it works. Else that recovery was called off meanwhile: a person stopped it, or its time is over.
    Raises CredentialsError, InstanceLostError (seen twice, `lost_after` apart) or TemporaryError.
    """
    started, said = context.clock.boottime(), ""
    while True:
        answer = await monitor.check_session()
        called_off = None if adopt is None else await _called_off(context, adopt)
        if called_off is not None:
            return called_off
        works = answer.answer.outcome is Outcome.OK and answer.state is InstanceState.WORKING
        if works and monitor.identified:
            return None
        _raise_if_final(context, monitor, answer)
        if context.stopping:
            raise TemporaryError("stopped while waiting for the backup instance's session")
        now_said = _not_identified(context, monitor) if works else _said(answer)
        if context.clock.boottime() - started > context.settings.patience:
            raise TemporaryError(
                f"the session of {context.instance_name} does not work: {now_said}",
                hint=str(Operation.DOCTOR),
            )
        if now_said != said:
            said = now_said
            most = f"at most {context.settings.patience / 60:g} min"
            context.say(f"waiting ({most}) for the session of {context.instance_name}: {said}")
        await _until_checked_again(context, answer.answer.retry_after or 0.0)


async def follow_limits(context: Context) -> None:
    """Never ask about groups faster than the gateway allows, nor faster than is configured.

    The gateway's adapter keeps the limit over all calls; the gaps of the stages follow it, so that they do
    not queue up there. One that tells no limits changes nothing.
    """
    found = (await context.gateway.limits()).limits
    gap, settings = (0.0 if found is None else found.gap), context.settings
    slows = None
    if (
        found is not None
        and found.per_minute is not None
        and gap > min(settings.probe_gap, settings.look_gap)
    ):
        slows = StoredLimits(found.per_minute, found.per_day, found.policy, gap)
        context.say(
            f"the gateway allows {found.per_minute:g} group calls a minute: "
            f"probes and looks are {gap:.1f} s apart"
        )
    async with context.writing() as writing:
        await gateway_limits.save(writing.connection, context.instance_id, slows)
    context.settings = replace(
        settings, probe_gap=max(settings.probe_gap, gap), look_gap=max(settings.look_gap, gap)
    )


async def _called_off(context: Context, recovery_id: int) -> End | None:
    async with context.database.read() as connection:
        recovery = await recoveries.get(connection, recovery_id)
        now = await context.database.now(connection)
    if recovery is None or recovery.state != "running":
        raise NotFoundError(f"recovery {recovery_id} is over")
    if recovery.stop_requested_at is not None:
        return End.STOPPED
    return End.INTERRUPTED if recovery.deadline is not None and recovery.deadline <= now else None


async def _until_checked_again(context: Context, asked: float) -> None:
    """A daemon waits for as long as it takes, and asks less often. `asked`: seconds, by the gateway."""
    wake_event = context.wake_events.setdefault("session", asyncio.Event())
    wake_event.clear()
    wait = CHECK_AGAIN if isfinite(context.settings.patience) else context.settings.session_every_when_down
    with suppress(TimeoutError):
        async with asyncio.timeout(context.clock.real(max(wait, asked))):
            await wake_event.wait()


def _raise_if_final(context: Context, monitor: Monitor, answer: SessionAnswer) -> None:
    if context.lost:
        raise InstanceLostError(f"{context.instance_name} is lost: the gateway says {_said(answer)}")
    if not isfinite(context.settings.patience):
        return  # a token that is put right, a plan that is extended: it goes on by itself then
    if answer.answer.outcome is Outcome.BAD_CREDENTIALS:
        raise CredentialsError(
            credentials_refused(context.instance_name, answer.answer.text),
            hint=f"put a valid access token into its token file, or correct instance_id; "
            f"`{Command(Operation.DOCTOR, instance=context.instance_name)}` checks both",
        )
    if answer.answer.outcome is Outcome.PLAN_LIMIT:
        raise CredentialsError(f"the gateway's plan does not allow it: {answer.answer.text}")
    if answer.answer.outcome is Outcome.NOT_SUPPORTED:
        hint = f"{account_hint(Reason.NOT_SUPPORTED, None, context.instance_name).move}: {Operation.DOCTOR}"
        raise ConfigurationError(f"{context.instance_name}: {answer.answer.text}", hint=hint)
    if monitor.end is not None and answer.state in GONE_STATES:
        raise InstanceLostError(
            f"{context.instance_name} is logged out: the gateway says {_said(answer)}",
            hint="log it in again at the gateway, or recover onto another backup with --to",
        )


def _not_identified(context: Context, monitor: Monitor) -> str:
    """Why a session that works is not enough. Raises ConfigurationError where two entries are one number."""
    if monitor.rival is None:
        return "it does not say which number it is"
    if isfinite(context.settings.patience):
        raise ConfigurationError(
            f"{context.instance_name} is {monitor.rival}: two would join at twice the pace",
            hint="remove one of the two from the configuration, or link another number",
        )
    return f"it is {monitor.rival}"


def _said(answer: SessionAnswer) -> str:
    if answer.answer.outcome is not Outcome.OK and answer.answer.text:
        return answer.answer.text
    return answer.word or answer.state.value


async def open_recovery(context: Context, request: Request, *, pace: float | None) -> bool:
    """Go on with the instance's open recovery as it was placed, or begin a new one. True if it went on.

    `pace`: joins a minute where the call said so. Raises UsageError for another scope than the open one's.
    """
    async with context.writing(many=True) as writing:
        existing = await to_go_on_with(
            writing.connection, context.instance_id, context.instance_name, request
        )
        if existing is None:
            await _begin(writing, request, pace)
        else:
            await _go_on(writing, existing, pace)
        await unit_of_work.reopen_after_new_number(writing)
        context.begins = False
        kind = "recovery.started" if existing is None else "recovery.continued"
        writing.note(kind, pace=context.settings.policy.joins_per_minute)
    context.points.reach("recovery.opened")
    return existing is not None


async def _begin(writing: Writing, request: Request, pace: float | None) -> None:
    context = writing.context
    order = orders.Order(
        context.instance_id,
        request.scope,
        context.actor,
        pace,
        only=None if request.only is None else list(request.only),
        joins_left=context.joins_left,
        driver="person",
    )
    context.recovery_id = writing.recovery_id = await orders.place(writing.connection, order, writing.now)


async def _go_on(writing: Writing, existing: Recovery, pace: float | None) -> None:
    """Groups that came into its scope since then are taken up, unless its groups were chosen once."""
    context, connection = writing.context, writing.connection
    context.recovery_id = writing.recovery_id = existing.id
    limit = context.joins_left
    if limit is not None:  # it is counted from the recovery's first join on
        limit += await recoveries.joins_sent(connection, existing.id)
    await recoveries.begin_again(
        connection, existing.id, pace=pace, joins_left=limit, since=context.driving_since
    )
    if not existing.fixed:
        await orders.take_up(connection, context.instance_id, existing.id, existing.scope, now=writing.now)


async def adopt_recovery(context: Context, recovery_id: int) -> float | None:
    """Go on with a recovery that was placed for the daemon; returns the boot time at which it must end.

    A person's wish to stop it stands, also one from before a crash. Raises NotFoundError if it has ended.
    """
    async with context.writing(many=True) as writing:
        adopted = await orders.adopt(writing.connection, recovery_id)
        if adopted is None:
            raise NotFoundError(f"recovery {recovery_id} is over")
        found, begun = adopted
        context.recovery_id = writing.recovery_id = recovery_id
        context.joins_left = found.joins_left
        if not found.fixed:
            await orders.take_up(
                writing.connection, context.instance_id, recovery_id, found.scope, now=writing.now
            )
        writing.note("recovery.continued" if begun else "recovery.started", pace=found.pace)
        left = None if found.deadline is None else found.deadline - writing.now
    context.points.reach("recovery.opened")
    return None if left is None else context.clock.boottime() + left


async def recognise(context: Context, looker: Looker) -> None:
    """One list of the account's groups, so that no slot is wasted on a group we are in already.

    What stands in the list with our own id among its members is active. What is listed without members is
    looked at in its turn before anything else happens to it. What is not listed is no news: lists lie.
    """
    await start_lookups_after_crash(context)
    await give_up_on_unsure(context)
    await _list_groups(context, looker)
    if not context.listed:
        return
    for status in OPEN_STATUSES:
        await _recognise_in(context, status)
    context.points.reach("list.recorded")


async def _list_groups(context: Context, looker: Looker) -> None:
    """Once more where the gateway's own limit ends soon: without a list, slots are wasted."""
    answer = await looker.refresh_list()
    if answer.outcome is not Outcome.GATEWAY_LIMITED:
        return
    wait = limit_wait(0, answer.retry_after)
    async with context.writing() as writing:
        await pause_for(writing, answer)
    if wait <= LONGEST_ASKED_WAIT:
        await context.clock.sleep(wait)
        await looker.refresh_list()


async def _recognise_in(context: Context, status: Status) -> None:
    jids = list(context.listed)
    for start in range(0, len(jids), PAGE):
        async with context.writing() as writing:
            page = jids[start : start + PAGE]
            works = await memberships.expecting(writing.connection, context.instance_id, status, page)
            holders = await memberships.holders_of(writing.connection, context.instance_id, page)
            for work in works:
                _recognise_one(writing, work, holders)


def _recognise_one(writing: Writing, work: Work, holders: dict[str, int]) -> None:
    context, old = writing.context, work.membership
    jid = work.expected_jid or old.jid or ""
    if holders.setdefault(jid, old.id) != old.id:  # another row of ours is this group already
        return
    if old.reason is Reason.IDENTITY_MISMATCH and work.expected_jid is None:
        return  # we are in a group that was never verified: a person decides
    group = context.listed[jid]
    if stands_in(context, group):
        new = apply_look(writing, old, jid, Sighting.IN, MembershipEvidence.PARTICIPANT)
    elif group.participants is None and old.status is Status.PENDING:
        new = writing.move(old, Status.CONFIRMING, jid=jid, next_attempt_at=writing.now, requested_at=None)
    else:
        return
    writing.note("look", work, seen="listed", jid=jid, status=new.status.value)

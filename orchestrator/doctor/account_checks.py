"""Each configured instance: what its gateway says, what the database says of its last runs, its number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from itertools import combinations

from orchestrator.account import lease
from orchestrator.account.accounts import choose_instance
from orchestrator.account.session_state import told_by
from orchestrator.doctor.findings import (
    Cause,
    DoctorContext,
    ExaminedAccount,
    Finding,
    failed,
    ok,
    skipped,
    warning,
)
from orchestrator.doctor.probe_forms import written
from orchestrator.domain import identity
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError, LockHeldError, NotFoundError, RejoinError
from orchestrator.domain.hints import account_hint
from orchestrator.domain.identity import OwnIds, Told
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.meanings import InstanceState, Outcome
from orchestrator.domain.memberships import Reason, known_reason
from orchestrator.domain.outcomes import GatewayAnswer, SessionAnswer
from orchestrator.domain.pacing import worst_window
from orchestrator.gateways.base import Gateway, Remark
from orchestrator.status.next_step import command_of
from orchestrator.store import instances, memberships, recoveries, slots
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.slot_high_water_mark import SlotHighWaterMark, in_doubt

_REFUSED = {
    Outcome.BAD_CREDENTIALS: "refuses the access token or the instance_id",
    Outcome.PLAN_LIMIT: "says that the subscription does not allow it",
}


_DOUBTED = warning(
    "history",
    "the database may know fewer joins than were sent: it was put back from a copy",
    "the next run waits first, and looks at each group before it joins it",
)


async def online(account: ExaminedAccount, told: dict[str, OwnIds] | None = None) -> list[Finding]:
    """Gateway, token, session, own ids, list of groups. Reads only; the first failure skips the rest.

    Which number a session says it is goes into `told`, by the instance's name.
    """
    try:
        gateway = account.gateway()
    except ConfigurationError as error:
        return [failed("gateway", error.message, error.hint)]
    session = await gateway.session()
    trouble = _gateway_trouble(account, session.answer)
    if trouble is not None:
        if session.answer.outcome is Outcome.BAD_CREDENTIALS:
            trouble = await _in_another_form(account) or trouble
        rest = ("session", "own ids", "group list")
        return [trouble, *(skipped(one, "the gateway did not tell") for one in rest)]
    findings = [ok("gateway", "answers and accepts the token"), _session(account, session)]
    if session.state is not InstanceState.WORKING:
        skips = [skipped(one, "the session does not work") for one in ("own ids", "group list")]
        return [*findings, *skips]
    if told is not None:
        told[account.name] = told_by(session)
    remarks = [_remarked(one) for one in await gateway.remarks()]
    return [*findings, _own_ids(session), *remarks, *await _allowed(gateway), await _list(gateway)]


def _remarked(remark: Remark) -> Finding:
    if remark.hint:
        return warning(remark.name, remark.sentence, remark.hint)
    return ok(remark.name, remark.sentence)


def _gateway_trouble(account: ExaminedAccount, answer: GatewayAnswer) -> Finding | None:
    name = account.name
    if answer.outcome in (Outcome.OK, Outcome.SESSION_DOWN):
        return None
    said = answer.text or answer.outcome.value
    if answer.outcome in _REFUSED:
        sentence = f"{_REFUSED[answer.outcome]}: {said}"
        hint = f"put a valid access token into {account.token_at or 'its token file'}"
        if answer.outcome is Outcome.PLAN_LIMIT:
            hint = account_hint(Reason.PLAN_LIMIT, None, name).move
        return failed("gateway", sentence, hint, cause=Cause.CREDENTIALS)
    if answer.outcome is Outcome.GATEWAY_LIMITED:
        sentence = f"answers, and wants no more calls now: {said}"
        return failed("gateway", sentence, "wait, then look again", cause=Cause.UNREACHABLE)
    if answer.outcome is Outcome.NOT_SUPPORTED:
        hint = account_hint(Reason.NOT_SUPPORTED, None, name).move
        return failed("gateway", f"does not know the call: {said}", hint)
    hint = "check base_url and the network"
    return failed("gateway", f"does not answer: {said}", hint, cause=Cause.UNREACHABLE)


async def _in_another_form(account: ExaminedAccount) -> Finding | None:
    """The finding that another form of credentials is accepted, if one is."""
    configured, *others = account.forms() or (None,)
    for form in others:
        if configured is None or (form.route, form.code) != (configured.route, configured.code):
            continue
        session = await form.gateway().session()
        if session.answer.outcome in (Outcome.OK, Outcome.SESSION_DOWN):
            changed = {k: v for k, v in form.settings.items() if configured.settings[k] != v}
            line = ", ".join(written(changed))
            sentence = f"refuses the access token as it is sent, and accepts it with {line}"
            hint = f"set {line} in [instances.{form.section}] of {account.name}"
            return failed("gateway", sentence, hint, cause=Cause.CREDENTIALS)
    return None


def _session(account: ExaminedAccount, session: SessionAnswer) -> Finding:
    """A backup must work; a primary may be the one that was lost."""
    said = session.word or session.state.value
    if session.state is InstanceState.WORKING:
        return ok("session", f"working ({said})")
    if account.role != "backup":
        sentence = f"{said}: lost, or about to be"
        plan = Command(Operation.PLAN, from_name=account.name)
        return warning("session", sentence, str(plan))
    if session.state is InstanceState.STARTING:
        return warning("session", f"{said}: look again in a minute")
    hint = "link it at the gateway: a recovery needs it working"
    return failed("session", f"not working ({said})", hint)


def _own_ids(session: SessionAnswer) -> Finding:
    known = [kind for kind, value in (("phone", session.phone), ("LID", session.lid)) if value]
    if known:
        return ok("own ids", f"known: {' and '.join(known)}")
    sentence = "the gateway tells neither phone nor LID: no join is sent before it says which number it is"
    return failed("own ids", sentence, "see that its session info tells `me`")


async def _allowed(gateway: Gateway) -> list[Finding]:
    """What the gateway says of its limits; nothing where it says nothing."""
    told = await gateway.limits()
    limits = told.limits
    if limits is None and told.answer.outcome is Outcome.OK:
        sentence = "the gateway tells its limits in a form that is not known: nothing keeps to them"
        return [skipped("gateway limits", sentence)]
    if limits is None:
        return []
    minute = "any number of" if limits.per_minute is None else f"{limits.per_minute:g}"
    day = "" if limits.per_day is None else f", {limits.per_day:,} a day"
    policy = f" (policy {limits.policy})" if limits.policy else ""
    kept = f": probes and looks keep {limits.gap:.1f} s apart" if limits.gap else ""
    return [ok("gateway limits", f"{minute} group calls a minute{day}{policy}{kept}")]


async def _list(gateway: Gateway) -> Finding:
    listed = await gateway.groups()
    if listed.answer.outcome is Outcome.OK:
        bare = sum(group.participants is None for group in listed.groups)
        note = f", {bare} of them without members" if bare else ""
        return ok("group list", f"answers: {len(listed.groups):,} groups{note}")
    said = listed.answer.text or listed.answer.outcome.value
    sentence = f"does not answer: {said}"
    return warning("group list", sentence, "a run works without it, but wastes slots")


async def on_record(context: DoctorContext, account: ExaminedAccount) -> list[Finding]:
    """Driver, pause, pace and loose ends, from the database."""
    async with context.database.read() as connection:
        try:
            record = await instances.get(connection, account.name)
        except NotFoundError:
            new = ok("record", "new: the database does not know it yet")
            doubt = await in_doubt(context.database, connection, None)
            return [new, _DOUBTED] if doubt else [new]
        now = await context.database.now(connection)
        latest = await recoveries.latest_onto(connection, record.id)
        run = Command(Operation.RUN) if latest is None else command_of(latest, record.name)
        return [
            _driver(record, now, run),
            _pause(record, now),
            await _pace(context, connection, record, now),
            await _loose_ends(context, connection, record, now=now, run=run),
            await _rolled_back(context, connection, record, now),
        ]


def _driver(record: InstanceRecord, now: float, run: Command) -> Finding:
    if record.lease_holder is None:
        return ok("driver", "nobody drives it now")
    try:
        lease.refuse_if_held(record, now)
    except LockHeldError as held:
        return ok("driver", f"one run works: {held.message}")
    holder = json.loads(record.lease_holder)
    sentence = f"a run ended without a word: process {holder.get('pid')} on {holder.get('host')}"
    return warning("driver", sentence, f"{run} goes on where it was")


def _pause(record: InstanceRecord, now: float) -> Finding:
    if not record.paused(now):
        slow = record.pace_factor(now) < 1
        return ok("pause", "not paused" + (", at half pace" if slow else ""))
    hint = account_hint(known_reason(record.pause_reason), record.paused_until, record.name)
    why = f"paused: {hint.sentence}" + (f" ({record.pause_text})" if record.pause_text else "")
    move = hint.move if hint.command is None else str(hint.command)
    return warning("pause", why, move)


async def _pace(
    context: DoctorContext, connection: AsyncConnection, record: InstanceRecord, now: float
) -> Finding:
    """The worst window, counted anew from the log; a join that may have left counts as sent at its time."""
    policy = context.settings.policy
    lines = await slots.latest_slots(connection, record.id, slots.MOST_SLOTS_A_DAY)
    sent = [line.sent_at if line.sent_at is not None else line.send_at for line in lines if _left(line)]
    recent = [at for at in sent if at >= now - slots.DAY]
    worst = worst_window(recent, policy.window)
    sentence = f"at most {worst} of {policy.limit} joins in any {policy.window:.0f} s of the last day"
    if worst > policy.limit:
        hint = f"this must not happen: pause, and report it with {Operation.DIAGNOSTICS}"
        return failed("pace", sentence, hint)
    return ok("pace", f"{sentence}; {len(recent)} sent")


def _left(line: slots.SlotLine) -> bool:
    return line.sent_at is not None or line.finished_at is None


async def _loose_ends(
    context: DoctorContext, connection: AsyncConnection, record: InstanceRecord, *, now: float, run: Command
) -> Finding:
    """Slots and joins that no living process can be waiting for."""
    policy = context.settings.policy
    over = now - policy.life - policy.timeout
    found = await slots.open_slots(connection, record.id, over_before=over)
    orphaned = found.joining if lease.living_holder(record, now) is None else 0
    if not orphaned and not found.overdue:
        return ok("loose ends", "no join was left unfinished")
    sentence = f"{orphaned} joins were cut off, {found.overdue} slots never finished"
    hint = f"{run} looks up what became of them before anything else"
    return warning("loose ends", sentence, hint)


async def _rolled_back(
    context: DoctorContext, connection: AsyncConnection, record: InstanceRecord, now: float
) -> Finding:
    last = await slots.last_n(connection, record.id)
    high_water_mark = SlotHighWaterMark.of(context.database, record.id)
    if trouble := await asyncio.to_thread(high_water_mark.unwritable):
        sentence = f"the file that names the last join cannot be written: {trouble}"
        hint = "no join is sent without it: make its folder writable, or make room"
        return failed("history", sentence, hint)
    driven = lease.living_holder(record, now) is not None
    if await in_doubt(context.database, connection, record, driven=driven):
        return _DOUBTED
    return ok("history", f"whole: {last:,} joins on record")


async def choice(context: DoctorContext) -> Finding:
    """Whether it is clear which backup a recovery would fill."""
    try:
        name = await choose_instance(context.database, context.to, context.backups)
    except NotFoundError as error:
        return failed("backup", error.message, error.hint)
    except RejoinError as error:
        if len(context.backups) > 1:  # a daemon takes the first healthy one
            return warning("backup", f"a run must be told which: {error.message}", error.hint)
        return failed("backup", error.message, error.hint)
    return ok("backup", f"a recovery would fill {name}")


async def one_driver(context: DoctorContext, told: Mapping[str, OwnIds]) -> Finding:
    """Two instances of one number would be two drivers, each with a pace of its own.

    `told`: what the sessions say just now, by name; of the others counts what they said last.
    """
    async with context.database.read() as connection:
        doubled = await instances.accounts_with_two_names(connection)
        records = {one.name: one for one in await instances.all_records(connection)}
    names = [account.name for account in context.accounts]
    for _, pair in doubled:
        both = [name for name in pair if name in names]
        if len(both) > 1:
            return failed("accounts", f"one account under two names: {', '.join(both)}", "keep one of them")
    own = {name: _own(records.get(name), told.get(name, OwnIds())) for name in names}
    for first, second in combinations(sorted(names, key=lambda name: _place(records, name)), 2):
        if identity.is_one_number(own[first], own[second]):
            sentence = f"{first} and {second} are one number ({identity.shown(own[first])})"
            hint = f"{second} sends no join: remove one of the two from the file, or link another number"
            return failed("accounts", sentence, hint)
        if identity.may_be_one_number(own[first], own[second]):
            sentence = (
                f"{first} and {second} may be one number: one tells a phone alone, the other a LID alone"
            )
            hint = f"{second} sends no join: see that both tell the same kind, or remove one from the file"
            return failed("accounts", sentence, hint)
    return ok("accounts", "each instance is an account of its own")


async def same_number(context: DoctorContext, account: ExaminedAccount, told: OwnIds) -> list[Finding]:
    """Whether the instance is still the number that its memberships were recorded for."""
    async with context.database.read() as connection:
        records = {one.name: one for one in await instances.all_records(connection)}
        record = records.get(account.name)
        left = 0 if record is None else await memberships.left_by_number(connection, record.id)
    if record is None:
        return []
    run = Command(Operation.RUN, instance=account.name)
    hint = f"link the old number again, or bring the new one in: {run}"
    if identity.compare(record.own, told) is Told.ANOTHER:
        was, now = identity.shown(record.own), identity.shown(told)
        sentence = f"it was {was} and is {now} now: what the old number was in counts for nothing"
        return [failed("number", sentence, hint)]
    if left:
        sentence = f"another number than before: {left:,} groups of the old one count as left"
        return [warning("number", sentence, hint)]
    return [ok("number", "the one that it was before")]


def _own(record: InstanceRecord | None, told: OwnIds) -> OwnIds:
    return identity.after(OwnIds() if record is None else record.own, told)


def _place(records: Mapping[str, InstanceRecord], name: str) -> float:
    """The later entry stands still: in the order of the table, and what is new comes last."""
    return records[name].id if name in records else float("inf")

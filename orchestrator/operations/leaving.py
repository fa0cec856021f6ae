"""Leaving a group by hand: the one act that goes to the gateway. Sent at most once; journalled around it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import (
    CredentialsError,
    NotFoundError,
    TemporaryError,
    UsageError,
    credentials_refused,
)
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.meanings import Outcome
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer
from orchestrator.domain.sightings import Sighting, sight
from orchestrator.gateways.base import Gateway
from orchestrator.operations.acting import acting, said
from orchestrator.operations.retry_skip import entered_by_mistake
from orchestrator.status.group_status import find_group
from orchestrator.store import memberships
from orchestrator.store.engine import Database
from orchestrator.store.memberships import Membership, Work
from orchestrator.store.unit_of_work import UnitOfWork

_NOT_INSIDE = frozenset({Outcome.FORBIDDEN, Outcome.GROUP_GONE, Outcome.REMOVED})
_UNSENT = frozenset(
    {
        Outcome.SESSION_DOWN,
        Outcome.THROTTLED,
        Outcome.GATEWAY_LIMITED,
        Outcome.PLAN_LIMIT,
        Outcome.RESTRICTED,
    }
)
_UNGREETED = frozenset({Greeting.PENDING, Greeting.SENDING})


class Whereabouts(StrEnum):
    """Where the account is after the call."""

    OUT = "out"
    STILL_IN = "still_in"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Leaving:
    """What `leave` did. `jid` is the group that was left, or was to be."""

    instance: str
    group: str
    slug: str
    jid: str | None
    whereabouts: Whereabouts
    changed: bool
    status: Status
    sentence: str


@dataclass(frozen=True, slots=True)
class _Target:
    work: Work
    jid: str
    own: OwnIds


async def leave(
    database: Database,
    gateway: Gateway,
    instance_name: str,
    group: str,
    *,
    actor: str,
    because: str | None = None,
) -> Leaving:
    """Take the instance out of a group that it is in, or into which a join led it by mistake.

    The call is sent at most once; if its outcome is unknown, a look at the members decides. Raises
    NotFoundError, UsageError, CredentialsError and TemporaryError.
    """
    text = said(because)
    async with acting(database, instance_name, actor) as unit:
        work = await _work(unit, group)
        if work.membership.status is Status.LEFT:
            return _nothing_to_do(instance_name, work)
        target = _target(unit, work)
        unit.note("act.leave", work, jid=target.jid, because=text)
    answer = await gateway.leave(target.jid)
    whereabouts = await _whereabouts(gateway, target, answer)
    async with acting(database, instance_name, actor) as unit:
        leaving = await _record(unit, target, whereabouts, text)
        unit.note(
            "leave",
            work,
            jid=target.jid,
            outcome=answer.outcome.value,
            http=answer.http_status,
            iq=answer.iq_code,
            whereabouts=whereabouts.value,
            detail=answer.text or None,
        )
    _raise_if_account(leaving, answer)
    return leaving


async def _work(unit: UnitOfWork, group: str) -> Work:
    rows = await find_group(unit.connection, group)
    work = await memberships.by_group(unit.connection, unit.instance.id, rows[0].group_id)
    if work is None:
        raise NotFoundError(f"{rows[0].group} was never joined by {unit.instance.name}")
    return work


def _target(unit: UnitOfWork, work: Work) -> _Target:
    old = work.membership
    if old.jid is None or not (old.status is Status.ACTIVE or entered_by_mistake(old)):
        raise UsageError(
            f"{work.name} is {old.status.value}: only a group that {unit.instance.name} is in can be left",
            hint=f"to leave it out of the recovery: {Command(Operation.SKIP, group=work.slug)}",
        )
    return _Target(work, old.jid, OwnIds(unit.instance.own_phone, unit.instance.own_lid))


def _nothing_to_do(instance_name: str, work: Work) -> Leaving:
    return Leaving(
        instance_name,
        work.name,
        work.slug,
        work.membership.jid,
        Whereabouts.OUT,
        changed=False,
        status=Status.LEFT,
        sentence=f"{instance_name} has left {work.name} already",
    )


async def _whereabouts(gateway: Gateway, target: _Target, answer: GatewayAnswer) -> Whereabouts:
    """Where the answer leaves it open, our own id among the members decides."""
    if answer.outcome is Outcome.OK or answer.outcome in _NOT_INSIDE:
        return Whereabouts.OUT
    unsent = answer.outcome in _UNSENT or answer.outcome is Outcome.BAD_CREDENTIALS
    if not answer.sent or (unsent and answer.certain):
        return Whereabouts.STILL_IN
    seen = await gateway.participants(target.jid)
    if seen.answer.outcome in _NOT_INSIDE:
        return Whereabouts.OUT
    if seen.answer.outcome is not Outcome.OK:
        return Whereabouts.UNKNOWN
    return _SEEN[sight(target.own, seen.participants)]


_SEEN = {
    Sighting.IN: Whereabouts.STILL_IN,
    Sighting.ABSENT: Whereabouts.OUT,
    Sighting.INCONCLUSIVE: Whereabouts.UNKNOWN,
}


async def _record(
    unit: UnitOfWork, target: _Target, whereabouts: Whereabouts, because: str | None
) -> Leaving:
    name, work = unit.instance.name, target.work
    current = await memberships.by_group(unit.connection, unit.instance.id, work.membership.group_id)
    old = work.membership if current is None else current.membership
    new, changed = old, False
    if whereabouts is Whereabouts.OUT and old.jid == target.jid:
        new, changed = _out(unit, old, because), True
    sentences = {
        Whereabouts.OUT: f"{name} has left {work.name}",
        Whereabouts.STILL_IN: f"{name} is still in {work.name}",
        Whereabouts.UNKNOWN: f"nobody can tell whether {name} has left {work.name}: see on the phone",
    }
    return Leaving(
        name, work.name, work.slug, target.jid, whereabouts, changed, new.status, sentences[whereabouts]
    )


def _out(unit: UnitOfWork, old: Membership, because: str | None) -> Membership:
    if entered_by_mistake(old):
        note = f"{old.jid} was joined by mistake, and left again"
        return unit.move(old, old.status, old.reason, detail=note, jid=None, joined_at=None, looks=0)
    if old.status is not Status.ACTIVE:
        return old
    changes: dict[str, Any] = {"detail": because}
    if old.greeting in _UNGREETED:
        changes["greeting"] = Greeting.SKIPPED
    return unit.move(old, Status.LEFT, Reason.OPERATOR, **changes)


def _raise_if_account(leaving: Leaving, answer: GatewayAnswer) -> None:
    """The call did not come through: say whose move it is."""
    if leaving.whereabouts is Whereabouts.OUT:
        return
    if answer.outcome is Outcome.BAD_CREDENTIALS:
        raise CredentialsError(credentials_refused(leaving.instance, answer.text), hint=str(Operation.DOCTOR))
    if answer.outcome in _UNSENT or not answer.sent:
        what = answer.text or answer.outcome.value
        raise TemporaryError(f"{leaving.sentence}: {what}", hint=str(Operation.DOCTOR))

"""A group that was renamed, or was never described: what its link opens now is taken as what is expected.

In two steps, so that a person sees both before anything is written: `propose` probes and compares, `accept`
stores. A group with another JID than the stored one is another group: it needs a word of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.account.gateway_calls import call_with_retry
from orchestrator.account.recovery_settings import RecoverySettings
from orchestrator.catalogue.lookup import resolve
from orchestrator.clock import Clock
from orchestrator.domain.answer_reactions import PROBE_REACTIONS, Action
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import (
    CredentialsError,
    InputRejectedError,
    TemporaryError,
    UsageError,
    credentials_refused,
)
from orchestrator.domain.hints import explain_reason
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.meanings import Outcome
from orchestrator.domain.memberships import Status
from orchestrator.domain.outcomes import GatewayAnswer, GroupPreview
from orchestrator.domain.phones import read_phone
from orchestrator.domain.verification import Expected, digits, same_jid, verify
from orchestrator.gateways.base import Gateway
from orchestrator.store import codes, groups, instances, journal, memberships, unit_of_work
from orchestrator.store.codes import SealedCode
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.groups import StoredGroup


@dataclass(frozen=True, slots=True)
class Asking:
    """What is needed to look at what a link opens. `reveal` opens a stored code."""

    gateway: Gateway
    instance: str
    settings: RecoverySettings
    clock: Clock
    reveal: Callable[[SealedCode], str]
    actor: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is expected of a group, and what would be. They are the same where there is nothing to accept."""

    group: StoredGroup
    code_id: int
    before: Expected
    after: Expected
    members: int | None

    @property
    def other_group(self) -> bool:
        """Whether the link opens another group than the one that is stored."""
        return self.before.jid is not None and self.before != self.after


@dataclass(frozen=True, slots=True)
class Accepted:
    """`requeued`: memberships that were blocked for it and are in line again."""

    changed: bool
    requeued: int


async def propose(
    database: Database, asking: Asking, reference: str, *, other_group: bool = False
) -> Proposal:
    """Look at what the group's link opens now: one GET. Nothing is stored but the journal's line of it.

    `other_group`: also where that is another group than the one with the stored JID. Raises NotFoundError,
    UsageError, InputRejectedError, CredentialsError and TemporaryError.
    """
    async with database.read() as connection:
        group = await resolve(connection, reference)
        code = (await codes.current(connection, [group.id])).get(group.id)
        instance = await instances.get(connection, asking.instance)
    if code is None:
        raise UsageError(f"no invite code is stored for {group.name}", hint=_set_code(group))
    revealed = asking.reveal(code)
    probed = await call_with_retry(
        lambda: asking.gateway.probe(revealed), asking.settings.retry, asking.clock
    )
    await _note(database, instance, group, code, probed.answer, asking.actor)
    if probed.answer.outcome is not Outcome.OK or probed.preview is None:
        raise _failure(group, asking.instance, probed.answer)
    proposal = _compare(group, code.id, asking.settings, probed.preview)
    if proposal.other_group and not other_group:
        raise _another(proposal, probed.preview)
    async with database.read() as connection:
        await _refuse_conflicts(connection, instance, proposal)
    return proposal


def _compare(group: StoredGroup, code_id: int, settings: RecoverySettings, preview: GroupPreview) -> Proposal:
    before = Expected(group.jid, group.subject or group.name, group.owner)
    after = before
    if preview.jid is None:
        raise TemporaryError(
            f"the gateway does not say which group the link of {group.name} opens", hint=str(Operation.DOCTOR)
        )
    if not verify(settings.allow, before, preview).allowed:
        shown = "" if (preview.owner or "").endswith("lid") else digits(preview.owner)
        owner = read_phone(f"+{shown}")
        after = Expected(preview.jid, preview.subject or before.subject, owner or before.owner)
    return Proposal(group, code_id, before, after, preview.members)


async def _refuse_conflicts(
    connection: AsyncConnection, instance: InstanceRecord, proposal: Proposal
) -> None:
    """The JID may be another entry's, and the account may be in the group that was expected so far."""
    group, jid = proposal.group, proposal.after.jid
    if proposal.before == proposal.after or jid is None:
        return
    holder = await groups.by_slug_or_jid(connection, jid)
    if holder is not None and holder.id != group.id:
        raise InputRejectedError(
            f"the link of {group.name} opens {jid}, which is {holder.name} of your list",
            hint=f"{_set_code(group)} stores the right code",
        )
    work = await memberships.by_group(connection, instance.id, group.id)
    if work is None or work.membership.status is not Status.ACTIVE:
        return
    if work.membership.jid is not None and not same_jid(work.membership.jid, jid):
        leave = Command(Operation.LEAVE, group=group.slug)
        raise InputRejectedError(
            f"{instance.name} is in {group.name} with the stored JID, and its link opens another group",
            hint=f"store the right code: {_set_code(group)}; or leave the old one: {leave}",
        )


async def accept(database: Database, proposal: Proposal, *, instance: str, actor: str) -> Accepted:
    """Store what was proposed; what was blocked for it goes back in line. Raises TemporaryError."""
    group, after = proposal.group, proposal.after
    changed = {
        name: value
        for name, value in (("jid", after.jid), ("subject", after.subject), ("owner", after.owner))
        if after != proposal.before and value is not None and value != getattr(group, name)
    }
    async with database.write() as connection:
        await groups.lock(connection)
        await _refuse_stale(connection, proposal)
        now = await database.now(connection)
        record = await instances.get(connection, instance)
        if changed:
            await groups.change(connection, [(group.id, changed)], now=now)
        requeued = await unit_of_work.reopen_after_new_identity(
            connection, group_ids=[group.id], actor=actor, now=now
        )
        if changed or requeued:
            data: dict[str, Any] = {"was": _said(proposal.before), "now": _said(after)}
            entry = journal.Entry("act.accept", actor, data, record.id, group.id)
            await journal.append(connection, now, [entry])
    return Accepted(bool(changed or requeued), requeued)


async def _refuse_stale(connection: AsyncConnection, proposal: Proposal) -> None:
    """A code or an expectation may have changed while a person thought."""
    group = proposal.group
    stored = (await groups.by_ids(connection, [group.id])).get(group.id)
    code = (await codes.current(connection, [group.id])).get(group.id)
    same = stored is not None and all(
        getattr(stored, name) == getattr(group, name) for name in ("name", "jid", "subject", "owner")
    )
    if not same or code is None or code.id != proposal.code_id:
        raise TemporaryError(f"{group.name} was changed meanwhile; nothing was done", hint="call it again")


def _said(expected: Expected) -> dict[str, str]:
    fields = {"jid": expected.jid, "subject": expected.subject, "owner": expected.owner}
    return {name: value for name, value in fields.items() if value is not None}


async def _note(
    database: Database,
    instance: InstanceRecord,
    group: StoredGroup,
    code: SealedCode,
    answer: GatewayAnswer,
    actor: str,
) -> None:
    data = {
        "accept": True,
        "code": code.last4,
        "outcome": answer.outcome.value,
        "http": answer.http_status,
        "iq": answer.iq_code,
        "detail": answer.text or None,
    }
    known = {key: value for key, value in data.items() if value is not None}
    async with database.write() as connection:
        now = await database.now(connection)
        entry = journal.Entry("probe", actor, known, instance.id, group.id)
        await journal.append(connection, now, [entry])


def _failure(
    group: StoredGroup, instance: str, answer: GatewayAnswer
) -> InputRejectedError | CredentialsError | TemporaryError:
    reaction = PROBE_REACTIONS.get(answer.outcome)
    if answer.outcome is Outcome.BAD_CREDENTIALS:
        return CredentialsError(credentials_refused(instance, answer.text), hint=str(Operation.DOCTOR))
    if (
        reaction is not None
        and reaction.action in (Action.BLOCK, Action.ONCE_MORE)
        and reaction.reason is not None
    ):
        sentence = f"the link of {group.name} opens no group now: {explain_reason(reaction.reason)}"
        return InputRejectedError(sentence, hint=_set_code(group))
    said = answer.text or answer.outcome.value
    return TemporaryError(
        f"the gateway does not show what the link of {group.name} opens: {said}", hint=str(Operation.DOCTOR)
    )


def _another(proposal: Proposal, preview: GroupPreview) -> InputRejectedError:
    group = proposal.group
    what = "A COMMUNITY" if preview.community else "ANOTHER GROUP"
    only_if = "your group was made anew and this is it"
    if preview.community:
        only_if = "your group is its announcement group (who joins a community is taken into that)"
    return InputRejectedError(
        f'{group.name} is {group.jid}, but its link opens {what}: {preview.jid}, "{preview.subject}".'
        " Nothing was changed",
        hint=f"store the right code: {_set_code(group)}. Only if {only_if}:"
        f" {Command(Operation.ACCEPT_OTHER_GROUP, group=group.slug)}",
    )


def _set_code(group: StoredGroup) -> str:
    return str(Command(Operation.SET_CODE, group=group.slug))

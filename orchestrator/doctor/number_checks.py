"""Which number each instance is: whether two are one, and whether one is another number than before."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from orchestrator.doctor.finding import Finding, failed, ok, warning
from orchestrator.domain import identity
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.identity import OwnIds, Told
from orchestrator.store import instances, memberships

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.doctor.doctor_context import DoctorContext, ExaminedAccount
    from orchestrator.domain.instances import InstanceRecord


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
        return [failed("number", sentence, hint, instance=account.name)]
    if left:
        sentence = f"another number than before: {left:,} groups of the old one count as left"
        return [warning("number", sentence, hint, instance=account.name)]
    return [ok("number", "the one that it was before", instance=account.name)]


def _own(record: InstanceRecord | None, told: OwnIds) -> OwnIds:
    return identity.after(OwnIds() if record is None else record.own, told)


def _place(records: Mapping[str, InstanceRecord], name: str) -> float:
    """The later entry stands still: in the order of the table, and what is new comes last."""
    return records[name].id if name in records else float("inf")

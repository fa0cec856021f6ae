"""The whole examination, part by part; what one failure makes impossible is named as skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from orchestrator.domain.looking import OwnIds
from orchestrator.services.doctor import (
    accounts,
    catalogue,
    hooks,
    notifying,
    numbers,
    planned,
    storage,
    watched,
)
from orchestrator.services.doctor.finding import Finding, State, failed, ok, skipped, warning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from orchestrator.services.doctor.patient import Account, Patient

_NEED_THE_DATABASE = (
    *("clock", "key file", "codes", "groups", "allow-list", "expectations", "current codes"),
    *("backup", "accounts", "schedule", "daemon", "losses", "outbox"),
)


async def examine(patient: Patient) -> list[Finding]:
    """Look at everything, read only (GET; the session's state by POST where the gateway documents that).

    Nothing is raised for what is found, and nothing is written. Takes some seconds.
    """
    findings = _configuration(patient)
    about_database = await storage.database(patient)
    findings += about_database
    usable = any(one.name == "schema" and one.state is State.OK for one in about_database)
    if usable:
        findings += await _stored(patient)
    else:
        findings += [skipped(name, "the database cannot be used") for name in _NEED_THE_DATABASE]
    findings += [catalogue.greetings(patient), *notifying.receivers(patient.told), storage.disk(patient)]
    findings.append(hooks.configured(patient.hooks))
    told: dict[str, OwnIds] = {}
    for account in _examined(patient):
        online = await accounts.online(account, told)
        works = any(one.name == "session" and one.state is State.OK for one in online)
        findings += [*online, *await hooks.at_gateway(patient.hooks, account, works=works)]
        if usable:
            findings += await _guarded("record", accounts.on_record(patient, account))
            own = told.get(account.name, OwnIds())
            findings += await _guarded("number", numbers.same_number(patient, account, own))
    if usable:
        findings += await _guarded("accounts", _alone(numbers.one_driver(patient, told)))
    return findings


def _configuration(patient: Patient) -> list[Finding]:
    if not patient.warnings:
        return [ok("configuration", "valid, without warnings")]
    return [warning("configuration", text) for text in patient.warnings]


async def _stored(patient: Patient) -> list[Finding]:
    return [
        *await _guarded("clock", _alone(storage.clock(patient))),
        *await _guarded("key file", catalogue.keys(patient)),
        *await _guarded("groups", catalogue.groups(patient)),
        *await _guarded("backup", _alone(accounts.choice(patient))),
        *await _guarded("schedule", planned.schedule(patient)),
        *await _guarded("daemon", watched.daemon(patient)),
        *await _guarded("losses", watched.lost(patient)),
        *await _guarded("outbox", notifying.outbox(patient.database)),
    ]


def _examined(patient: Patient) -> Sequence[Account]:
    """With `to`, that backup and the primaries; else every instance."""
    if patient.to is None:
        return patient.accounts
    return [one for one in patient.accounts if one.name == patient.to or one.role != "backup"]


async def _alone(looking: Awaitable[Finding]) -> list[Finding]:
    return [await looking]


async def _guarded(name: str, looking: Awaitable[list[Finding]]) -> list[Finding]:
    """A database that fails in the middle is a finding, and the rest is still looked at."""
    try:
        return await looking
    except (DBAPIError, OSError) as error:
        return [failed(name, f"could not be looked at: {storage.said(error)}")]

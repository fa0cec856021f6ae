"""The whole examination, part by part; what one failure makes impossible is named as skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.doctor import (
    account_checks,
    catalogue_checks,
    daemon_checks,
    hook_checks,
    notify_checks,
    number_checks,
    schedule_checks,
    storage,
)
from orchestrator.doctor.finding import Finding, State, failed, ok, skipped, warning
from orchestrator.domain.identity import OwnIds
from orchestrator.store.engine import DriverError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from orchestrator.doctor.doctor_context import DoctorContext, ExaminedAccount

_NEED_THE_DATABASE = (
    *("clock", "key file", "codes", "groups", "allow-list", "expectations", "current codes"),
    *("backup", "accounts", "schedule", "daemon", "losses", "outbox"),
)


async def examine(context: DoctorContext) -> list[Finding]:
    """Look at everything, read only (GET; the session's state by POST where the gateway documents that).

    Nothing is raised for what is found, and nothing is written. Takes some seconds.
    """
    findings = _configuration(context)
    about_database = await storage.database(context)
    findings += about_database
    usable = any(one.name == "schema" and one.state is State.OK for one in about_database)
    if usable:
        findings += await _stored(context)
    else:
        findings += [skipped(name, "the database cannot be used") for name in _NEED_THE_DATABASE]
    findings += [
        catalogue_checks.greetings(context),
        *notify_checks.receivers(context.told),
        storage.disk(context),
    ]
    findings.append(hook_checks.configured(context.hooks))
    told: dict[str, OwnIds] = {}
    for account in _examined(context):
        online = await account_checks.online(account, told)
        works = any(one.name == "session" and one.state is State.OK for one in online)
        findings += [*online, *await hook_checks.at_gateway(context.hooks, account, works=works)]
        if usable:
            findings += await _guarded("record", account_checks.on_record(context, account))
            own = told.get(account.name, OwnIds())
            findings += await _guarded("number", number_checks.same_number(context, account, own))
    if usable:
        findings += await _guarded("accounts", _alone(number_checks.one_driver(context, told)))
    return findings


def _configuration(context: DoctorContext) -> list[Finding]:
    if not context.warnings:
        return [ok("configuration", "valid, without warnings")]
    return [warning("configuration", text) for text in context.warnings]


async def _stored(context: DoctorContext) -> list[Finding]:
    return [
        *await _guarded("clock", _alone(storage.clock(context))),
        *await _guarded("key file", catalogue_checks.keys(context)),
        *await _guarded("groups", catalogue_checks.groups(context)),
        *await _guarded("backup", _alone(account_checks.choice(context))),
        *await _guarded("schedule", schedule_checks.schedule(context)),
        *await _guarded("daemon", daemon_checks.daemon(context)),
        *await _guarded("losses", daemon_checks.lost(context)),
        *await _guarded("outbox", notify_checks.outbox(context.database)),
    ]


def _examined(context: DoctorContext) -> Sequence[ExaminedAccount]:
    """With `to`, that backup and the primaries; else every instance."""
    if context.to is None:
        return context.accounts
    return [one for one in context.accounts if one.name == context.to or one.role != "backup"]


async def _alone(looking: Awaitable[Finding]) -> list[Finding]:
    return [await looking]


async def _guarded(name: str, looking: Awaitable[list[Finding]]) -> list[Finding]:
    """A database that fails in the middle is a finding, and the rest is still looked at."""
    try:
        return await looking
    except (DriverError, OSError) as error:
        return [failed(name, f"could not be looked at: {storage.said(error)}")]

"""The whole examination, part by part; what one failure makes impossible is named as skipped."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace

from orchestrator.doctor import account_checks, catalogue_checks, daemon_checks, storage_checks
from orchestrator.doctor.findings import (
    DoctorContext,
    ExaminedAccount,
    Finding,
    State,
    failed,
    ok,
    skipped,
    warning,
)
from orchestrator.domain.identity import OwnIds
from orchestrator.store.engine import DriverError

_NEED_THE_DATABASE = (
    *("clock", "key file", "codes", "groups", "allow-list", "expectations", "current codes"),
    *("backup", "accounts", "schedule", "daemon", "losses", "outbox"),
)


async def examine(context: DoctorContext) -> list[Finding]:
    """Look at everything, read only (GET; the session's state by POST where the gateway documents that).

    Nothing is raised for what is found, and nothing is written. Takes some seconds.
    """
    findings = _configuration(context)
    about_database = await storage_checks.database(context)
    findings += about_database
    usable = any(one.name == "schema" and one.state is State.OK for one in about_database)
    if usable:
        findings += await _stored(context)
    else:
        findings += [skipped(name, "the database cannot be used") for name in _NEED_THE_DATABASE]
    findings += [
        catalogue_checks.greetings(context),
        *daemon_checks.receivers(context.told),
        storage_checks.disk(context),
    ]
    findings.append(daemon_checks.configured(context.hooks))
    told: dict[str, OwnIds] = {}
    for account in _examined(context):
        online = await _about(account, account_checks.online(account, told))
        works = any(one.name == "session" and one.state is State.OK for one in online)
        findings += online
        findings += await _about(account, daemon_checks.at_gateway(context.hooks, account, works=works))
        if usable:
            own = told.get(account.name, OwnIds())
            on_record = account_checks.on_record(context, account)
            same_number = account_checks.same_number(context, account, own)
            findings += await _guarded("record", _about(account, on_record))
            findings += await _guarded("number", _about(account, same_number))
    if usable:
        findings += await _guarded("accounts", _alone(account_checks.one_driver(context, told)))
    return findings


def _configuration(context: DoctorContext) -> list[Finding]:
    if not context.warnings:
        return [ok("configuration", "valid, without warnings")]
    return [warning("configuration", text) for text in context.warnings]


async def _stored(context: DoctorContext) -> list[Finding]:
    return [
        *await _guarded("clock", _alone(storage_checks.clock(context))),
        *await _guarded("key file", catalogue_checks.keys(context)),
        *await _guarded("groups", catalogue_checks.groups(context)),
        *await _guarded("backup", _alone(account_checks.choice(context))),
        *await _guarded("schedule", daemon_checks.schedule(context)),
        *await _guarded("daemon", daemon_checks.daemon(context)),
        *await _guarded("losses", daemon_checks.lost(context)),
        *await _guarded("outbox", daemon_checks.outbox(context.database)),
    ]


def _examined(context: DoctorContext) -> Sequence[ExaminedAccount]:
    """With `to`, that backup and the primaries; else every instance."""
    if context.to is None:
        return context.accounts
    return [one for one in context.accounts if one.name == context.to or one.role != "backup"]


async def _about(account: ExaminedAccount, looking: Awaitable[list[Finding]]) -> list[Finding]:
    return [replace(one, instance=account.name) for one in await looking]


async def _alone(looking: Awaitable[Finding]) -> list[Finding]:
    return [await looking]


async def _guarded(name: str, looking: Awaitable[list[Finding]]) -> list[Finding]:
    """A database that fails in the middle is a finding, and the rest is still looked at."""
    try:
        return await looking
    except (DriverError, OSError) as error:
        return [failed(name, f"could not be looked at: {storage_checks.said(error)}")]

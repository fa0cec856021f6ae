"""The files that go with a scenario: the organisation's own list as import CSV, and the expected truth."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from orchestrator.simulator.model import Account, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.scenario import Row, World

LINK = "https://chat.whatsapp.com/"
IMPORT_HEADER = ("name", "code", "jid", "subject", "owner", "instances", "labels", "priority")
TRUTH_HEADER = ("name", "jid", "status", "reason")


class Fate(NamedTuple):
    """Where a careful recovery must end with one row, as the network stands now."""

    status: str  # active, awaiting_approval, deferred, blocked
    reason: str = ""


def fate(network: Network, row: Row, account: Account) -> Fate:
    """What becomes of a row if nothing changes but approvals that are promised."""
    group = network.leads_to(row.code)
    if account.name in row.group.inside:
        return Fate("active")
    if group is None:
        return Fate("blocked", "code_invalid")
    return _code_fate(group, row) or _door_fate(network, group, account) or _approval_fate(group)


def _code_fate(group: Group, row: Row) -> Fate | None:
    if group.closed:
        return Fate("blocked", "group_gone")
    if not group.codes[row.code]:
        return Fate("blocked", "code_revoked")
    if row.jid:
        return None if row.jid == group.jid else Fate("blocked", "identity_mismatch")
    return None if row.subject == group.subject else Fate("blocked", "identity_mismatch")


def _door_fate(network: Network, group: Group, account: Account) -> Fate | None:
    if account.name in group.removed:
        return Fate("blocked", "removed_by_admin")
    if group.locked or group.suspended or group.growth_locked_until > network.now():
        return Fate("deferred", "group_locked")
    if group.is_full:
        return Fate("deferred", "group_full")
    return Fate("blocked", "forbidden") if group.needs_upgrade else None


def _approval_fate(group: Group) -> Fate:
    if group.approval and group.approve_after is None:
        return Fate("awaiting_approval", "approval_pending")
    return Fate("active")


def write_import(world: World, path: Path) -> None:
    """The organisation's list, as `rejoin groups import` reads it. Lists are joined with semicolons."""
    _write(path, IMPORT_HEADER, (_cells(row) for row in world.rows))


def write_truth(world: World, path: Path, *, account: str) -> None:
    """What a recovery onto that account must come to, one row per row of the import."""
    backup = world.network.account(account)
    rows = ((row.name, row.group.jid, *fate(world.network, row, backup)) for row in world.rows)
    _write(path, TRUTH_HEADER, rows)


def _cells(row: Row) -> tuple[str, ...]:
    link = LINK + row.code if row.code else ""
    lists = (";".join(row.instances), ";".join(row.labels))
    return (row.name, link, row.jid, row.subject, row.owner, *lists, str(row.priority))


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)

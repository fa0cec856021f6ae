"""A plan as a file: written so that only its owner reads it, read back, and checked against what is true now.

It holds no invite code: fingerprints tell whether a code is still the same one.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.account.plan_lines import expectation
from orchestrator.account.plan_result import Decision, Line, Plan
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.memberships import Reason
from orchestrator.domain.redaction import hide_codes
from orchestrator.domain.strict_json import SCHEMA, parse_json
from orchestrator.domain.times import instant, seconds
from orchestrator.domain.verification import AllowList
from orchestrator.private_files import replacing
from orchestrator.store import group_rows, instances
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import PlanRow
from orchestrator.store.recoveries import Scope

TYPE = "plan"
_AGAIN = f"make a new plan: {Command(Operation.SAVE_PLAN)}"


def to_json(plan: Plan) -> dict[str, Any]:
    """What `plan --json` prints and `plan --out` writes. Fields are only ever added."""
    return {
        "schema": SCHEMA,
        "type": TYPE,
        "made_at": instant(plan.made_at),
        "to": plan.instance,
        "from": plan.scope.from_name,
        "labels": list(plan.scope.labels),
        "probed": plan.probed,
        "counts": {decision.value: count for decision, count in plan.counts.items()},
        "joins_per_minute": plan.joins_per_minute,
        "first_join_at": instant(plan.first_at),
        "last_join_at": instant(plan.last_at),
        "duration_seconds": seconds(plan.duration),
        "paused_by": plan.paused_by,
        "paused_until": instant(plan.paused_until),
        "groups": [_line(line) for line in plan.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.group_id,
        "slug": line.slug,
        "group": line.group,
        "decision": line.decision.value,
        "reason": line.reason.value if line.reason else None,
        "until": instant(line.until),
        "sentence": line.sentence,
        "jid": line.jid,
        "priority": line.priority,
        "code_fingerprint": line.code_fingerprint,
        "expectation": line.expectation,
    }


def from_json(text: str) -> Plan:
    """Raises UsageError for what is no plan, or one in a form that this rejoin does not know."""
    try:
        found = parse_json(text)
        if not isinstance(found, dict) or (found.get("type"), found.get("schema")) != (TYPE, SCHEMA):
            raise UsageError("this file is not a plan that this rejoin can read", hint=_AGAIN)
        return _plan(found)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise UsageError("this file is not a plan, or it was damaged", hint=_AGAIN) from None


def _plan(found: dict[str, Any]) -> Plan:
    return Plan(
        instance=str(found["to"]),
        scope=Scope(_text(found["from"]), tuple(map(str, found["labels"]))),
        made_at=_required_instant(found["made_at"]),
        probed=_whole(found["probed"]),
        joins_per_minute=float(found["joins_per_minute"]),
        first_at=_instant(found["first_join_at"]),
        last_at=_instant(found["last_join_at"]),
        paused_by=_text(found["paused_by"]),
        paused_until=_instant(found["paused_until"]),
        lines=tuple(map(_read_line, found["groups"])),
    )


def _read_line(found: dict[str, Any]) -> Line:
    return Line(
        group_id=_whole(found["id"]),
        slug=str(found["slug"]),
        group=hide_codes(str(found["group"])),
        decision=Decision(found["decision"]),
        sentence=hide_codes(str(found["sentence"])),
        reason=None if found["reason"] is None else Reason(found["reason"]),
        until=_instant(found["until"]),
        jid=_text(found["jid"]),
        priority=_whole(found["priority"]),
        code_fingerprint=_text(found["code_fingerprint"]),
        expectation=str(found["expectation"]),
    )


def _whole(value: Any) -> int:
    """As a column of the database holds it."""
    number = int(value)
    if abs(number) >= 2**63:
        raise ValueError
    return number


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _instant(value: Any) -> float | None:
    return None if value is None else _required_instant(value)


def _required_instant(value: Any) -> float:
    return datetime.fromisoformat(str(value)).timestamp()


def save(plan: Plan, path: Path) -> None:
    """Whole or not at all, mode 0600; a plan that was there is replaced. Raises OSError."""
    with replacing(path) as file:
        json.dump(to_json(plan), file, ensure_ascii=False, indent=2)
        file.write("\n")


def load(path: Path) -> Plan:
    """Raises UsageError and OSError."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise UsageError("this file is not a plan", hint=_AGAIN) from None


async def check_saved(database: Database, plan: Plan, allow: AllowList) -> list[str]:
    """What changed since the plan was made, for each group that it would join: one sentence a line.

    Empty: the plan still says what a run may do. Raises NotFoundError for an instance that is gone.
    """
    joins = {n: line for n, line in enumerate(plan.lines, 1) if line.decision is Decision.JOIN}
    async with database.read() as connection:
        instance = await instances.get(connection, plan.instance)
        ids = [line.group_id for line in joins.values()]
        rows = await group_rows.by_group_ids(connection, instance.id, ids)
    changes = ((n, line, _change(line, rows.get(line.group_id), allow)) for n, line in joins.items())
    return [f"line {n}: {line.group}: {change}" for n, line, change in changes if change is not None]


def _change(line: Line, row: PlanRow | None, allow: AllowList) -> str | None:
    if row is None or row.slug != line.slug:
        return "the group is not in the list any more"
    if row.fingerprint is None:
        return "its invite code is gone"
    if row.fingerprint != line.code_fingerprint:
        return "its invite code changed"
    if expectation(row, allow) != line.expectation:
        return "what the allow-list expects of it changed"
    return None


async def require_fresh(database: Database, plan: Plan, allow: AllowList) -> None:
    """Raise InputRejectedError, all changes at once, for a plan that is stale."""
    problems = await check_saved(database, plan, allow)
    if problems:
        raise InputRejectedError("the plan is stale; nothing was done", problems=tuple(problems), hint=_AGAIN)

"""The daemon as shown: from its row, from the losses it decided, from its inbox and outbox."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.domain.loss_judgement import LossState, accusing, how_decided
from orchestrator.status.views_daemon import (
    DaemonView,
    LossView,
)
from orchestrator.store import daemons, losses
from orchestrator.store import events as events_store
from orchestrator.store import outbox as outbox_store
from orchestrator.store import recoveries as recoveries_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.domain.loss_judgement import Case
    from orchestrator.store.daemons import DaemonRow
    from orchestrator.store.engine import AsyncConnection
    from orchestrator.store.events import EventTotals
    from orchestrator.store.losses import Loss
    from orchestrator.store.outbox import OutboxTotals


class Surroundings(NamedTuple):
    """What the status shows beside the recovery."""

    losses: tuple[LossView, ...]
    outbox: OutboxTotals
    events: EventTotals


async def surroundings(
    connection: AsyncConnection, records: Sequence[InstanceRecord], now: float
) -> Surroundings:
    """At most six small queries."""
    found = [one for one in (await losses.latest(connection)).values() if _is_shown(one)]
    recoveries = {one.recovery_id for one in found if one.recovery_id is not None}
    filled = await recoveries_store.filled_by(connection, recoveries)
    names = {record.id: record.name for record in records}
    views = [_loss(one, names, filled) for one in found if one.instance_id in names]
    shown = tuple(sorted(views, key=lambda one: one.since))
    outbox, received = await outbox_store.totals(connection), await events_store.totals(connection, now)
    return Surroundings(shown, outbox, received)


def daemon_view(row: DaemonRow, now: float) -> DaemonView:
    """Without a sign of life in time it is not running, whatever it last said."""
    if not row.alive(now):
        return DaemonView(running=False, heartbeat_at=row.heartbeat_at)
    holder = json.loads(row.holder or "{}")
    return DaemonView(
        running=True,
        heartbeat_at=row.heartbeat_at,
        host=holder.get("host"),
        pid=holder.get("pid"),
        version=row.version,
        listen=row.listen,
        started_at=row.started_at,
        stopping=row.stopping,
        troubles=tuple(daemons.troubles_of(row)),
    )


def _is_shown(loss: Loss) -> bool:
    return loss.case.standing is not LossState.DISMISSED


def _loss(loss: Loss, names: Mapping[int, str], filled: Mapping[int, int]) -> LossView:
    to = None if loss.recovery_id is None else names.get(filled.get(loss.recovery_id, 0))
    return LossView(
        instance=names[loss.instance_id],
        state=loss.case.standing,
        since=loss.case.since,
        decided_at=loss.decided_at,
        ended_at=loss.ended_at,
        decided_by=None if loss.decided_at is None else _decided_by(loss.case, loss.decided_at),
        evidence=loss.case.evidence,
        action=loss.action,
        recovery=loss.recovery_id,
        to=to,
        detail=loss.detail,
    )


def _decided_by(case: Case, decided_at: float) -> str:
    """From what was known then: readings since may say otherwise."""
    known = replace(case, evidence=tuple(one for one in case.evidence if one.at <= decided_at))
    return how_decided(known if accusing(known) else case, decided_at - case.since)

"""The groups in a scope in the order in which a run would take them up, for the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from orchestrator.domain.memberships import Reason, Status
from orchestrator.store.memberships import StoredCode
from orchestrator.store.reads import known_reason
from orchestrator.store.recoveries import groups_in
from orchestrator.store.tables import groups, invite_codes, memberships

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql import Select

    from orchestrator.store.recoveries import Scope

_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One group, its current code, and its membership of the instance where there is one.

    `name`, `detail` and the expected subject are foreign text.
    """

    group_id: int
    slug: str
    name: str
    priority: int
    expected_jid: str | None
    expected_subject: str
    expected_owner: str | None
    code: StoredCode | None = field(repr=False)
    fingerprint: str | None
    status: Status | None
    reason: Reason | None
    detail: str | None
    next_attempt_at: float | None
    attempts: int
    slow_rounds: int
    jid: str | None
    requested_at: float | None
    confirmed_at: float | None
    history_epoch: int

    @property
    def known_jid(self) -> str | None:
        """Where it is, as far as anybody knows: what is expected counts first."""
        return self.expected_jid or self.jid


async def in_join_order(connection: AsyncConnection, instance_id: int, scope: Scope) -> list[PlanRow]:
    """The most valuable first, as the loop takes them: those that have a membership, then the others."""
    wanted = groups_in(scope).subquery()
    query = _rows(instance_id).join(wanted, wanted.c.id == groups.c.id)
    query = query.order_by(
        groups.c.priority.desc(), memberships.c.id.is_(None), memberships.c.id, groups.c.id
    )
    result = await connection.stream(query.execution_options(yield_per=_AT_A_TIME))
    return [_row(row) async for row in result]


async def by_group_ids(
    connection: AsyncConnection, instance_id: int, group_ids: Collection[int]
) -> dict[int, PlanRow]:
    """The same for these groups; one that is gone is missing."""
    ids, found = list(group_ids), dict[int, PlanRow]()
    for start in range(0, len(ids), _AT_A_TIME):
        query = _rows(instance_id).where(groups.c.id.in_(ids[start : start + _AT_A_TIME]))
        found |= {row[0]: _row(row) for row in await connection.execute(query)}
    return found


async def holders(connection: AsyncConnection, instance_id: int) -> dict[str, int]:
    """Which group of the instance already has each JID, in the scope or not."""
    m = memberships.c
    query = select(m.jid, m.group_id).where(m.instance_id == instance_id, m.jid.is_not(None))
    return {str(jid): int(group_id) for jid, group_id in await connection.execute(query)}


def _rows(instance_id: int) -> Select[Any]:
    g, m, c = groups.c, memberships.c, invite_codes.c
    return (
        select(
            g.id,
            g.slug,
            g.name,
            g.priority,
            g.jid,
            g.subject,
            g.owner,
            c.id,
            c.ciphertext,
            c.key_id,
            c.last4,
            c.fingerprint,
            c.verdict,
            m.status,
            m.reason,
            m.detail,
            m.next_attempt_at,
            m.attempts,
            m.slow_rounds,
            m.jid,
            m.requested_at,
            m.confirmed_at,
            m.history_epoch,
        )
        .select_from(groups)
        .outerjoin(memberships, and_(m.group_id == g.id, m.instance_id == instance_id))
        .outerjoin(invite_codes, and_(c.group_id == g.id, c.current))
    )


def _row(row: Any) -> PlanRow:
    group_id, slug, name, priority, jid, subject, owner, code_id, *rest = row
    ciphertext, key_id, last4, fingerprint, verdict, status, reason, *more = rest
    return PlanRow(
        group_id,
        slug,
        name,
        priority,
        jid,
        subject or name,
        owner,
        None if code_id is None else StoredCode(code_id, ciphertext, key_id, last4, verdict),
        fingerprint,
        None if status is None else Status(status),
        known_reason(reason),
        more[0],
        more[1],
        more[2] or 0,
        more[3] or 0,
        more[4],
        more[5],
        more[6],
        more[7] or 0,
    )

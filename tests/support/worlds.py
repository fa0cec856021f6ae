"""Small worlds with one trouble each, and the judge who compares what is stored with what really happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.simulator.faults import Rule, Trouble
from orchestrator.simulator.truth import Effect, Kind
from orchestrator.store.tables import groups, instances, journal, memberships

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.simulator.model import Group
    from orchestrator.simulator.truth import Request
    from orchestrator.store.engine import Database
    from tests.support.stage import Stage

ACCOUNT = "backup-1"

_WORLD = """
name = "test"
seed = 5

[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
state = "FAILED"

[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"
lid = "900000000000002"
{account}

[gateway]
{gateway}

[import]
instances = ["sales-main"]
{groups}

[generate]
groups = {generate}
members = [6, 60]
owner = "15550100001"
admins = ["sales-main"]
{more}
"""


def world(
    *described: str,
    generate: int = 0,
    account: str = "",
    gateway: str = "latency = 0.2",
    more: str = "",
) -> str:
    """A scenario. Each of `described` is the lines of one `group`."""
    tables = "".join(f"\n[[groups]]\n{lines}\n" for lines in described)
    return _WORLD.format(account=account, gateway=gateway, groups=tables, generate=generate, more=more)


def group(subject: str, *lines: str) -> str:
    """The lines of one group in TOML. Those that begin with `import.` say what the organisation believes."""
    size = [] if any(line.startswith("members") for line in lines) else ["members = 12"]
    return "\n".join([f'subject = "{subject}"', *size, *lines])


def trouble(stage: Stage, what: Trouble, *kinds: Kind, **more: Any) -> Rule:
    """Let a trouble play on these calls, from now on."""
    rule = Rule(what, kinds=frozenset(kinds), **more)
    stage.running.faults.rules.append(rule)
    return rule


def named(stage: Stage, subject: str) -> Group:
    return stage.world.network.group(subject)


async def row(stage: Stage, name: str) -> Any:
    """A group's membership as it is stored."""
    query = select(memberships).join(groups, groups.c.id == memberships.c.group_id)
    async with stage.database.read() as connection:
        return (await connection.execute(query.where(groups.c.name == name))).one()


async def backup(stage: Stage) -> Any:
    """The backup instance as it is stored."""
    async with stage.database.read() as connection:
        return (await connection.execute(select(instances).where(instances.c.name == ACCOUNT))).one()


async def told(database: Database, kind: str) -> list[Any]:
    """The journal's lines of one kind."""
    async with database.read() as connection:
        query = select(journal).where(journal.c.kind == kind).order_by(journal.c.id)
        return list((await connection.execute(query)).all())


def joins_of(stage: Stage, subject: str) -> list[Request]:
    jid = named(stage, subject).jid
    return [request for request in stage.log.joins(ACCOUNT) if request.group == jid]


async def judge(stage: Stage, *, needless: int = 0) -> None:
    """What must hold whatever happened. `needless`: joins of groups that it could not know it was in."""
    log = stage.log
    assert log.worst_window(ACCOUNT) <= 5
    assert log.double_effects() == []
    assert log.joins_without_probe() == []
    assert log.blind_repeats() == []
    assert len(log.needless_joins()) == needless
    await judge_rows(stage.database, stage.world.network.groups)


async def judge_rows(database: Database, network: Mapping[str, Group]) -> None:
    async with database.read() as connection:
        rows = (await connection.execute(select(memberships))).all()
    for found in rows:
        if found.status == "active":
            assert found.jid is not None
            assert found.evidence is not None
            assert ACCOUNT in network[found.jid].inside
        if found.status == "blocked":
            assert found.reason is not None
        if found.status == "deferred":
            assert found.reason is not None
            assert found.next_attempt_at is not None


def entered(stage: Stage) -> int:
    """How many groups the account really entered by a join."""
    return sum(stage.log.effects(Effect.JOINED, ACCOUNT).values())

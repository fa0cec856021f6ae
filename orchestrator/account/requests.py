"""What a person asks a run to do, beside the recovery that is open already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from orchestrator.domain.commands import Command, Operation, run_command
from orchestrator.domain.errors import UsageError
from orchestrator.domain.recoveries import scope_text, which_groups
from orchestrator.store import instances, progress, recoveries
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.progress import ScopeProgress
from orchestrator.store.recoveries import Recovery, Scope

NONE_OPEN = 0  # in place of a recovery's id


class OtherScopeError(UsageError):
    """The open recovery is about other groups."""


class NoGroupsError(UsageError):
    """No group is in the scope."""


@dataclass(frozen=True, slots=True)
class Request:
    """A scope, or nothing said: then it goes on with the open recovery, and without one takes all groups."""

    scope: Scope = field(default_factory=Scope)
    only: Sequence[int] | None = None  # group ids of a saved plan
    new: bool = False  # an open recovery of another scope ends for this one
    open_id: int | None = None  # the open recovery that the person agreed to go on with, or with `new` to end

    @property
    def says_nothing(self) -> bool:
        return self.only is None and self.scope == Scope()


@dataclass(frozen=True, slots=True)
class Meant:
    """What a request comes to. `only`: no other groups of the scope; `ends`: the recovery that gives way."""

    scope: Scope
    only: Collection[int] | None
    standing: ScopeProgress
    goes_on: Recovery | None = None
    ends: Recovery | None = None
    joins_left: int | None = None  # what is left of the limit that it was begun with

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to do and nothing to close."""
        return self.goes_on is None and self.ends is None and not self.standing.unsettled


async def resolve(database: Database, instance_name: str, request: Request) -> Meant:
    """Look what a run would be about. Raises OtherScopeError and NoGroupsError."""
    async with database.read() as connection:
        instance = await instances.get(connection, instance_name)
        found = await to_go_on_with(connection, instance.id, instance_name, request)
        if found is not None:
            return await _going_on(connection, instance.id, found)
        ends = await recoveries.open_one(connection, instance.id)
        standing = await progress.standing(connection, instance.id, request.scope, request.only)
    if not standing.groups:
        raise _no_groups(request.scope)
    return Meant(request.scope, request.only, standing, ends=ends)


async def _going_on(connection: AsyncConnection, instance_id: int, found: Recovery) -> Meant:
    only = await recoveries.group_ids(connection, found.id) if found.fixed else None
    standing = await progress.standing(connection, instance_id, found.scope, only)
    left = found.joins_left
    if left is not None:
        left -= await recoveries.joins_sent(connection, found.id)
    reached = left is not None and left <= 0  # a run that came to its limit is gone on with without one
    return Meant(found.scope, only, standing, goes_on=found, joins_left=None if reached else left)


def _no_groups(scope: Scope) -> NoGroupsError:
    """An empty recovery is a mistake, and would seem complete."""
    said = scope_text(scope.from_name, scope.labels)
    if said:
        return NoGroupsError(
            f"there are no groups{said}", hint=f"{Operation.LIST_GROUPS} shows which there are"
        )
    return NoGroupsError("no groups are stored", hint=f"{Command(Operation.IMPORT)} brings them in")


async def to_go_on_with(
    connection: AsyncConnection, instance_id: int, instance_name: str, request: Request
) -> Recovery | None:
    """The open recovery that this request means; None: it begins one of its own.

    Raises OtherScopeError where another scope is asked for than the open recovery has: it keeps its own; and
    UsageError where another one is open by now than the person saw.
    """
    found = await recoveries.open_one(connection, instance_id)
    if request.new:
        if found is not None and request.open_id not in (None, found.id):
            raise UsageError(
                f"recovery {found.id} onto {instance_name} was opened meanwhile; nothing was done",
                hint=f"{Command(Operation.STATUS, recovery=found.id)} shows it",
            )
        return None
    if request.open_id is not None and (found is None or found.id != request.open_id):
        raise UsageError(
            f"recovery {request.open_id} onto {instance_name} is over by now; nothing was done",
            hint=f"{Operation.STATUS} shows how it ended",
        )
    if found is None:
        return None
    if request.says_nothing or await _is_same(connection, found, request):
        return found
    scope = scope_text(found.scope.from_name, found.scope.labels, chosen=found.fixed)
    asked = scope_text(request.scope.from_name, request.scope.labels, chosen=request.only is not None)
    raise OtherScopeError(
        f"recovery {found.id} onto {instance_name} is open, for {which_groups(scope)}; "
        f"this would be for {which_groups(asked)}",
        hint=f"{command(found, instance_name)} goes on with it; --new ends it and begins this one instead",
    )


def command(recovery: Recovery, to: str | None) -> Command:
    """The command that goes on with an open recovery."""
    scope = recovery.scope
    return run_command(scope.from_name, scope.labels, to=to, chosen=recovery.fixed, is_open=True)


async def _is_same(connection: AsyncConnection, found: Recovery, request: Request) -> bool:
    if request.only is None or not found.fixed:
        return request.only is None and not found.fixed and found.scope.same_as(request.scope)
    return frozenset(request.only) == await recoveries.group_ids(connection, found.id)

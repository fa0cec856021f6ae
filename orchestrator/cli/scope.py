"""What a plan or a run is about: the backup, the lost instance, the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.formatting import clean, plural, scope_of_groups
from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.group_fields import called, instance_called
from orchestrator.domain.memberships import Reason
from orchestrator.domain.recoveries import scope_text, which_groups

if TYPE_CHECKING:
    from orchestrator.account.requests import Meant
    from orchestrator.bootstrap import App
    from orchestrator.store.recoveries import Recovery, Scope


_SHOWN = 10


async def scope_of(app: App, from_name: str | None, labels: Sequence[str]) -> Scope:
    """As the groups have these words, however they were typed: case does not count.

    Raises UsageError for a name or a label that no group has: an empty recovery is a mistake.
    """
    from orchestrator.store import groups as groups_store  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.store.recoveries import Scope  # noqa: PLC0415

    async with app.database.read() as connection:
        names = [] if from_name is None else await groups_store.all_instance_names(connection)
        known = await groups_store.all_labels(connection) if labels else []
    return Scope(
        None if from_name is None else _one_instance(names, from_name),
        tuple(sorted({spelt for label in labels for spelt in _labels(known, label)})),
    )


def _one_instance(names: Sequence[str], word: str) -> str:
    if (found := instance_called(names, word)) is None:
        raise _unknown(names, word, what="instance")
    return found


def _labels(known: Sequence[str], word: str) -> list[str]:
    if found := called(known, word):
        return found
    raise _unknown(known, word, what="label")


def _unknown(known: Sequence[str], word: str, *, what: str) -> UsageError:
    listed = ", ".join(map(clean, known[:_SHOWN])) or "none"
    return UsageError(f'No group has the {what} "{clean(word)}".', hint=f"groups have: {listed}")


def question(meant: Meant, instance: str) -> str:
    """What is asked before a run: always with the scope."""
    if meant.goes_on is not None:
        return f"Go on with {_one(meant.goes_on)} onto {instance} now?"
    scope = scope_text(meant.scope.from_name, meant.scope.labels)
    groups = which_groups(scope)
    if meant.only is not None:
        groups = f"{plural(len(meant.only), 'group')}{scope} of the plan"
    instead = "" if meant.ends is None else f"End {_one(meant.ends)}, and recover "
    return f"{instead or 'Recover '}{groups} onto {instance} now?"


def announcement(meant: Meant, instance: str) -> str | None:
    """The same where nobody is asked; None for all groups, and nothing open."""
    if meant.goes_on is not None:
        return f"Going on with {_one(meant.goes_on)} onto {clean(instance)}."
    scope = scope_text(meant.scope.from_name, meant.scope.labels, chosen=meant.only is not None)
    ended = "" if meant.ends is None else f"Recovery {meant.ends.id} ends. "
    said = f"{ended}Recovering {clean(which_groups(scope))} onto {clean(instance)}."
    return said if scope or ended else None


def settled(meant: Meant, instance: str) -> str:
    """What a run says for which there is nothing to do."""
    found = meant.standing
    scope = scope_of_groups(meant.scope.from_name, meant.scope.labels, chosen=meant.only is not None)
    if found.active == found.groups:
        return f"All {plural(found.groups, 'group')}{scope} are in place on {clean(instance)}."
    here = f"{found.active:,} of {plural(found.groups, 'group')}{scope} are in place on {clean(instance)}"
    return f"{here}; {plural(found.groups - found.active, 'is left out', 'are left out')}."


def _one(recovery: Recovery) -> str:
    scope = scope_text(recovery.scope.from_name, recovery.scope.labels, chosen=recovery.fixed)
    return f"recovery {recovery.id} of {which_groups(scope)}"


async def instance_of(app: App, recovery: int | None, to: str | None, *, to_run: bool = False) -> str:
    """The backup that a call is about, its row in place. `to_run`: as choose_instance has it.

    Raises NotFoundError and UsageError.
    """
    from orchestrator.account.accounts import choose_instance  # noqa: PLC0415
    from orchestrator.store import recoveries  # noqa: PLC0415

    await app.sync_instances()
    if recovery is not None:
        async with app.database.read() as connection:
            row = await recoveries.get_or_latest(connection, recovery)
        if row is None:
            raise NotFoundError(f"there is no recovery {recovery}", hint="rejoin history lists them")
        return row.to_name
    backups = [one.name for one in app.settings.backups]
    return await choose_instance(app.database, to, backups, to_run=to_run)


def reason_called(word: str | None) -> Reason | None:
    """Raises UsageError."""
    if word is None:
        return None
    try:
        return Reason(word)
    except ValueError:
        known = ", ".join(sorted(Reason))
        raise UsageError(f'There is no reason "{clean(word)}".', hint=f"there are: {known}") from None

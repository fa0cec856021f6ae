"""What a person can do, and the command for it: below `cli` no other module knows the words of one.

Without dataclasses: a health check, asked every half minute, loads this with the errors.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from enum import Enum
from typing import NamedTuple


class _Part(NamedTuple):
    """The place of one part of the subject. `fill_in`: what stands there where the subject lacks the part."""

    field: str
    flag: str = ""
    fill_in: str = ""

    def words(self, value: str | int | tuple[str, ...] | None) -> Iterator[str]:
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        for one in map(str, values or filter(None, (self.fill_in,))):
            if self.flag and one.startswith("-"):
                yield f"{self.flag}={one}"
            else:
                yield from filter(None, (self.flag, one))


_GROUP = _Part("group", fill_in="GROUP")
_RECOVERY = _Part("recovery")
_FILE = _Part("file", fill_in="FILE")
_FROM = _Part("from_name", "--from")
_LABELS = _Part("labels", "--label")
_TO = _Part("instance", "--to")
_INSTANCE = _Part("instance", "--instance")
_BECAUSE = _Part("because", "--because")


class Operation(Enum):
    """What a person can do: the words of its command, and the places of what it is about."""

    ACCEPT = ("accept", _GROUP, _TO)
    ACCEPT_OTHER_GROUP = ("accept", _GROUP, "--other-group")
    CHECK_DATABASE = ("db check",)
    DAEMON = ("daemon",)
    DIAGNOSTICS = ("diagnostics",)
    DOCTOR = ("doctor", _TO)
    DOCTOR_OF_ALL = ("doctor",)
    EXPLAIN = ("explain", _GROUP, _INSTANCE)
    FOLLOW_LOG = ("log --follow",)
    FORGET_CODES = ("db forget-codes",)
    HISTORY = ("history",)
    IMPORT = ("groups import", _FILE)
    INIT = ("init", _Part("file", "-c"))
    INSTALL_HOOKS = ("hooks install", _INSTANCE)
    LEAVE = ("leave", _GROUP)
    LIST_GROUPS = ("groups list", _INSTANCE)
    LIST_NEEDS_YOU = ("groups list --bucket needs_you",)
    LIST_PARKED = ("outbox list --parked",)
    PLAN = ("plan", _FROM, _LABELS, _TO)
    PLAN_UNPROBED = ("plan --no-probe",)
    RESUME = ("resume", _TO)
    RETRY = ("retry", _GROUP, _TO)
    RUN = ("run", _FROM, _LABELS, _TO)
    RUN_PLAN = ("run", _Part("file", "--plan", fill_in="FILE"))
    SAVE_PLAN = ("plan --out", _FILE)
    SET_CODE = ("groups set-code", _GROUP)
    SKIP = ("skip", _GROUP, _BECAUSE, _TO)
    STATUS = ("status", _RECOVERY)
    STOP = ("stop", _RECOVERY)
    TEST_NOTIFY = ("notify test",)
    UPGRADE_DATABASE = ("db upgrade",)
    WAIT = ("wait", _RECOVERY)
    WATCH = ("status --watch",)

    def __str__(self) -> str:
        """The command alone, as a sentence names it."""
        return f"rejoin {self.value[0]}"


class Command(NamedTuple):
    """An operation and its subject. `str()` makes the text, quoted for a shell and ready to paste.

    The operation takes of the subject what its command knows: a retry names group and instance, a new code
    names the group alone.
    """

    operation: Operation
    group: str | None = None
    instance: str | None = None
    from_name: str | None = None  # the account whose groups are meant
    labels: tuple[str, ...] = ()
    recovery: int | None = None
    file: str | None = None
    because: str | None = None

    def __str__(self) -> str:
        words = ["rejoin"]
        for part in self.operation.value:
            words += part.split() if isinstance(part, str) else part.words(getattr(self, part.field))
        return shlex.join(words)


def run_command(
    from_name: str | None,
    labels: tuple[str, ...],
    *,
    to: str | None = None,
    chosen: bool = False,
    is_open: bool = False,
) -> Command:
    """The command that goes on with a recovery: it names the recovery's whole scope.

    No flag names groups that were chosen once. A plain run goes on with an open recovery of them; after its
    end only a plan can choose them again, and `plan` joins nothing.
    """
    if chosen and is_open:
        return Command(Operation.RUN, instance=to)
    return Command(
        Operation.PLAN if chosen else Operation.RUN, from_name=from_name, labels=labels, instance=to
    )


def named(instance: str, backups: Collection[str]) -> str | None:
    """The instance where a command must name it; None where there is no other."""
    return None if set(backups) <= {instance} else instance

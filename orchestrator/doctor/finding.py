"""What the doctor says of one thing, and what all of it together means for a script."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.domain.errors import CredentialsError, RejoinError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterable


class State(StrEnum):
    """How one thing stands."""

    OK = "ok"
    WARNING = "warning"  # a recovery works, but somebody should look at this
    FAILED = "failed"  # a recovery would not work, or not safely
    SKIPPED = "skipped"  # could not be looked at, because something else failed


class Cause(StrEnum):
    """What lies behind a failure, where the exit code tells it."""

    CREDENTIALS = "credentials"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `sentence` and `hint` hold no secrets, but may hold foreign text."""

    name: str
    state: State
    sentence: str
    hint: str = ""
    instance: str | None = None
    cause: Cause | None = None


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all well, or warnings only; 4: a token refused; 5: a gateway out of reach; 1: other failures."""
    failed = [finding for finding in findings if finding.state is State.FAILED]
    causes = {finding.cause for finding in failed}
    if Cause.CREDENTIALS in causes:
        return CredentialsError.exit_code
    if Cause.UNREACHABLE in causes:
        return TemporaryError.exit_code
    return RejoinError.exit_code if failed else 0


def ok(name: str, sentence: str, *, instance: str | None = None) -> Finding:
    return Finding(name, State.OK, sentence, instance=instance)


def warning(name: str, sentence: str, hint: str = "", *, instance: str | None = None) -> Finding:
    return Finding(name, State.WARNING, sentence, hint, instance)


def failed(
    name: str, sentence: str, hint: str = "", *, instance: str | None = None, cause: Cause | None = None
) -> Finding:
    return Finding(name, State.FAILED, sentence, hint, instance, cause)


def skipped(name: str, sentence: str, *, instance: str | None = None) -> Finding:
    return Finding(name, State.SKIPPED, sentence, instance=instance)

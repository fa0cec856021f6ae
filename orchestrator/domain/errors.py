"""Every error that a person can meet, in one tree.

RejoinError
├── UsageError              2   the call itself is wrong
│   ├── NotFoundError       2   no such group, recovery or instance
│   └── InputRejectedError  2   rows or values that were refused, all of them at once
├── ConfigurationError     78   the configuration, the key file or the schema does not fit
├── CredentialsError        4   the gateway refuses the token or the instance_id
├── TemporaryError          5   gateway or network; the same call may work later
├── DatabaseReplacedError   5   the database's file is not the one that was opened
├── InstanceLostError       7   the backup instance is lost or logged out
├── LockHeldError          11   another recovery works for this instance
├── LeaseLostError         11   this process was replaced while it worked
├── IllegalMoveError        1   a move that the table of transitions does not know: a defect
└── StaleDataError          1   the store changed under a decision: a defect or a race lost

The class docstring is the default message; `code` is stable for scripts; `exit_code` is the command's.
"""

from __future__ import annotations

from typing import ClassVar

from orchestrator.domain.commands import Operation


class RejoinError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.hint = hint
        super().__init__(self.message)


class UsageError(RejoinError):
    """That call cannot be carried out as it stands."""

    code = "usage"
    exit_code = 2


class NotFoundError(UsageError):
    """There is nothing by that name."""

    code = "not_found"


class InputRejectedError(UsageError):
    """The input was refused; nothing was written."""

    code = "input_rejected"

    def __init__(self, message: str = "", *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        self.problems = problems
        super().__init__(message, hint=hint)


class ConfigurationError(RejoinError):
    """The configuration does not fit."""

    code = "configuration"
    exit_code = 78


class CredentialsError(RejoinError):
    """The gateway refused the credentials."""

    code = "credentials_refused"
    exit_code = 4


def credentials_refused(instance: str, said: str) -> str:
    """The sentence for it; `said`: the gateway's words, which may tell which of the two it was."""
    return f"the gateway refused the token of {instance}, or its instance_id" + (f": {said}" if said else "")


class TemporaryError(RejoinError):
    """The gateway or the network did not answer; the same call may work later."""

    code = "temporary"
    exit_code = 5
    retryable = True


class DatabaseReplacedError(RejoinError):
    """The database was deleted, replaced or moved while this process had it open; it stops here."""

    code = "database_replaced"
    exit_code = 5
    retryable = True


class InstanceLostError(RejoinError):
    """The backup instance itself is lost or logged out; retrying will not help."""

    code = "instance_lost"
    exit_code = 7


class LockHeldError(RejoinError):
    """Another recovery works for this instance."""

    code = "locked"
    exit_code = 11


class LeaseLostError(RejoinError):
    """Another process took over this instance while this one was held up; it stops here."""

    code = "lease_lost"
    exit_code = 11


class HandedOverError(RejoinError):
    """Another daemon works for this account by now; what was to be written of it is left to that one."""

    code = "handed_over"
    exit_code = 11


class IllegalMoveError(RejoinError):
    """The table of transitions does not know this move."""

    code = "illegal_move"


class StaleDataError(RejoinError):
    """The stored state changed while a decision was under way."""

    code = "stale_data"


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended several tasks, plain: the loss of file or lease before what it brought about in others."""
    lost, _rest = group.split((DatabaseReplacedError, LeaseLostError))
    error: BaseException = lost or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def damage_hint(said: str) -> str:
    """The way out where SQLite says that its file is damaged (SQLITE_CORRUPT, SQLITE_NOTADB); else empty."""
    if "malformed" not in said and "is not a database" not in said:
        return ""
    return (
        "the file is damaged, or was written over while it was open: stop what uses it, and put a backup in"
        f" its place ({Operation.CHECK_DATABASE} looks at it); the next run waits first, and looks before it"
        " joins"
    )

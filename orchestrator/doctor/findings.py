"""What the doctor examines, what it says of one thing, and what all of it means for a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.clock import Clock
from orchestrator.domain.errors import CredentialsError, RejoinError, TemporaryError

if TYPE_CHECKING:  # a help page loads no database
    from orchestrator.account.installing import HookAddress
    from orchestrator.account.recovery_settings import RecoverySettings
    from orchestrator.gateways.base import Form, Gateway
    from orchestrator.status.schedule_view import Entry
    from orchestrator.store.engine import Database
    from orchestrator.store.keyring import KeyRing
    from orchestrator.store.secrets import CodeCipher


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


@dataclass(frozen=True, slots=True)
class ExaminedAccount:
    """One configured instance. `gateway` may raise ConfigurationError. `forms`: the configured one first.

    `token_at`: where its token is configured.
    """

    name: str
    role: str
    gateway: Callable[[], Gateway]
    forms: Callable[[], Sequence[Form]] = tuple
    token_at: str = ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """How webhooks are configured. `addresses`: where each instance's should go, if that is known."""

    public_url: str = ""
    has_secret: bool = False
    addresses: tuple[HookAddress, ...] = ()

    def address(self, instance: str) -> HookAddress | None:
        if not self.has_secret:
            return None
        return next((one for one in self.addresses if one.instance == instance), None)


@dataclass(frozen=True, slots=True)
class Told:
    """Who is configured to be told. `urls` are Apprise's, and secret; `unsigned`: hooks without a secret."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    hooks: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorContext:
    """Everything to look at. `warnings` are the configuration's own, without secrets.

    `database_error`: why the database cannot be used, if that is known already; then nothing is asked of it.
    `folder`: whose disk must have room. `to`: the backup that was named, if any. `listen`: host and port of
    the daemon's web server; empty: not looked at.
    """

    database: Database
    clock: Clock
    settings: RecoverySettings
    accounts: tuple[ExaminedAccount, ...]
    key_ring: Callable[[], KeyRing]
    cipher: Callable[[], Awaitable[CodeCipher]]
    boot_id: str
    folder: Path
    warnings: tuple[str, ...] = ()
    to: str | None = None
    schedule: tuple[Entry, ...] = ()
    told: Told = field(default_factory=Told)
    hooks: Hooks = field(default_factory=Hooks)
    listen: str = ""
    database_error: RejoinError | None = field(default=None)

    @property
    def backups(self) -> tuple[str, ...]:
        return tuple(account.name for account in self.accounts if account.role == "backup")

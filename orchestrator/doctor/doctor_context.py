"""What the doctor examines: the parts that an entry point has at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.doctor.hook_checks import Hooks
from orchestrator.doctor.notify_checks import Told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from orchestrator.account.recovery_settings import RecoverySettings
    from orchestrator.clock import Clock
    from orchestrator.domain.errors import RejoinError
    from orchestrator.gateways.base import Form, Gateway
    from orchestrator.status.schedule_view import Entry
    from orchestrator.store.engine import Database
    from orchestrator.store.secrets import CodeCipher, KeyRing


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

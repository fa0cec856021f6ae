"""What the watcher is told; the entry point makes it from the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.account.accounts import Account, Share
from orchestrator.clock import Clock
from orchestrator.domain.loss_judgement import Debounce
from orchestrator.store.engine import Database


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """`pace`: joins a minute of the recoveries that a loss brings about."""

    debounce: Debounce
    on_loss: Literal["notify", "recover"]
    on_backup_lost: Literal["stop", "next"]
    pace: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What watching and its consequences share. `accounts`: all that are configured, in that order."""

    database: Database
    clock: Clock
    accounts: Sequence[Account]
    settings: WatchSettings
    actor: str
    share: Share = field(default_factory=Share)

    def account(self, instance_id: int) -> Account | None:
        return next((one for one in self.accounts if one.id == instance_id), None)

    def decides(self, instance_id: int) -> bool:
        """Whether a loss of this account is decided, and followed, by this process."""
        return self.share.decides(instance_id, self.clock.boottime())

    @property
    def backups(self) -> list[Account]:
        return [one for one in self.accounts if one.role == "backup"]

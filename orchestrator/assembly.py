"""From the configuration to what a recovery is told; beside `bootstrap`, for whoever starts recoveries."""

from __future__ import annotations

from orchestrator.account import lease
from orchestrator.account.context import Context
from orchestrator.account.recovery_settings import ConfirmMethod, GreetingPolicy, RecoverySettings
from orchestrator.bootstrap import App, pacing_policy
from orchestrator.config import InstanceSettings, Settings
from orchestrator.domain.answer_reactions import RetryPolicy
from orchestrator.domain.loss_judgement import Debounce
from orchestrator.domain.verification import AllowList, Mode
from orchestrator.failover.watch_settings import WatchSettings
from orchestrator.store import instances


def recovery_settings(settings: Settings, *, joins_per_minute: float | None = None) -> RecoverySettings:
    """Translate the configuration; `joins_per_minute` overrides its pace for one run."""
    pacing = settings.pacing
    return RecoverySettings(
        policy=pacing_policy(settings, joins_per_minute=joins_per_minute),
        allow=AllowList(Mode(settings.allow_list.mode), frozenset(settings.allow_list.owners)),
        confirm=ConfirmMethod(settings.confirm.method),
        greeting=GreetingPolicy(**settings.greeting.model_dump()),
        retry=RetryPolicy(**settings.retry.model_dump()),
        probe_gap=pacing.probe_gap,
        look_gap=pacing.look_gap,
        greeting_gap=pacing.greeting_gap,
    )


def watch_settings(settings: Settings) -> WatchSettings:
    watch = settings.watch
    debounce = Debounce(every=watch.every, lost_after=watch.lost_after)
    return WatchSettings(debounce, watch.on_loss, watch.on_backup_lost, settings.pacing.joins_per_minute)


async def recovery_context(app: App, instance: InstanceSettings, settings: RecoverySettings) -> Context:
    """Everything one run needs. The instances' rows must be in line with the configuration."""
    cipher = await app.cipher()
    async with app.database.read() as connection:
        record = await instances.get(connection, instance.name)
    return Context(
        database=app.database,
        gateway=app.gateway(instance),
        clock=app.clock,
        settings=settings,
        reveal=lambda code: cipher.decrypt(code.ciphertext, code.key_id),
        instance_id=record.id,
        instance_name=record.name,
        actor=app.actor,
        boot_id=lease.boot_id(),
    )

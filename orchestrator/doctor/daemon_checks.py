"""The daemon and what it decided, the schedule, and those who are told: hooks in, messages out."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from datetime import UTC, datetime

import orchestrator
from orchestrator.account.installing import HookAddress
from orchestrator.doctor.findings import (
    DoctorContext,
    ExaminedAccount,
    Finding,
    Hooks,
    Told,
    failed,
    ok,
    skipped,
    warning,
)
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.meanings import Outcome
from orchestrator.domain.outcomes import WebhooksAnswer, WebhookTarget
from orchestrator.domain.times import instant
from orchestrator.messaging import apprise_people as people
from orchestrator.status.accounts_and_daemon import daemon_view, daemon_views
from orchestrator.status.schedule_view import Entry, local, upcoming
from orchestrator.status.views import DaemonView
from orchestrator.store import daemons, instances, losses
from orchestrator.store import outbox as outbox_store
from orchestrator.store.engine import Database
from orchestrator.store.losses import Loss

_START = str(Operation.DAEMON)


async def daemon(context: DoctorContext) -> list[Finding]:
    """None need run for a recovery by hand; one that ran and is gone is worth a warning."""
    async with context.database.read() as connection:
        now = await context.database.now(connection)
        rows = await daemons.rows(connection)
        view = daemon_view(rows, now)
        living = daemon_views(rows, await instances.all_records(connection), now)
    found = [finding for one in living or (view,) for finding in _fares(one, now)]
    port = _port(context.listen, view)
    return found if port is None else [*found, port]


def _fares(view: DaemonView, now: float) -> list[Finding]:
    found = [_life(view, now)]
    found += [
        warning(
            "daemon", f"{one.part} fails since {instant(one.since)}: {one.text}", str(Operation.FOLLOW_LOG)
        )
        for one in view.troubles
    ]
    if view.running and view.version != orchestrator.__version__:
        sentence = f"it is version {view.version}, this is {orchestrator.__version__}"
        found.append(warning("daemon", sentence, "start the daemon anew"))
    return found


def _life(view: DaemonView, now: float) -> Finding:
    if not view.running:
        if view.heartbeat_at is None:
            return ok("daemon", "none has run yet; nothing is watched without one")
        sentence = f"not running since {instant(view.heartbeat_at)}: nothing is watched, nothing is told"
        return warning("daemon", sentence, _START)
    age = now - (view.heartbeat_at or now)
    if age < 0:
        sentence = f"its last sign of life is {-age:.0f} s ahead of the database's clock, which went back"
        return warning("daemon", sentence, "see what sets the clock of the database's machine")
    word = "stopping" if view.stopping else "running"
    return ok("daemon", f"{word} on {view.host}, process {view.pid}, heartbeat {age:.0f} s ago")


def _port(listen: str, view: DaemonView) -> Finding | None:
    """Whether a daemon could listen where it should; a daemon that lives holds it already."""
    host, _, port = listen.rpartition(":")
    if not port or port == "0":
        return None
    if view.running:
        return ok("web.listen", f"the daemon listens at {view.listen or listen}")
    trouble = _in_use(host.strip("[]"), int(port))
    if trouble is None:
        return ok("web.listen", f"{listen} is free")
    hint = "a daemon would not start: `ss -ltnp` shows which program; stop it, or choose another web.listen"
    return warning("web.listen", f"{listen}: {trouble}", hint)


def _in_use(host: str, port: int) -> str | None:
    """Why it cannot be listened on; None when it can. The port is let go at once."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as tried:
            with suppress(OSError):
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        return "another program listens there" if taken else error.strerror or "cannot be listened on"
    return None


async def lost(context: DoctorContext) -> list[Finding]:
    """Accounts that the daemon suspects or holds for lost."""
    async with context.database.read() as connection:
        found = await losses.open_ones(connection)
        names = {record.id: record.name for record in await instances.all_records(connection)}
    if not found:
        return [ok("losses", "no account is suspected or lost")]
    return [_loss(one, names[one.instance_id]) for one in found.values()]


def _loss(one: Loss, name: str) -> Finding:
    since = instant(one.case.since)
    if one.case.standing is LossState.SUSPECTED:
        return warning(
            "losses", f"suspected since {since}: not decided yet", str(Operation.STATUS), instance=name
        )
    if one.recovery_id is not None:
        sentence = f"lost since {since}; recovery {one.recovery_id} followed"
        return warning(
            "losses", sentence, str(Command(Operation.STATUS, recovery=one.recovery_id)), instance=name
        )
    sentence = f"lost since {since}" + (f"; {one.detail}" if one.detail else "")
    return warning("losses", sentence, str(Command(Operation.PLAN, from_name=name)), instance=name)


RUNS_SHOWN = 3


async def schedule(context: DoctorContext) -> list[Finding]:
    """One finding for each entry; none of them keeps a recovery from working."""
    if not context.schedule:
        return [ok("schedule", "nothing is scheduled")]
    async with context.database.read() as connection:
        now = await context.database.now(connection)
        lives = await daemons.lives(connection, now)
    return [_entry(entry, now, lives=lives) for entry in context.schedule]


def _entry(entry: Entry, now: float, *, lives: bool) -> Finding:
    runs = upcoming(entry, now, RUNS_SHOWN)
    if not runs:
        return warning("schedule", f'{entry.name}: "{entry.times.expression}" never comes due')
    shown = "; ".join(f"{_utc(run)} ({local(run, entry.times.zone)})" for run in runs)
    sentence = f"{entry.name}: next {shown}"
    if not lives:
        return warning("schedule", f"{sentence}; but no daemon runs", f"{Operation.DAEMON} carries it out")
    return ok("schedule", sentence)


def _utc(instant: float) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%MZ}"


NAME = "webhook"
_SECRET = "set webhooks.secret_file, webhooks.path_secret_file or both"  # noqa: S105 - says where one goes


def configured(hooks: Hooks) -> Finding:
    if hooks.has_secret:
        where = f" at {hooks.public_url}" if hooks.public_url else "; webhooks.public_url is not set"
        return ok("webhooks", f"taken{where}")
    if hooks.public_url:
        return warning("webhooks", "webhooks.public_url is set, but no secret: none is taken", _SECRET)
    return ok("webhooks", "none are taken: no secret is set. Polling finds the same, later")


async def at_gateway(hooks: Hooks, account: ExaminedAccount, *, works: bool) -> list[Finding]:
    """Whether this instance's gateway sends to us. `works`: its session does."""
    address = hooks.address(account.name)
    if address is None:
        return []
    if not works:
        return [skipped(NAME, "the session does not work")]
    try:
        gateway = account.gateway()
    except ConfigurationError:
        return []  # told already
    return [_judge(await gateway.webhooks(), address)]


def _judge(found: WebhooksAnswer, address: HookAddress) -> Finding:
    install = str(Command(Operation.INSTALL_HOOKS, instance=address.instance))
    if found.answer.outcome is Outcome.NOT_SUPPORTED:
        return skipped(NAME, "the gateway has no call to ask for it")
    if found.answer.outcome is not Outcome.OK:
        said = found.answer.text or found.answer.outcome.value
        return warning(NAME, f"it is not known whether it is set: {said}")
    ours = [target for target in found.webhooks if address.is_ours(target)]
    trouble = _trouble(ours, address)
    if trouble is not None:
        return warning(NAME, trouble, f"{install}; or {address.by_hand}" if address.by_hand else install)
    return ok(NAME, f"set to {address.shown}")


def _signs_otherwise(target: WebhookTarget, address: HookAddress) -> bool:
    """A gateway that shows no secret, or a masked one, is not judged."""
    return target.secret not in (None, address.signing_secret) and "***" not in (target.secret or "")


def _trouble(ours: list[WebhookTarget], address: HookAddress) -> str | None:
    if not ours:
        return "the gateway does not send to us; polling finds the same, later"
    right = [target for target in ours if target.url == address.url]
    if not right:
        return "the gateway sends with another secret in the path: refused"
    if not any(target.active for target in right):
        return "set, but switched off at the gateway"
    if address.signing_secret and all(_signs_otherwise(target, address) for target in right):
        return "the gateway signs with another secret than webhooks.secret: refused"
    heard = {event for target in right for event in target.events}
    missing = [] if "*" in heard else [event for event in address.events if event not in heard]
    return f"set, but without {', '.join(missing)}" if missing else None


def receivers(told: Told) -> list[Finding]:
    if not (told.urls or told.hooks):
        return [ok("notify", "nobody is to be told")]
    if told.urls and not people.is_installed():
        return [failed("notify", people.MISSING, people.HOW_TO_GET_IT)]
    found = [
        failed("notify", f"Apprise does not understand notify.urls.{index}", "see Apprise's list of services")
        for index, url in enumerate(told.urls)
        if not people.understood(url)
    ]
    if told.unsigned:
        names = ", ".join(told.unsigned)
        found.append(
            warning("notify", f"without a secret, messages to {names} are not signed", "set its secret_file")
        )
    count = len(told.urls) + len(told.hooks)
    return found or [ok("notify", f"{count} to be told; {Operation.TEST_NOTIFY} tries them")]


async def outbox(database: Database) -> list[Finding]:
    """What did not get through."""
    async with database.read() as connection:
        totals = await outbox_store.totals(connection)
    if totals.parked:
        hint = f"{Operation.LIST_PARKED} shows them and why"
        return [warning("outbox", f"given up: {totals.parked} of the messages", hint)]
    return [ok("outbox", f"waiting to be delivered: {totals.pending}")]

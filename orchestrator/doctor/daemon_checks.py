"""The daemon and what it decided: whether it runs, what fails in it, which accounts it holds for lost."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import orchestrator
from orchestrator.doctor.finding import ok, warning
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.times import instant
from orchestrator.status.read_daemon import daemon_view
from orchestrator.store import daemons, instances, losses

if TYPE_CHECKING:
    from orchestrator.doctor.doctor_context import DoctorContext
    from orchestrator.doctor.finding import Finding
    from orchestrator.status.views_daemon import DaemonView
    from orchestrator.store.losses import Loss

_START = str(Operation.DAEMON)


async def daemon(context: DoctorContext) -> list[Finding]:
    """None need run for a recovery by hand; one that ran and is gone is worth a warning."""
    async with context.database.read() as connection:
        now = await context.database.now(connection)
        view = daemon_view(await daemons.read(connection), now)
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
    port = _port(context.listen, view)
    return found if port is None else [*found, port]


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

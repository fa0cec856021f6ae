"""`rejoin demo`: the whole story against the simulated network, with nothing to set up."""

import shlex
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.layout import whole
from orchestrator.cli.next_step import say_next
from orchestrator.cli.render import clean, plural
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.cli.playground import Playground
    from orchestrator.config import Settings
    from orchestrator.simulator.server import Running

_LISTEN = "127.0.0.1:0"
_AS_TOLD = frozenset({exit_codes.DONE, exit_codes.NEEDS_YOU, exit_codes.NOT_FINISHED})
_FASTEST = 600.0


async def demo(
    *,
    speed: Annotated[
        float, flag("speed", "Seconds of the story in a real one, 1 to 600.", metavar="N")
    ] = 60.0,
    keep: Annotated[
        Path | None, flag("keep", "Leave the demo's files in this folder.", metavar="DIR")
    ] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """A company has lost its account; a backup gets back into its forty groups, with all that can go wrong.

    Runs in accelerated time against a simulated WhatsApp network. Nothing leaves this machine.

    Examples:
      rejoin demo
      rejoin demo --speed 120 --keep playground
    """
    if not 1 <= speed <= _FASTEST:
        raise UsageError(f"--speed: must be 1 to {_FASTEST:g}")
    from orchestrator.cli.playground import furnish, prepare  # noqa: PLC0415
    from orchestrator.simulator.server import simulate  # noqa: PLC0415 - brings the simulator

    with ExitStack() as closing:
        folder = keep or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="rejoin-demo-")))
        playground = await prepare(folder)
        running = await simulate(_LISTEN, speed=speed, anchor=playground.created_at)
        try:
            furnish(playground, running)
            code = await _story(call, playground, running, speed)
        finally:
            await running.close()
    _tell_end(call, running, playground if keep else None)
    return exit_codes.DONE if code in _AS_TOLD else code


async def _story(call: Call, playground: "Playground", running: "Running", speed: float) -> int:
    """Nothing of the caller's own environment gets into it."""
    from orchestrator.bootstrap import open_app  # noqa: PLC0415
    from orchestrator.config import load  # noqa: PLC0415

    settings = load(playground.config, {"REJOIN_CLOCK_SPEED": f"{speed:g}"})
    call.start_logs(settings)
    async with open_app(settings) as app:
        await app.sync_instances()
        await _bring_in(call, app, playground)
        _tell_begin(call, settings, running, speed)
        return await _recover(call, app, settings)


async def _bring_in(call: Call, app: "App", playground: "Playground") -> None:
    from orchestrator.catalogue.importing import import_groups  # noqa: PLC0415
    from orchestrator.catalogue.source import read_source  # noqa: PLC0415

    source = read_source(playground.groups)
    report = await import_groups(app.database, app.key_ring(), source, actor=app.actor)
    call.out.say(f"The company's own list is imported: {report.sentence}")


def _tell_begin(call: Call, settings: "Settings", running: "Running", speed: float) -> None:
    lost, backup = settings.primaries[0].name, settings.backups[0].name
    call.out.say(f'"{clean(lost)}" was just lost: logged out by WhatsApp, and with it every group.')
    call.out.say(
        f'"{clean(backup)}" takes its place, at {settings.pacing.joins_per_minute:g} joins a minute.'
    )
    call.out.say(f"A simulated network at {running.base_url}; one second is {speed:g} seconds.\n")


async def _recover(call: Call, app: "App", settings: "Settings") -> int:
    from orchestrator.account.loop import Job  # noqa: PLC0415
    from orchestrator.assembly import recovery_context, recovery_settings  # noqa: PLC0415
    from orchestrator.cli.recovering import recover  # noqa: PLC0415
    from orchestrator.store.recoveries import Scope  # noqa: PLC0415

    context = await recovery_context(app, settings.backups[0], recovery_settings(settings))
    return await recover(app, call, context, Job(Scope(settings.primaries[0].name)))


def _tell_end(call: Call, running: "Running", playground: "Playground | None") -> None:
    backup = next(account.name for account in running.accounts if account.joins_made)
    joins, worst = len(running.log.joins(backup)), running.log.worst_window(backup)
    call.out.say(
        f"\nWhat the network saw: {plural(joins, 'join')}, never more than {worst} in any 60 seconds."
    )
    if playground:
        log = shlex.join(["rejoin", "-c", str(playground.config), "log"])
        call.out.say(f"Its files are in {clean(playground.folder)}: {whole(log)}")
    call.out.say("For your own groups:")
    say_next(call, "rejoin init")

"""`rejoin simulate`: a WhatsApp network of our own on this machine. `rejoin demo`: the story against one."""

from __future__ import annotations

import asyncio
import os
import shlex
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator import streams
from orchestrator.catalogue.source import read_source
from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call, flag
from orchestrator.cli.formatting import clean, plural
from orchestrator.cli.init_config import instance_table, make_database, write_once
from orchestrator.cli.layout import whole
from orchestrator.cli.next_step import say_next
from orchestrator.domain.errors import InputRejectedError, UsageError

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.config import DatabaseSettings, Settings
    from orchestrator.simulator.model import Account
    from orchestrator.simulator.scenario import World
    from orchestrator.simulator.server import Running


CONFIG = "rejoin.toml"
IMPORT = "groups.csv"
_HEAD = """\
# Made by rejoin: a simulated network, nothing real.

[database]
url = "sqlite:///rejoin.db"
key_file = "rejoin.key"
"""
_SPEED_VARIABLE = "REJOIN_CLOCK_SPEED"
_EVERY = 1.0  # seconds between two looks whether anybody still reads our answer
_LISTEN = "127.0.0.1:0"
_AS_TOLD = frozenset({exit_codes.DONE, exit_codes.NEEDS_YOU, exit_codes.NOT_FINISHED})
_FASTEST = 600.0
_GATEWAY = flag(
    "gateway",
    "As which gateway it speaks: wawp, waha (or waha-gows, waha-webjs), evolution, gowa.",
    metavar="NAME",
)


@dataclass(frozen=True, slots=True)
class Playground:
    """The folder, and the instant at which its database was made: the anchor of accelerated clocks."""

    folder: Path
    created_at: float

    @property
    def config(self) -> Path:
        return self.folder / CONFIG

    @property
    def groups(self) -> Path:
        return self.folder / IMPORT


async def prepare(folder: Path) -> Playground:
    """Key file and database. Raises UsageError if there is a configuration already."""
    await make_database(_database_settings(folder))
    with closing(sqlite3.connect(folder / "rejoin.db")) as database:
        created = database.execute("SELECT value FROM meta WHERE key = 'created_at'").fetchone()
    return Playground(folder, float(created[0]))


def _database_settings(folder: Path) -> DatabaseSettings:
    from orchestrator.config import DatabaseSettings  # noqa: PLC0415 - brings pydantic

    if (folder / CONFIG).exists():
        raise UsageError(f"{folder / CONFIG} is there already; it is not overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    return DatabaseSettings.model_validate({}, context={"folder": folder.absolute()})


def furnish(playground: Playground, running: Running) -> None:
    """Configuration, tokens and the list of groups, for the network that is being served."""
    from orchestrator.simulator.sheets import write_import  # noqa: PLC0415

    (playground.folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    text = _HEAD
    for account in running.accounts:
        write_once(playground.folder / "secrets" / f"{account.name}.token", account.access_token + "\n")
        text += instance_table(
            account.name,
            role_of(account, running.world),
            account.gateway,
            running.base_url,
            account.instance_id,
        )
    if running.world is not None:
        # For its owner alone: invite codes are secrets, even simulated ones.
        write_once(playground.groups, "")
        write_import(running.world, playground.groups)
    write_once(playground.config, text)


def role_of(account: Account, world: World | None) -> str:
    """An account that the organisation's list names was in use; any other can take over."""
    in_use = {name for row in world.rows for name in row.instances} if world else set()
    return "primary" if account.name in in_use else "backup"


async def simulate(
    *,
    listen: Annotated[
        str, flag("listen", "Where to serve; loopback only. Port 0: any free one.", metavar="ADDRESS")
    ] = "127.0.0.1:9100",
    scenario: Annotated[
        str, flag("scenario", "A scenario file, or one of ours: demo, smooth, chaos.", metavar="FILE")
    ] = "demo",
    speed: Annotated[
        float | None,
        flag("speed", "Simulated seconds in a real one (else REJOIN_CLOCK_SPEED, else 1).", metavar="N"),
    ] = None,
    gateway: Annotated[str | None, _GATEWAY] = None,
    write_config: Annotated[
        Path | None,
        flag("write-config", "Set up a folder that is ready to recover against it.", metavar="DIR"),
    ] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Serves a network until Ctrl-C: accounts, groups, invite codes and the troubles of its scenario.

    Prints the address, the instance ids and the tokens to use. Tells each request on stderr, but for -q.

    Examples:
      rejoin simulate --write-config playground
      rejoin simulate --scenario chaos --listen 127.0.0.1:9200 --speed 60
    """
    rate = _speed(speed)
    playground = await prepare(write_config) if write_config else None
    anchor = playground.created_at if playground else None
    running = await _start(listen, _scenario(scenario), rate, anchor=anchor, gateway=gateway, call=call)
    try:
        if playground:
            furnish(playground, running)
        _tell_network(call, running, playground, rate)
        call.out.stdout.flush()
        while True:
            await asyncio.sleep(_EVERY)
            streams.check_reader()
    finally:
        await running.close()


def _speed(given: float | None) -> float:
    said = os.environ.get(_SPEED_VARIABLE) or "1"
    if not said.isascii() or "_" in said:  # Python reads the digits of every script, and 1_0
        said = "not a number"
    try:
        speed = float(said) if given is None else given
    except ValueError:
        raise UsageError(f"{_SPEED_VARIABLE} is not a number.") from None
    if not 0 < speed <= 100_000:
        raise UsageError("The speed must be above 0 and at most 100,000.")
    return speed


def _scenario(name: str) -> Path:
    from orchestrator.simulator.scenario import built_in  # noqa: PLC0415

    file = Path(name)
    return file if file.exists() or not built_in(name).exists() else built_in(name)


async def _start(
    listen: str, scenario: Path, speed: float, *, anchor: float | None, gateway: str | None, call: Call
) -> Running:
    from orchestrator.simulator.checked_tables import ScenarioError  # noqa: PLC0415
    from orchestrator.simulator.server import simulate as serve  # noqa: PLC0415

    try:
        return await serve(
            listen,
            scenario,
            speed=speed,
            anchor=anchor,
            gateway=gateway,
            log=lambda text: call.out.say(clean(text)),
        )
    except ScenarioError as error:
        problems = tuple(str(error).splitlines())
        raise InputRejectedError("The scenario was refused.", problems=problems) from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(
            f"{listen} cannot be served: {error.strerror or error}", hint="choose another port with --listen"
        ) from None


def _tell_network(call: Call, running: Running, playground: Playground | None, speed: float) -> None:
    accounts = [(account, role_of(account, running.world)) for account in running.accounts]
    if call.json:
        call.out.answer_line(
            {
                "base_url": running.base_url,
                "speed": speed,
                "accounts": [
                    {
                        "name": account.name,
                        "role": role,
                        "instance_id": account.instance_id,
                        "access_token": account.access_token,
                        "state": account.state.value,
                    }
                    for account, role in accounts
                ],
                "config": str(playground.config) if playground else None,
                "import": str(playground.groups) if playground else None,
            }
        )
        return
    call.out.answer(f"Serving a simulated network at {running.base_url}\n")
    rows = [
        [clean(account.name), role, account.instance_id, account.access_token, account.state.value]
        for account, role in accounts
    ]
    call.out.table(rows, "NAME", "ROLE", "INSTANCE ID", "ACCESS TOKEN", "STATE")
    if playground:
        _tell_next(call, playground, speed)
    call.out.say(
        f"\nThe groups' current links, as their admins know them: curl {running.base_url}/_sim/links"
    )
    call.out.say("Ctrl-C ends it.")


def _tell_next(call: Call, playground: Playground, speed: float) -> None:
    before = f"{_SPEED_VARIABLE}={speed:g} " if speed != 1 else ""
    command = f"{before}rejoin -c {shlex.quote(str(playground.config))}"
    call.out.say("\nIn another terminal:")
    call.out.say(f"  {command} groups import {shlex.quote(str(playground.groups))}")
    call.out.say(f"  {command} plan")
    call.out.say(f"  {command} run")


async def demo(
    *,
    speed: Annotated[
        float, flag("speed", "Seconds of the story in a real one, 1 to 600.", metavar="N")
    ] = 60.0,
    gateway: Annotated[str, _GATEWAY] = "wawp",
    keep: Annotated[
        Path | None, flag("keep", "Leave the demo's files in this folder.", metavar="DIR")
    ] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """A company has lost its account; a backup gets back into its forty groups, with all that can go wrong.

    Runs in accelerated time against a simulated WhatsApp network. Nothing leaves this machine.

    Examples:
      rejoin demo
      rejoin demo --gateway waha-gows
      rejoin demo --speed 120 --keep playground
    """
    if not 1 <= speed <= _FASTEST:
        raise UsageError(f"--speed: must be 1 to {_FASTEST:g}")
    from orchestrator.simulator.server import simulate as serve  # noqa: PLC0415 - brings the simulator

    with ExitStack() as closing:
        folder = keep or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="rejoin-demo-")))
        playground = await prepare(folder)
        try:
            running = await serve(_LISTEN, speed=speed, anchor=playground.created_at, gateway=gateway)
        except ValueError as error:
            raise UsageError(f"--gateway: {error}") from None
        try:
            furnish(playground, running)
            code = await _story(call, playground, running, speed)
        finally:
            await running.close()
    _tell_end(call, running, playground if keep else None)
    return exit_codes.DONE if code in _AS_TOLD else code


async def _story(call: Call, playground: Playground, running: Running, speed: float) -> int:
    """Nothing of the caller's own environment gets into it."""
    from orchestrator.config import load  # noqa: PLC0415

    settings = load(playground.config, {"REJOIN_CLOCK_SPEED": f"{speed:g}"})
    call.start_logs(settings)
    async with call.open_app(settings) as app:
        await app.sync_instances()
        await _bring_in(call, app, playground)
        _tell_begin(call, settings, running, speed)
        return await _recover(call, app, settings)


async def _bring_in(call: Call, app: App, playground: Playground) -> None:
    from orchestrator.catalogue.importing import import_groups  # noqa: PLC0415

    source = read_source(playground.groups)
    report = await import_groups(app.database, app.key_ring(), source, actor=app.actor)
    call.out.say(f"The company's own list is imported: {report.sentence}")


def _tell_begin(call: Call, settings: Settings, running: Running, speed: float) -> None:
    lost, backup = settings.primaries[0].name, settings.backups[0].name
    call.out.say(f'"{clean(lost)}" was just lost: logged out by WhatsApp, and with it every group.')
    call.out.say(
        f'"{clean(backup)}" takes its place, at {settings.pacing.joins_per_minute:g} joins a minute.'
    )
    call.out.say(f"A simulated network at {running.base_url}; one second is {speed:g} seconds.\n")


async def _recover(call: Call, app: App, settings: Settings) -> int:
    from orchestrator.account.loop import Job  # noqa: PLC0415
    from orchestrator.assembly import recovery_context, recovery_settings  # noqa: PLC0415
    from orchestrator.cli.recovering import recover  # noqa: PLC0415
    from orchestrator.store.recoveries import Scope  # noqa: PLC0415

    context = await recovery_context(app, settings.backups[0], recovery_settings(settings))
    return await recover(app, call, context, Job(Scope(settings.primaries[0].name)))


def _tell_end(call: Call, running: Running, playground: Playground | None) -> None:
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

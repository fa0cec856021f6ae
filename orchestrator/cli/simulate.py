"""`rejoin simulate`: a WhatsApp network of our own, with a gateway's face, on this machine."""

import asyncio
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator import streams
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.render import clean
from orchestrator.domain.errors import InputRejectedError, UsageError

if TYPE_CHECKING:
    from orchestrator.cli.playground import Playground
    from orchestrator.simulator.server import Running

_SPEED_VARIABLE = "REJOIN_CLOCK_SPEED"
_EVERY = 1.0  # seconds between two looks whether anybody still reads our answer


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
    from orchestrator.cli.playground import furnish, prepare  # noqa: PLC0415

    rate = _speed(speed)
    playground = await prepare(write_config) if write_config else None
    anchor = playground.created_at if playground else None
    running = await _start(listen, _scenario(scenario), rate, anchor=anchor, call=call)
    try:
        if playground:
            furnish(playground, running)
        _tell(call, running, playground, rate)
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


async def _start(listen: str, scenario: Path, speed: float, *, anchor: float | None, call: Call) -> "Running":
    from orchestrator.simulator.server import simulate as serve  # noqa: PLC0415
    from orchestrator.simulator.tables import ScenarioError  # noqa: PLC0415

    try:
        return await serve(
            listen, scenario, speed=speed, anchor=anchor, log=lambda text: call.out.say(clean(text))
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


def _tell(call: Call, running: "Running", playground: "Playground | None", speed: float) -> None:
    from orchestrator.cli.playground import role_of  # noqa: PLC0415

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


def _tell_next(call: Call, playground: "Playground", speed: float) -> None:
    before = f"{_SPEED_VARIABLE}={speed:g} " if speed != 1 else ""
    command = f"{before}rejoin -c {shlex.quote(str(playground.config))}"
    call.out.say("\nIn another terminal:")
    call.out.say(f"  {command} groups import {shlex.quote(str(playground.groups))}")
    call.out.say(f"  {command} plan")
    call.out.say(f"  {command} run")

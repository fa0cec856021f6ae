"""`rejoin notify test`: does what Rejoin has to say get through?"""

import asyncio
from typing import Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import positional
from orchestrator.cli.render import clean
from orchestrator.domain.errors import ConfigurationError, NotFoundError

_NAME = positional("NAME", "Only this one, as it is listed without a name.")


async def try_out(
    receiver: Annotated[str | None, _NAME] = None,
    /,
    *,
    call: Call = NOTHING_SAID,
) -> int:
    """Sends a test message to every receiver of `[notify]`, and says how each one took it.

    Examples:
      rejoin notify test
      rejoin notify test hook:n8n.example.org
    """
    from orchestrator.clock import SystemClock  # noqa: PLC0415 - only for who goes online
    from orchestrator.receivers import open_receivers  # noqa: PLC0415 - brings aiohttp

    settings = call.settings()
    clock = SystemClock()
    async with open_receivers(settings, clock) as receivers:
        names = _chosen(receivers.routes.sinks, receiver)
        answers = await asyncio.gather(*(receivers.try_out(name, clock.now()) for name in names))
    if call.json:
        told = zip(names, answers, strict=True)
        call.out.answer_json([{"receiver": name, "ok": one.ok, "result": one.text} for name, one in told])
    else:
        for name, one in zip(names, answers, strict=True):
            call.out.answer(f"{'ok' if one.ok else 'failed':7} {clean(name)}: {clean(one.text)}")
    return exit_codes.DONE if all(one.ok for one in answers) else exit_codes.TEMPORARY


def _chosen(known: tuple[str, ...], wanted: str | None) -> list[str]:
    """Raises ConfigurationError when nobody is to be told, NotFoundError when that one is not."""
    if not known:
        raise ConfigurationError(
            "nobody is to be told anything", hint="set notify.urls, notify.webhooks or notify.ping_url"
        )
    chosen = [name for name in known if wanted in (None, name, name.removeprefix("hook:"))]
    if not chosen:
        raise NotFoundError(f"no receiver is called {wanted}", hint=f"there are: {', '.join(known)}")
    return chosen

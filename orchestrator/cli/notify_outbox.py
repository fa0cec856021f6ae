"""`rejoin notify` and `rejoin outbox`: does what Rejoin has to say get through, and what has not?"""

from __future__ import annotations

import asyncio
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call, flag, positional
from orchestrator.cli.formatting import clean, plural, timestamp
from orchestrator.domain.errors import ConfigurationError, NotFoundError, UsageError

if TYPE_CHECKING:
    from orchestrator.store.outbox import Listed


_NAME = positional("NAME", "Only this one, as it is listed without a name.")
_IDS = positional("ID", "Numbers as listed.")


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


async def list_(
    *,
    parked: Annotated[bool, flag("parked", "Only what was given up.")] = False,
    limit: Annotated[int, flag("limit", "How many, at most.", metavar="N")] = 100,
    call: Call = NOTHING_SAID,
) -> None:
    """Messages that wait to be delivered, and those that were given up: the latter first.

    Examples:
      rejoin outbox list
      rejoin outbox list --parked --json
    """
    from orchestrator.messaging.deliverer import outbox_json, read_outbox  # noqa: PLC0415

    async with call.open_app() as app:
        found = await read_outbox(app.database, parked_only=parked, limit=max(1, limit))
    if call.json:
        call.out.answer_json(outbox_json(found))
        return
    rows = [_row(one, app.settings.timezone) for one in found.deliveries]
    call.out.table(
        rows, "ID", "STATE", "RECEIVER", "MESSAGE", "ABOUT", "AT", "TRIED", "NEXT", "ERROR", lead=4
    )
    totals = found.totals
    if parked and not rows:
        call.out.say("None of the messages is parked.")
    call.out.say(f"{totals.pending} wait, {totals.parked} are parked.")
    if totals.unsorted:
        call.out.say(f"{plural(totals.unsorted, 'message')} wait for a daemon: rejoin daemon delivers them.")
    if totals.parked:
        call.out.say("To try what is parked again: rejoin outbox retry --all")


async def retry(
    *ids: Annotated[int, _IDS],
    all_: Annotated[bool, flag("all", "All that are parked or wait for their next try.")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Puts messages that are parked, or wait for their next try, back in line; the daemon delivers them.

    Examples:
      rejoin outbox retry 17 18
      rejoin outbox retry --all
    """
    from orchestrator.messaging.deliverer import try_again  # noqa: PLC0415

    if bool(ids) is all_:
        raise UsageError("say which: numbers, or --all", hint="rejoin outbox list --parked shows them")
    async with call.open_app() as app:
        changed = await try_again(app.database, actor=app.actor, ids=None if all_ else ids)
    if not changed and not all_:
        raise NotFoundError("none of these is parked or waits for its next try", hint="rejoin outbox list")
    call.out.answer_either({"changed": changed}, f"{plural(changed, 'delivery', 'deliveries')} back in line.")


def _row(one: Listed, zone: tzinfo) -> list[str]:
    due = "-" if one.next_attempt_at is None else timestamp(one.next_attempt_at, zone)
    return [
        str(one.id),
        one.state.value,
        clean(one.sink),
        clean(one.kind),
        clean(one.subject),
        timestamp(one.at, zone),
        str(one.attempts),
        due,
        clean(one.error or "-"),
    ]

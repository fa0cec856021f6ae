"""`rejoin outbox`: messages that have not got through."""

from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.render import clean, plural, timestamp
from orchestrator.domain.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.store.deliveries import Listed

_IDS = positional("ID", "Numbers as listed.")


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.messaging.outbox_listing import outbox_json, read_outbox  # noqa: PLC0415

    settings = call.settings()
    async with open_app(settings) as app:
        found = await read_outbox(app.database, parked_only=parked, limit=max(1, limit))
    if call.json:
        call.out.answer_json(outbox_json(found))
        return
    rows = [_row(one, settings.timezone) for one in found.deliveries]
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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.messaging.outbox_listing import try_again  # noqa: PLC0415

    if bool(ids) is all_:
        raise UsageError("say which: numbers, or --all", hint="rejoin outbox list --parked shows them")
    async with open_app(call.settings()) as app:
        changed = await try_again(app.database, actor=app.actor, ids=None if all_ else ids)
    if not changed and not all_:
        raise NotFoundError("none of these is parked or waits for its next try", hint="rejoin outbox list")
    if call.json:
        call.out.answer_json({"changed": changed})
    else:
        call.out.answer(f"{plural(changed, 'delivery', 'deliveries')} back in line.")


def _row(one: "Listed", zone: "tzinfo") -> list[str]:
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

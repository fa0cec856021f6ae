"""`rejoin history`: past recoveries."""

from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.next_step import say_next
from orchestrator.cli.render import clean, duration, timestamp

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.status.past import PastRecovery


_HEADERS = ("TO", "FROM", "LABELS", "STARTED", "TOOK", "ACTIVE", "BLOCKED")


async def history(
    *,
    limit: Annotated[int, flag("limit", "How many, at most.", metavar="N")] = 100,
    call: Call = NOTHING_SAID,
) -> None:
    """Past recoveries, newest first.

    Examples:
      rejoin history
      rejoin history --limit 5 --json
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status import past  # noqa: PLC0415
    from orchestrator.status.as_json_groups import history_json  # noqa: PLC0415
    from orchestrator.status.next_step import plan_command  # noqa: PLC0415

    settings = call.settings()
    async with open_app(settings, brief=True) as app:
        listed = await past.history(app.database, limit=max(1, limit))
    if call.json:
        call.out.answer_json([history_json(one) for one in listed])
    elif listed:
        rows = [_row(one, settings.timezone) for one in listed]
        call.out.table(rows, "ID", "STATE", "OUTCOME", *_HEADERS, lead=3)
    else:
        call.out.say("There was no recovery yet.")
        say_next(call, plan_command([one.name for one in settings.backups]))


def _row(one: "PastRecovery", zone: "tzinfo") -> list[str]:
    from orchestrator.domain.memberships import Status  # noqa: PLC0415

    row = one.row
    active, blocked, total = one.counts[Status.ACTIVE], one.counts[Status.BLOCKED], sum(one.counts.values())
    follows = "" if row.follows_id is None else f" (goes on with {row.follows_id})"
    return [
        f"{row.id}{follows}",
        one.phase.value,
        clean(row.outcome or "-"),
        clean(row.to_name),
        clean(row.from_name or "-"),
        clean(", ".join(one.labels)) or "-",
        timestamp(row.started_at or row.created_at, zone),
        "-" if one.seconds is None else duration(one.seconds),
        f"{active} of {total}{' chosen' if row.fixed else ''}",
        str(blocked),
    ]

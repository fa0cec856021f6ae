"""`rejoin retry`, `skip` and `leave`: a person's word on groups."""

from typing import TYPE_CHECKING, Annotated

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.groups import known_reason
from orchestrator.cli.next_step import next_command, say_next, say_taken_up, who_takes_up
from orchestrator.cli.pause_resume import TO, instance_of
from orchestrator.cli.prompt import confirm
from orchestrator.cli.render import clean, plural

if TYPE_CHECKING:
    from orchestrator.operations.retry_skip import Decisions

_BECAUSE = flag("because", "Why; the journal keeps it.", metavar="TEXT")


async def retry(
    *groups: Annotated[str, positional("GROUP", "Short names, JIDs or names.")],
    reason: Annotated[
        str | None,
        flag("reason", "All that wait or are blocked for it, such as code_revoked."),
    ] = None,
    all_needs_you: Annotated[bool, flag("all-needs-you", "All that need a person.")] = False,
    to: Annotated[str | None, TO] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """Puts groups back in line. A join that may have worked is looked up first, never repeated blindly.

    While a recovery is open, --reason and --all-needs-you take its groups alone; others are taken by name.

    Examples:
      rejoin retry suppliers-north vip-lisbon
      rejoin retry --reason code_revoked
      rejoin retry --all-needs-you
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.retry_skip import retry as act  # noqa: PLC0415

    wanted = known_reason(reason)
    async with open_app(call.settings()) as app:
        name = await instance_of(app, None, to)
        done = await act(
            app.database, name, actor=app.actor, groups=groups, reason=wanted, all_needs_you=all_needs_you
        )
        found = await who_takes_up(app, name, [one.slug for one in done.groups])
    code = _tell(call, done)
    if done.changed:
        say_taken_up(call, found)
    return code


async def skip(
    *groups: Annotated[str, positional("GROUP", "Short names, JIDs or names.")],
    because: Annotated[str | None, _BECAUSE] = None,
    to: Annotated[str | None, TO] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """Leaves groups out until a retry.

    Examples:
      rejoin skip team-porto --because "closed in May"
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.retry_skip import skip as act  # noqa: PLC0415

    async with open_app(call.settings()) as app:
        name = await instance_of(app, None, to)
        done = await act(app.database, name, groups, actor=app.actor, because=because)
        following = await next_command(app)
    code = _tell(call, done)
    say_next(call, following)
    return code


def _tell(call: Call, done: "Decisions") -> int:
    if call.json:
        listed = [
            {
                "group": one.group,
                "slug": one.slug,
                "status": one.status.value,
                "reason": one.reason.value if one.reason else None,
                "changed": one.changed,
                "refused": one.refused,
                "sentence": one.sentence,
            }
            for one in done.groups
        ]
        call.out.answer_json({"instance": done.instance, "changed": done.changed, "groups": listed})
    else:
        for one in done.groups:
            call.out.answer(f"{clean(one.sentence)}.")
        call.out.say(f"{plural(done.changed, 'group')} changed on {clean(done.instance)}.")
    return exit_codes.NEEDS_YOU if done.refused else exit_codes.DONE


async def leave(
    group: Annotated[str, positional("GROUP", "Short name, JID or name.")],
    /,
    *,
    because: Annotated[str | None, _BECAUSE] = None,
    yes: Annotated[bool, flag("yes", "Do not ask.", short="-y")] = False,
    to: Annotated[str | None, TO] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """Takes the backup out of a group: one it is in, or one into which a join led it by mistake.

    Sent to the gateway at most once. Exit code 5 when nobody can tell whether it worked.

    Examples:
      rejoin leave crypto-deals --yes
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.leaving import Whereabouts  # noqa: PLC0415
    from orchestrator.operations.leaving import leave as act  # noqa: PLC0415

    settings = call.settings()
    call.start_logs(settings)
    async with open_app(settings) as app:
        name = await instance_of(app, None, to)
        confirm(call, f'Take {name} out of "{group}"?', yes=yes)
        gateway = app.gateway(app.settings.instance(name))
        done = await act(app.database, gateway, name, group, actor=app.actor, because=because)
    if call.json:
        call.out.answer_json(
            {
                "instance": done.instance,
                "group": done.group,
                "slug": done.slug,
                "jid": done.jid,
                "whereabouts": done.whereabouts.value,
                "changed": done.changed,
                "status": done.status.value,
            }
        )
    else:
        call.out.answer(f"{clean(done.sentence)}.")
    return exit_codes.DONE if done.whereabouts is Whereabouts.OUT else exit_codes.TEMPORARY

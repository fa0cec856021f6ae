"""`rejoin retry`, `skip`, `accept` and `leave`: a person's word on groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, TO, Call, flag, positional
from orchestrator.cli.formatting import clean, plural
from orchestrator.cli.next_step import next_command, say_next, say_taken_up, who_takes_up
from orchestrator.cli.scope import instance_of, reason_called
from orchestrator.domain.folding import spelt
from orchestrator.domain.verification import Expected

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.operations.accepting import Accepted, Asking, Proposal
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
    from orchestrator.operations.retry_skip import retry as act  # noqa: PLC0415

    wanted = reason_called(reason)
    async with call.open_app() as app:
        name = await instance_of(app, None, to)
        done = await act(
            app.database, name, actor=app.actor, groups=groups, reason=wanted, all_needs_you=all_needs_you
        )
        found = await who_takes_up(app, name, [one.slug for one in done.groups])
    code = _tell_decisions(call, done)
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
    from orchestrator.operations.retry_skip import skip as act  # noqa: PLC0415

    async with call.open_app() as app:
        name = await instance_of(app, None, to)
        done = await act(app.database, name, groups, actor=app.actor, because=because)
        following = await next_command(app)
    code = _tell_decisions(call, done)
    say_next(call, following)
    return code


def _tell_decisions(call: Call, done: Decisions) -> int:
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
    from orchestrator.operations.leaving import Whereabouts  # noqa: PLC0415
    from orchestrator.operations.leaving import leave as act  # noqa: PLC0415

    async with call.open_app(online=True) as app:
        name = await instance_of(app, None, to)
        call.confirm(f'Take {name} out of "{group}"?', yes=yes)
        gateway = app.gateway(app.settings.instance(name))
        done = await act(app.database, gateway, name, group, actor=app.actor, because=because)
    call.out.answer_either(
        {
            "instance": done.instance,
            "group": done.group,
            "slug": done.slug,
            "jid": done.jid,
            "whereabouts": done.whereabouts.value,
            "changed": done.changed,
            "status": done.status.value,
        },
        f"{clean(done.sentence)}.",
    )
    return exit_codes.DONE if done.whereabouts is Whereabouts.OUT else exit_codes.TEMPORARY


async def accept(
    group: Annotated[str, positional("GROUP", "Short name, JID or name.")],
    /,
    *,
    other_group: Annotated[
        bool, flag("other-group", "Also where the link opens another group than the one with the stored JID.")
    ] = False,
    yes: Annotated[bool, flag("yes", "Do not ask.", short="-y")] = False,
    to: Annotated[str | None, TO] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Takes what the group's link opens now as expected: for a group of yours that was renamed.

    Looks with one GET, shows what was expected and what it found, asks, and puts the group back in line.

    Examples:
      rejoin accept suppliers-north
      rejoin accept suppliers-north --yes --json
    """
    from orchestrator.operations import accepting  # noqa: PLC0415

    async with call.open_app(online=True) as app:
        name = await instance_of(app, None, to)
        asking = await _asking(app, name)
        proposal = await accepting.propose(app.database, asking, group, other_group=other_group)
        if proposal.before != proposal.after:
            _show(call, proposal)
            call.confirm(f'Is this "{proposal.group.name}", from now on?', yes=yes)
        done = await accepting.accept(app.database, proposal, instance=name, actor=app.actor)
        found = await who_takes_up(app, name, [proposal.group.slug])
    _tell_accepted(call, name, proposal, done)
    if done.requeued:
        say_taken_up(call, found)


async def _asking(app: App, name: str) -> Asking:
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations.accepting import Asking  # noqa: PLC0415

    cipher = await app.cipher()
    return Asking(
        gateway=app.gateway(app.settings.instance(name)),
        instance=name,
        settings=recovery_settings(app.settings),
        clock=app.clock,
        reveal=lambda code: cipher.decrypt(code.ciphertext, code.key_id),
        actor=app.actor,
    )


def _show(call: Call, proposal: Proposal) -> None:
    if call.json:
        return
    if proposal.other_group:
        call.out.warn(f'the link of "{clean(proposal.group.name)}" opens ANOTHER GROUP than the stored one.')
    members = None if proposal.members is None else plural(proposal.members, "member")
    call.out.answer(f"expected so far: {_described(proposal.before)}")
    call.out.answer(f"the link opens:  {_described(proposal.after, members)}")


def _described(expected: Expected, *more: str | None) -> str:
    """Whole, and with what no screen shows spelt out: the two are to be compared by eye."""
    subject = f'"{spelt(expected.subject)}"' if expected.subject else None
    owner = f"owner {expected.owner}" if expected.owner else None
    return clean(", ".join(part for part in (subject, expected.jid, owner, *more) if part))


def _tell_accepted(call: Call, instance: str, proposal: Proposal, done: Accepted) -> None:
    group = proposal.group
    said = "accepted as it is now" if proposal.before != proposal.after else "opens what is expected of it"
    back = f"; {plural(done.requeued, 'membership')} back in line" if done.requeued else ""
    call.out.answer_either(
        {
            "instance": instance,
            "group": group.name,
            "slug": group.slug,
            "changed": done.changed,
            "requeued": done.requeued,
            "before": _fields(proposal.before),
            "after": _fields(proposal.after),
        },
        f'"{clean(group.name)}": {said}{back}.',
    )


def _fields(expected: Expected) -> dict[str, Any]:
    return {
        "jid": expected.jid,
        "subject": clean(expected.subject) if expected.subject else None,
        "owner": expected.owner,
    }

"""`rejoin accept`: a person's word that what a link opens now is the group."""

from typing import TYPE_CHECKING, Annotated, Any

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag, positional
from orchestrator.cli.next_step import say_taken_up, who_takes_up
from orchestrator.cli.pause_resume import TO, instance_of
from orchestrator.cli.prompt import confirm
from orchestrator.cli.render import clean, plural
from orchestrator.domain.folding import spelt

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.domain.verification import Expected
    from orchestrator.operations.accepting import Accepted, Asking, Proposal


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
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations import accepting  # noqa: PLC0415

    settings = call.settings()
    call.start_logs(settings)
    async with open_app(settings) as app:
        name = await instance_of(app, None, to)
        asking = await _asking(app, name)
        proposal = await accepting.propose(app.database, asking, group, other_group=other_group)
        if proposal.before != proposal.after:
            _show(call, proposal)
            confirm(call, f'Is this "{proposal.group.name}", from now on?', yes=yes)
        done = await accepting.accept(app.database, proposal, instance=name, actor=app.actor)
        found = await who_takes_up(app, name, [proposal.group.slug])
    _tell(call, name, proposal, done)
    if done.requeued:
        say_taken_up(call, found)


async def _asking(app: "App", name: str) -> "Asking":
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


def _show(call: Call, proposal: "Proposal") -> None:
    if call.json:
        return
    if proposal.other_group:
        call.out.warn(f'the link of "{clean(proposal.group.name)}" opens ANOTHER GROUP than the stored one.')
    members = None if proposal.members is None else plural(proposal.members, "member")
    call.out.answer(f"expected so far: {_described(proposal.before)}")
    call.out.answer(f"the link opens:  {_described(proposal.after, members)}")


def _described(expected: "Expected", *more: str | None) -> str:
    """Whole, and with what no screen shows spelt out: the two are to be compared by eye."""
    subject = f'"{spelt(expected.subject)}"' if expected.subject else None
    owner = f"owner {expected.owner}" if expected.owner else None
    return clean(", ".join(part for part in (subject, expected.jid, owner, *more) if part))


def _tell(call: Call, instance: str, proposal: "Proposal", done: "Accepted") -> None:
    group = proposal.group
    if call.json:
        call.out.answer_json(
            {
                "instance": instance,
                "group": group.name,
                "slug": group.slug,
                "changed": done.changed,
                "requeued": done.requeued,
                "before": _fields(proposal.before),
                "after": _fields(proposal.after),
            }
        )
        return
    said = "accepted as it is now" if proposal.before != proposal.after else "opens what is expected of it"
    back = f"; {plural(done.requeued, 'membership')} back in line" if done.requeued else ""
    call.out.answer(f'"{clean(group.name)}": {said}{back}.')


def _fields(expected: "Expected") -> dict[str, Any]:
    return {
        "jid": expected.jid,
        "subject": clean(expected.subject) if expected.subject else None,
        "owner": expected.owner,
    }

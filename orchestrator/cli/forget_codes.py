"""`rejoin db forget-codes`."""

from typing import Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.next_step import say_next
from orchestrator.cli.prompt import confirm
from orchestrator.cli.render import clean, plural
from orchestrator.domain.commands import Command, Operation


async def forget_codes(
    *,
    yes: Annotated[bool, flag("yes", "Do not ask.", short="-y")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """For when the key file is lost: forgets the stored invite codes, so that they can be imported again.

    Groups, memberships and history stay. A key file that is missing or damaged is replaced by a new one;
    a damaged one is kept beside it. Groups still to be joined are code_missing until they have a new code.

    Examples:
      rejoin db forget-codes
      rejoin db forget-codes --yes
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations import forgetting  # noqa: PLC0415

    settings = call.settings()
    key_file = settings.database.key_file
    async with open_app(settings) as app:
        if not yes:
            stored = await forgetting.stored_codes(app.database, key_file)
            still = f"; the key file still opens {stored.readable:,} of them" if stored.readable else ""
            confirm(
                call,
                f"{plural(stored.count, 'invite code')} will be forgotten for good{still}. Go on?",
                yes=yes,
            )
        done = await forgetting.forget_codes(app.database, key_file, actor=app.actor)
    if call.json:
        call.out.answer_json(
            {
                "codes": done.codes,
                "memberships": done.memberships,
                "key": done.key_id,
                "damaged_key_file": str(done.aside) if done.aside else None,
            }
        )
        return
    call.out.answer(
        f"{plural(done.codes, 'code')} forgotten;"
        f" {plural(done.memberships, 'membership')} now without one (code_missing)."
    )
    if done.aside is not None:
        call.out.say(f"The damaged key file is now {clean(done.aside)}.")
    call.out.say("The codes come back with their list:")
    say_next(call, Command(Operation.IMPORT))
    call.out.say(f"Keep a copy of {clean(key_file)} elsewhere.")

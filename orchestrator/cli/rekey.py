"""`rejoin db rekey`."""

from typing import Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.prompt import confirm
from orchestrator.cli.render import clean, plural


async def rekey(
    *,
    keep_old: Annotated[
        bool, flag("keep-old", "Leave the old key in the key file, so that it still opens earlier backups.")
    ] = False,
    yes: Annotated[bool, flag("yes", "Do not ask.", short="-y")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Encrypts every invite code with a new key. If it is cut off, nothing is lost; a further call ends it.

    Examples:
      rejoin db rekey --yes
      rejoin db rekey --keep-old
    """
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.operations import rekey as service  # noqa: PLC0415

    settings = call.settings()
    if not keep_old:
        confirm(call, "Backups that were made before cannot be read with the new key file. Go on?", yes=yes)
    async with open_app(settings) as app:
        done = await service.rekey(app.database, app.key_ring(), actor=app.actor, keep_old=keep_old)
    if call.json:
        call.out.answer_json({"key": done.key_id, "codes": done.codes, "dropped": list(done.dropped)})
    else:
        call.out.answer(f"{plural(done.codes, 'code')} encrypted with the new key {done.key_id}.")
        call.out.say(f"Keep a copy of {clean(settings.database.key_file)} elsewhere.")

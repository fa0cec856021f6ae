"""`rejoin config`: check it, show it."""

from typing import Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.next_step import say_next
from orchestrator.cli.render import clean, plural
from orchestrator.domain.commands import Command, Operation


def validate(*, call: Call = NOTHING_SAID) -> None:
    """Reads the file, the environment and the secret files, and reports every mistake with its line.

    Offline: nothing is sent anywhere. Exit code 78 when something is wrong.

    Examples:
      rejoin config validate
      rejoin config validate -c /etc/rejoin/rejoin.toml --json
    """
    settings = call.settings()
    file = settings.source.file
    if call.json:
        warnings = [clean(warning) for warning in settings.warnings]
        call.out.answer_json({"valid": True, "file": file, "warnings": warnings})
        return
    primaries, backups = len(settings.primaries), len(settings.backups)
    call.out.answer(
        f"{clean(file)} is valid: {plural(primaries, 'primary', 'primaries')}, {plural(backups, 'backup')}."
    )
    say_next(call, Command(Operation.DOCTOR) if settings.backups else None)


def show(
    *,
    origin: Annotated[bool, flag("origin", "Say where each value came from.")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Every value in effect, secrets masked.

    Examples:
      rejoin config show
      rejoin config show --origin
    """
    from orchestrator.config import effective  # noqa: PLC0415 - brings pydantic

    listed = effective(call.settings())
    if call.json:
        call.out.answer_json([{"key": one.key, "value": one.value, "origin": one.origin} for one in listed])
        return
    rows = [[clean(one.key), _shown(one.value), clean(one.origin)] for one in listed]
    if origin:
        call.out.table(rows, "KEY", "VALUE", "FROM")
    else:
        call.out.table([row[:2] for row in rows], "KEY", "VALUE")


def _shown(value: object) -> str:
    from orchestrator.cli.render import as_json  # noqa: PLC0415

    return as_json(value, indent=None)

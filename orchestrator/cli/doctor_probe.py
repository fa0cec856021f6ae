"""`rejoin doctor --probe GROUP`: which form this gateway understands, and the lines for the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.render import clean
from orchestrator.domain.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.cli.call import Call
    from orchestrator.config import Settings
    from orchestrator.doctor.settling import Settled, Tried

_LEFT = (
    "Where the POST of a join carries the code cannot be found out without joining. "
    'If joins answer that the code is missing, set code_in = "query".'
)


async def probe(call: Call, settings: Settings, group: str, to: str | None) -> int:
    """Exit code 0 when a form works, 4 when none takes the token, 5 out of reach or throttled, else 1."""
    from orchestrator.account.instance_choice import choose_instance  # noqa: PLC0415
    from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.doctor.settling import settle  # noqa: PLC0415

    async with open_app(settings) as app:
        backups = [one.name for one in settings.backups]
        instance = settings.instance(to or await choose_instance(app.database, None, backups))
        forms = app.forms(instance)
        if not forms:
            raise ConfigurationError(f"{instance.name}: {instance.gateway} has one form only")
        name, code = await _code_of(app, group)
        call.out.say(
            f"Asking {instance.name} about {clean(name)}, in one form after the other. Nothing is joined."
        )
        found = await settle(
            forms,
            code,
            clock=app.clock,
            gap=settings.pacing.probe_gap,
            tell=lambda tried: None if call.json else call.out.answer(_line(call, tried)),
        )
    if call.json:
        call.out.answer_json({"instance": instance.name, "group": name, **_as_json(found)})
    else:
        _tell(call, found, instance.name, has_table=instance.has_options)
    return 0 if found.error is None else found.error.exit_code


async def _code_of(app: App, reference: str) -> tuple[str, str]:
    """The group's name and its current invite code in clear. Raises NotFoundError and ConfigurationError."""
    from orchestrator.catalogue.lookup import resolve  # noqa: PLC0415
    from orchestrator.store import codes  # noqa: PLC0415

    cipher = await app.cipher()
    async with app.database.read() as connection:
        group = await resolve(connection, reference)
        code = (await codes.current(connection, [group.id])).get(group.id)
    if code is None:
        raise NotFoundError(f"{group.name} has no invite code", hint="rejoin groups set-code stores one")
    return group.name, cipher.decrypt(code.ciphertext, code.key_id)


def _line(call: Call, tried: Tried) -> str:
    from orchestrator.doctor.settling import written  # noqa: PLC0415

    word = call.out.style("refused", "yellow") if tried.refused else call.out.style("works  ", "green")
    what = "POST of the session's state" if tried.call == "session" else "GET"
    said = f": {clean(tried.answer.text)}" if tried.answer.text else ""
    return f"{word}  {what} with {', '.join(written(tried.form.settings))}{said}"


def _tell(call: Call, found: Settled, instance: str, *, has_table: bool) -> None:
    if found.error is not None:
        call.out.answer(f"\nNot settled: {clean(found.error.message)}.")
        if found.error.hint:
            call.out.answer(f"  {clean(found.error.hint)}")
        return
    if found.preview is not None:
        shown = found.preview.subject or found.preview.jid or "a group"
        call.out.answer(f"\nIt shows {clean(shown)}.")
    if found.note:
        call.out.answer(f"\n{clean(found.note)}")
    if found.lines:
        table, *keys = found.lines
        if has_table:  # TOML takes a table once, and a key once in it
            call.out.answer(f"\nSet this in the {table} table of {instance}, in place of what it has:\n")
        else:
            call.out.answer(f"\nPut this below the [[instances]] table of {instance}:\n\n{table}")
        for line in keys:
            call.out.answer(line)
    else:
        call.out.answer("\nThe configuration is right as it is.")
    call.out.say(f"\n{_LEFT}")


def _as_json(found: Settled) -> dict[str, object]:
    error = found.error
    return {
        "ok": error is None,
        "tried": [
            {
                "call": one.call,
                "settings": dict(one.form.settings),
                "works": not one.refused,
                "outcome": one.answer.outcome.value,
                "http_status": one.answer.http_status,
                "sentence": one.answer.text,
            }
            for one in found.tried
        ],
        "settings": None if found.form is None else dict(found.form.settings),
        "changes": found.changes,
        "lines": list(found.lines),
        "shows": None if found.preview is None else found.preview.jid,
        "note": found.note,
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "hint": error.hint},
    }

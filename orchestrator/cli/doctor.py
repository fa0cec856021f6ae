"""`rejoin doctor`: everything that a recovery stands on, looked at online; it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, Call, flag
from orchestrator.cli.formatting import clean, plural
from orchestrator.cli.hooks import address_of
from orchestrator.cli.next_step import next_line, to_paste
from orchestrator.cli.status import configured_schedule
from orchestrator.doctor.probe_forms import Settled, Tried, settle, written
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError, NotFoundError, RejoinError

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.config import InstanceSettings, Settings
    from orchestrator.doctor.findings import DoctorContext, ExaminedAccount, Finding, Hooks, Told
    from orchestrator.status.views import StatusView


_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}
_LEFT = (
    "Where the POST of a join carries the code cannot be found out without joining. "
    'If joins answer that the code is missing, set code_in = "query".'
)


async def doctor(
    *,
    to: Annotated[
        str | None,
        flag("to", "Only this backup and the primaries (else every instance).", metavar="INSTANCE"),
    ] = None,
    probe: Annotated[
        str | None,
        flag("probe", "Find out how this gateway wants to be asked, with a few GETs.", metavar="GROUP"),
    ] = None,
    call: Call = NOTHING_SAID,
) -> int:
    """Gateways, tokens, sessions, clocks, database, key file, codes, allow-list, daemon, webhooks, disk.

    Exit code 0 when a recovery would work (there may be warnings), 4 when a token is refused, 5 when a
    gateway is out of reach, 1 for other failures.

    Examples:
      rejoin doctor
      rejoin doctor --to backup-1 --json
      rejoin doctor --probe suppliers-north
    """
    from orchestrator.bootstrap import open_as_it_is  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.doctor.examining import examine  # noqa: PLC0415
    from orchestrator.doctor.findings import exit_code  # noqa: PLC0415 - brings SQLAlchemy

    settings = call.settings()
    call.start_logs(settings)
    if to is not None:
        to = settings.instance(to).name
    if probe is not None:
        return await find_form(call, settings, probe, to)
    async with open_as_it_is(settings) as (app, fault):
        findings = await examine(context_of(app, fault, to))
        view = None if fault is not None else await _stored(app)
    code = exit_code(findings)
    if call.json:
        call.out.answer_json({"ok": code == 0, "findings": [_finding_json(one) for one in findings]})
    else:
        for one in findings:
            _tell_finding(call, one)
        call.out.answer("\n" + "\n".join(verdict(findings, view, to=to)))
    return code


async def _stored(app: App) -> StatusView | None:
    from orchestrator.status.read import read_status  # noqa: PLC0415
    from orchestrator.store.engine import DriverError  # noqa: PLC0415

    try:
        return await read_status(app.database, app.pace)
    except (DriverError, RejoinError):  # the findings say what is wrong with it
        return None


def context_of(app: App, fault: RejoinError | None, to: str | None = None) -> DoctorContext:
    from orchestrator.account.lease import boot_id  # noqa: PLC0415
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415
    from orchestrator.doctor.findings import DoctorContext  # noqa: PLC0415

    settings = app.settings
    stored = settings.database.sqlite_path or settings.database.key_file
    return DoctorContext(
        database=app.database,
        clock=app.clock,
        settings=recovery_settings(settings),
        accounts=tuple(_account(app, one) for one in settings.instances),
        key_ring=app.key_ring,
        cipher=app.cipher,
        boot_id=boot_id(),
        folder=Path(stored).parent,
        warnings=tuple(str(warning) for warning in settings.warnings),
        to=to,
        schedule=configured_schedule(app),
        told=_told(settings),
        hooks=_hooks(settings),
        listen=settings.web.listen,
        database_error=fault,
    )


def _told(settings: Settings) -> Told:
    from orchestrator.doctor.findings import Told  # noqa: PLC0415
    from orchestrator.receivers import hook_names  # noqa: PLC0415

    names = hook_names(settings)
    signed = [hook.secret.get_secret_value() for hook in settings.notify.webhooks]
    return Told(
        urls=tuple(url.get_secret_value() for url in settings.notify.urls),
        hooks=tuple(names),
        unsigned=tuple(name for name, secret in zip(names, signed, strict=True) if not secret),
    )


def _hooks(settings: Settings) -> Hooks:
    from orchestrator.doctor.findings import Hooks  # noqa: PLC0415 - brings SQLAlchemy

    webhooks = settings.webhooks
    addresses = []
    for one in settings.instances if webhooks.public_url else ():
        with suppress(ConfigurationError):  # told where its gateway is asked
            addresses.append(address_of(settings, one, webhooks.public_url))
    takes = any(secret.get_secret_value() for secret in (webhooks.secret, webhooks.path_secret))
    return Hooks(webhooks.public_url, takes, tuple(addresses))


def _account(app: App, instance: InstanceSettings) -> ExaminedAccount:
    from orchestrator.doctor.findings import ExaminedAccount  # noqa: PLC0415

    return ExaminedAccount(
        instance.name,
        instance.role,
        lambda: app.gateway(instance),
        forms=lambda: app.forms(instance),
        token_at=clean(app.settings.token_at(instance.name)),
    )


def _finding_json(one: Finding) -> dict[str, object]:
    fields = {name: value for name, value in asdict(one).items() if name != "cause"}
    return {**fields, "state": one.state.value}


def _tell_finding(call: Call, one: Finding) -> None:
    word = call.out.style(f"{one.state.value:<7}", _COLOURS[one.state.value])
    of = f"{clean(one.instance)}: " if one.instance else ""
    call.out.answer(f"{word}  \t{of}{one.name}: {clean(one.sentence)}")
    if one.hint:
        call.out.answer(f"         \t{clean(one.hint)}")


def verdict(findings: Sequence[Finding], view: StatusView | None, *, to: str | None = None) -> list[str]:
    """`view`: what is stored, where the database can be read; `to`: the backup that was looked at."""
    from orchestrator.doctor.findings import State  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.next_step import next_step  # noqa: PLC0415 - brings SQLAlchemy

    failed = [one for one in findings if one.state is State.FAILED]
    if failed:
        again = Command(Operation.DOCTOR, instance=to)
        return _would_not_work(failed, len(findings), again)
    warnings = sum(one.state is State.WARNING for one in findings)
    besides = f"; {plural(warnings, 'warning')}" if warnings else ""
    command = None if view is None else _resume(findings, view) or next_step(view)
    return [f"A recovery would work{besides}.", *([next_line(command)] if command else [])]


def _would_not_work(failed: Sequence[Finding], looked_at: int, again: Command) -> list[str]:
    first = failed[0]
    of = f"{clean(first.instance)}: " if first.instance else ""
    said = [f"A recovery would not work: {len(failed)} of {looked_at} checks failed."]
    said.append(f"Mend first: \t{of}{first.name}: {clean(first.sentence)}")
    if first.hint.startswith("rejoin "):
        return [*said, next_line(first.hint)]
    mend = f"{clean(first.hint)}; then: " if first.hint else ""
    return [*said, f"Next: {mend}{to_paste(again)}"]


def _resume(findings: Sequence[Finding], view: StatusView) -> Command | None:
    """An account that works again, and that only a person's word sets going."""
    from orchestrator.doctor.findings import State  # noqa: PLC0415 - brings SQLAlchemy

    works = {one.instance for one in findings if one.name == "session" and one.state is State.OK}
    for one in view.instances:
        if one.name in works and one.pause is not None and one.pause.until is None:
            return Command(Operation.RESUME, instance=one.name)
    return None


async def find_form(call: Call, settings: Settings, group: str, to: str | None) -> int:
    """Exit code 0 when a form works, 4 when none takes the token, 5 out of reach or throttled, else 1."""
    from orchestrator.account.accounts import choose_instance  # noqa: PLC0415

    async with call.open_app(settings) as app:
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
        call.out.answer_json({"instance": instance.name, "group": name, **_probe_json(found)})
    else:
        _tell_settled(call, found, instance.name, has_table=instance.has_options)
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
    word = call.out.style("refused", "yellow") if tried.refused else call.out.style("works  ", "green")
    what = "POST of the session's state" if tried.call == "session" else "GET"
    said = f": {clean(tried.answer.text)}" if tried.answer.text else ""
    return f"{word}  {what} with {', '.join(written(tried.form.settings))}{said}"


def _tell_settled(call: Call, found: Settled, instance: str, *, has_table: bool) -> None:
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


def _probe_json(found: Settled) -> dict[str, object]:
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

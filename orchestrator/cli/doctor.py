"""`rejoin doctor`: everything that a recovery stands on, looked at online; it changes nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.render import clean
from orchestrator.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrator.account.installing import HookAddress
    from orchestrator.bootstrap import App
    from orchestrator.config import InstanceSettings, Settings
    from orchestrator.doctor.doctor_context import DoctorContext, ExaminedAccount
    from orchestrator.doctor.finding import Finding
    from orchestrator.doctor.hook_checks import Hooks
    from orchestrator.doctor.notify_checks import Told
    from orchestrator.domain.errors import RejoinError
    from orchestrator.status.views import StatusView

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}


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
    from orchestrator.cli.doctor_verdict import verdict  # noqa: PLC0415
    from orchestrator.doctor.examining import examine  # noqa: PLC0415
    from orchestrator.doctor.finding import exit_code  # noqa: PLC0415

    settings = call.settings()
    call.start_logs(settings)
    if to is not None:
        to = settings.instance(to).name
    if probe is not None:
        from orchestrator.cli.doctor_probe import probe as find_form  # noqa: PLC0415

        return await find_form(call, settings, probe, to)
    async with open_as_it_is(settings) as (app, fault):
        findings = await examine(context_of(app, fault, to))
        view = None if fault is not None else await _stored(app)
    code = exit_code(findings)
    if call.json:
        call.out.answer_json({"ok": code == 0, "findings": [_as_json(one) for one in findings]})
    else:
        for one in findings:
            _tell(call, one)
        call.out.answer("\n" + "\n".join(verdict(findings, view, to=to)))
    return code


async def _stored(app: "App") -> "StatusView | None":
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from orchestrator.domain.errors import RejoinError  # noqa: PLC0415
    from orchestrator.status.read import read_status  # noqa: PLC0415

    try:
        return await read_status(app.database, app.pace)
    except (DBAPIError, RejoinError):  # the findings say what is wrong with it
        return None


def context_of(app: "App", fault: "RejoinError | None", to: str | None = None) -> "DoctorContext":
    from orchestrator.account.lease import boot_id  # noqa: PLC0415
    from orchestrator.assembly import recovery_settings  # noqa: PLC0415
    from orchestrator.cli.status import configured_schedule  # noqa: PLC0415
    from orchestrator.doctor.doctor_context import DoctorContext  # noqa: PLC0415

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


def _told(settings: "Settings") -> "Told":
    from orchestrator.doctor.notify_checks import Told  # noqa: PLC0415
    from orchestrator.receivers import hook_names  # noqa: PLC0415

    names = hook_names(settings)
    signed = [hook.secret.get_secret_value() for hook in settings.notify.webhooks]
    return Told(
        urls=tuple(url.get_secret_value() for url in settings.notify.urls),
        hooks=tuple(names),
        unsigned=tuple(name for name, secret in zip(names, signed, strict=True) if not secret),
    )


def _hooks(settings: "Settings") -> "Hooks":
    from orchestrator.doctor.hook_checks import Hooks  # noqa: PLC0415

    secret, path_secret = (
        one.get_secret_value() for one in (settings.webhooks.secret, settings.webhooks.path_secret)
    )
    url = settings.webhooks.public_url
    found = [_address(url, one, path_secret, secret) for one in settings.instances] if url else []
    return Hooks(url, bool(secret or path_secret), tuple(one for one in found if one is not None))


def _address(url: str, instance: "InstanceSettings", path_secret: str, secret: str) -> "HookAddress | None":
    from orchestrator.account.installing import HookAddress  # noqa: PLC0415
    from orchestrator.bootstrap import vendor_of  # noqa: PLC0415

    try:
        events = vendor_of(instance).events
    except ConfigurationError:  # told where its gateway is asked
        return None
    return HookAddress(url, instance.name, path_secret, secret, events)


def _account(app: "App", instance: "InstanceSettings") -> "ExaminedAccount":
    from orchestrator.doctor.doctor_context import ExaminedAccount  # noqa: PLC0415

    return ExaminedAccount(
        instance.name,
        instance.role,
        lambda: app.gateway(instance),
        forms=lambda: app.forms(instance),
        token_at=clean(app.settings.token_at(instance.name)),
    )


def _as_json(one: "Finding") -> dict[str, object]:
    fields = {name: value for name, value in asdict(one).items() if name != "cause"}
    return {**fields, "state": one.state.value}


def _tell(call: Call, one: "Finding") -> None:
    word = call.out.style(f"{one.state.value:<7}", _COLOURS[one.state.value])
    of = f"{clean(one.instance)}: " if one.instance else ""
    call.out.answer(f"{word}  \t{of}{one.name}: {clean(one.sentence)}")
    if one.hint:
        call.out.answer(f"         \t{clean(one.hint)}")

"""`rejoin diagnostics`: a bundle for a bug report, without secrets and without the names of your groups."""

from __future__ import annotations

import io
import json
import os
import platform
import re
import sys
import time
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orchestrator
from orchestrator.cli.call import NOTHING_SAID, Call, flag
from orchestrator.cli.doctor import context_of
from orchestrator.cli.formatting import clean
from orchestrator.cli.status import read_view
from orchestrator.domain.errors import RejoinError, UsageError
from orchestrator.redact import scrub

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.config import Settings


_LINES = 500
_PACKAGES = (
    "aiohttp",
    "aiosqlite",
    "alembic",
    "asyncpg",
    "cryptography",
    "cyclopts",
    "sqlalchemy",
    "structlog",
)
# Texts of others that a journal line may hold; what is left are our own words, numbers and times.
_FOREIGN = frozenset({"detail", "text", "because", "subject", "word", "greeting_text", "source", "why"})
_DIGITS = re.compile(r"\d{7,}")
_WORD = re.compile(r"[^\s,();:\"]+")
_ADDRESS = re.compile(r"(?<![^\s\"/@])[^\s\"/@]++@[^\s\"/@]++")  # JIDs, and people at their hosts
_QUOTED = re.compile(r'"[^"]*"')


async def diagnostics(
    *,
    output: Annotated[
        Path | None,
        flag("output", "Where to (else rejoin-diagnostics-TIME.zip).", short="-o", metavar="FILE"),
    ] = None,
    offline: Annotated[bool, flag("offline", "Without the doctor's calls to the gateways.")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Version, configuration (secrets masked), schema, counts, end of the journal, the doctor's findings.

    Group names, subjects, JIDs, phone numbers and invite codes are left out or replaced. Look at it
    before you send it: it is a zip of small text files.

    Examples:
      rejoin diagnostics
      rejoin diagnostics -o bug.zip --offline
    """
    from orchestrator.config import ConfigError, load  # noqa: PLC0415 - brings pydantic

    parts: dict[str, Any] = {"version.json": _versions()}
    try:
        settings = load(call.config, os.environ)
    except ConfigError as error:
        parts["configuration.json"] = {"problems": [_scrub(str(problem)) for problem in error.problems]}
    else:
        parts |= await _of_installation(settings, offline=offline)
    file = output or Path(time.strftime("rejoin-diagnostics-%Y%m%dT%H%M%SZ.zip", time.gmtime()))
    _write(file, parts)
    found = {"file": str(file), "parts": list(parts)}
    call.out.answer_either(found, f"{clean(file)}: {', '.join(parts)}", "Look at it before you send it.")


def _versions() -> dict[str, Any]:
    return {
        "rejoin": orchestrator.__version__,
        "python": sys.version,
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


async def _of_installation(settings: Settings, *, offline: bool) -> dict[str, Any]:
    from orchestrator.bootstrap import open_as_it_is  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.config import effective  # noqa: PLC0415

    parts: dict[str, Any] = {
        "configuration.json": [
            {"key": one.key, "value": _scrub_all(one.value), "origin": _scrub(one.origin)}
            for one in effective(settings)
        ]
    }
    async with open_as_it_is(settings) as (app, fault):
        parts["database.json"] = await _database(app, fault)
        if fault is None and parts["database.json"].get("schema") == "up_to_date":
            parts["status.json"] = await _status(app)
            parts["journal.jsonl"] = await _journal(app)
        if not offline:
            parts["doctor.json"] = await _doctor(app, fault)
    return parts


async def _database(app: App, fault: RejoinError | None) -> dict[str, Any]:
    from orchestrator.store import schema  # noqa: PLC0415

    about = {"dialect": app.database.dialect, "newest": schema.head()}
    if fault is not None:
        return {**about, "fault": _scrub(fault.message)}
    state, revision = await schema.check(app.database), await schema.current(app.database)
    return {**about, "schema": state.value, "revision": revision}


async def _status(app: App) -> dict[str, Any]:
    """The numbers of the status; the groups in it only by kind."""
    from orchestrator.status.as_json import to_json  # noqa: PLC0415 - brings SQLAlchemy

    found = to_json(await read_view(app))
    kept = {name: value for name, value in found.items() if name not in ("needs_you", "last_join")}
    kinds = [{"status": one["status"], "reason": one["reason"]} for one in found["needs_you"]]
    return {name: _scrub_all(value) for name, value in kept.items()} | {"needs_you": kinds}


async def _journal(app: App) -> list[dict[str, Any]]:
    from orchestrator.status.as_json import journal_json  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.status.past import read_journal  # noqa: PLC0415

    lines = await read_journal(app.database, limit=_LINES)
    return [_anonymous(journal_json(line), line.group_id) for line in lines]


def _anonymous(line: dict[str, Any], group_id: int | None) -> dict[str, Any]:
    data = {
        name: "[left out]" if name in _FOREIGN else _scrub_all(value) for name, value in line["data"].items()
    }
    name = None if group_id is None else f"group-{group_id}"
    actor = str(line["actor"]).split("@", 1)[0]
    return line | {
        "group": name,
        "slug": name,
        "actor": "a person" if "@" in line["actor"] else actor,
        "data": data,
    }


async def _doctor(app: App, fault: RejoinError | None) -> list[dict[str, Any]]:
    from orchestrator.doctor.examining import examine  # noqa: PLC0415

    findings = await examine(context_of(app, fault))
    slugs = await _slugs(app) if fault is None else set()
    return [
        {
            "name": one.name,
            "state": one.state.value,
            "instance": one.instance,
            "sentence": _scrub(_WORD.sub(lambda m: "[group]" if m[0] in slugs else m[0], one.sentence)),
        }
        for one in findings
    ]


async def _slugs(app: App) -> set[str]:
    from orchestrator.store import groups  # noqa: PLC0415
    from orchestrator.store.engine import DriverError  # noqa: PLC0415

    try:
        async with app.database.read(long=True) as connection:
            return await groups.all_slugs(connection)
    except DriverError:  # no schema: then no sentence names a group either
        return set()


def _scrub_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _scrub_all(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_scrub_all(item) for item in value]
    return _scrub(value) if isinstance(value, str) else value


def _scrub(text: str) -> str:
    """No tokens, no codes, no JIDs and phone numbers: long runs of digits go; names in quotes go too."""
    plain = _ADDRESS.sub("[address]", _QUOTED.sub('"[left out]"', scrub(text)))
    return _DIGITS.sub("[digits]", plain)


def _write(file: Path, parts: dict[str, Any]) -> None:
    """For its owner alone, and never over another file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, value in parts.items():
            bundle.writestr(name, _text(name, value))
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{file} is there already; it is not overwritten.") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as out:
        out.write(packed.getvalue())


def _text(name: str, value: Any) -> str:
    if name.endswith(".jsonl"):
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in value)
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"

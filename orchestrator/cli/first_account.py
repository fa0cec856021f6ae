"""A configuration for one backup account, from what a person types or a script gives; for `rejoin rescue`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import config_file
from orchestrator.cli.init import template, write_once
from orchestrator.cli.prompt import ask, read_secret
from orchestrator.domain.errors import UsageError
from orchestrator.private_files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.cli.call import Call
    from orchestrator.config import Settings

NAME = "backup-1"
WAWP = "https://api.wawp.net"
NOT_KEPT = "nothing of it was kept: the same command asks for it anew"
TOKEN_VARIABLE = "REJOIN_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
_INSTANCE = """
[[instances]]
name = {name}
role = "backup"
gateway = "wawp"
base_url = {base_url}
instance_id = {instance_id}
access_token_file = {token_file}
"""


@dataclass(frozen=True, slots=True)
class Given:
    """What the line or the environment says of the account; what is missing is asked for."""

    base_url: str | None
    instance_id: str | None
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class Account:
    base_url: str
    instance_id: str
    token: str


def ensure(call: Call, given: Given) -> tuple[Settings, Callable[[], None] | None]:
    """The configuration with a backup in it; where that was made or completed, with what undoes it.

    Raises UsageError and ConfigError; then nothing is left behind.
    """
    from orchestrator.config import ConfigError, load  # noqa: PLC0415 - brings pydantic

    found = config_file.named(call.config, os.environ) or config_file.existing(os.environ)
    if found is not None and found.exists():
        settings = call.settings()
        if settings.backups:
            return settings, None
    config = found or config_file.to_make(call.config, os.environ)
    files = (config, config.parent / "secrets" / f"{NAME}.token")
    before = {file: file.read_text(encoding="utf-8") if file.exists() else None for file in files}
    account = _account(call, given)
    try:
        _write(config, before[config], account)
        return load(config, os.environ), lambda: _undo(before)
    except ConfigError as error:
        _undo(before)
        error.hint = NOT_KEPT
        raise
    except BaseException:
        _undo(before)
        raise


def _undo(before: dict[Path, str | None]) -> None:
    """What cannot be used is asked for anew the next time, and no token that was typed stays behind."""
    for file, text in before.items():
        if text is None:
            file.unlink(missing_ok=True)
        else:
            _replace(file, text)


def _account(call: Call, given: Given) -> Account:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if given.token_file is not None:
        token = _read(given.token_file)
    if not call.may_ask:
        missing = ["--instance-id"] if not given.instance_id else []
        missing += [] if token else [f"--token-file (or {TOKEN_VARIABLE})"]
        if missing:
            raise UsageError(f"There is no configuration, and nobody to ask. Give {' and '.join(missing)}.")
    else:
        call.out.say("The account that gets back into the groups, as the gateway shows it:")
    return Account(
        given.base_url or (ask(call, "Gateway's address", default=WAWP) if call.may_ask else WAWP),
        given.instance_id or ask(call, "Instance id"),
        token or read_secret(call, "Access token (not shown):"),
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "is not text in UTF-8"
        raise UsageError(f"{file}: cannot be read: {said}") from None


def _write(config: Path, before: str | None, account: Account) -> None:
    secrets = config.parent / "secrets"
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(secrets / f"{NAME}.token", account.token + "\n")
    table = _INSTANCE.format(
        name=_toml(NAME),
        base_url=_toml(account.base_url),
        instance_id=_toml(account.instance_id),
        token_file=_toml(f"secrets/{NAME}.token"),
    )
    if before is None:
        write_once(config, template() + table)
    else:
        _replace(config, before + table)


def _replace(file: Path, text: str) -> None:
    with replacing(file) as opened:
        opened.write(text)


def _toml(text: str) -> str:
    """A TOML basic string; JSON writes the same for what a person can type on a line."""
    return json.dumps(text, ensure_ascii=False)

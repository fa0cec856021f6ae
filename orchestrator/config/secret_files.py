"""Secrets from files of their own: `access_token_file` in place of `access_token`, and so for each secret."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.models import Settings
from orchestrator.config.origins import KeyPath, Origin
from orchestrator.config.schema import Key, Kind, keys_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from orchestrator.config.draft import Draft

LARGEST_SECRET = 64 * 1024
# Container engines mount secrets with mode 0444, systemd with an ACL that looks like 0440, in places that
# only the container or the service sees.
_HANDED_OVER = (Path("/run/secrets"), Path("/run/credentials"))


class _UnreadableError(Exception):
    """A secret's file cannot be used; the text says why and never what it holds."""


def read_secret_files(draft: Draft) -> None:
    _read_table(draft, (), Settings)


def _read_table(draft: Draft, path: KeyPath, model: type[BaseModel]) -> None:
    table = draft.raw(path)
    if not isinstance(table, dict):
        return
    for key in keys_of(model).values():
        below: KeyPath = (*path, key.name)
        if key.secret and f"{key.name}_file" in table:
            _take(draft, below, key)
        elif key.kind is Kind.TABLE and key.model:
            _read_table(draft, below, key.model)
        elif key.kind is Kind.TABLES and key.model and isinstance(table.get(key.name), list):
            for index in range(len(table[key.name])):
                _read_table(draft, (*below, index), key.model)


def _take(draft: Draft, path: KeyPath, key: Key) -> None:
    """Replace `x_file` by `x`. An empty name means none."""
    table: dict[str, Any] = draft.at(path[:-1])
    file_path: KeyPath = (*path[:-1], f"{key.name}_file")
    name = table.pop(f"{key.name}_file")
    if name == "":
        return
    if not isinstance(name, str):
        draft.complain(file_path, "must be the path of a file, in quotes")
    elif table.get(key.name):
        draft.complain(file_path, f"{key.name} is given as well: keep one of the two")
    else:
        _put(draft, path, key=key, name=name)
        return
    draft.refused.add(path)


def _put(draft: Draft, path: KeyPath, *, key: Key, name: str) -> None:
    file_path: KeyPath = (*path[:-1], f"{key.name}_file")
    try:
        secret = _content(draft.folder / name)
    except _UnreadableError as error:
        # The name itself is not shown: a token put there by mistake would be.
        draft.complain(file_path, f"the file it names {error} (paths are relative to {draft.folder})")
        draft.refused.add(path)
        return
    _warn_if_open(draft, file_path, draft.folder / name)
    said = draft.origin(file_path)
    value = [line for line in secret.splitlines() if line.strip()] if key.kind is Kind.LIST else secret
    draft.put(path, value, Origin(said.line, said.variable, secret_file=name))


def _content(file: Path) -> str:
    """Without one trailing line break. Raises _UnreadableError."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_SECRET + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _UnreadableError("is not UTF-8 text") from None
    except OSError as error:
        raise _UnreadableError(
            f"cannot be read ({(error.strerror or 'input/output error').lower()})"
        ) from None
    except ValueError:
        raise _UnreadableError("is not the name of a file") from None
    if len(raw) > LARGEST_SECRET:
        raise _UnreadableError("is too large for a secret")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise _UnreadableError("is empty")
    return text


def _warn_if_open(draft: Draft, path: KeyPath, file: Path) -> None:
    if not any(file.absolute().is_relative_to(place) for place in _HANDED_OVER):
        warn_if_readable(draft, path, file)


def warn_if_readable(draft: Draft, path: KeyPath, file: Path) -> None:
    """Group or others may read it: a warning, since some set-ups mean it so."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o044:
        draft.warn(path, f"other users of this machine can read {file.name} (mode {mode:04o}): chmod 600 it")

"""The key file: a ring of keys, each with an id. Losing it loses the stored invite codes, and only them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.strict_json import InvalidJsonError, parse_json

WHEN_LOST = f"if it is lost: {Operation.FORGET_CODES}, then import the invite codes again"
_WHEN_BROKEN = WHEN_LOST.replace("lost:", "lost: move it away,")
_FORM = 1
_KEY_BYTES = 32
_MODE = 0o600


class LostKeyFileError(ConfigurationError):
    """The key file is not there, or is none: only a new one can take its place."""


class KeyRing:
    """The keys of one key file, oldest first. `add` and `drop` change the file in one atomic step."""

    def __init__(self, path: Path, keys: dict[str, bytes]) -> None:
        self.path = path
        self._keys = keys

    def __repr__(self) -> str:
        return f"KeyRing({str(self.path)!r}, ids={list(self._keys)!r})"

    @classmethod
    def create(cls, path: Path) -> KeyRing:
        """A new file with one key, mode 0600. Raise ConfigurationError if there is one already."""
        keys = {_new_id(): secrets.token_bytes(_KEY_BYTES)}
        temporary = _write_beside(path, keys)
        try:
            os.link(temporary, path)  # unlike a rename, this fails if the name is taken
        except FileExistsError:
            raise ConfigurationError(
                f"{path}: there is a key file already; it is never overwritten"
            ) from None
        finally:
            temporary.unlink()
        _sync_directory(path.parent)
        return cls(path, keys)

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Raise ConfigurationError if it is missing, damaged, or readable for others."""
        return cls(path, _read(path))

    @classmethod
    def replace_lost(cls, path: Path) -> tuple[KeyRing, Path | None]:
        """The key file; a new one where there is none that can be used, and where the damaged one is now.

        Raise ConfigurationError if it may be sound, and only cannot be read.
        """
        try:
            return cls.load(path), None
        except LostKeyFileError:
            aside = _put_aside(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        return cls.create(path), aside

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    @property
    def newest(self) -> str:
        return self.ids[-1]

    def key(self, key_id: str) -> bytes:
        """The key by its id. Another process may have added it: the file is read again before giving up."""
        if key_id not in self._keys:
            self.reload()
        if key_id not in self._keys:
            raise ConfigurationError(
                f"{self.path}: this key file does not hold the key {key_id} that the database uses",
                hint=f"set database.key_file to the key file that belongs to this database; {WHEN_LOST}",
            )
        return self._keys[key_id]

    def reload(self) -> None:
        self._keys = _read(self.path)

    def add(self) -> str:
        """A further key, on disk when this returns; its id. The caller keeps others from writing the file."""
        self.reload()
        new = _new_id()
        self._replace({**self._keys, new: secrets.token_bytes(_KEY_BYTES)})
        return new

    def drop(self, key_id: str) -> None:
        """Forget a key for good; nothing if it is not there. The last one cannot be dropped."""
        self.reload()
        rest = {known: key for known, key in self._keys.items() if known != key_id}
        if not rest:
            raise ConfigurationError(f"{self.path}: the last key of a key file cannot be dropped")
        if len(rest) < len(self._keys):
            self._replace(rest)

    def _replace(self, keys: dict[str, bytes]) -> None:
        path = self.path.resolve()  # a link stays a link
        temporary = _write_beside(path, keys)
        try:
            temporary.replace(path)
        except OSError as error:
            temporary.unlink()
            raise _unwritable(path, error) from error
        _sync_directory(path.parent)
        self._keys = keys


def _new_id() -> str:
    return f"k{secrets.token_hex(4)}"


def _read(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            _refuse_open_modes(path, os.fstat(file.fileno()).st_mode)
            return _parse(path, file.read())
    except FileNotFoundError:
        raise LostKeyFileError(
            f"{path}: there is no key file", hint=f"restore it from your backup; {WHEN_LOST}"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the key file cannot be read: {error.strerror}",
            hint=f"database.key_file must name a file of the user who runs rejoin; {_WHEN_BROKEN}",
        ) from error


def _refuse_open_modes(path: Path, mode: int) -> None:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"{path}: the key file is open to other users (mode {stat.S_IMODE(mode):04o})",
            hint=f"run: chmod 600 {path}",
        )


def _parse(path: Path, content: bytes) -> dict[str, bytes]:
    # No cause is kept: a parser's error may quote the content.
    try:
        document: Any = parse_json(content)
    except InvalidJsonError:
        raise _damaged(path) from None
    if not isinstance(document, dict) or document.get("rejoin_key_file") != _FORM:
        raise _damaged(path) from None
    entries = document.get("keys")
    if not isinstance(entries, list) or not entries:
        raise _damaged(path) from None
    keys = dict(_parse_entry(path, entry) for entry in entries)
    if len(keys) != len(entries):
        raise _damaged(path) from None
    return keys


def _parse_entry(path: Path, entry: Any) -> tuple[str, bytes]:
    match entry:
        case {"id": str(key_id), "key": str(encoded)} if key_id:
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                raise _damaged(path) from None
            if len(key) == _KEY_BYTES:
                return key_id, key
    raise _damaged(path) from None


def _damaged(path: Path) -> LostKeyFileError:
    return LostKeyFileError(
        f"{path}: this is not a key file of rejoin, or it is damaged",
        hint=f"restore it from your backup; {WHEN_LOST}",
    )


def _put_aside(path: Path) -> Path | None:
    """A damaged file may still be of use to somebody: it gets another name."""
    aside = path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(path, error) from error
    return aside


def _write_beside(path: Path, keys: dict[str, bytes]) -> Path:
    """A synced temporary file in the same directory, mode 0600 from its first moment."""
    entries = [{"id": key_id, "key": base64.b64encode(key).decode()} for key_id, key in keys.items()]
    text = json.dumps({"rejoin_key_file": _FORM, "keys": entries}, indent=2) + "\n"
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    return temporary


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path}: the key file cannot be written: {error.strerror}")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Where the configuration file is. Standard library only: the health check asks this every half minute."""

from __future__ import annotations

import os
from pathlib import Path

TYPE_CHECKING = False  # see stop_signals
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "rejoin.toml"
VARIABLE = "REJOIN_CONFIG"


def places(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where it is looked for, in that order, when nobody names it (XDG Base Directory Specification 0.8)."""
    said, home = Path(environ.get("XDG_CONFIG_HOME") or ""), environ.get("HOME")
    own = [said] if said.is_absolute() else [Path(home) / ".config"] if home else []  # so the specification
    return (Path(NAME), *(folder / "rejoin" / NAME for folder in (*own, Path("/etc"))))


def named(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The one that the call or the variable names."""
    variable = environ.get(VARIABLE)
    return path or (Path(variable) if variable else None)


def existing(environ: Mapping[str, str]) -> Path | None:
    """The first that is there."""
    return next((one for one in places(environ) if os.path.exists(one)), None)  # noqa: PTH110 - it never raises


def find(path: Path | None, environ: Mapping[str, str]) -> Path:
    """The named one, else the first that is there, else the one in this folder."""
    return named(path, environ) or existing(environ) or Path(NAME)


def to_make(path: Path | None, environ: Mapping[str, str]) -> Path:
    """Where `rejoin init` writes a new one: what is in effect elsewhere is no reason to write there."""
    return named(path, environ) or Path(NAME)

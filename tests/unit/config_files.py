"""Configuration files for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.config import ConfigError, Settings, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BACKUP = """\
[[instances]]
name = "backup-1"
role = "backup"
base_url = "https://api.wawp.net"
instance_id = "210987654321"
access_token = "t0k3n-of-backup"
"""


def write(folder: Path, text: str) -> Path:
    """With mode 0600, as `rejoin init` would."""
    file = folder / "rejoin.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def settings(folder: Path, text: str = "", environ: Mapping[str, str] | None = None) -> Settings:
    return load(write(folder, text), environ or {})


def problems(folder: Path, text: str = "", environ: Mapping[str, str] | None = None) -> list[str]:
    """Each problem's line, with the folder cut off."""
    with pytest.raises(ConfigError) as caught:
        settings(folder, text, environ)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    return [line.replace(f"{folder}/", "") for line in lines]

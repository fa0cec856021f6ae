from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import Effective, effective, format_duration, load, parse_duration
from tests.unit.config_files import BACKUP, settings, write

if TYPE_CHECKING:
    from pathlib import Path

IMPORT_COST = """
import time
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic import PlainSerializer, PrivateAttr, SecretStr, Strict
class Warm(BaseModel):
    x: int = Field(default=1)
import ipaddress, json, tomllib, urllib.parse, zoneinfo
start = time.process_time()
import orchestrator.config
print(time.process_time() - start)
"""


def test_each_value_is_shown_with_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.token").write_text("t0k3n")
    (tmp_path / "b.token").chmod(0o600)
    text = BACKUP.replace('access_token = "t0k3n-of-backup"', 'access_token_file = "b.token"')
    write(tmp_path, text + "[pacing]\nprobe_gap = 4\n[web]\ntoken = 'abc-def'\n[notify]\nurls = ['json://x']")
    shown = {
        e.key: e
        for e in effective(
            load(None, {"REJOIN_PACING__JITTER": "0.3", "REJOIN_WEB__TOKEN": "ghi-jkl-0123456789"})
        )
    }

    for expected in [
        Effective("timezone", "UTC", "default"),
        Effective("database.url", f"sqlite:///{tmp_path}/rejoin.db", "default"),
        Effective("instances.backup-1.base_url", "https://api.wawp.net", "rejoin.toml:4"),
        Effective("instances.backup-1.gateway", "wawp", "default"),
        Effective("instances.backup-1.access_token", "********", "file b.token"),
        Effective("instances.backup-1.wawp.auth", "body", "default"),
        Effective("pacing.probe_gap", "4s", "rejoin.toml:8"),
        Effective("pacing.jitter", 0.3, "environment REJOIN_PACING__JITTER"),
        Effective("web.token", "********", "environment REJOIN_WEB__TOKEN"),
        Effective("webhooks.secret", "", "default"),
        Effective("notify.urls", ["********"], "rejoin.toml:12"),
        Effective("notify.webhooks", [], "default"),
        Effective("retry.pauses", ["1h", "6h", "1d"], "default"),
    ]:
        assert shown[expected.key] == expected


def test_what_is_shown_masks_the_database_password_alone(tmp_path: Path) -> None:
    found = settings(tmp_path, "[database]\nurl = 'postgresql://me:pw@db/x'")

    assert effective(found)[1] == Effective(
        "database.url", "postgresql://me:********@db/x", f"{tmp_path}/rejoin.toml:2"
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("10m", 600),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 2 h 5 s ", 7205),
        ("90", 90),
        (0.5, 0.5),
        (3, 3),
    ],
)
def test_durations_are_read_in_every_unit(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1w", "1 2", "1h 30", "1e3", "١s", True, None, [1]])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(text)


@given(st.integers(0, 10**7) | st.integers(0, 10**6).map(lambda n: n / 8))
def test_a_duration_reads_back_as_it_was_written(seconds: float) -> None:
    assert parse_duration(format_duration(float(seconds))) == seconds


def test_a_hundred_instances_load_in_a_tenth_of_a_second(tmp_path: Path) -> None:
    many = "".join(BACKUP.replace("backup-1", f"b{n}").replace("210987654321", str(n)) for n in range(100))
    file = write(tmp_path, many)
    environ = {f"REJOIN_INSTANCES__B{n}__ACCESS_TOKEN": f"tok-{n}" for n in range(100)}
    best = min(_seconds_to_load(file, environ) for _ in range(3))

    assert best < 0.1


def _seconds_to_load(file: Path, environ: dict[str, str]) -> float:
    start = time.process_time()
    assert len(load(file, environ).instances) == 100
    return time.process_time() - start


def test_importing_the_configuration_costs_little_over_pydantic() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", IMPORT_COST], capture_output=True, check=True, text=True)
        for _ in range(3)
    ]

    assert min(float(run.stdout) for run in runs) < 0.12

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.config import effective
from tests.unit.config_files import BACKUP, problems, settings

if TYPE_CHECKING:
    from pathlib import Path

SECOND = BACKUP.replace("backup-1", "b--2.x").replace("210987654321", "55")


def test_a_variable_goes_before_the_file(tmp_path: Path) -> None:
    environ = {
        "REJOIN_PACING__JOINS_PER_MINUTE": "2.5",
        "REJOIN_PACING__DAILY_LIMIT": "40",
        "REJOIN_HTTP__TIMEOUT": "45",
        "REJOIN_GREETING__ENABLED": "off",
        "REJOIN_TIMEZONE": "Europe/Berlin",
        "REJOIN_RETRY__PAUSES": "['2h', \"1d\"]",
        "REJOIN_ALLOW_LIST__OWNERS": '["+49 (151) 234-5678", "00441512345"]',
        "REJOIN_GREETING__DEFAULT": "1",
    }
    found = settings(tmp_path, "[pacing]\njoins_per_minute = 5", environ)

    assert found.pacing.joins_per_minute == 2.5
    assert found.pacing.daily_limit == 40
    assert found.http.timeout == 45.0
    assert found.greeting.enabled is False
    assert found.greeting.default == "1"
    assert found.timezone.key == "Europe/Berlin"
    assert found.retry.pauses == (7200.0, 86400.0)
    assert found.allow_list.owners == ("491512345678", "441512345")


@pytest.mark.parametrize("item", ["BACKUP_1", "0"])
def test_an_instance_goes_by_its_name_or_its_number(tmp_path: Path, item: str) -> None:
    environ = {
        f"REJOIN_INSTANCES__{item}__ACCESS_TOKEN": "other",
        f"REJOIN_INSTANCES__{item}__WAWP__PATHS__GROUP": "/g/{id}",
    }
    found = settings(tmp_path, BACKUP, environ).instance("backup-1")

    assert found.access_token.get_secret_value() == "other"
    assert found.wawp.paths.group == "/g/{id}"
    assert found.wawp.paths.groups == "/v2/groups"


def test_a_name_with_two_dashes_in_a_row_is_still_found(tmp_path: Path) -> None:
    found = settings(tmp_path, BACKUP + SECOND, {"REJOIN_INSTANCES__B__2_X__ACCESS_TOKEN": "other"})

    assert found.instance("b--2.x").access_token.get_secret_value() == "other"
    assert found.instance("backup-1").access_token.get_secret_value() == "t0k3n-of-backup"


def test_instances_can_come_from_the_environment_alone(tmp_path: Path) -> None:
    environ = {
        "REJOIN_INSTANCES__0__NAME": "b",
        "REJOIN_INSTANCES__0__ROLE": "backup",
        "REJOIN_INSTANCES__0__BASE_URL": "http://localhost:1",
        "REJOIN_INSTANCES__0__INSTANCE_ID": "0042",
        "REJOIN_INSTANCES__B__ACCESS_TOKEN": "tok-1",
        "REJOIN_INSTANCES__1": (
            '{name="c", role="primary", base_url="http://localhost:1", instance_id="9", access_token="tok-2"}'
        ),
        "REJOIN_NOTIFY__WEBHOOKS__0__URL": "https://n8n.example.org/x",
    }
    found = settings(tmp_path, "", environ)

    assert [i.name for i in found.instances] == ["b", "c"]
    assert found.instances[0].instance_id == "0042"
    assert found.backups == (found.instances[0],)
    assert found.primaries == (found.instances[1],)
    assert found.notify.webhooks[0].url.get_secret_value() == "https://n8n.example.org/x"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("REJOIN_PACING__JOINS_PER_MINIT", "3", "unknown key. Did you mean JOINS_PER_MINUTE?"),
        ("REJOIN_PACING__JITTER__X", "3", "unknown key"),
        (
            "REJOIN_INSTANCES__BACKUP_9__ROLE",
            "x",
            "instances has no item of that name or number. Did you mean BACKUP_1?",
        ),
        ("REJOIN_INSTANCES__7__ROLE", "x", "instances has no item of that name or number"),
        ("REJOIN_INSTANCES__BACKUP_1__ACCES_TOKEN", "x", "unknown key. Did you mean ACCESS_TOKEN?"),
        ("REJOIN___", "x", "unknown key"),
        ("REJOIN_PACING__DAILY_LIMIT", "", 'must be a whole number (got "")'),
        ("REJOIN_PACING__DAILY_LIMIT", "9" * 5000, "must be a whole number (got Infinity)"),
        ("REJOIN_GREETING__ENABLED", "maybe", 'must be true or false (got "maybe")'),
        ("REJOIN_RETRY__PAUSES", "1h", 'must be a list, such as ["one", "two"]'),
        ("REJOIN_RETRY__PAUSES", '["1h"]\nx = 1', 'must be a list, such as ["one", "two"]'),
        (
            "REJOIN_RETRY__PAUSES",
            '["1h", "x"]',
            'must be a duration such as "60s", "10m", "2h" or "1d" (got "x")',
        ),
        ("REJOIN_INSTANCES__BACKUP_1__ROLE", "spare", 'must be one of primary, backup (got "spare")'),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    assert problems(tmp_path, BACKUP, {variable: value}) == [f"{variable} (environment): {sentence}"]


@pytest.mark.parametrize(
    "text",
    [
        "pacing = 5",
        "pacing = [1]",
        "instances = 5",
        "[instances]\nx = 1",
        "instances = [1]",
        "[pacing.jitter]",
    ],
)
def test_a_variable_over_a_file_of_the_wrong_shape_is_an_error_and_no_crash(
    tmp_path: Path, text: str
) -> None:
    environ = {
        "REJOIN_PACING__JITTER": "0.1",
        "REJOIN_INSTANCES__0__WAWP__AUTH": "body",
        "REJOIN_INSTANCES__0__ACCESS_TOKEN_FILE": "x",
    }

    assert problems(tmp_path, text, environ)


def test_variables_without_two_underscores_and_of_others_are_left_alone(tmp_path: Path) -> None:
    environ = {
        "REJOIN_CONFIG": "/nowhere",
        "REJOIN_LOG_FORMAT": "json",
        "REJOIN_NO_COLOR": "1",
        "OTHER__X": "1",
        "rejoin_pacing__x": "1",
    }

    assert settings(tmp_path, "", environ).warnings == ()


def test_a_variable_with_one_underscore_too_few_is_warned_of(tmp_path: Path) -> None:
    (warning,) = settings(tmp_path, "", {"REJOIN_PACING_JITTER": "0.1"}).warnings

    assert str(warning) == (
        "REJOIN_PACING_JITTER (environment): is not read: write REJOIN_PACING__JITTER, with two underscores"
    )


def test_two_instances_that_share_a_variable_name_go_by_number(tmp_path: Path) -> None:
    text = BACKUP + SECOND.replace("b--2.x", "backup.1")
    token = "INSTANCES__BACKUP_1__ACCESS_TOKEN"

    assert problems(tmp_path, text, {f"REJOIN_{token}": "x"})[0].startswith(
        f"REJOIN_{token} (environment): instances has no item"
    )
    assert (
        settings(tmp_path, text, {"REJOIN_INSTANCES__1__ACCESS_TOKEN": "y"})
        .instances[1]
        .access_token.get_secret_value()
        == "y"
    )


def test_every_key_can_be_set_by_a_variable(tmp_path: Path) -> None:
    text = BACKUP + "[[notify.webhooks]]\nurl = 'https://x.example'"
    shown = {e.key: e for e in effective(settings(tmp_path, text))}
    environ = {}
    for key, entry in shown.items():
        name = "REJOIN_" + key.upper().replace("BACKUP-1", "BACKUP_1").replace(".", "__")
        value = {"database.url": "sqlite:///x.db"}.get(key, entry.value)
        environ[name] = (
            "https://secret.example"
            if value == "********"
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)
        )
    again = effective(settings(tmp_path, text, environ))

    assert {e.key for e in again} == shown.keys()
    assert [e for e in again if not e.origin.startswith("environment REJOIN_")] == []

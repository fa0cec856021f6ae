"""The service files say what exists: sections, commands, flags, exit codes, paths in the documents."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.command_line import build
from orchestrator.cli.command_list import COMMANDS
from orchestrator.cli.exit_codes import EXIT_CODES
from orchestrator.config.environment import PREFIX
from orchestrator.config.models import HttpSettings, Settings
from tests.support.command import PATIENCE

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging" / "systemd"
RUNNING = (ROOT / "docs" / "running.md").read_text()
SERVICES = ("rejoin.service", "rejoin-recover.service")


def unit(name: str) -> dict[str, list[str]]:
    """`Section.Key` to its values in order; every other line must be a comment or empty."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (UNITS / name).read_text().splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif pair := re.fullmatch(r"([A-Za-z]+)=(.*)", line):
            found.setdefault(f"{section}.{pair[1]}", []).append(pair[2])
        else:
            assert not line or line.startswith("#"), line
    return found


def assert_exists(words: list[str]) -> None:
    """A command of Rejoin with its flags."""
    (command,) = [one for one in COMMANDS if list(one.path) == words[: len(one.path)]]
    found = build()
    for name in command.path:
        found = found[name]
    names = {name for one in found.assemble_argument_collection() for name in one.names}
    assert {word for word in words if word.startswith("-")} <= names


@pytest.mark.parametrize("name", SERVICES)
def test_the_services_call_what_exists_with_variables_that_are_read(name: str) -> None:
    found = unit(name)
    program, *words = shlex.split(found["Service.ExecStart"][0])

    assert program == "/opt/rejoin/bin/rejoin"
    assert_exists(words)
    for variable in found["Service.Environment"]:
        key, _, value = variable.partition("=")
        section, *rest = key.removeprefix(PREFIX).split("__")
        assert not rest or section.lower() in Settings.model_fields
        if value.startswith("%d/"):
            credentials = [one.partition(":")[0] for one in found["Service.LoadCredential"]]
            assert value.removeprefix("%d/") in credentials


def test_the_daemon_notifies_is_watched_and_is_not_restarted_in_vain() -> None:
    found = unit("rejoin.service")

    assert found["Service.Type"] == ["notify"]
    assert found["Service.NotifyAccess"] == ["main"]
    assert found["Service.WatchdogSec"] == ["60"]
    assert found["Service.Restart"] == ["on-failure"]
    assert found["Service.ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    codes = {int(code) for code in found["Service.RestartPreventExitStatus"][0].split()}
    assert codes == {2, 4, 7, 78}
    assert codes <= EXIT_CODES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_stop_waits_for_a_join_and_only_the_state_is_written(name: str) -> None:
    found = unit(name)

    assert float(found["Service.TimeoutStopSec"][0]) > HttpSettings().join_timeout
    assert found["Service.DynamicUser"] == ["yes"]
    assert found["Service.StateDirectory"] == ["rejoin"]
    assert found["Service.ProtectSystem"] == ["strict"]
    assert "Service.ProtectProc" not in found  # the lease looks for its holder there


def test_both_services_are_confined_alike() -> None:
    daemon, recover = (unit(name) for name in SERVICES)
    confining = {key for key in daemon if re.match(r"Service\.(Protect|Restrict|Private|System|Cap|No)", key)}

    assert {key: daemon[key] for key in confining - {"Service.NotifyAccess"}} == {
        key: recover[key] for key in confining - {"Service.NotifyAccess"}
    }


def test_the_timer_makes_up_what_was_missed_and_starts_the_one_shot_service() -> None:
    found = unit("rejoin-recover.timer")

    assert found["Timer.Persistent"] == ["true"]
    assert found["Timer.RandomizedDelaySec"] == ["10min"]
    assert (UNITS / found["Timer.Unit"][0]).exists()
    assert unit("rejoin-recover.service")["Service.Type"] == ["oneshot"]


@pytest.mark.xfail(shutil.which("systemd-analyze") is None, run=False, reason="there is no systemd here")
@pytest.mark.parametrize("name", [*SERVICES, "rejoin-recover.timer"])
def test_systemd_itself_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    for file in UNITS.iterdir():
        there = file.read_text().replace("/opt/rejoin/bin/rejoin", shutil.which("true") or "")
        (tmp_path / file.name).write_text(there)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_cron_entry_calls_what_exists_and_forgives_what_is_no_failure() -> None:
    lines = (ROOT / "packaging" / "cron" / "rejoin").read_text().splitlines()
    (entry,) = [line for line in lines if line[:1].isdigit()]
    words = shlex.split(entry)

    assert words[5:7] == ["rejoin", "/opt/rejoin/bin/rejoin"]
    assert_exists(words[7 : words.index(">/dev/null;")])
    assert "%" not in entry  # cron's own sign for a line's end
    assert re.search(r"in 0\|8\|11\)", entry)


def test_every_command_and_variable_in_the_document_exists() -> None:
    for variable in re.findall(r"REJOIN_[A-Z0-9_]+__", RUNNING):
        assert variable.removeprefix(PREFIX).split("__")[0].lower() in Settings.model_fields
    for line in re.findall(r"rejoin (?:healthcheck|run|doctor|status|db)[^`\n#]*", RUNNING):
        words = [word for word in shlex.split(line.replace(",", " ")) if word not in (":", ".")]
        assert_exists([word for word in words[1:] if re.fullmatch(r"-{0,2}[a-z][a-z-]*", word)][:6])


def test_the_image_runs_the_daemon_and_a_container_is_given_time_to_stop() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert '\nENTRYPOINT ["rejoin"]\nCMD ["daemon"]\n' in dockerfile
    grace = re.search(r"stop_grace_period: (\d+)s", RUNNING)
    assert grace is not None
    assert float(grace[1]) > HttpSettings().join_timeout
    assert '"rejoin", "healthcheck", "--daemon"' in RUNNING

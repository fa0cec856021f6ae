from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.domain.hints import Mover
from orchestrator.domain.memberships import Bucket, Reason, Status, bucket
from orchestrator.domain.times import instant
from orchestrator.status.accounts_and_daemon import NOBODY
from orchestrator.status.as_json import (
    explanation_json,
    group_json,
    group_line,
    history_json,
    journal_json,
    progress_line,
    summary_line,
    to_json,
)
from orchestrator.status.views import NO_DAEMON
from tests.unit.status_samples import EXPLANATION, LINE, NOW, PAST, ROW, VIEW

if TYPE_CHECKING:
    from collections.abc import Iterator

DOC = (Path(__file__).parent.parent.parent / "docs" / "json.md").read_text()
# Objects by status or kind: their keys are words of a closed list, or free.
CLOSED = ("counts", "buckets", "data")


WITHOUT_PARTS = {"labels", "recovery.labels", "others[].labels", "daemons[].accounts"}  # lists of words


def section(command: str) -> str:
    """The part of the document under that command's heading."""
    (found,) = re.findall(rf"^## `{re.escape(command)}`\n(.*?)(?=^## |\Z)", DOC, re.DOTALL | re.MULTILINE)
    return str(found)


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from paths(item, f"{prefix}[]")
    elif isinstance(value, dict) and prefix not in CLOSED:
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else key
            if not isinstance(inner, dict | list) or path in CLOSED:
                yield path
            yield from paths(inner, path)


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ("rejoin status --json", to_json(VIEW)),
        ("rejoin groups list --json", group_json(ROW)),
        ("rejoin log --json", journal_json(LINE)),
        ("rejoin history --json", history_json(PAST)),
    ],
)
def test_every_field_stands_in_the_document(command: str, value: dict[str, Any]) -> None:
    documented = set(re.findall(r"^\| `([^`]+)` \|", section(command), re.MULTILINE))
    produced = set(paths(value))

    assert produced - documented == set()
    named = {path for path in documented if not any(other.startswith(f"{path}.") for other in documented)}
    assert {path for path in named - produced if not path.endswith("[]")} <= WITHOUT_PARTS


def test_every_field_of_an_explanation_stands_in_the_document() -> None:
    text = section("rejoin explain GROUP --json") + section("rejoin groups list --json")
    documented = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    shared = ("pause.", "others[].", "journal[].")

    produced = {path for path in paths(explanation_json(EXPLANATION)) if not path.startswith(shared)}

    assert produced - documented == set()


def test_every_status_bucket_reason_and_mover_stands_in_the_document() -> None:
    for word in (*Status, *Bucket, *Reason, *Mover):
        assert f"`{word.value}`" in DOC
    for status in Status:
        assert re.search(rf"^\| `{status}` \| `{bucket(status, Reason.OPERATOR)}`", DOC, re.MULTILINE)


def test_every_status_and_bucket_is_counted_zero_included() -> None:
    found = to_json(VIEW)

    assert set(found["counts"]) == {status.value for status in Status}
    assert set(found["buckets"]) == {one.value for one in Bucket}
    assert found["counts"]["left"] == 0


def test_without_a_recovery_the_object_has_the_same_fields() -> None:
    empty = VIEW._replace(recovery=None, needs_you=(), waiting=(), instances=(), last=None)

    found = to_json(empty)

    assert set(found) == set(to_json(VIEW))
    assert found["recovery"] is None
    assert (found["needs_you"], found["waiting"], found["instances"]) == ([], [], [])


def test_lines_of_a_watch_say_their_type_and_the_summary_its_exit_code() -> None:
    assert progress_line(VIEW)["type"] == "progress"
    assert group_line(ROW, 0.0)["type"] == "group"
    last = summary_line(VIEW, 3)
    assert (last["type"], last["exit_code"], last["schema"]) == ("summary", 3, 1)


def test_all_of_it_is_json() -> None:
    for value in (to_json(VIEW), explanation_json(EXPLANATION), group_json(ROW), history_json(PAST)):
        assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00Z"),
        (1_800_000_000.25, "2027-01-15T08:00:00.250Z"),
        (1_800_000_000.9996, "2027-01-15T08:00:01Z"),
    ],
)
def test_times_are_rfc_3339_in_utc(at: float | None, text: str | None) -> None:
    assert instant(at) == text


def test_times_in_the_journals_data_are_times_too() -> None:
    line = replace(
        LINE, data={"n": 7, "send_at": 1_800_000_000.5, "paused_until": None, "half_pace_for_s": 3600.0}
    )

    assert journal_json(line)["data"] == {
        "n": 7,
        "send_at": "2027-01-15T08:00:00.500Z",
        "paused_until": None,
        "half_pace_for_s": 3600.0,
    }


def test_the_daemon_is_the_daemon_where_one_lives_else_whoever_drives_else_nobody() -> None:
    gone = NO_DAEMON._replace(heartbeat_at=NOW - 60)
    run = VIEW._replace(daemon=gone)
    nobody = run._replace(runner=NOBODY._replace(heartbeat_at=NOW - 90))

    daemon, driven, silent = (to_json(one)["daemon"] for one in (VIEW, run, nobody))

    assert (daemon["kind"], daemon["running"], daemon["heartbeat_age_seconds"]) == ("daemon", True, 1.0)
    assert (driven["kind"], driven["running"], driven["heartbeat_age_seconds"]) == ("run", True, 2.0)
    assert (driven["pid"], driven["version"], driven["troubles"]) == (4711, None, [])
    assert (silent["kind"], silent["running"], silent["heartbeat_age_seconds"]) == (None, False, 60.0)
    assert (silent["host"], silent["pid"]) == (None, None)


def test_an_instances_runner_keeps_its_fields() -> None:
    runner = to_json(VIEW)["instances"][1]["runner"]

    assert runner == {"running": True, "heartbeat_age_seconds": 2.0, "host": "box", "pid": 4711}

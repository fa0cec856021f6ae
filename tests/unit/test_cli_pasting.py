from __future__ import annotations

import io
import json

import pytest

from orchestrator.cli.failure import report
from orchestrator.cli.layout import config_said, json_with_config, with_config
from orchestrator.cli.output import Output
from orchestrator.domain.errors import NotFoundError


@pytest.mark.parametrize(
    ("words", "config"),
    [
        ([], None),
        (["status"], None),
        (["status", "-c", "a b.toml"], "a b.toml"),
        (["--config", "x.toml", "status"], "x.toml"),
        (["status", "--config=x.toml"], "x.toml"),
        (["retry", "--", "-c", "x.toml"], None),
    ],
)
def test_the_file_that_the_call_names_is_known(words: list[str], config: str | None) -> None:
    assert config_said(words) == config


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("run: rejoin db upgrade", "run: rejoin -c 'a b.toml' db upgrade"),
        ("rejoin pause; rejoin resume", "rejoin -c 'a b.toml' pause; rejoin -c 'a b.toml' resume"),
        ("install the newest rejoin, or restore", "install the newest rejoin, or restore"),
        ("rejoin pausing", "rejoin pausing"),
        ("old-rejoin status", "old-rejoin status"),
    ],
)
def test_a_command_that_is_suggested_names_the_file_quoted(said: str, told: str) -> None:
    assert with_config(said, "a b.toml") == told
    assert with_config(said, None) == said


def test_in_json_only_what_is_said_to_people_changes() -> None:
    value = {"name": "rejoin status", "moves": [{"command": "rejoin retry x", "hint": None}]}
    changed = {"name": "rejoin status", "moves": [{"command": "rejoin -c c.toml retry x", "hint": None}]}
    assert json_with_config(value, "c.toml") == changed
    assert json_with_config(value, None) is value


def test_answers_talk_and_errors_name_the_file_and_tables_of_names_do_not() -> None:
    answer, talk = io.StringIO(), io.StringIO()
    out = Output(config="c.toml", stdout=answer, stderr=talk)
    out.answer("Next: rejoin plan")
    out.answer_line({"command": "rejoin run"})
    out.table([["rejoin plan"]], "GROUP")
    out.say("rejoin status")
    out.warn("rejoin doctor")
    report(
        NotFoundError("no", hint="rejoin history"), as_json=True, verbose=False, config="c.toml", stream=talk
    )

    shown = answer.getvalue().splitlines()
    assert shown[0] == "Next: rejoin -c c.toml plan"
    assert json.loads(shown[1]) == {"command": "rejoin -c c.toml run"}
    assert "rejoin plan" in shown[-1]
    said = talk.getvalue().splitlines()
    assert said[:2] == ["rejoin -c c.toml status", "warning: rejoin -c c.toml doctor"]
    assert json.loads(said[2])["hint"] == "rejoin -c c.toml history"

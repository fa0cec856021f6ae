"""The log: one way out for structlog and the standard library, in UTC, past one redaction."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from orchestrator import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "geheim-token-of-an-instance"
CODE = "fEViSc2rjBsWaYkeHfule4"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_both_kinds_of_log_come_out_alike_and_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")

    structlog.get_logger("ours").info("said", group=3)
    logging.getLogger("theirs").info("%s said", "somebody")

    ours, theirs = lines(capsys)
    assert (ours["event"], ours["group"], ours["level"]) == ("said", 3, "info")
    assert (theirs["event"], theirs["logger"]) == ("somebody said", "theirs")
    assert ours["timestamp"].endswith("Z")
    assert theirs["timestamp"].endswith("Z")


def test_no_secret_gets_through_whatever_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    logs.redaction.learn([TOKEN])

    logger = structlog.get_logger("x")
    logger.info("GET /v2?access_token=abc123&code=" + CODE, url=f"https://h/?t={TOKEN}")  # noqa: G003 - on purpose
    logger.info(
        "nested", data={"link": f"https://chat.whatsapp.com/{CODE}"}, list=[TOKEN], other=Exception(TOKEN)
    )
    try:
        raise ValueError(f"token {TOKEN}")  # noqa: TRY301 - a traceback is wanted
    except ValueError:
        logger.exception("failed")

    err = capsys.readouterr().err
    assert "ule4" in err
    assert "ValueError" in err
    for secret in (TOKEN, CODE, "abc123"):
        assert secret not in err


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, ["b", "c"]), ({"verbose": True}, ["a", "b", "c"]), ({"quiet": True}, ["c"])],
)
def test_how_much_is_told_is_chosen(
    capsys: pytest.CaptureFixture[str], options: dict[str, bool], told: list[str]
) -> None:
    logs.configure(log_format="json", **options)
    logger = structlog.get_logger("x")

    logger.debug("a")
    logger.info("b")
    logger.warning("c")

    assert [line["event"] for line in lines(capsys)] == told


def test_without_a_terminal_the_log_is_json_and_with_one_word_it_is_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure()
    structlog.get_logger("x").info("machine")
    logs.configure(log_format="text")
    structlog.get_logger("x").info("human")

    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first)["event"] == "machine"
    assert "human" in second
    assert not second.startswith("{")
    assert "\x1b" not in second

"""From words to a call: options anywhere, options that may stand alone, durations, failures told."""

from __future__ import annotations

import io
import json

import pytest

from orchestrator.cli.call import joins_a_minute, seconds
from orchestrator.cli.command_line import build, command_path, normalise, options, parse
from orchestrator.cli.command_list import COMMANDS
from orchestrator.cli.failure import describe, report
from orchestrator.domain.errors import InputRejectedError, LockHeldError, RejoinError, UsageError
from orchestrator.stop_signals import Terminated


@pytest.mark.parametrize(
    ("words", "normal"),
    [
        ("status", "status"),
        ("--json status", "status --json"),
        ("-c x.toml --json groups list --label vip", "groups list --label vip -c x.toml --json"),
        ("--config=x status", "status --config=x"),
        ("-q explain -- --json", "explain -q -- --json"),
        ("status --watch", "status --watch 2"),
        ("status --watch 5 --json", "status --watch 5 --json"),
        ("status --watch --json", "status --watch 2 --json"),
        ("status --watch=7", "status --watch=7"),
        ("", ""),
    ],
)
def test_options_move_behind_the_command(words: str, normal: str) -> None:
    assert normalise(words.split()) == normal.split()


def test_words_behind_two_dashes_are_no_options() -> None:
    assert options(["a", "--", "--json"]) == ["a"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: " ".join(one.path))
def test_every_command_is_found_by_its_path(command: object) -> None:
    path = command.path  # type: ignore[attr-defined]

    assert command_path(build(), ["--json", *path, "--help"]) == path


def test_a_flag_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REJOIN_LIMIT", "7")
    app = build()

    assert parse(app, ["history"])[1].arguments["limit"] == 7
    assert parse(app, ["history", "--limit", "3"])[1].arguments["limit"] == 3


ODD_WHOLE = ["٣", "３", "1_0", "0x3", "0b1", "1.7", "1.0", "1٣", "²"]


@pytest.mark.parametrize("odd", ODD_WHOLE)
@pytest.mark.parametrize(
    "line",
    ["history --limit", "run --limit", "status", "wait", "log --recovery", "log -n", "outbox retry"],
)
def test_a_whole_number_is_written_in_the_digits_0_to_9(line: str, odd: str) -> None:
    with pytest.raises(UsageError, match=f'"{odd}" is no whole number in the digits 0 to 9'):
        parse(build(), [*line.split(), odd])


@pytest.mark.parametrize("odd", ["٣", "３.5", "1_0", "0x3", "1e٣"])
@pytest.mark.parametrize("line", ["status --watch", "simulate --speed", "demo --speed"])
def test_a_number_is_written_in_the_digits_0_to_9(line: str, odd: str) -> None:
    with pytest.raises(UsageError, match=f'"{odd}" is no number in the digits 0 to 9'):
        parse(build(), [*line.split(), odd])


def test_a_number_of_a_variable_is_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REJOIN_LIMIT", "٣")

    with pytest.raises(UsageError, match="REJOIN_LIMIT: "):
        parse(build(), ["history"])


@pytest.mark.parametrize("pace", ["٣/min", "３", "3.٥"])
def test_a_pace_is_too(pace: str) -> None:
    with pytest.raises(UsageError, match="--pace"):
        joins_a_minute(pace)


@pytest.mark.parametrize("length", ["٣m", "٣", "1_0s", "３s"])
def test_a_duration_is_too(length: str) -> None:
    with pytest.raises(UsageError, match='must be a duration such as "60s"'):
        seconds("--patience", length)


def test_several_labels_come_from_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REJOIN_LABEL", "vip north")

    assert parse(build(), ["plan"])[1].arguments["label"] == ("vip", "north")
    assert parse(build(), ["plan", "--label", "a", "--label", "b c"])[1].arguments["label"] == ("a", "b c")


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REJOIN_LIMIT", "many")

    with pytest.raises(UsageError, match="REJOIN_LIMIT"):
        parse(build(), ["history"])


@pytest.mark.parametrize(("text", "length"), [("90s", 90.0), ("15m", 900.0), ("1h30m", 5400.0), (None, None)])
def test_durations_as_people_type_them(text: str | None, length: float | None) -> None:
    assert seconds("--for", text) == length


@pytest.mark.parametrize("text", ["10", "1h30", "2.5"])
def test_a_number_without_its_unit_is_not_taken_for_seconds(text: str) -> None:
    with pytest.raises(UsageError, match=f"--for: {text} what"):
        seconds("--for", text)


@pytest.mark.parametrize("text", ["soon", "", "0s", "-5m"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--for"):
        seconds("--for", text)


@pytest.mark.parametrize(("text", "pace"), [("3/min", 3.0), ("2", 2.0), ("4.5 / minute", 4.5), (None, None)])
def test_paces_as_people_type_them(text: str | None, pace: float | None) -> None:
    assert joins_a_minute(text) == pace


@pytest.mark.parametrize("text", ["6/min", "1", "fast", "3/h", "nan"])
def test_paces_out_of_bounds(text: str) -> None:
    with pytest.raises(UsageError, match="2 to 5"):
        joins_a_minute(text)


def told(error: BaseException, *, as_json: bool = False, verbose: bool = False) -> tuple[int, str]:
    stream = io.StringIO()
    return report(error, as_json=as_json, verbose=verbose, stream=stream), stream.getvalue()


def test_a_known_error_is_its_sentence_and_its_hint() -> None:
    assert told(LockHeldError("taken", hint="wait")) == (11, "rejoin: taken\n  wait\n")


def test_problems_come_before_the_sentence_one_a_line() -> None:
    code, text = told(InputRejectedError("2 rejected", problems=("row 2: bad", "row 9: bad")))

    assert (code, text) == (2, "row 2: bad\nrow 9: bad\nrejoin: 2 rejected\n")
    assert json.loads(told(InputRejectedError("x", problems=("a",)), as_json=True)[1])["problems"] == ["a"]


def test_foreign_text_in_an_error_is_harmless() -> None:
    code, text = told(RejoinError("the gateway says \x1b[2J\u202egone"))

    assert (code, text) == (1, "rejoin: the gateway says [2Jgone\n")


def test_signals_have_their_codes() -> None:
    assert describe(KeyboardInterrupt()).exit_code == 130
    assert describe(Terminated()).exit_code == 143


def test_of_errors_at_once_the_unforeseen_one_is_told() -> None:
    known, unknown = LockHeldError("taken"), ZeroDivisionError()

    assert describe(ExceptionGroup("both", [known, ExceptionGroup("inner", [unknown])])).code == "unexpected"
    assert describe(ExceptionGroup("one", [known])).code == "locked"


def test_an_unforeseen_error_shows_nothing_of_its_text_without_v() -> None:
    code, text = told(ValueError("token=geheim"))

    assert code == 1
    assert "geheim" not in text
    assert "Traceback" not in text


def test_a_word_that_nothing_takes_is_named_but_an_invite_code_is_not() -> None:
    with pytest.raises(UsageError, match='Nothing takes "quickly" here') as refusal:
        parse(build(), ["plan", "quickly"])
    assert refusal.value.hint == "rejoin plan --help"

    with pytest.raises(UsageError, match="is read from a prompt or from stdin") as refusal:
        parse(build(), ["groups", "set-code", "porto", "BobOM8UXL8EDR3dXoKozql"])
    assert "Bob" not in str(refusal.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["explain", "\udcff"], "group: is not text in UTF-8"),
        (["groups", "list", "--search", "a\udcff"], "search: is not text in UTF-8"),
        (["groups", "list", "--label", "a\udcff"], "label: is not text in UTF-8"),
        (["log", "--group", "\udcff"], "group: is not text in UTF-8"),
        (["groups", "import", "\udcff.csv"], "file: is not text in UTF-8"),
        (["history", "--limit", "99999999999999999999"], "limit: must be at most 2,147,483,647"),
    ],
)
def test_what_no_database_takes_is_refused_with_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse(build(), words)
    assert refusal.value.message == sentence


def test_an_answer_that_the_terminal_cannot_take_is_no_riddle() -> None:
    told = describe(UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range(128)"))

    assert (told.exit_code, told.message) == (
        2,
        "The answer holds characters that cannot be written as ascii.",
    )

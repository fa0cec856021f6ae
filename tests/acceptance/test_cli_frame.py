"""The frame of the command line, as a process: channels, exit codes, options, light imports, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import orchestrator
from orchestrator.cli.command_line import build, command_path, parse, refuse_unfinished
from orchestrator.cli.command_list import COMMANDS, FAMILIES, NEAR_WORDS
from orchestrator.domain.errors import UsageError
from tests.support.command import CHECKOUT, PATIENCE, Rejoin, command

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("sqlalchemy", "aiohttp", "pydantic", "alembic", "rich", "structlog", "cryptography")


@pytest.fixture
def rejoin(tmp_path: Path) -> Rejoin:
    return Rejoin(tmp_path, forked=False)


def test_the_version_is_one_line(rejoin: Rejoin) -> None:
    answer = rejoin("--version")

    assert (answer.code, answer.out, answer.err) == (0, f"rejoin {orchestrator.__version__}\n", "")


def test_help_begins_with_examples_and_names_every_command(rejoin: Rejoin) -> None:
    answer = rejoin("--help")

    assert answer.code == 0
    assert answer.err == ""
    assert answer.out.index("Examples:") < answer.out.index("Start:")
    for one in COMMANDS:
        assert f"  {' '.join(one.path)} " in answer.out


def test_help_shows_the_commands_of_a_bad_day_first(rejoin: Rejoin) -> None:
    first, *_ = rejoin("--help").out.partition("On the bad day:\n")[2].split("\n\n")

    assert len([line for line in first.splitlines() if not line.startswith("    ")]) == 8
    for name in ("doctor", "groups import", "run", "status", "explain", "groups set-code"):
        assert f"  {name} " in first


@pytest.mark.parametrize(("typed", "meant"), NEAR_WORDS.items())
def test_near_words_suggest_the_right_command(typed: str, meant: str) -> None:
    commands = {" ".join(one.path) for one in COMMANDS}
    assert typed not in {command.split()[0] for command in commands}
    assert meant in commands or meant.partition(" --")[0] in commands

    with pytest.raises(UsageError, match=f'Did you mean "{meant}"'):
        refuse_or_parse([typed])
    with pytest.raises(UsageError, match=f'Did you mean "{meant}"'):
        refuse_or_parse(["-q", typed, "--json"])


def refuse_or_parse(words: list[str]) -> None:
    app = build()
    path = command_path(app, words)
    if not path:
        refuse_unfinished(app, words, path=path)
    parse(app, words)


@pytest.mark.parametrize("words", [one.path for one in COMMANDS], ids=" ".join)
def test_help_of_a_command_begins_with_examples_and_shows_its_variables(
    rejoin: Rejoin, words: tuple[str, ...]
) -> None:
    answer = rejoin(*words, "--help")

    assert answer.code == 0
    assert answer.out.startswith("Examples:\n  ")
    assert f"Usage: rejoin {' '.join(words)}" in answer.out
    assert "[REJOIN_CONFIG]" in answer.out


@pytest.mark.parametrize(
    "words", [("run", "--help"), ("--help",), ("groups", "import", "--help")], ids=" ".join
)
@pytest.mark.parametrize("width", [60, 80])
def test_help_fits_the_terminal(tmp_path: Path, words: tuple[str, ...], width: int) -> None:
    piped = Rejoin(tmp_path)(*words, COLUMNS=str(width)).out
    _, shown = Rejoin(tmp_path).on_terminal(*words, COLUMNS=str(width))

    assert shown.split() == piped.split()
    long = [line for line in shown.splitlines() if len(line) > width]
    assert [line for line in long if not line.lstrip().startswith(("rejoin ", "--"))] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_help_of_a_family_lists_its_commands(rejoin: Rejoin, family: str) -> None:
    answer = rejoin(family, "--help")

    assert answer.code == 0
    for one in COMMANDS:
        assert (f"  {' '.join(one.path)} " in answer.out) == (one.path[0] == family)


def test_help_can_be_asked_for_in_words(rejoin: Rejoin) -> None:
    assert rejoin("help", "config", "show").out == rejoin("config", "show", "--help").out
    assert rejoin("help").out == rejoin("--help").out


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("run", "--help"),
        ("healthcheck",),
        ("healthcheck", "--json"),
        ("completion", "zsh"),
    ],
    ids=" ".join,
)
def test_light_ways_stay_light(tmp_path: Path, words: tuple[str, ...]) -> None:
    program = (
        "import sys; from orchestrator.__main__ import run; code = run(sys.argv[1:]);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path,
        env=Rejoin(tmp_path).environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.stderr.strip() == "[] 0"


@pytest.mark.parametrize(
    ("words", "unused"),
    [
        ("healthcheck", "asyncio email http socket orchestrator.config orchestrator.domain ssl"),
        (
            "status",
            """aiohttp alembic orchestrator.status.as_json sqlalchemy.dialects.postgresql
            sqlalchemy.orm aiosqlite greenlet orchestrator.domain.folding orchestrator.domain.outcomes
            orchestrator.store.memberships orchestrator.store.codes cronsim html""",
        ),
        ("history", "sqlalchemy.orm aiosqlite"),
        ("log", "sqlalchemy.orm aiosqlite"),
    ],
)
def test_what_is_typed_most_brings_nothing_that_it_does_not_use(
    rejoin: Rejoin, tmp_path: Path, words: str, unused: str
) -> None:
    assert rejoin("init").code == 0
    program = "import sys; from orchestrator.__main__ import run; code = run(sys.argv[1:]);"
    program += f"print(code, [one for one in {unused.split()!r} if one in sys.modules], file=sys.stderr)"

    done = subprocess.run(
        [sys.executable, "-c", program, words],
        cwd=tmp_path,
        env=rejoin.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.stderr.splitlines()[-1] == "0 []"


def test_the_bare_healthcheck_does_without_the_command_lines_library(tmp_path: Path) -> None:
    program = (
        "import sys; from orchestrator.__main__ import run; run(['healthcheck']);"
        "sys.exit('cyclopts' in sys.modules or 'asyncio' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=Rejoin(tmp_path).environment, check=False
    )

    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "A command is missing."),
        (("config",), "A command is missing."),
        (("confg", "show"), 'Did you mean "config"?'),
        (("config", "sho"), 'Did you mean "show"?'),
        (("config", "show", "--orgin"), "Did you mean --origin?"),
        (("history", "--limit", "many"), 'unable to convert "many" into int'),
        (("history", "--limit"), "requires an argument"),
        (("completion", "tcsh"), 'Choose from: "bash", "zsh", "fish"'),
        (("history", "--log-format", "xml"), 'Choose from: "text", "json"'),
        (("history", "surplus"), "surplus"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    rejoin: Rejoin, words: tuple[str, ...], said: str
) -> None:
    answer = rejoin(*words)

    assert answer.code == 2
    assert answer.out == ""
    assert said in answer.err
    assert "--help" in answer.err
    assert "Traceback" not in answer.err


def test_errors_are_one_json_object_with_json(rejoin: Rejoin) -> None:
    for answer in (rejoin("confg", "--json"), rejoin("--json", "confg"), rejoin("confg", REJOIN_JSON="1")):
        assert answer.code == 2
        assert answer.out == ""
        assert len(answer.err.splitlines()) == 1
        assert answer.error["type"] == "error"
        assert answer.error["code"] == "usage"
        assert "Did you mean" in answer.error["message"]
        assert answer.error["hint"] == "rejoin --help"


def test_a_variable_that_says_no_is_a_no(rejoin: Rejoin) -> None:
    assert rejoin("confg", REJOIN_JSON="false").err.startswith("rejoin: ")


def test_a_missing_configuration_exits_78_and_says_what_to_do(rejoin: Rejoin) -> None:
    plain, scripted = rejoin("status"), rejoin("status", "--json")

    assert (plain.code, plain.out) == (78, "")
    assert 'run "rejoin init"' in plain.err
    assert (scripted.code, scripted.out) == (78, "")
    assert scripted.error["code"] == "configuration"


def test_options_of_every_command_may_stand_anywhere(rejoin: Rejoin, tmp_path: Path) -> None:
    config = str(tmp_path / "elsewhere.toml")
    assert rejoin("init", "-c", config).code == 0

    answers = [
        rejoin("-c", config, "--json", "config", "validate"),
        rejoin("config", "validate", "--json", "-c", config),
        rejoin("--json", "config", "validate", f"--config={config}"),
        rejoin("config", "validate", REJOIN_CONFIG=config, REJOIN_JSON="true"),
    ]

    assert [answer.code for answer in answers] == [0, 0, 0, 0]
    assert len({answer.out for answer in answers}) == 1
    assert answers[0].json["valid"] is True


def test_words_behind_two_dashes_are_no_options(rejoin: Rejoin) -> None:
    assert rejoin("init").code == 0

    answer = rejoin("explain", "--", "--json")

    assert answer.code == 2
    assert 'no group is called "--json"' in answer.err


def test_an_unexpected_error_is_one_line_and_a_traceback_only_with_v(tmp_path: Path) -> None:
    program = (
        "import sys; from orchestrator.__main__ import run; from orchestrator.cli import status;"
        "status.history.__code__ = (lambda *, limit=100, call=None: 1 // 0).__code__;"
        "sys.exit(run(['history', *sys.argv[1:]]))"
    )

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=tmp_path,
            env=Rejoin(tmp_path).environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    plain, told = call(), call("-v")

    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr.startswith("rejoin: Unexpected ZeroDivisionError.\n")
    assert "rejoin diagnostics" in plain.stderr
    assert "Traceback" not in plain.stderr
    assert "Traceback" in told.stderr


def test_a_reader_that_goes_away_is_no_error_message(rejoin: Rejoin, tmp_path: Path) -> None:
    assert rejoin("init").code == 0
    reading, writing = os.pipe()
    os.close(reading)

    process = subprocess.Popen(
        command("config", "show"),
        cwd=tmp_path,
        env=rejoin.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 141
    assert err == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_its_exit_code(
    rejoin: Rejoin, number: signal.Signals, code: int
) -> None:
    assert rejoin("init").code == 0
    process = rejoin.start("log", "--follow", "--json")
    time.sleep(0.2)
    _until_it_waits(process)

    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == code
    assert out == ""
    assert '"type": "error"' in err
    assert "Traceback" not in err


def _until_it_waits(process: subprocess.Popen[str]) -> None:
    """Its event loop sleeps in epoll: a signal now meets the command and not its imports."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with open(f"/proc/{process.pid}/wchan") as file:  # noqa: PTH123
            where = file.read()
        with open(f"/proc/{process.pid}/syscall") as file:  # noqa: PTH123
            call = file.read().split()[0]
        if "epoll" in where or "poll" in where or call in {"232", "281", "441"}:
            return
        time.sleep(0.05)
    pytest.fail("it never came to wait")


def test_colours_only_on_a_terminal_and_only_where_wanted(rejoin: Rejoin) -> None:
    assert rejoin("init").code == 0

    code, shown = rejoin.on_terminal("db", "check")
    assert code == 0
    assert "\x1b[32m" in shown
    for answer in (
        rejoin.on_terminal("db", "check", "--no-color"),
        rejoin.on_terminal("db", "check", NO_COLOR="1"),
        rejoin.on_terminal("db", "check", TERM="dumb"),
    ):
        assert "\x1b[" not in answer[1]
    assert "\x1b" not in rejoin("db", "check").out


def test_the_command_works_far_from_the_checkout(rejoin: Rejoin) -> None:
    assert CHECKOUT not in rejoin.folder.parents
    assert rejoin("init").code == 0
    assert rejoin("db", "check", "--json").json["ok"] is True


@pytest.mark.parametrize("code", [0, 7])
def test_the_process_ends_with_its_code_behind_its_threads_and_exit_functions(code: int) -> None:
    program = f"""
import atexit, threading
import orchestrator.__main__ as rejoin
said = threading.Event()
def work():
    said.wait()
    print("thread")
def run(words):
    threading.Thread(target=work).start()
    atexit.register(print, "exit function")
    threading.Timer(0.05, said.set).start()
    return {code}
rejoin.run = run
rejoin.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (code, "thread\nexit function\n", "")

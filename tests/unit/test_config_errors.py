# ruff: noqa: E501 - the sentences are compared whole
from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pytest

from orchestrator.config import ConfigError, Problem, load
from tests.unit.config_files import BACKUP, problems, settings, write


def test_an_error_names_file_line_key_and_what_was_given(tmp_path: Path) -> None:
    text = "\n\n\n[pacing]\njoins_per_minute = 40\njoins_per_minit = 4\n"

    assert problems(tmp_path, text) == [
        "rejoin.toml:5: pacing.joins_per_minute: must be at most 5 (got 40)",
        "rejoin.toml:6: pacing.joins_per_minit: unknown key. Did you mean joins_per_minute?",
    ]


def test_every_kind_of_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        BACKUP.replace("https", "ftp")
        + BACKUP
        + '[pacing]\njitter = "much"\n[retry]\nfirst_wait = "7h"\nlongest_wait = "6h"\n'
    )
    found = problems(tmp_path, text, {"REJOIN_HTTP__TIMEOUT": "soon", "REJOIN_PACNG__JITTER": "1"})

    assert found == [
        'rejoin.toml:4: instances.backup-1.base_url: must be an http:// or https:// URL with a host (got "ftp://api.wawp.net")',
        "rejoin.toml:8: instances.backup-1.name: another instance already has this name (line 2)",
        'rejoin.toml:14: pacing.jitter: must be a number (got "much")',
        "rejoin.toml:17: retry.longest_wait: must be at least as long as retry.first_wait",
        "REJOIN_PACNG__JITTER (environment): unknown key. Did you mean PACING?",
        'REJOIN_HTTP__TIMEOUT (environment): must be a duration such as "60s", "10m", "2h" or "1d" (got "soon")',
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[pacng]\n", "rejoin.toml:1: pacng: unknown section. Did you mean pacing?"),
        ("[[instance]]\n", "rejoin.toml:1: instance: unknown section. Did you mean instances?"),
        (
            "[web]\ntimezone = 'UTC'",
            "rejoin.toml:2: web.timezone: unknown key. It belongs at the top of the file, above the first [section].",
        ),
        ("jitter = 0.1", "rejoin.toml:1: jitter: unknown key. It belongs in [pacing]."),
        ("[web]\nzzzz = 1", "rejoin.toml:2: web.zzzz: unknown key"),
        ("pacing = 5", "rejoin.toml:1: pacing: must be a table: [pacing], or { key = value }"),
        (
            "[instances]\nname='a'",
            "rejoin.toml:1: instances: must be a list of tables: each begins with [[instances]], in two pairs of brackets",
        ),
        ("instances = [5]", "rejoin.toml:1: instances.0: must be a table: [instances], or { key = value }"),
        ("[retry]\npauses = '1h'", 'rejoin.toml:2: retry.pauses: must be a list, such as ["one", "two"]'),
        ("[retry]\npauses = []", "rejoin.toml:2: retry.pauses: must have at least 1 item(s) (got a list)"),
        (
            "[retry]\npauses = [\n'1h',\n'0s']",
            'rejoin.toml:4: retry.pauses.1: must be at least 1s (got "0s")',
        ),
        (
            "[pacing]\ndaily_limit = 1.5",
            "rejoin.toml:2: pacing.daily_limit: must be a whole number (got 1.5)",
        ),
        (
            "[pacing]\ndaily_limit = true",
            "rejoin.toml:2: pacing.daily_limit: must be a whole number (got true)",
        ),
        (
            "[pacing]\njoins_per_minute = 1.9",
            "rejoin.toml:2: pacing.joins_per_minute: must be at least 2 (got 1.9)",
        ),
        (
            "[pacing]\njoins_per_minute = nan",
            "rejoin.toml:2: pacing.joins_per_minute: must be a finite number (got NaN)",
        ),
        (
            "[pacing]\njoins_per_minute = '4'",
            'rejoin.toml:2: pacing.joins_per_minute: must be a number (got "4")',
        ),
        (
            "[pacing]\nprobe_gap = '0.4s'",
            'rejoin.toml:2: pacing.probe_gap: must be at least 0.5s (got "0.4s")',
        ),
        ("[http]\njoin_timeout = 9", "rejoin.toml:2: http.join_timeout: must be at least 10s (got 9)"),
        ("[http]\ntimeout = inf", "rejoin.toml:2: http.timeout: must be at most 10m (got Infinity)"),
        ("[greeting]\nenabled = 1", "rejoin.toml:2: greeting.enabled: must be true or false (got 1)"),
        ("[greeting]\ndefault = ''", 'rejoin.toml:2: greeting.default: must not be empty (got "")'),
        (
            "[watch]\non_loss = 'recovr'",
            'rejoin.toml:2: watch.on_loss: must be one of notify, recover (got "recovr"). Did you mean recover?',
        ),
        (
            "timezone = 'Mars/Base'",
            'rejoin.toml:1: timezone: is not a time zone that this machine knows (a name such as "Europe/Berlin") (got "Mars/Base")',
        ),
        (
            "timezone = '../../etc/passwd'",
            'rejoin.toml:1: timezone: is not a time zone that this machine knows (a name such as "Europe/Berlin") (got "../../etc/passwd")',
        ),
        (
            "[schedule]\naudit = 'daily'",
            'rejoin.toml:2: schedule.audit: must be a cron expression of five fields, such as "0 6 * * *", or empty (got "daily")',
        ),
        (
            "[web]\nlisten = '8080'",
            'rejoin.toml:2: web.listen: must be an address and a port, such as "127.0.0.1:8080" or "[::1]:8080" (got "8080")',
        ),
        (
            "[web]\nlisten = '..:80'",
            'rejoin.toml:2: web.listen: must be an address and a port, such as "127.0.0.1:8080" or "[::1]:8080" (got "..:80")',
        ),
        (
            "[web]\nlisten = '0.0.0.0:80'",
            "rejoin.toml:2: web.listen: needs web.token_file (or web.token): other machines can reach this address",
        ),
        (
            "[allow_list]\nowners = ['0151 23']",
            'rejoin.toml:2: allow_list.owners.0: must be a phone number with its country code, such as "+49 151 2345678" (got "0151 23")',
        ),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert problems(tmp_path, text) == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = 1\na = 2\n", "rejoin.toml:2: a: is given twice"),
        ("[pacing]\n[web]\n[pacing]\n", "rejoin.toml:3: pacing: is given twice"),
        ("[pacing]\njitter = 0.1\njitter = 0.2", "rejoin.toml:3: jitter: is given twice"),
        ("[web]\n\ntoken = abc", "rejoin.toml:3: is not valid TOML: invalid value"),
        ("[web]\ntoken = 'abc\n", "rejoin.toml:2: is not valid TOML: "),
        (
            "[web]\n[notify",
            "rejoin.toml:2: is not valid TOML: expected ']' at the end of a table declaration",
        ),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    (found,) = problems(tmp_path, text)

    assert found.startswith(sentence)


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rejoin.toml").write_bytes(b"timezone = 'UTC'\n# caf\xe9\n")

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "rejoin.toml", {})

    assert caught.value.problems[0].line == 2
    assert "save it as UTF-8" in str(caught.value)


def test_a_missing_file_says_what_to_do_and_shows_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(None, {"XDG_CONFIG_HOME": str(tmp_path / "own")})

    assert str(caught.value) == (
        f"rejoin.toml: there is no such file, nor {tmp_path}/own/rejoin/rejoin.toml nor /etc/rejoin/rejoin.toml: "
        'run "rejoin init" to write one, or name yours with --config or REJOIN_CONFIG'
    )


def test_the_file_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    own = home / ".config" / "rejoin"
    own.mkdir(parents=True)
    here.mkdir()
    (own / "rejoin.toml").write_text("")
    monkeypatch.chdir(here)

    assert load(None, {"HOME": str(home)}).path == own / "rejoin.toml"
    assert (
        load(None, {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(home / ".config")}).path == own / "rejoin.toml"
    )
    assert load(None, {"HOME": str(home), "XDG_CONFIG_HOME": "relative"}).path == own / "rejoin.toml"

    (here / "rejoin.toml").write_text("")
    assert load(None, {"HOME": str(home)}).path == here / "rejoin.toml"


def test_init_is_not_suggested_where_a_configuration_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rejoin.toml").write_text("")
    monkeypatch.chdir(tmp_path)

    for environ in ({}, {"REJOIN_CONFIG": "gone.toml"}):
        with pytest.raises(ConfigError) as caught:
            load(None if environ else Path("gone.toml"), environ)
        assert "init" not in str(caught.value)
        assert "is rejoin.toml" in str(caught.value)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(is a directory\)"):
        load(tmp_path, {})


def test_the_file_is_the_one_given_else_that_of_the_environment_else_the_one_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("given", "named", "rejoin"):
        (tmp_path / f"{name}.toml").write_text("")
    environ = {"REJOIN_CONFIG": "named.toml"}

    assert load(Path("given.toml"), environ).path == tmp_path / "given.toml"
    assert load(None, environ).path == tmp_path / "named.toml"
    assert load(None, {"REJOIN_CONFIG": ""}).path == tmp_path / "rejoin.toml"


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    found = settings(tmp_path, "\ufeff# nothing\r\n")

    assert found.instances == ()
    assert found.pacing.joins_per_minute == 4
    assert found.retry.pauses == (3600.0, 21600.0, 86400.0)
    assert found.timezone.key == "UTC"


SECRET = "s3cr3t-Xyzzy-41"


@pytest.mark.parametrize(
    "text",
    [
        BACKUP.replace("t0k3n-of-backup", f"{SECRET} with a space"),
        BACKUP.replace('"t0k3n-of-backup"', f'["{SECRET}"]'),
        BACKUP.replace("access_token =", "acces_token =").replace("t0k3n-of-backup", SECRET),
        BACKUP.replace("t0k3n-of-backup", SECRET).replace("backup-1", "-"),
        BACKUP.replace("t0k3n-of-backup", SECRET).replace("instance_id", "instanceid"),
        BACKUP.replace("t0k3n-of-backup", SECRET).replace("https://", "https://me:" + SECRET + "@"),
        BACKUP.replace("https://api.wawp.net", f"https://api.wawp.net/?access_token={SECRET}"),
        BACKUP.replace("access_token =", "access_token_file =").replace("t0k3n-of-backup", SECRET),
        f"[database]\nurl = 'mysql://me:{SECRET}@db/x'",
        f"[database]\nurl = 'postgresql://me:{SECRET}/@db/x'",
        f"[database]\nurl = 'postgresql://me@db/x?password={SECRET}'",
        f"[web]\ntoken = '{SECRET}'\nlisten = 'x'",
        f"[web]\ntoken = '{SECRET}\n",
        f"[web]\ntoken = {SECRET}\n",
        f"[notify]\nurls = 'tgram://{SECRET}'",
        f"[notify]\nurls = ['<{SECRET}>']",
        f"[notify]\nping_url = '{SECRET}'",
        f"[[notify.webhooks]]\nurl = '{SECRET}'",
        f"[webhooks]\npath_secret = '{SECRET} {SECRET}'",
    ],
)
def test_no_error_ever_shows_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)

    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    assert SECRET not in shown
    assert "Xyzzy" not in shown


@pytest.mark.parametrize(
    "text",
    ["[web\ntoken = '" + SECRET + "'\n", BACKUP.replace("backup-1", "-").replace("t0k3n-of-backup", SECRET)],
)
def test_no_error_drags_a_parser_along_that_still_holds_the_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_secrets_from_the_environment_are_hidden_too(tmp_path: Path) -> None:
    environ = {
        "REJOIN_INSTANCES__BACKUP_1__ACCESS_TOKEN": f"{SECRET} x",
        "REJOIN_NOTIFY__URLS": f"[{SECRET}",
        "REJOIN_DATABASE__URL": f"oracle://{SECRET}",
    }
    found = problems(tmp_path, BACKUP, environ)

    assert len(found) == 3
    assert SECRET not in "".join(found)
    assert "(hidden)" in found[0]


def test_control_characters_of_a_wrong_value_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, '[watch]\non_loss = "a\\u001b]0;x\\u202e"')

    assert "\x1b" not in found
    assert "\u202e" not in found


def test_control_characters_of_an_unknown_key_neither_break_the_line_nor_reach_the_terminal(
    tmp_path: Path,
) -> None:
    assert problems(tmp_path, '"a\\u001b\\nb" = 1') == ["rejoin.toml:1: ab: unknown key"]


def test_an_environment_problem_has_no_file_and_its_variable_as_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, ""), {"REJOIN_PACING__JITTER": "2"})

    assert caught.value.problems == (
        Problem(None, None, "REJOIN_PACING__JITTER", "must be at most 0.5 (got 2)"),
    )


def test_the_error_survives_pickling(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, "x = 1")

    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("host", ["１２７.0.0.1", "١٢٧.0.0.1", "127.0.0.１", "host²"])
def test_an_address_in_other_digits_than_0_to_9_is_refused(tmp_path: Path, host: str) -> None:
    text = f'[web]\nlisten = "{host}:80"\npublic_url = "https://{host}"\n[notify]\nping_url = "https://{host}/x"\n'

    found = problems(tmp_path, text)

    assert [line.partition(" ")[0] for line in found] == [
        "rejoin.toml:2:", "rejoin.toml:3:", "rejoin.toml:5:",
    ]  # fmt: skip


@pytest.mark.parametrize("port", ["٣", "８０", "8²"])
def test_a_port_in_other_digits_is_too(tmp_path: Path, port: str) -> None:
    assert len(problems(tmp_path, f'[web]\nlisten = "127.0.0.1:{port}"\n')) == 1


@pytest.mark.parametrize("speed", ["٣", "1_0", "６０"])
def test_a_clock_speed_in_other_digits_is_too(tmp_path: Path, speed: str) -> None:
    (found,) = problems(tmp_path, "", {"REJOIN_CLOCK_SPEED": speed})

    assert found.startswith("REJOIN_CLOCK_SPEED (environment): must be a number above 0")

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orchestrator.config import effective, load
from tests.unit.config_files import BACKUP, problems, settings, write

if TYPE_CHECKING:
    from pathlib import Path

FROM_FILE = BACKUP.replace('access_token = "t0k3n-of-backup"', 'access_token_file = "secrets/b.token"')
HOOK = "[[notify.webhooks]]\nurl = 'https://crm.example.org/x'"
WHERE = "rejoin.toml:6: instances.backup-1.access_token_file: "


def secret(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "secrets" / "b.token"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    "content", [b"from-file", b"from-file\n", b"from-file\r\n", b"\xef\xbb\xbffrom-file\n"]
)
def test_a_token_comes_from_its_file_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir("/")
    secret(tmp_path, content)

    assert settings(tmp_path, FROM_FILE).instances[0].access_token.get_secret_value() == "from-file"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = secret(tmp_path, b"from-file")
    (tmp_path / "elsewhere").mkdir()
    found = settings(tmp_path / "elsewhere", FROM_FILE.replace("secrets/b.token", str(file)))

    assert found.instances[0].access_token.get_secret_value() == "from-file"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file it names is empty"),
        (b"\n", "the file it names is empty"),
        (b"\xff\xfe", "the file it names is not UTF-8 text"),
        (b"x" * 70_000, "the file it names is too large for a secret"),
    ],
)
def test_a_file_without_a_usable_secret_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    secret(tmp_path, content)

    assert problems(tmp_path, FROM_FILE) == [f"{WHERE}{sentence} (paths are relative to {tmp_path})"]


def test_a_missing_file_is_told_once_and_not_as_a_missing_token(tmp_path: Path) -> None:
    sentence = (
        f"the file it names cannot be read (no such file or directory) (paths are relative to {tmp_path})"
    )

    assert problems(tmp_path, FROM_FILE) == [WHERE + sentence]
    assert problems(tmp_path, "[notify]\nping_url_file = 'x'\n[[notify.webhooks]]\nurl_file = 'y'") == [
        f"rejoin.toml:2: notify.ping_url_file: {sentence}",
        f"rejoin.toml:4: notify.webhooks.0.url_file: {sentence}",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    secret(tmp_path, b"x", mode=0)

    assert "permission denied" in problems(tmp_path, FROM_FILE)[0]


@pytest.mark.parametrize("name", ["secrets", "a\\u0000b"])
def test_a_folder_or_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    secret(tmp_path, b"x")

    assert problems(tmp_path, FROM_FILE.replace("secrets/b.token", name))[0].startswith(
        f"{WHERE}the file it names "
    )


def test_a_placeholder_or_a_stray_space_in_the_file_is_refused_under_the_files_key(tmp_path: Path) -> None:
    secret(tmp_path, b"YOUR_ACCESS_TOKEN\n")
    assert problems(tmp_path, FROM_FILE) == [
        f"{WHERE}is still an example's placeholder: put the real value here (hidden)"
    ]

    secret(tmp_path, b"tok-en\n\n")
    assert problems(tmp_path, FROM_FILE) == [
        f"{WHERE}must not hold spaces, line breaks or control characters (hidden)"
    ]


def test_both_forms_in_one_place_are_refused(tmp_path: Path) -> None:
    secret(tmp_path, b"x1")
    both = "REJOIN_INSTANCES__BACKUP_1__ACCESS_TOKEN"

    assert problems(tmp_path, FROM_FILE + 'access_token = "x2"\n') == [
        f"{WHERE}access_token is given as well: keep one of the two"
    ]
    assert problems(tmp_path, BACKUP, {both: "x2", f"{both}_FILE": "secrets/b.token"}) == [
        f"{both}_FILE (environment): access_token is given as well: keep one of the two"
    ]


def test_either_form_in_the_environment_overrides_both_of_the_file(tmp_path: Path) -> None:
    secret(tmp_path, b"from-file")
    name = "REJOIN_INSTANCES__BACKUP_1__ACCESS_TOKEN"
    direct = settings(tmp_path, FROM_FILE, {name: "from-environment"})
    by_file = settings(tmp_path, BACKUP, {f"{name}_FILE": "secrets/b.token"})

    assert direct.instances[0].access_token.get_secret_value() == "from-environment"
    assert by_file.instances[0].access_token.get_secret_value() == "from-file"


def test_an_empty_file_name_means_none(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "[web]\ntoken_file = ''\n[webhooks]\nsecret_file = ''\npath_secret = ''\n"
        "[notify]\nping_url = ''\nurls = []",
    )

    assert found.web.token.get_secret_value() == ""
    assert found.notify.ping_url.get_secret_value() == ""


def test_a_list_of_secrets_has_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "urls").write_text("json://a\n\ntgram://b/c\n")
    found = settings(tmp_path, "[notify]\nurls_file = 'urls'")

    assert [u.get_secret_value() for u in found.notify.urls] == ["json://a", "tgram://b/c"]


def test_the_database_address_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgres://me:pw@db/x\n")

    assert (
        settings(tmp_path, "[database]\nurl_file = 'url'").database.async_url
        == "postgresql+asyncpg://me:pw@db/x"
    )


def test_a_file_that_others_can_read_is_warned_of_and_used(tmp_path: Path) -> None:
    secret(tmp_path, b"from-file", mode=0o640)
    found = settings(tmp_path, FROM_FILE)

    assert [str(w).replace(f"{tmp_path}/", "") for w in found.warnings] == [
        f"{WHERE}other users of this machine can read b.token (mode 0640): chmod 600 it"
    ]


def test_a_configuration_with_a_secret_in_it_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    open_to_all = write(tmp_path, BACKUP)
    open_to_all.chmod(0o644)
    assert [w.line for w in load(open_to_all, {}).warnings] == [None]

    harmless = write(tmp_path, "[database]\nurl = 'sqlite:///x.db'\n[web]\ntoken = ''")
    harmless.chmod(0o644)
    assert load(harmless, {}).warnings == ()


def test_no_rendering_of_the_settings_shows_a_secret(tmp_path: Path) -> None:
    text = (
        BACKUP
        + "[database]\nurl = 'postgresql://me:t0k3n-pw@db/x'\n[notify]\nurls = ['json://t0k3n']\nping_url = 'https://t0k3n.example'"
    )
    found = settings(tmp_path, text)
    renderings = [
        repr(found),
        str(found),
        str(found.model_dump()),
        found.model_dump_json(),
        str(effective(found)),
        repr(found.source),
    ]

    assert [r for r in renderings if "t0k3n" in r] == []


@pytest.mark.parametrize(
    ("section", "key"),
    [("[webhooks]", "secret"), ("[webhooks]", "path_secret"), ("[web]", "token"), (HOOK, "secret")],
)
def test_a_secret_that_is_found_by_trying_is_refused(tmp_path: Path, section: str, key: str) -> None:
    for short in ("q", "fifteen-letters", "whsec_QUJDREVGR0g" if key == "secret" else "s" * 15):
        said = problems(tmp_path, f"{section}\n{key} = '{short}'")
        assert len(said) == 1
        assert "must have at least 16 characters: openssl rand -hex 16" in said[0]
        assert f"{key}: " in said[0]
        assert short not in said[0] or len(short) == 1
    settings(tmp_path, f"{section}\n{key} = 'sixteen-letters-'")
    settings(tmp_path, f"{section}\n{key} = ''")


@pytest.mark.parametrize(
    "text",
    [
        BACKUP.replace("t0k3n-of-backup", "tökén-of-backup"),
        BACKUP.replace('instance_id = "', 'instance_id = "é'),
        "[web]\ntoken = 'tökén-0123456789abc'",
        "[webhooks]\npath_secret = 'tökén-0123456789abc'",
    ],
)
def test_what_no_header_carries_is_refused(tmp_path: Path, text: str) -> None:
    assert [said for said in problems(tmp_path, text) if "must hold only ASCII characters" in said]

"""`rejoin init` and what stands after it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.support.command import Rejoin

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def rejoin(tmp_path: Path) -> Rejoin:
    return Rejoin(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_all_that_it_makes_is_for_its_owner_alone(rejoin: Rejoin, tmp_path: Path) -> None:
    answer = rejoin("init")

    assert answer.code == 0
    assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
        "rejoin.toml": 0o600,
        "rejoin.key": 0o600,
        "rejoin.db": 0o600,
        "secrets": 0o700,
    }
    assert "rejoin groups import" in answer.err
    assert rejoin("config", "validate").code == 0
    assert rejoin("healthcheck", "--ready").code == 0


def test_times_are_shown_in_the_computers_zone(tmp_path: Path) -> None:
    rejoin = Rejoin(tmp_path, forked=False)

    assert rejoin("init", TZ="America/Sao_Paulo").code == 0

    assert 'timezone = "America/Sao_Paulo" ' in (tmp_path / "rejoin.toml").read_text()


@pytest.mark.parametrize("zone", ["Not/AZone", "../../etc/passwd", "EST5EDT,M3.2.0,M11.1.0", ":"])
def test_a_zone_that_is_none_is_left_alone(tmp_path: Path, zone: str) -> None:
    rejoin = Rejoin(tmp_path, forked=False)

    assert rejoin("init", TZ=zone).code == 0
    assert rejoin("config", "validate").code == 0


def test_the_health_check_finds_the_same_file(tmp_path: Path) -> None:
    own = tmp_path / "own" / "rejoin"
    own.mkdir(parents=True)
    (own / "rejoin.toml").write_text("[database]\nurl = 'sqlite:///gone.db'\n")

    answer = Rejoin(tmp_path)("healthcheck", XDG_CONFIG_HOME=str(tmp_path / "own"))

    assert answer.code == 1
    assert f"{own}/gone.db: there is no database" in answer.err


def test_a_second_init_changes_nothing(rejoin: Rejoin, tmp_path: Path) -> None:
    rejoin("init")
    before = contents(tmp_path)

    again = rejoin("init", "--json")

    assert again.code == 0
    assert again.json["made"] == []
    assert {name: contents(tmp_path)[name] for name in ("rejoin.toml", "rejoin.key")} == {
        name: before[name] for name in ("rejoin.toml", "rejoin.key")
    }


def test_a_database_url_that_cannot_be_is_refused_and_nothing_is_left(rejoin: Rejoin, tmp_path: Path) -> None:
    answer = rejoin("init", "--database-url", "mysql://here")

    assert answer.code == 78
    assert "database.url" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_for_another_database_is_not_overwritten(rejoin: Rejoin, tmp_path: Path) -> None:
    rejoin("init")
    before = contents(tmp_path)["rejoin.toml"]

    answer = rejoin("init", "--database-url", "sqlite:///other.db")

    assert answer.code == 2
    assert "it is not overwritten" in answer.err
    assert contents(tmp_path)["rejoin.toml"] == before
    assert not (tmp_path / "other.db").exists()


def test_init_mends_a_lost_key_file_only_while_nothing_is_encrypted(rejoin: Rejoin, tmp_path: Path) -> None:
    rejoin("init")
    (tmp_path / "rejoin.key").unlink()

    assert rejoin("healthcheck", "--ready").code == 1
    assert rejoin("init").code == 0
    assert rejoin("healthcheck", "--ready").code == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    answer = rejoin("init", "-c", "file/rejoin.toml")

    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert "file" in answer.err


def test_healthcheck_names_the_part_that_fails(rejoin: Rejoin, tmp_path: Path) -> None:
    assert rejoin("healthcheck").code == 0
    assert rejoin("healthcheck", "--ready").code == 1
    rejoin("init")
    (tmp_path / "rejoin.db").write_text("no database at all, but long enough to be taken for one" * 20)

    answer = rejoin("healthcheck")

    assert answer.code == 1
    assert "rejoin.db: file is not a database" in answer.err
    assert rejoin("healthcheck", "--json").json == {
        "ok": False,
        "reason": answer.err.removeprefix("rejoin: ").strip(),
    }


def test_healthcheck_knocks_at_postgresql(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "rejoin.toml").write_text('[database]\nurl = "postgresql://me:geheim@127.0.0.1:1/x"\n')

    answer = rejoin("healthcheck")

    assert answer.code == 1
    assert "PostgreSQL does not answer at 127.0.0.1 port 1" in answer.err
    assert "geheim" not in answer.err


def test_a_backup_is_whole_private_and_never_over_another(rejoin: Rejoin, tmp_path: Path) -> None:
    rejoin("init")

    first = rejoin("db", "backup", "copy.db", "--json")
    second = rejoin("db", "backup", "copy.db")

    assert first.code == 0
    assert mode(tmp_path / "copy.db") == 0o600
    assert second.code == 2
    (tmp_path / "rejoin.toml").write_text('[database]\nurl = "sqlite:///copy.db"\n')
    assert rejoin("db", "check").code == 0


def test_a_database_that_was_never_migrated_is_said_so(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "rejoin.toml").write_text("")

    answer = rejoin("history")

    assert answer.code == 78
    assert "rejoin db upgrade" in answer.err
    assert rejoin("db", "upgrade").code == 0
    assert rejoin("history", "--json").json == []


def test_config_show_masks_secrets_and_says_where_values_come_from(rejoin: Rejoin) -> None:
    rejoin("init")

    answer = rejoin(
        "config",
        "show",
        "--json",
        REJOIN_DATABASE__URL="postgresql://me:geheim@127.0.0.1/x",
        REJOIN_PACING__JOINS_PER_MINUTE="3",
    )

    values = {one["key"]: one for one in answer.json}
    assert values["pacing.joins_per_minute"] == {
        "key": "pacing.joins_per_minute",
        "value": 3.0,
        "origin": "environment REJOIN_PACING__JOINS_PER_MINUTE",
    }
    assert "geheim" not in answer.out
    assert "********" in values["database.url"]["value"]


def test_every_mistake_in_the_configuration_is_told_at_once(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "rejoin.toml").write_text("[pacing]\njoins_per_minute = 40\njoins_per_minit = 4\n")

    answer = rejoin("config", "validate")

    assert answer.code == 78
    assert answer.out == ""
    assert "rejoin.toml:2: pacing.joins_per_minute: must be at most 5 (got 40)" in answer.err
    assert "rejoin.toml:3: pacing.joins_per_minit: unknown key. Did you mean joins_per_minute?" in answer.err
    assert len(rejoin("config", "validate", "--json").error["problems"]) == 2

"""The same commands on PostgreSQL, by changing one URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.command import Rejoin

if TYPE_CHECKING:
    from pathlib import Path


def test_init_import_list_and_check_on_postgresql(tmp_path: Path, empty_postgres_url: str) -> None:
    rejoin = Rejoin(tmp_path)
    url = empty_postgres_url.replace("postgresql+asyncpg", "postgresql")

    assert rejoin("init", "--database-url", url).code == 0
    table = "name,code\nOn Call,fEViSc2rjBsWaYkeHfule4\n"
    assert rejoin("groups", "import", "-", stdin=table).code == 0

    assert not (tmp_path / "rejoin.db").exists()
    assert [one["slug"] for one in rejoin("groups", "list", "--json").json] == ["on-call"]
    assert rejoin("db", "check").code == 0
    assert rejoin("db", "upgrade", "--json").json["changed"] is False
    assert rejoin("healthcheck", "--ready").code == 0
    assert rejoin("status", "--json").json["catalogue"]["groups"] == 1
    assert rejoin("db", "rekey", "--yes").code == 0


def test_a_database_that_is_away_ends_with_5_and_without_its_password(tmp_path: Path) -> None:
    rejoin = Rejoin(tmp_path, {"REJOIN_DATABASE__URL": "postgresql://me:geheim@127.0.0.1:1/x"})
    (tmp_path / "rejoin.toml").write_text("")

    for words in (("status",), ("history", "--json"), ("init",), ("db", "check"), ("status", "-v")):
        answer = rejoin(*words)
        assert answer.code == 5
        assert "geheim" not in answer.out + answer.err

"""rejoin hooks: set at the gateway, listed, replayed; and what it says without a secret or a URL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from tests.support.daemon import town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import Town

INSERT = """
INSERT INTO events (instance_id, received_at, key, kind, body, state, result) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
SECRET = "path-secret-9f8e7d6c"
URL = "https://rejoin.example.org"
SCENARIO = """
name = "hooks"
seed = 3
[[accounts]]
name = "backup-1"
instance_id = "200"
phone = "15550100002"
[[accounts]]
name = "sales-main"
instance_id = "100"
phone = "15550100001"
state = "FAILED"
[generate]
groups = 1
members = [6, 9]
owner = "15550100001"
admins = ["sales-main"]
[import]
instances = ["sales-main"]
"""
CONFIG = f"""
[webhooks]
path_secret = "{SECRET}"
public_url = "{URL}"
"""


def insert_events(here: Town) -> None:
    with closing(sqlite3.connect(here.folder / "rejoin.db")) as database:
        (instance,) = database.execute("SELECT id FROM instances WHERE name = 'backup-1'").fetchone()
        for number, state in enumerate(("done", "new", "done"), 1):
            result = "confirmed" if state == "done" else None
            row = (
                instance,
                1_700_000_000.0 + number,
                f"evt_{number}",
                "group.v2.join\x1b[2J",
                "{}",
                state,
                result,
            )
            database.execute(
                INSERT,
                row,
            )
        database.commit()


def test_hooks_from_install_to_replay(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=1, config=CONFIG) as here:
        dry = here("hooks", "install", "--dry-run", "--json")
        first = here("hooks", "install")
        again = here("hooks", "install", "--json", "--instance", "backup-1")
        elsewhere = here(
            "hooks", "install", "--json", "--url", "https://other.example.org/", "--instance", "backup-1"
        )
        wrong = here("hooks", "install", "--url", "ftp://x", "--json")

        assert [(one["instance"], one["changed"]) for one in dry.json["webhooks"]] == [
            ("backup-1", True), ("sales-main", True),
        ]  # fmt: skip
        assert first.code == 0
        assert f"backup-1: the webhook is set to {URL}/hooks/backup-1/…" in first.out
        (hook,) = again.json["webhooks"]
        assert (hook["changed"], hook["url"], hook["kept"]) == (False, f"{URL}/hooks/backup-1/…", 0)
        assert set(hook["events"]) >= {"group.v2.join", "session.status"}
        assert [(one["changed"], one["kept"]) for one in elsewhere.json["webhooks"]] == [(True, 1)]
        assert (wrong.code, wrong.error["code"]) == (2, "usage")

        assert here("hooks", "list", "--json").json["events"] == []
        insert_events(here)
        listed = here("hooks", "list", "--json").json
        assert (listed["new"], listed["waiting"], len(listed["events"])) == (1, 0, 3)
        assert listed["events"][0]["result"] == "confirmed"
        shown = here("hooks", "list", "--instance", "backup-1", "--limit", "2")
        assert shown.out.count("backup-1") == 2
        assert "\x1b" not in shown.out
        assert here("hooks", "replay", "1", "--json").json == {"changed": 1, "events": [1]}
        assert here("hooks", "replay", "--since", "30d", "--json").json["changed"] == 0
        assert here("hooks", "replay", "99", "--json").error["code"] == "not_found"
        assert here("hooks", "list", "--instance", "nobody").code == 2
        assert here.rows("SELECT count(*) FROM journal WHERE kind = 'act.replay'") == [(1,)]
        assert SECRET not in here.printed


def test_without_a_secret_or_a_url_it_says_what_is_missing(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=1) as here:
        no_secret = here("hooks", "install", "--url", URL, "--json")
        toml = tmp_path / "rejoin.toml"
        toml.write_text(toml.read_text() + f'\n[webhooks]\nsecret = "{SECRET}"\n')
        no_url = here("hooks", "install", "--json")

    assert no_secret.code == no_url.code == 78
    assert "neither webhooks.secret nor webhooks.path_secret" in no_secret.error["message"]
    assert "where gateways reach us" in no_url.error["message"]


def test_doctor_probe_prints_the_lines_that_make_the_gateway_work(tmp_path: Path) -> None:
    with town(tmp_path, SCENARIO, speed=60) as here:
        here.faults(gateway={"auth": "header", "paths": "two"})
        before = here.asks("/_sim/verdict")
        group = here("groups", "list", "--json").json[0]["group"]
        found = here("doctor", "--probe", group)
        as_json = here("doctor", "--probe", group, "--to", "backup-1", "--json")
        refused = here("plan")
        toml = tmp_path / "rejoin.toml"
        lines = as_json.json["lines"]
        head, name, tail = toml.read_text().partition('name = "backup-1"')
        own, bracket, rest = tail.partition("\n[")
        toml.write_text("\n".join([head + name + own, *lines, bracket + rest]))
        planned = here("plan")
        unknown = here("doctor", "--probe", "nobody", "--json")
        here.faults(gateway={"auth": "query"})
        again = here("doctor", "--probe", group, "--to", "backup-1")

        assert here.asks("/_sim/verdict")["joins"] == before["joins"] == 0
    assert (found.code, as_json.code, refused.code, planned.code) == (0, 0, 4, 0)
    assert lines == ["[instances.wawp]", 'auth = "header"', 'probe_path = "/v2/groups/join-info"']
    assert "\n".join(lines) in found.out
    assert again.code == 0
    assert "Set this in the [instances.wawp] table of backup-1, in place of what it has:" in again.out
    assert again.out.count("[instances.wawp]") == 1  # a second table of that name would be no TOML
    assert 'auth = "query"' in again.out
    assert (unknown.code, unknown.error["code"]) == (2, "not_found")

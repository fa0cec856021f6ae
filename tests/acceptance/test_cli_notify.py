"""`rejoin notify test` and `rejoin outbox`, as real calls against a receiver on loopback."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, insert

from orchestrator.store.tables import deliveries, messages
from tests.support.command import Rejoin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INSTANCE = """
[database]
url = "sqlite:///rejoin.db"
key_file = "rejoin.key"

[[instances]]
name = "backup-1"
role = "backup"
base_url = "http://127.0.0.1:9100"
instance_id = "200"
access_token = "t0k3n-of-backup"
"""


@contextmanager
def receiving() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """(address, what came): `/bad` answers 500, all else 200."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got.append((self.path, body))
            self.send_response(500 if self.path == "/bad" else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def rejoin(tmp_path: Path) -> Rejoin:
    made = Rejoin(tmp_path)
    configure(tmp_path, "")
    assert made("init").code == 0
    return made


def configure(folder: Path, notify: str) -> None:
    file = folder / "rejoin.toml"
    file.write_text(INSTANCE + notify)
    file.chmod(0o600)


def test_everybody_gets_a_test_and_the_answer_says_how_each_took_it(rejoin: Rejoin, tmp_path: Path) -> None:
    with receiving() as (address, got):
        text = f"""
[notify]
urls = ["json://{address}/people"]
ping_url = "http://{address}/ping/s3cret"
[[notify.webhooks]]
name = "crm"
url = "http://{address}/good?key=s3cret"
secret = "whsec_c2VjcmV0LWtleS0wMTIzNDU2Nzg5"
[[notify.webhooks]]
name = "broken"
url = "http://{address}/bad"
"""
        configure(tmp_path, text)
        every = rejoin("notify", "test", "--json")
        one = rejoin("notify", "test", "crm")
        missing = rejoin("notify", "test", "nobody")

    assert every.code == 5
    assert every.json == [
        {"receiver": "hook:crm", "ok": True, "result": "answered 200"},
        {"receiver": "hook:broken", "ok": False, "result": "answered 500"},
        {"receiver": "people", "ok": True, "result": "sent"},
        {"receiver": "ping", "ok": True, "result": "answered 200"},
    ]
    assert (one.code, one.out.split()) == (0, ["ok", "hook:crm:", "answered", "200"])
    assert (missing.code, "hook:crm, hook:broken, people, ping" in missing.err) == (2, True)
    assert {path for path, _ in got} == {"/good?key=s3cret", "/bad", "/people", "/ping/s3cret"}
    body = next(body for path, body in got if path.startswith("/good"))
    assert json.loads(body)["type"] == "rejoin.test"
    assert "s3cret" not in every.out + every.err + one.out + one.err


def test_with_nobody_to_tell_it_says_what_to_set(rejoin: Rejoin) -> None:
    answer = rejoin("notify", "test")

    assert answer.code == 78
    assert "notify.urls, notify.webhooks or notify.ping_url" in answer.err


def _put(folder: Path) -> None:
    """One parked delivery and one that waits."""
    engine = create_engine(f"sqlite:///{folder / 'rejoin.db'}")
    with engine.begin() as connection:
        for n, state in enumerate(("parked", "pending"), 1):
            message: dict[str, Any] = {
                "id": n,
                "uid": f"msg_{n}",
                "kind": "group.active",
                "at": 1_800_000_000.0,
            }
            message |= {"subject": f"group:{n}", "data": "{}", "fanned_out": True}
            connection.execute(insert(messages).values(message))
            row = {"message_id": n, "sink": "hook:crm", "subject": f"group:{n}", "state": state}
            connection.execute(insert(deliveries).values(row | {"attempts": 10, "error": "answered 500"}))
    engine.dispose()


def test_what_was_given_up_is_listed_and_tried_again(rejoin: Rejoin, tmp_path: Path) -> None:
    _put(tmp_path)

    listed = rejoin("outbox", "list", "--parked", "--json")
    table = rejoin("outbox", "list")
    vague = rejoin("outbox", "retry")
    tried = rejoin("outbox", "retry", "1", "2", "--json")
    after = rejoin("outbox", "list", "--json")

    assert (listed.json["parked"], listed.json["pending"], listed.json["unsorted"]) == (1, 1, 0)
    (one,) = listed.json["deliveries"]
    assert (one["id"], one["type"], one["receiver"], one["state"]) == (
        1,
        "group.active",
        "hook:crm",
        "parked",
    )
    assert (one["attempts"], one["error"], one["at"]) == (10, "answered 500", "2027-01-15T08:00:00Z")
    assert "1 wait, 1 are parked." in table.err
    assert table.out.splitlines()[1].split()[:4] == ["1", "parked", "hook:crm", "group.active"]
    assert (vague.code, tried.code, tried.json) == (2, 0, {"changed": 1})
    assert (after.json["parked"], after.json["pending"]) == (0, 2)
    assert "act.outbox_retry  deliveries=1" in rejoin("log").out

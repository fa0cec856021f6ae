"""Serving: loopback only, broken HTTP, the remote control, and `simulate`."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from orchestrator.simulator.checked_tables import ScenarioError
from orchestrator.simulator.server import address, serve, simulate
from tests.integration.simulator_talk import CODE, JID, KEYS, talk
from tests.support.command import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.simulator_talk import Talk


async def raw(wawp: Talk, data: bytes, *parts: bytes) -> bytes:
    host, port = wawp.running.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in (data, *parts):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    answer = await asyncio.wait_for(reader.read(65536), PATIENCE)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("listen", ["0.0.0.0:9100", "192.168.1.5:80", "[::]:9100", "example.org:80"])
def test_only_loopback_is_served(listen: str) -> None:
    with pytest.raises(ValueError, match="is not on loopback"):
        address(listen)


@pytest.mark.parametrize(
    "listen", ["127.0.0.1", "127.0.0.1:x", ":", "127.0.0.1:99999", "127.0.0.1:٣", "127.0.0.1:９100"]
)
def test_an_address_has_a_host_and_a_port(listen: str) -> None:
    with pytest.raises(ValueError, match=r"write it as 127\.0\.0\.1:9100"):
        address(listen)


def test_loopback_addresses_are_understood() -> None:
    assert address("127.0.0.1:9100") == ("127.0.0.1", 9100)
    assert address("[::1]:0") == ("::1", 0)
    assert address("localhost:1") == ("localhost", 1)


async def test_serving_off_loopback_is_refused() -> None:
    async with talk() as wawp:
        with pytest.raises(ValueError, match="is not on loopback"):
            async with serve(wawp.network, host="0.0.0.0"):  # noqa: S104 - the point
                pass


async def test_a_request_may_come_in_pieces_and_two_in_one() -> None:
    async with talk() as wawp:
        target = f"/v2/groups/join?instance_id=210&access_token=token-b&code={CODE}"
        whole = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        assert (await raw(wawp, whole[:30], whole[30:])).startswith(b"HTTP/1.1 200 OK\r\n")
        assert (await raw(wawp, whole + whole)).count(b"HTTP/1.1 200 OK") == 2


async def test_a_body_may_come_after_its_head() -> None:
    async with talk() as wawp:
        body = f'{{"instance_id":"210","access_token":"token-b","code":"{CODE}"}}'.encode()
        head = b"POST /v2/groups/join HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert b'"subject":"Support"' in await raw(wawp, head, body[:20], body[20:])
        assert len(wawp.running.log.requests) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_what_is_no_request_gets_400_and_the_door(data: bytes) -> None:
    async with talk() as wawp:
        assert (await raw(wawp, data)).startswith(b"HTTP/1.1 400 Bad Request")


async def test_the_remote_control_tells_state_log_and_verdict() -> None:
    async with talk() as wawp:
        await wawp.probe()
        await wawp.join()
        state = (await wawp.raw("GET", "/_sim/state")).body
        assert state["groups"][0]["inside"] == ["admin", "backup"]
        log = (await wawp.raw("GET", "/_sim/log")).body
        assert [r["effect"] for r in log["requests"]] == ["none", "joined"]
        assert (await wawp.raw("GET", "/_sim/log?since=1")).body["requests"][0]["kind"] == "join"
        verdict = (await wawp.raw("GET", "/_sim/verdict")).body
        assert (verdict["joins"], verdict["worst_window_60s"], verdict["double_effects"]) == (1, 1, [])
        assert CODE not in str(log)
        assert "token-b" not in str(state)
        assert len(wawp.running.log.requests) == 2


async def test_a_link_that_an_admin_tells_lets_in_where_the_old_one_was_revoked() -> None:
    """Whoever plays with the network must get past the first revoked code."""
    async with talk() as wawp:
        before = (await wawp.raw("GET", "/_sim/links")).body.decode()
        assert before == f"https://chat.whatsapp.com/{CODE}  Support\n"
        wawp.group.codes = {CODE: False}
        assert "410" in (await wawp.join()).body["message"]

        link, subject = (await wawp.raw("GET", "/_sim/links")).body.decode().split()

        assert subject == "Support"
        code = link.removeprefix("https://chat.whatsapp.com/")
        assert (await wawp.post("/v2/groups/join", code=code)).status == 200
        again = (await wawp.raw("GET", "/_sim/links")).body.decode()
        assert link in again, "looking changes nothing that is good"


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ({"do": "revoke_code", "group": JID}, "410"),
        ({"do": "set", "group": "Support", "full": True}, "419"),
        ({"do": "set", "group": "Support", "closed": True}, "404"),
        ({"do": "growth_lock", "group": JID, "seconds": 60}, "436"),
        ({"do": "remove", "group": JID, "account": "backup"}, "401"),
        ({"do": "restrict", "account": "backup", "seconds": 60}, "463"),
        ({"do": "limit_joins", "account": "backup", "seconds": 60}, "429"),
        ({"do": "limit_joins", "account": "backup", "seconds": 60, "joins": 0}, "429"),
        ({"do": "log_out", "account": "backup"}, "Scan the QR code"),
        ({"do": "ban", "account": "backup"}, "Session not found"),
    ],
)
async def test_a_deed_changes_what_a_join_meets(deed: dict[str, object], message: str) -> None:
    async with talk() as wawp:
        assert (await wawp.raw("POST", "/_sim/do", json=deed)).status == 200
        assert message in (await wawp.join()).body["message"]


async def test_an_admin_lets_in_throws_out_and_renames_by_remote_control() -> None:
    async with talk() as wawp:
        both = {"group": JID, "account": "backup"}
        early = await wawp.raw("POST", "/_sim/approve", json=both)
        assert early.body["problems"] == ["/_sim/do: this account has not asked to be let in"]
        await wawp.raw("POST", "/_sim/group", json={"do": "set", "group": JID, "approval": True})
        await wawp.join()
        assert (await wawp.raw("POST", "/_sim/approve", json=both)).status == 200
        assert wawp.group.inside["backup"] is False
        for deed in ({"do": "remove"}, {"do": "readmit"}, {"do": "add", "admin": True}):
            assert (await wawp.raw("POST", "/_sim/do", json={**both, **deed})).status == 200
        assert wawp.group.inside["backup"] is True
        rename = {"do": "rename", "group": JID, "subject": "New"}
        assert (await wawp.raw("POST", "/_sim/group", json=rename)).status == 200
        assert (await wawp.probe()).body["subject"] == "New"
        up = {"do": "set_working", "account": "backup"}
        assert (await wawp.raw("POST", "/_sim/account", json=up)).status == 200


async def test_faults_are_set_and_cleared_by_remote_control() -> None:
    async with talk() as wawp:
        rule = {"trouble": "http", "status": 503, "kinds": ["probe"], "group": "Support"}
        order = {"gateway": {"engine": "gows"}, "rules": [rule]}
        assert (await wawp.raw("POST", "/_sim/faults", json=order)).status == 200
        assert (await wawp.probe()).status == 503
        assert (await wawp.raw("POST", "/_sim/faults", json={"clear": True})).status == 200
        assert (await wawp.probe()).body["JID"] == JID


async def test_a_wrong_order_is_refused_with_every_mistake() -> None:
    async with talk() as wawp:
        order = {"gateway": {"engine": "steam"}, "rules": [{"trouble": "x"}], "more": 1}
        answer = await wawp.raw("POST", "/_sim/faults", json=order)
        assert (answer.status, len(answer.body["problems"])) == (400, 3)
        for body in (b"{", b"[]", b'{"do": "fly"}', b'{"do": "log_out", "account": "ghost"}'):
            answer = await wawp.raw("POST", "/_sim/do", data=body)
            assert (answer.status, len(answer.body["problems"])) == (400, 1)
        assert (await wawp.raw("GET", "/_sim/nothing")).status == 404


async def test_simulate_serves_the_demo_and_tells_each_request_without_its_code() -> None:
    told: list[str] = []
    running = await simulate("127.0.0.1:0", speed=600.0, anchor=0.0, log=told.append)
    try:
        assert running.world is not None
        row = next(row for row in running.world.rows if row.name == "Customers West Africa")
        account = next(a for a in running.accounts if a.name == "backup-1")
        keys = {"instance_id": account.instance_id, "access_token": account.access_token}
        async with aiohttp.ClientSession() as session:
            url = f"{running.base_url}/v2/groups/join"
            async with session.post(url, json={**keys, "code": row.code}) as response:
                assert (await response.json())["id"] == row.jid
        pattern = r"\d\d:\d\d:\d\d backup-1: join Customers West Africa: 200, joined"
        assert [bool(re.fullmatch(pattern, line)) for line in told] == [True]
        assert row.code not in told[0]
    finally:
        await running.close()


async def test_simulate_refuses_a_wrong_scenario_and_a_taken_port(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("x = 1")
    with pytest.raises(ScenarioError, match=r"x\.toml: x: is not known here"):
        await simulate("127.0.0.1:0", tmp_path / "x.toml")
    async with talk() as wawp:
        port = wawp.running.base_url.rpartition(":")[2]
        with pytest.raises(OSError, match="address already in use"):
            await simulate(f"127.0.0.1:{port}")
    assert KEYS["access_token"] not in repr(wawp.running)


async def test_a_process_of_its_own_serves_until_it_is_interrupted() -> None:
    program = (
        "import signal\n"
        "from orchestrator.simulator.server import run_server\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # nohup and `&` of a script ignore it
        "run_server('127.0.0.1:0', ready=lambda running: print(running.base_url, flush=True))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    base_url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode().strip()
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/_sim/state") as response:
        assert len((await response.json())["groups"]) == 43
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert errors.rstrip().endswith(b"KeyboardInterrupt")

"""What leaves the machine, what does not, and what is said when the connection fails."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.clock import SystemClock
from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways.calls import Timeouts
from orchestrator.gateways.http import (
    FailureKind,
    HttpClient,
    HttpFailure,
    HttpRequest,
    HttpResult,
    open_session,
)
from orchestrator.gateways.wawp import WawpRoutes
from tests.contract.wawp_peer import (
    CODE,
    INSTANCE,
    JID,
    TOKEN,
    Peer,
    Seen,
    against,
    always,
    http,
    listening,
    wawp,
)
from tests.support.defaults import routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from orchestrator.gateways.wawp import WawpGateway

GROUP = {"id": JID, "subject": "Support 4"}
QUICK = Timeouts(connect=0.2, read=0.2, join=0.2)


async def test_probe_is_a_get_and_join_a_post_on_the_same_path_with_the_bare_code() -> None:
    async with against(http(200, GROUP)) as (gateway, peer):
        await gateway.probe(CODE)
        await gateway.join(CODE, last_look=always)

    assert [(seen.method, seen.path) for seen in peer.seen] == [
        ("GET", "/v2/groups/join"),
        ("POST", "/v2/groups/join"),
    ]
    assert peer.seen[0].query == {"instance_id": INSTANCE, "access_token": TOKEN, "code": CODE}
    assert peer.seen[0].body == {}
    assert peer.seen[1].query == {}
    assert peer.seen[1].body == {"instance_id": INSTANCE, "access_token": TOKEN, "code": CODE}


async def test_header_credentials_put_the_token_in_no_url_and_no_body() -> None:
    options = routes(auth="header", code_parameter="url")
    async with against(http(200, GROUP), options=options) as (gateway, peer):
        await gateway.probe(CODE)
        await gateway.join(CODE, last_look=always)

    for seen in peer.seen:
        assert seen.headers["access-token"] == TOKEN
        assert seen.headers["authorization"] == f"Bearer {TOKEN}"
        assert seen.headers["x-instance-id"] == INSTANCE
        assert TOKEN not in str(seen.query) + str(seen.body)
    assert peer.seen[0].query["url"] == CODE
    assert peer.seen[1].body["url"] == CODE


async def test_a_bearer_token_stands_alone_where_that_is_configured() -> None:
    async with against(http(200, GROUP), options=routes(auth="bearer")) as (gateway, peer):
        await gateway.probe(CODE)
        await gateway.join(CODE, last_look=always)

    for seen in peer.seen:
        assert seen.headers["authorization"] == f"Bearer {TOKEN}"
        assert "access-token" not in seen.headers
        assert TOKEN not in str(seen.query) + str(seen.body)


async def test_a_posts_credentials_and_its_code_can_stand_in_the_query() -> None:
    options = routes(auth="query", code_in="query", code_form="link", code_parameter="url")
    wanted = {
        "instance_id": INSTANCE, "access_token": TOKEN, "url": f"https://chat.whatsapp.com/{CODE}"
    }  # fmt: skip
    async with against(http(200, GROUP), options=options) as (gateway, peer):
        await gateway.probe(CODE)
        await gateway.join(CODE, last_look=always)
        await gateway.send_text(JID, "hello")

    probe, join, text = peer.seen
    assert (probe.query, join.query, join.body) == (wanted, wanted, {})
    assert (text.query, text.body) == (
        {"instance_id": INSTANCE, "access_token": TOKEN},
        {"chatId": JID, "message": "hello"},
    )


@pytest.mark.parametrize("status", [200, 301, 302, 307, 308, 400, 401, 404, 405, 429, 500, 502, 503])
@pytest.mark.parametrize("body", [GROUP, {"message": "Cannot GET /v2/groups/join"}, b"<html>", b""])
async def test_a_probe_never_posts_whatever_comes_back(status: int, body: object) -> None:
    async with against(http(status, body, Location="/elsewhere")) as (gateway, peer):
        for _ in range(3):
            await gateway.probe(CODE)

    assert {seen.method for seen in peer.seen} == {"GET"}


async def test_a_last_look_that_says_no_lets_no_byte_leave() -> None:
    async with against(http(200, GROUP)) as (gateway, peer):
        receipt = await gateway.join(CODE, last_look=lambda: False)
        await asyncio.sleep(0.05)

        assert peer.bytes_received == 0
    assert receipt.answer.outcome is Outcome.TRANSIENT
    assert receipt.answer.sent is False


async def test_a_last_look_that_says_no_holds_on_a_connection_in_use_as_well() -> None:
    async with against(http(200, GROUP)) as (gateway, peer):
        await gateway.probe(CODE)
        receipt = await gateway.join(CODE, last_look=lambda: False)
        again = await gateway.probe(CODE)

    assert receipt.answer.sent is False
    assert again.answer.outcome is Outcome.OK
    assert [seen.method for seen in peer.seen] == ["GET", "GET"]


async def test_the_last_look_is_asked_once_after_connecting_and_before_sending() -> None:
    looks: list[tuple[int, int]] = []

    async with against(http(200, GROUP)) as (gateway, peer):

        def look() -> bool:
            looks.append((len(peer.seen), peer.bytes_received))
            return True

        await gateway.join(CODE, last_look=look)

    assert looks == [(0, 0)]
    assert peer.connections == 1


async def test_a_refused_last_look_leaves_no_connection_open() -> None:
    async with against(http(200, GROUP)) as (gateway, _):
        await gateway.join(CODE, last_look=lambda: False)
        connector = gateway._calls.http._session.connector

        assert connector is not None
        assert not connector._conns
        assert not connector._acquired


async def test_an_error_of_the_last_look_itself_comes_out_and_nothing_leaves() -> None:
    def broken() -> bool:
        raise ZeroDivisionError

    async with against(http(200, GROUP)) as (gateway, peer):
        with pytest.raises(ZeroDivisionError):
            await gateway.join(CODE, last_look=broken)

    assert peer.bytes_received == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_says_so(status: int) -> None:
    async with against(http(status, b"", Location="/v2/elsewhere")) as (gateway, peer):
        receipt = await gateway.join(CODE, last_look=always)

    assert len(peer.seen) == 1
    assert receipt.answer.outcome is Outcome.NOT_SUPPORTED
    assert "redirect" in receipt.answer.text


async def test_a_see_other_after_a_join_may_mean_that_it_was_done() -> None:
    async with against(http(303, b"", Location="/v2/done")) as (gateway, peer):
        receipt = await gateway.join(CODE, last_look=always)

    assert len(peer.seen) == 1
    assert receipt.answer.outcome is Outcome.UNKNOWN


async def test_refused_connection_was_surely_not_sent() -> None:
    with closed_port() as port:
        async with wawp(f"http://127.0.0.1:{port}") as gateway:
            receipt = await gateway.join(CODE, last_look=always)

    assert receipt.answer.outcome is Outcome.TRANSIENT
    assert receipt.answer.sent is False


async def test_connection_cut_before_an_answer_leaves_a_join_unknown_and_a_probe_transient() -> None:
    async with against(b"") as (gateway, peer):
        receipt = await gateway.join(CODE, last_look=always)
        probe = await gateway.probe(CODE)

    assert (receipt.answer.outcome, receipt.answer.sent) == (Outcome.UNKNOWN, True)
    assert (probe.answer.outcome, probe.answer.sent) == (Outcome.TRANSIENT, True)
    assert len(peer.seen) == 2


@pytest.mark.parametrize("whole", [http(200, GROUP)])
@pytest.mark.parametrize("kept", [10, 30, -1])
async def test_answer_cut_in_the_middle_leaves_a_join_unknown(whole: bytes, kept: int) -> None:
    async with against(whole[:kept], cut=True) as (gateway, peer):
        receipt = await gateway.join(CODE, last_look=always)

    assert len(peer.seen) == 1
    assert (receipt.answer.outcome, receipt.jid) == (Outcome.UNKNOWN, None)


async def test_answer_that_does_not_come_in_time_leaves_a_join_unknown() -> None:
    async with against(None, timeouts=QUICK) as (gateway, peer):
        receipt = await gateway.join(CODE, last_look=always)
        probe = await gateway.probe(CODE)

    assert (receipt.answer.outcome, receipt.answer.sent) == (Outcome.UNKNOWN, True)
    assert "in time" in receipt.answer.text
    assert probe.answer.outcome is Outcome.TRANSIENT
    assert len(peer.seen) == 2


async def test_what_is_not_http_leaves_a_join_unknown() -> None:
    async with against(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", cut=True) as (gateway, _):
        receipt = await gateway.join(CODE, last_look=always)

    assert (receipt.answer.outcome, receipt.answer.sent) == (Outcome.UNKNOWN, True)


@pytest.mark.parametrize(("first", "said"), [(b"HTTP/1.1 400 X\r\n\r\n", "TLS"), (b"", "took too long")])
async def test_a_server_without_tls_is_surely_not_sent_to(first: bytes, said: str) -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        with suppress(ConnectionError):  # a client that gives up may reset the connection
            await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        async with wawp(url, timeouts=QUICK) as gateway:
            receipt = await gateway.join(CODE, last_look=always)
        await gone.wait()

    assert (receipt.answer.outcome, receipt.answer.sent) == (Outcome.TRANSIENT, False)
    assert said in receipt.answer.text


async def test_an_answer_over_the_limit_is_refused_even_if_it_does_not_say_its_size() -> None:
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[" + b'"x",' * 600_000
    async with against(endless, cut=True) as (gateway, _):
        receipt = await gateway.join(CODE, last_look=always)
    async with against(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n") as (gateway, _):
        groups = await gateway.groups()

    assert receipt.answer.outcome is Outcome.UNKNOWN
    assert "larger than allowed" in receipt.answer.text
    assert groups.answer.outcome is Outcome.TRANSIENT
    assert "larger than allowed" in groups.answer.text


async def test_no_request_is_repeated_on_a_connection_that_went_stale() -> None:
    """aiohttp itself would send a GET again on a fresh connection when a kept one is cut."""

    def answer(seen: Seen) -> bytes:
        return http(200, GROUP) if seen.path == "/v2/groups" else b""

    async with against(answer) as (gateway, peer):
        await gateway.groups()
        probe = await gateway.probe(CODE)

    assert probe.answer.outcome is Outcome.TRANSIENT
    assert [seen.path for seen in peer.seen] == ["/v2/groups", "/v2/groups/join"]


async def test_cancelling_passes_through() -> None:
    async with against(None) as (gateway, peer):
        task = asyncio.create_task(_join(gateway))
        await peer.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cookies_are_not_kept() -> None:
    """By name: aiohttp's jar would keep none for an address anyway."""
    peer = Peer(lambda _seen: http(200, GROUP, Set_Cookie="session=1; Path=/"))
    async with listening(peer) as url, wawp(url.replace("127.0.0.1", "localhost")) as gateway:
        await gateway.probe(CODE)
        await gateway.probe(CODE)

    assert "cookie" not in peer.seen[1].headers


async def test_bodies_that_are_no_bare_code_or_group_are_not_sent() -> None:
    async with against(http(200, GROUP)) as (gateway, peer):
        receipt = await gateway.join(f"https://chat.whatsapp.com/{CODE}", last_look=always)
        probe = await gateway.probe("")
        group = await gateway.group("../session/info")
        left = await gateway.leave("1@c.us")
        sent = await gateway.send_text(JID, "x" * 4097)

    assert peer.seen == []
    assert receipt.answer.outcome is probe.answer.outcome is Outcome.CODE_INVALID
    assert group.answer.outcome is left.outcome is sent.answer.outcome is Outcome.BAD_REQUEST
    assert not any(a.sent for a in (receipt.answer, probe.answer, group.answer, left, sent.answer))


async def test_requests_and_their_time_are_counted_by_path_template() -> None:
    async with against(http(200, GROUP)) as (gateway, _):
        await gateway.group(JID)
        await gateway.join(CODE, last_look=lambda: False)
        numbers = gateway._calls.http.numbers

    assert numbers.requests == {
        ("GET", "/v2/groups/{id}", "200"): 1,
        ("POST", "/v2/groups/join", "dropped"): 1,
    }
    assert numbers.seconds["GET", "/v2/groups/{id}", "200"] > 0


async def test_a_session_without_the_last_look_is_not_accepted() -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        with pytest.raises(TypeError, match="open_session"):
            HttpClient(session, clock=SystemClock())


ECHO: dict[str, Callable[[], bytes]] = {
    "upstream error that echoes the request": lambda: http(
        500,
        {
            "message": f"failed: https://api.wawp.net/v2/groups/join?access_token={TOKEN}&code={CODE}",
            "request": {"body": {"code": CODE, "access_token": TOKEN}},
        },
    ),
    "refusal that echoes the code": lambda: http(400, {"message": f"invalid invite code {CODE} for {TOKEN}"}),
    "200 that echoes": lambda: http(200, {"message": f"{CODE} {TOKEN}", "link": f"chat.whatsapp.com/{CODE}"}),
    "page": lambda: http(502, f"<html>{TOKEN} {CODE}</html>".encode()),
    "redirect": lambda: http(302, b"", Location=f"/x?access_token={TOKEN}&code={CODE}"),
    "cut": lambda: b"",
    "no http": f"{TOKEN} {CODE}\r\n\r\n".encode,
}


@pytest.mark.parametrize("kind", ECHO)
@pytest.mark.parametrize(
    "options",
    [
        routes(),
        routes(auth="header"),
        routes(auth="bearer"),
        routes(auth="query", code_in="query", code_form="link"),
    ],
    ids=lambda options: options.auth,
)
async def test_no_secret_is_in_any_log_answer_or_repr(
    kind: str, options: WawpRoutes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with against(ECHO[kind](), cut=kind == "no http", options=options) as (gateway, peer):
        answers = [answer async for answer in everything(gateway)]

    assert peer.seen
    told = "\n".join(
        [*map(repr, answers), repr(gateway), repr(vars(gateway)), repr(vars(gateway._calls)), caplog.text]
    )
    assert TOKEN not in told
    assert CODE not in told
    assert CODE[:-4] not in told


async def test_no_secret_is_in_the_words_of_a_network_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = HttpClient(open_session(), clock=SystemClock())
    with closed_port() as port:
        address = f"http://user:{TOKEN}@127.0.0.1:{port}"
        secrets: dict[str, Any] = {"query": {"access_token": TOKEN}, "headers": {"A": TOKEN}}
        request = HttpRequest("GET", address, "/v2/x", total=5.0, connect=5.0, **secrets)
        answer = await client.send(request)
    await client.close()

    assert answer == HttpFailure(FailureKind.REFUSED, sent=False)
    assert TOKEN not in caplog.text + repr(request) + repr(answer) + answer.text
    assert "GET /v2/x -> refused" in caplog.text


@pytest.mark.parametrize(
    "address", ["", "api.wawp.net", "ftp://x", "http://", f"https://x/?a={TOKEN}", "http://[::"]
)
async def test_an_unusable_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match="base_url") as raised:
        async with wawp(address):
            pass

    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "tökén"])
async def test_a_token_that_no_header_can_carry_is_refused_without_repeating_it(token: str) -> None:
    client = HttpClient(open_session(), clock=SystemClock())
    from orchestrator.gateways.wawp import WawpGateway

    with pytest.raises(ValueError, match="access_token") as raised:
        WawpGateway(
            http=client,
            base_url="http://127.0.0.1",
            instance_id="1",
            access_token=token,
            options=routes(),
            timeouts=QUICK,
        )
    await client.close()

    assert not token or token not in str(raised.value)


async def test_a_result_hides_its_body() -> None:
    assert TOKEN not in repr(HttpResult(200, TOKEN.encode()))


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def _join(gateway: WawpGateway) -> None:
    await gateway.join(CODE, last_look=always)


async def everything(gateway: WawpGateway) -> AsyncIterator[object]:
    """Every call once."""
    yield await gateway.session()
    yield await gateway.probe(CODE)
    yield await gateway.join(CODE, last_look=always)
    yield await gateway.groups()
    yield await gateway.group(JID)
    yield await gateway.participants(JID)
    yield await gateway.leave(JID)
    yield await gateway.invite_code(JID)
    yield await gateway.revoke_code(JID)
    yield await gateway.send_text(JID, "hello")
    yield await gateway.webhooks()
    yield await gateway.set_webhooks(())

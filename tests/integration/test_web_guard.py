"""What the web server shows without its token, and what no answer of it says."""

from __future__ import annotations

import pytest

from tests.support.hooks import good, receiver, request, settings

WEB_TOKEN = "page-5f2b8c1d9e7a3b60"
BEARER = f"Authorization: Bearer {WEB_TOKEN}\r\n"


def call(method: str, path: str, headers: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()


@pytest.mark.parametrize(
    "raw",
    [
        call("GET", "/"),
        call("GET", "/api/status"),
        call("POST", "/api/status", "Content-Length: 0\r\n"),
        call("GET", "/healthz/more"),
        call("GET", "/healthz%2f"),
        call("GET", "/hooks/../secret"),
        call("POST", "/healthz", "Content-Length: 0\r\n"),
        call("GET", "/hooks/backup-1"),
        call("GET", "/hooks/a/b/c"),
        call("DELETE", "/hooks/a"),
        call("OPTIONS", "*"),
        call("GET", "/", "Authorization: Bearer\r\n"),
        call("GET", "/", "Authorization: Bearer \xff\r\n"),
        call("GET", "/", f"Authorization: Bearer {WEB_TOKEN[:-1]}\r\n"),
        call("GET", "/", f"Authorization: Basic {WEB_TOKEN}\r\n"),
        call("GET", f"/?token={WEB_TOKEN}"),
    ],
)
async def test_without_the_token_every_path_but_the_open_ones_is_refused(
    database_url: str, raw: bytes
) -> None:
    async with receiver(database_url, settings(token=WEB_TOKEN)) as found:
        answer = await found.ask(raw)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.body == b"unauthorized\n"


async def test_the_hooks_and_the_health_need_no_token(database_url: str) -> None:
    async with receiver(database_url, settings(token=WEB_TOKEN)) as found:
        assert (await found.ask(call("GET", "/healthz"))).status == 200
        assert (await found.ask(good())).status == 200
        assert (await found.ask(request(b"{}", path="/hooks/backup-1/wrong"))).status == 404


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_with_the_token_there_is_nothing_yet(database_url: str, scheme: str) -> None:
    async with receiver(database_url, settings(token=WEB_TOKEN)) as found:
        raw = call("GET", "/", f"Authorization: {scheme} {WEB_TOKEN}\r\n")
        assert (await found.ask(raw)).status == 404


async def test_without_a_token_set_there_is_nothing_either(database_url: str) -> None:
    async with receiver(database_url) as found:
        assert (await found.ask(call("GET", "/"))).status == 404
        assert (await found.ask(call("GET", "/hooks/backup-1"))).status == 405


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (call("GET", "/healthz"), 200),
        (good(), 200),
        (call("GET", "/"), 404),
        (call("GET", "/hooks/backup-1"), 405),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9.9\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
        (call("GET", "/", "Content-Length: -1\r\n"), 400),
        (call("GET", "/", f"X: {'a' * 100_000}\r\n"), 400),
        (call("GET", "/" + "a" * 100_000), 400),
        (call("POST", "/hooks/backup-1", "Transfer-Encoding: chunked\r\n") + b"zz\r\n", 400),
        (call("POST", "/hooks/backup-1", "Expect: nonsense\r\nContent-Length: 0\r\n"), 417),
    ],
)
async def test_no_answer_names_the_server(database_url: str, raw: bytes, status: int) -> None:
    async with receiver(database_url) as found:
        answer = await found.ask(raw)

    assert answer.status == status
    assert "server" not in answer.headers
    assert b"aiohttp" not in answer.body
    assert b"python" not in answer.body.lower()

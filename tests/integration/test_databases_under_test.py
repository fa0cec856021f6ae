"""The ground that the other tests stand on: two real databases and a network that ends at this machine."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import ClientSession, web
from pytest_socket import SocketConnectBlockedError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.postgres import PostgresServer


async def test_each_database_is_real_and_fresh(empty_database_url: str) -> None:
    engine = create_async_engine(empty_database_url)
    try:
        async with engine.begin() as connection:
            assert await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()) == []
            await connection.execute(sa.text("CREATE TABLE seen (n integer)"))
            await connection.execute(sa.text("INSERT INTO seen VALUES (1)"))
            version = "sqlite_version()" if engine.dialect.name == "sqlite" else "version()"
            assert (await connection.execute(sa.text(f"SELECT {version}"))).scalar_one()
    finally:
        await engine.dispose()


def test_a_database_made_from_a_template_has_its_tables(postgres_server: PostgresServer) -> None:
    template = postgres_server.create_database()
    postgres_server.execute("CREATE TABLE seen AS SELECT 7 AS n", database=template)

    copy = postgres_server.create_database(template=template)

    assert postgres_server.execute("SELECT n FROM seen", database=copy) == "7"
    postgres_server.drop_database(copy)
    postgres_server.drop_database(template)


def test_a_wrong_statement_is_an_error_with_its_reason(postgres_server: PostgresServer) -> None:
    with pytest.raises(RuntimeError, match="does not exist"):
        postgres_server.execute("SELECT * FROM nowhere")


def test_the_server_goes_with_a_session_that_was_killed() -> None:
    script = (
        "from tests.support.postgres import PostgresServer as P; import os, sys; s = P.start();"
        "print(s.pid, s._guard.pid, s.folder, flush=True); sys.stdin.read()"
    )
    session = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with session:
        assert session.stdout is not None
        server_pid, guard_pid, folder = session.stdout.readline().split()
        guard = os.pidfd_open(int(guard_pid))
        os.kill(int(server_pid), 0)
        session.send_signal(signal.SIGKILL)

    # A pid descriptor becomes readable when its process has ended: no polling, no mistaken identity.
    assert select.select([guard], [], [], 20.0)[0] == [guard]
    os.close(guard)
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(server_pid), 0)


def test_a_machine_without_postgresql_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("tests.support.postgres._DEBIAN", tmp_path)

    with pytest.raises(LookupError, match="make test"):
        PostgresServer.start()


async def test_loopback_is_open_and_the_rest_of_the_network_is_not() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
            assert await answer.text() == "hello"
    finally:
        await runner.cleanup()

    with (
        socket.socket() as outside,
        pytest.warns(UserWarning, match="A test tried"),
        pytest.raises(SocketConnectBlockedError),
    ):
        outside.connect(("192.0.2.1", 80))

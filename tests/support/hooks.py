"""A receiver of webhooks on loopback with a real database, and clients that know no manners."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from orchestrator.config import Settings
from orchestrator.store import instances, schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import events
from orchestrator.web.hook_server import HookServer
from orchestrator.web.signatures import sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SIGNATURE = "correct-horse-battery"
PATH = "staple-9f8e7d6c5b4a"
TOKEN = "tok_9f8e7d6c5b4a"
JID = "120363041234567890@g.us"


def instance(name: str = "backup-1", gateway: str = "wawp", instance_id: str = "200") -> dict[str, str]:
    return {
        "name": name, "role": "backup", "gateway": gateway, "base_url": "https://api.example.org",
        "instance_id": instance_id, "access_token": TOKEN,
    }  # fmt: skip


def settings(
    *others: dict[str, str], secret: str = SIGNATURE, path_secret: str = PATH, token: str = "", **more: str
) -> Settings:
    return Settings.model_validate(
        {
            "instances": (instance(), *others),
            "web": {"listen": "127.0.0.1:0", "token": token},
            "webhooks": {"secret": secret, "path_secret": path_secret, **more},
        }
    )


def joined(number: int = 1, **more: Any) -> dict[str, Any]:
    """A good event of its own."""
    me = {"id": "15550100002@c.us"}
    payload = {"chatId": JID, "participants": {"0": "15550100002@c.us"}}
    own = f"evt_{number:08}"
    return {
        "id": own,
        "timestamp": 1741249702485,
        "event": "group.v2.join",
        "me": me,
        "payload": payload,
        **more,
    }


def request(
    body: bytes,
    *,
    path: str = f"/hooks/backup-1/{PATH}",
    secret: str = SIGNATURE,
    header: str = "X-Webhook-Hmac",
) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    signed = f"{header}: {sign(body, secret)}\r\n" if secret else ""
    return f"{head}{signed}\r\n".encode() + body


def good(number: int = 1, **more: Any) -> bytes:
    return request(json.dumps(joined(number, **more)).encode())


@dataclass(slots=True)
class Answer:
    """A status, the headers in lower case, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """One connection that carries whatever is given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, raw: bytes) -> Answer:
        """Raises ConnectionError or IncompleteReadError when the other side hangs up."""
        await self.say(raw)
        return await self.answer()

    async def say(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body)

    async def hung_up(self) -> bool:
        """Waits for the end of what the other side says."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):  # the other side was first
            await self._writer.wait_closed()


@dataclass(slots=True)
class Receiver:
    """What a test sees of the server."""

    server: HookServer
    database: Database
    woken: list[int] = field(default_factory=list)
    well: bool = True

    async def ask(self, raw: bytes) -> Answer:
        line = await Line.open(self.server.port)
        try:
            return await line.ask(raw)
        finally:
            await line.close()

    async def stored(self) -> list[Any]:
        async with self.database.read() as connection:
            return list((await connection.execute(select(events).order_by(events.c.id))).all())

    async def count(self) -> int:
        async with self.database.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(events)) or 0)


@asynccontextmanager
async def receiver(url: str, configured: Settings | None = None, **more: Any) -> AsyncIterator[Receiver]:
    configured = configured or settings()
    database = Database(url)
    try:
        await schema.upgrade(database)
        async with database.write() as connection:
            accounts = [
                instances.Configured(one.name, one.role, one.gateway, f"x#{one.instance_id}")
                for one in configured.instances
            ]
            await instances.sync(connection, accounts, 1.0)
            rows = {one.name: (await instances.get(connection, one.name)).id for one in accounts}
        woken: list[int] = []
        server = HookServer(
            configured, database, rows,
            alive=lambda: found.well, on_event=lambda: woken.append(1), **more,
        )  # fmt: skip
        found = Receiver(server, database, woken)
        async with server:
            yield found
    finally:
        await database.close()

"""Whoever is told, as a real HTTP server on loopback: a CRM that checks signatures, a person's service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Outside:
    """What arrived. `facts` are the CRM's by webhook-id: a repeated one is the same fact."""

    secret: str
    port: int = 0
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # ids as they arrived, repeated ones too
    notices: list[dict[str, Any]] = field(default_factory=list)
    badly_signed: int = 0
    down: bool = False  # answers 503
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def crm(self) -> str:
        return f"http://127.0.0.1:{self.port}/crm"

    @property
    def people(self) -> str:
        return f"json://127.0.0.1:{self.port}/people"

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The facts of a kind, in the order in which each first arrived."""
        return [fact["data"] for fact in self.facts.values() if fact["type"] == kind]

    def take(self, path: str, headers: Any, body: bytes) -> int:
        with self.lock:
            if self.down:
                return 503
            if path.startswith("/people"):
                self.notices.append(json.loads(body))
                return 200
            return self._take_fact(headers, body)

    def _take_fact(self, headers: Any, body: bytes) -> int:
        uid, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        signed = f"{uid}.{timestamp}.".encode() + body
        digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).digest()
        if headers["webhook-signature"] != f"v1,{base64.b64encode(digest).decode()}":
            self.badly_signed += 1
            return 401
        self.order.append(uid)
        self.facts.setdefault(uid, json.loads(body))
        return 204


@contextmanager
def outside(secret: str) -> Iterator[Outside]:
    """Serve until the end of the block."""
    there = Outside(secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(there.take(self.path, self.headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""A crowd that wants in: garbage, forgeries, replays, huge bodies and clients that never finish."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.web.signatures import sign
from tests.support.hooks import PATH, SIGNATURE, Line, good, joined, request

if TYPE_CHECKING:
    from collections.abc import Iterator

CROWD = 8  # connections that ask as fast as they are answered
SLOW = 60  # connections that do not finish
MARK = "stranger-9a7c"  # in all that the crowd sends
HUNG_UP = 0

Attack = tuple[str, bytes]


@dataclass(slots=True)
class Siege:
    """What came of it. `waits`: seconds until each good event was answered."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    good: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def statuses(self, kind: str) -> set[int]:
        return {status for name, status in self.answers if name == kind}

    def quantile(self, part: float) -> float:
        return sorted(self.waits)[min(len(self.waits) - 1, int(part * len(self.waits)))]


def attacks(count: int, seed: int = 1) -> Iterator[Attack]:
    """So many, in equal parts and mixed."""
    rng = random.Random(seed)
    makers = (_garbage, _forged, _unsigned, _altered, _replayed, _wrong_path, _huge, _half_secret, _odd_http)
    for _ in range(count):
        yield rng.choice(makers)(rng)


async def besiege(port: int, count: int, *, every: float = 0.02) -> Siege:
    """Let the crowd loose, and meanwhile send a good event now and then."""
    siege = Siege()
    began = time.perf_counter()
    slow = [asyncio.create_task(_dawdle(port, number)) for number in range(SLOW)]
    crowd = attacks(count)
    honest = asyncio.create_task(_honest(port, siege, every))
    await asyncio.gather(*(_attacker(port, crowd, siege) for _ in range(CROWD)))
    for task in (honest, *slow):
        task.cancel()
    await asyncio.gather(honest, *slow, return_exceptions=True)
    siege.seconds = time.perf_counter() - began
    return siege


async def _attacker(port: int, crowd: Iterator[Attack], siege: Siege) -> None:
    line: Line | None = None
    for kind, raw in crowd:
        line = line or await Line.open(port)
        try:
            answer = await line.ask(raw)
            status, over = answer.status, answer.status in (400, 413)  # it hangs up then
        except (ConnectionError, asyncio.IncompleteReadError):
            status, over = HUNG_UP, True
        siege.answers[kind, status] += 1
        if over:
            await line.close()
            line = None
    if line is not None:
        await line.close()


async def _honest(port: int, siege: Siege, every: float) -> None:
    """Like a gateway: it asks again on another connection when it is hung up on, but that is counted."""
    number = 1000
    while True:
        number += 1
        began = time.perf_counter()
        line = await Line.open(port)
        try:
            siege.good[(await line.ask(good(number))).status] += 1
        except (ConnectionError, asyncio.IncompleteReadError):
            siege.good[HUNG_UP] += 1
        finally:
            await line.close()
        siege.waits.append(time.perf_counter() - began)
        await asyncio.sleep(every)


async def _dawdle(port: int, number: int) -> None:
    """A byte now and then, for ever; a new connection when it is hung up on."""
    raw = request(json.dumps(joined(number, mark=MARK)).encode(), secret="other")
    while True:
        line = await Line.open(port)
        try:
            for at in range(len(raw) - 1):
                await line.say(raw[at : at + 1])
                await asyncio.sleep(0.25)
        except ConnectionError:
            continue
        finally:
            await line.close()


def _body(rng: random.Random) -> bytes:
    return json.dumps(joined(rng.randrange(10**7), mark=MARK)).encode()


def _garbage(rng: random.Random) -> Attack:
    noise = bytes(rng.choices(range(1, 256), k=rng.randrange(20, 200)))
    return "garbage", noise + MARK.encode() + b"\r\n\r\n"


def _forged(rng: random.Random) -> Attack:
    return "forged", request(_body(rng), secret=f"{MARK}{rng.random()}")


def _unsigned(rng: random.Random) -> Attack:
    return "unsigned", request(_body(rng), secret="")


def _altered(rng: random.Random) -> Attack:
    """A genuine signature over another body."""
    body = _body(rng)
    signature = sign(json.dumps(joined(1)).encode(), SIGNATURE, rng.choice(("sha256", "sha512")))
    raw = request(body, secret="")
    return "altered", raw.replace(b"Host: x", f"Host: x\r\nX-Webhook-Hmac: {signature}".encode())


def _replayed(_rng: random.Random) -> Attack:
    """What somebody heard on the wire, byte for byte: right, and known."""
    return "replayed", good(1)


def _wrong_path(rng: random.Random) -> Attack:
    path = rng.choice(
        ("/hooks/backup-1/" + MARK, f"/hooks/{MARK}/x", "/hooks/backup-1?secret=" + MARK, "/" + MARK)
    )
    return "wrong path", request(_body(rng), path=path)


def _huge(rng: random.Random) -> Attack:
    """Says that it is huge, and sends a little of it; a leaked path secret gets it no further."""
    head = (
        f"POST /hooks/backup-1/{PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {rng.randrange(2, 9) << 20}\r\n"
    )
    return "huge", f"{head}X-Webhook-Hmac: {'0' * 128}\r\n\r\n{MARK * 5000}".encode()


def _half_secret(rng: random.Random) -> Attack:
    """The secret of the path without the signature's, and the other way round."""
    if rng.random() < 0.5:
        return "half a secret", request(_body(rng), secret=PATH)
    return "half a secret", request(_body(rng), path=f"/hooks/backup-1/{SIGNATURE}{MARK}")


def _odd_http(rng: random.Random) -> Attack:
    length = f"Content-Length: -5\r\nX: {MARK}"
    texts = (
        f"GET /hooks/backup-1/{MARK} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"DELETE /healthz?{MARK} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"POST /hooks/backup-1 HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n",
        f"POST /hooks/backup-1 HTTP/1.1\r\nX: {'y' * 20_000}{MARK}\r\n\r\n",
        "POST /hooks/../../etc/passwd HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n5\r\n",
        "POST /hooks/%00%ff%2e%2e/%ZZ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    )
    return "odd HTTP", rng.choice(texts).encode()

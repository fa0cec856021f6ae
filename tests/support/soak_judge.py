"""Judging a soak by what must hold whatever happened."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.soak_day import CRM_SECRET, FOREIGN, SECRET

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tests.support.soak import Soak

HOOK_KINDS = (
    "recovery.started", "group.active", "group.blocked", "group.left", "recovery.finished", "instance.lost",
    "instance.paused",
)  # fmt: skip
WARM_UP = 60  # samples, half a real second each: a cold life loads and caches whatever it will ever need
SAMPLES = 60  # more of them make a life whose memory is judged
PARTS = 5  # of a warm life; the least memory of each, since a peak is no leak
SLACK = 4.0  # MB that a plateau may rise
STEP = 0.5  # MB: less from one part to the next is no growth


def judge(soak: Soak) -> list[str]:
    """Every promise that was broken, as a sentence."""
    return [
        *_pace_and_doubles(soak),
        *_memberships(soak),
        *_told(soak),
        *_memory(soak),
        *_log(soak),
    ]


def figures(soak: Soak) -> dict[str, Any]:
    """Numbers for the report."""
    rows = soak.world.rows
    verdict = soak.world.asks("/_sim/verdict")
    hooks = soak.world.asks("/_sim/webhooks")["verdict"]
    return {
        "lives": soak.lives,
        "recoveries": rows("SELECT state, outcome, count(*) FROM recoveries GROUP BY 1, 2"),
        "losses": rows("SELECT state, count(*) FROM losses GROUP BY 1"),
        "memberships": rows("SELECT status, count(*) FROM memberships GROUP BY 1"),
        "slots": rows("SELECT outcome, count(*) FROM slots GROUP BY 1"),
        "network": verdict,
        "webhooks in": hooks,
        "facts told": len(soak.told.facts),
        "posts to the CRM": len(soak.told.order),
        "notices": len(soak.told.notices),
        "memory MB": {life: _thirds(sizes) for life, sizes in soak.memory.items()},
    }


def _pace_and_doubles(soak: Soak) -> Iterator[str]:
    found = soak.world.asks("/_sim/verdict")
    if found["worst_window_60s"] > 5:
        yield f"{found['worst_window_60s']} joins in 60 s"
    if found["joins"] < soak.groups:
        yield f"only {found['joins']} joins: nothing was tested"
    for name in ("double_effects", "joins_without_probe", "blind_repeats"):
        if found[name]:
            yield f"{name}: {found[name]}"
    if soak.world.asks("/_sim/webhooks")["verdict"]["forgeries_accepted"]:
        yield "a forged webhook was accepted"


def _memberships(soak: Soak) -> Iterator[str]:
    bare = soak.world.rows(
        "SELECT id, status, jid, evidence FROM memberships"
        " WHERE status = 'active' AND (jid NOT LIKE '%@g.us' OR jid IS NULL OR evidence IS NULL)"
    )
    if bare:
        yield f"active without proof: {bare}"
    if soak.strayed():
        yield f"active, but the network knows nothing of it: {soak.strayed()}"
    for group in soak.world.asks("/_sim/state")["groups"]:
        if group["subject"] == FOREIGN and (group["inside"] or group["pending"]):
            yield f"nobody's group was joined by {group['inside']}"
    active = soak.world.rows("SELECT count(DISTINCT group_id) FROM memberships WHERE status = 'active'")
    if active[0][0] < 0.8 * soak.groups:
        yield f"only {active[0][0]} of {soak.groups} groups are in place"
    unexplained = soak.world.rows(
        "SELECT id, status FROM memberships WHERE (status = 'deferred'"
        " AND (reason IS NULL OR next_attempt_at IS NULL)) OR (status = 'blocked' AND reason IS NULL)"
    )
    if unexplained:
        yield f"waits without saying why: {unexplained}"


@dataclass(frozen=True, slots=True)
class Told:
    """One message for the CRM, as the outbox has it. `state` None: no delivery was made of it."""

    uid: str
    subject: str
    fanned_out: bool
    state: str | None


def _told(soak: Soak) -> Iterator[str]:
    messages = _messages(soak)
    arrived = list(soak.told.facts)  # read after the outbox: what it calls delivered arrived before that
    lost = lost_messages(messages, arrived)
    if lost:
        yield f"{len(lost)} of {len(messages)} messages were lost: {lost[:5]}"
    yield from (f"out of order: {name}" for name in out_of_order(messages, arrived))
    if soak.told.badly_signed:
        yield f"{soak.told.badly_signed} messages were badly signed"
    parked = soak.world.rows("SELECT sink, count(*) FROM deliveries WHERE state = 'parked' GROUP BY 1")
    if parked:
        yield f"given up in the outbox: {parked}"
    causes = soak.world.rows("SELECT (SELECT count(*) FROM losses) + (SELECT count(*) FROM recoveries)")[0][0]
    if len(soak.told.notices) > 3 * causes + 24:
        yield f"{len(soak.told.notices)} notices to people for {causes} losses and recoveries"


def _messages(soak: Soak) -> list[Told]:
    kinds = ", ".join(f"'{kind}'" for kind in HOOK_KINDS)
    rows = soak.world.rows(
        "SELECT m.uid, m.subject, m.fanned_out, d.state FROM messages m"  # noqa: S608 - our own words
        " LEFT JOIN deliveries d ON d.message_id = m.id AND d.sink = 'hook:crm'"
        f" WHERE m.kind IN ({kinds}) ORDER BY m.id"
    )
    return [Told(uid, subject, bool(fanned_out), state) for uid, subject, fanned_out, state in rows]


def lost_messages(messages: Iterable[Told], arrived: Collection[str]) -> list[str]:
    """Ids of messages that no longer wait for their receiver, and that never reached it.

    The daemon goes on while it is judged: a message that still waits is not lost.
    """
    return [
        one.uid
        for one in messages
        if one.uid not in arrived and one.fanned_out and one.state not in ("pending", "parked")
    ]


def out_of_order(messages: Iterable[Told], arrived: Iterable[str]) -> list[str]:
    """Subjects whose messages first arrived in another order than that in which they were written."""
    place = {uid: n for n, uid in enumerate(arrived)}
    by_subject: dict[str, list[int]] = defaultdict(list)
    for one in messages:
        if one.uid in place:
            by_subject[one.subject].append(place[one.uid])
    return [name for name, places in by_subject.items() if places != sorted(places)]


def _memory(soak: Soak) -> Iterator[str]:
    for life, sizes in soak.memory.items():
        if leaks(sizes):
            yield f"life {life} grew and did not stop: {_parts(sizes[WARM_UP:])} MB"


def leaks(sizes: Sequence[float]) -> bool:
    """Whether a life's memory goes on growing once it is warm: from each part of it to the next.

    A plateau is reached and kept, whatever it is; a leak adds to every part. A life that is too short to
    tell one from the other is not judged.
    """
    warm = sizes[WARM_UP:]
    if len(warm) < SAMPLES:
        return False
    floors = _parts(warm)
    grows = all(later > earlier + STEP for earlier, later in itertools.pairwise(floors))
    return grows and floors[-1] - floors[0] > SLACK


def _parts(warm: Sequence[float]) -> tuple[float, ...]:
    """The least memory of each part."""
    size = max(1, len(warm) // PARTS)
    return tuple(round(min(warm[n * size : (n + 1) * size] or warm), 1) for n in range(PARTS))


def _thirds(sizes: list[float]) -> tuple[float, ...]:
    """The median of each third."""
    third = max(1, len(sizes) // 3)
    parts = (sizes[:third], sizes[third : 2 * third] or sizes, sizes[-third:])
    return tuple(round(statistics.median(part), 1) for part in parts)


def _log(soak: Soak) -> Iterator[str]:
    log = soak.world.log
    if "Traceback" in log or '"exception"' in log:
        place = log.find("Traceback")
        yield f"a traceback in the log: {log[max(0, place - 400) : place + 2500]}"
    codes = [line.split(",")[1] for line in (soak.world.folder / "groups.csv").read_text().splitlines()[1:]]
    tokens = [account["access_token"] for account in soak.world.told["accounts"]]
    for secret in (SECRET, CRM_SECRET, *tokens, *codes):
        if secret and secret.rpartition("/")[2] in log + soak.world.printed:
            yield f"a secret is in the log: ...{secret[-4:]}"

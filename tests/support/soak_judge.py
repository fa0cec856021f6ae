"""Judging a soak by what must hold whatever happened."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.support.soak_day import CRM_SECRET, FOREIGN, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.soak import Soak

HOOK_KINDS = (
    "recovery.started", "group.active", "group.blocked", "group.left", "recovery.finished", "instance.lost",
    "instance.paused",
)  # fmt: skip
SAMPLES = 60  # in a life whose memory is judged
GROWTH, SLACK = 1.08, 4.0  # of memory from one third of a life to the next: factor, and MB


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
    for name in ("double_effects", "joins_without_probe"):
        if found[name]:
            yield f"{name}: {found[name]}"
    blind = repeated_blindly(soak.world.asks("/_sim/log")["requests"])
    if blind:
        yield f"joins repeated without a look though their outcome was unknown: {blind}"
    if soak.world.asks("/_sim/webhooks")["verdict"]["forgeries_accepted"]:
        yield "a forged webhook was accepted"


def repeated_blindly(requests: list[dict[str, Any]]) -> list[int]:
    """Numbers of joins that followed one without a clear answer, with no look between.

    A refusal that reached us whole is clear: a person may put that group back in line without a look.
    """
    blind: set[tuple[str, str]] = set()
    found = []
    for request in requests:
        key = (request["account"], request["group"])
        if request["kind"] == "join":
            if key in blind:
                found.append(request["number"])
            refused = request["iq"] and not request["trouble"]
            (blind.discard if refused else blind.add)(key)
        elif request["kind"] == "list":
            blind = {other for other in blind if other[0] != request["account"]}
        elif request["kind"] in ("group", "participants"):
            blind.discard(key)
    return found


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


def _told(soak: Soak) -> Iterator[str]:
    kinds = ", ".join(f"'{kind}'" for kind in HOOK_KINDS)
    messages = soak.world.rows(f"SELECT uid, subject FROM messages WHERE kind IN ({kinds}) ORDER BY id")  # noqa: S608
    missing = [uid for uid, _subject in messages if uid not in soak.told.facts]
    if missing:
        yield f"{len(missing)} of {len(messages)} messages never arrived"
    place = {uid: n for n, uid in enumerate(soak.told.facts)}  # by first arrival
    by_subject: dict[str, list[int]] = defaultdict(list)
    for uid, subject in messages:
        if uid in place:
            by_subject[subject].append(place[uid])
    yield from (f"out of order: {name}" for name, places in by_subject.items() if places != sorted(places))
    if soak.told.badly_signed:
        yield f"{soak.told.badly_signed} messages were badly signed"
    pending = soak.world.rows(
        "SELECT sink, state, count(*) FROM deliveries WHERE state != 'delivered' GROUP BY 1, 2"
    )
    if pending:
        yield f"left in the outbox: {pending}"
    causes = soak.world.rows("SELECT (SELECT count(*) FROM losses) + (SELECT count(*) FROM recoveries)")[0][0]
    if len(soak.told.notices) > 3 * causes + 24:
        yield f"{len(soak.told.notices)} notices to people for {causes} losses and recoveries"


def _memory(soak: Soak) -> Iterator[str]:
    for life, sizes in soak.memory.items():
        if len(sizes) >= SAMPLES:
            _first, middle, last = _thirds(sizes)  # in the first, all that is ever needed is loaded
            if last > middle * GROWTH + SLACK:
                yield f"life {life} grew from {middle:.1f} to {last:.1f} MB"


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

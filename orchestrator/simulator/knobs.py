"""Reading the gateway's knobs and the rules of trouble from a scenario or a control request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.simulator import tables
from orchestrator.simulator.error_bodies import DIALECTS
from orchestrator.simulator.faults import NAMES, Rule, Target, Trouble, When
from orchestrator.simulator.group_bodies import ENGINES
from orchestrator.simulator.http_server import url_on_loopback
from orchestrator.simulator.network import Network
from orchestrator.simulator.tables import Reader
from orchestrator.simulator.truth import Kind

GATEWAY: Mapping[str, tables.Check] = {
    "dialect": tables.one_of(*DIALECTS),
    "engine": tables.one_of(*ENGINES),
    "paths": tables.one_of("one", "two"),
    "latency": tables.span,
    "already_member": tables.one_of("conflict", "receipt"),
    "pending_receipt": tables.one_of("empty", "with_id", "error", "exception", "missing_group"),
    "join_receipt": tables.one_of("full", "id"),
    "session_info": tables.one_of("both", "get", "post"),
    "list_shape": tables.one_of("array", "object"),
    "list_participants": tables.flag,
    "code_shape": tables.one_of("object", "text", "url"),
    "session_lid": tables.flag,
    "code_param": tables.text,
    "code_in": tables.one_of("any", "body", "query"),
    "code_form": tables.one_of("any", "code", "link"),
    "auth": tables.one_of("any", "body", "query", "header", "bearer"),
    "group_req_per_minute": tables.whole,
    "rate_limit_shape": tables.one_of("slug", "object", "unnamed"),
    "plan": tables.one_of("paid", "free"),
}


def probability(value: Any) -> float:
    share = tables.number(value)
    if share > 1:
        raise ValueError("must be between 0 and 1")
    return share


def header(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
        raise ValueError("must be the name of an HTTP header")
    return value


WEBHOOKS: Mapping[str, tables.Check] = {
    "shape": tables.one_of("wawp", "waha", "mixed"),
    "own_id": tables.one_of("phone", "lid", "both", "alternate"),
    "sends": tables.some_of(*NAMES),
    "secret": tables.text,
    "algorithm": tables.one_of("sha256", "sha512"),
    "header": header,
    "signature_form": tables.one_of("digest", "plain"),
    **dict.fromkeys(
        ("lost", "doubled", "replayed", "forged", "unsigned", "strangers", "unknown"), probability
    ),
    **dict.fromkeys(("delay", "replay_after"), tables.span),
    "tries": tables.positive,
    "retry_delay": tables.number,
    "targets": lambda value: value,
}
TARGET: Mapping[str, tables.Check] = {
    "url": url_on_loopback,
    "account": tables.text,
    "events": tables.some_of("*", *NAMES),
}
RULE: Mapping[str, tables.Check] = {
    "trouble": tables.one_of(*Trouble),
    "kinds": tables.some_of(*Kind),
    "group": tables.text,
    "account": tables.text,
    "times": tables.positive,
    "skip": tables.whole,
    "probability": probability,
    "effect": tables.one_of(*When),
    "seconds": tables.number,
    "status": tables.whole,
    "iq": tables.whole,
    "text": tables.text,
    "dialect": tables.one_of(*DIALECTS),
}


def gateway(reader: Reader, given: object) -> dict[str, Any]:
    """The right ones among the given knobs, by the names of `Faults`."""
    return reader.table(given, GATEWAY, "gateway")


def webhooks(reader: Reader, given: object, network: Network, *, where: str = "") -> dict[str, Any]:
    """The right ones among the given knobs, by the names of `Webhooks`."""
    good = reader.table(given, WEBHOOKS, where)
    dot = f"{where}." if where else ""
    if "targets" in good:
        tried = reader.tables(good["targets"], TARGET, f"{dot}targets", need="url")
        for n, one in enumerate(tried, 1):
            if one.get("account") not in (None, *network.accounts):
                reader.wrong(f"{dot}targets[{n}].account", f"no account is called {one['account']!r}")
        good["targets"] = tuple(_target(one) for one in tried if "url" in one)
    return good | ({"sends": tuple(good["sends"])} if "sends" in good else {})


def _target(good: dict[str, Any]) -> Target:
    return Target(good["url"], good.get("account"), tuple(good.get("events", ("*",))))


def rules(reader: Reader, given: object, network: Network, *, where: str) -> list[Rule]:
    """Rules of trouble; groups are named by JID or by subject."""
    found = []
    for n, good in enumerate(reader.tables(given, RULE, where, need="trouble"), 1):
        if "trouble" not in good:
            continue
        try:
            found.append(_rule(good, network))
        except KeyError as error:
            reader.wrong(f"{where}[{n}]", str(error.args[0]))
    return found


def _rule(good: dict[str, Any], network: Network) -> Rule:
    if "group" in good:
        good["group"] = network.group(good["group"]).jid
    if "account" in good:
        network.account(good["account"])
    if "effect" in good:
        good["effect"] = When(good["effect"])
    kinds = frozenset(Kind(kind) for kind in good.pop("kinds", []))
    return Rule(trouble=Trouble(good.pop("trouble")), kinds=kinds, **good)

"""Reading the gateway's knobs and the rules of trouble from a scenario or a control request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.simulator import tables
from orchestrator.simulator.bodies import ENGINES
from orchestrator.simulator.dialect import DIALECTS
from orchestrator.simulator.faults import Rule, Trouble, When
from orchestrator.simulator.truth import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.simulator.network import Network
    from orchestrator.simulator.tables import Reader

GATEWAY: Mapping[str, tables.Check] = {
    "dialect": tables.one_of(*DIALECTS),
    "engine": tables.one_of(*ENGINES),
    "paths": tables.one_of("one", "two"),
    "latency": tables.span,
    "already_member": tables.one_of("conflict", "receipt"),
    "pending_receipt": tables.one_of("empty", "with_id", "error"),
    "join_receipt": tables.one_of("full", "id"),
    "session_info": tables.one_of("both", "get", "post"),
    "list_shape": tables.one_of("array", "object"),
    "list_participants": tables.flag,
    "code_shape": tables.one_of("object", "text", "url"),
    "session_lid": tables.flag,
    "code_param": tables.text,
    "plan": tables.one_of("paid", "free"),
}


def probability(value: Any) -> float:
    share = tables.number(value)
    if share > 1:
        raise ValueError("must be between 0 and 1")
    return share


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

"""The network's remote control under /_sim: for people at a demo and for tests in another process.

GET  /_sim/state     accounts, groups and the rules that are left
GET  /_sim/log       every request and happening; ?since=N skips the first N requests
GET  /_sim/verdict   what the log proves: worst window, double effects, joins without probe
GET  /_sim/links     what an admin would tell: each open group and its current link, as lines of text
GET  /_sim/webhooks  the knobs, every delivery of a webhook and a verdict; ?since=N skips the first N
POST /_sim/do        one deed: {"do": "log_out", "account": "backup-1"}; see deeds.py
POST /_sim/account, /_sim/group   the same
POST /_sim/approve   {"group": ..., "account": ...}
POST /_sim/faults    {"gateway": {...}, "rules": [{...}], "clear": true}
POST /_sim/webhooks  knobs of the section [webhooks]; those not named stay, "targets" replaces all targets
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from orchestrator.simulator import deeds
from orchestrator.simulator.checked_tables import Reader, ScenarioError
from orchestrator.simulator.face import Faces
from orchestrator.simulator.faults import read_gateway, read_rules, read_webhooks
from orchestrator.simulator.http_server import HttpRequest, Reply, json_reply, reply
from orchestrator.simulator.model import Account, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.sheets import LINK
from orchestrator.simulator.truth import Request, WebhookLog

PREFIX = "/_sim/"


class ControlFace:
    """Answers /_sim itself and hands everything else on."""

    def __init__(self, face: Faces, webhooks: WebhookLog) -> None:
        self._face = face
        self._webhooks = webhooks
        self._network = face.network
        self._reads = {
            "state": self._state,
            "log": self._log,
            "verdict": self._verdict,
            "webhooks": self._told,
        }
        self._writes: dict[str, Callable[[object], None]] = {
            "do": self._do,
            "account": self._do,
            "group": self._do,
            "approve": self._approve,
            "faults": self._faults,
            "webhooks": self._set_webhooks,
        }

    def __call__(self, request: HttpRequest) -> Reply | Awaitable[Reply]:
        if not request.path.startswith(PREFIX):
            return self._face(request)
        name = request.path.removeprefix(PREFIX)
        if request.method == "GET" and name in self._reads:
            self._network.settle()
            return json_reply(200, self._reads[name](request.query))
        if request.method == "GET" and name == "links":
            return reply(200, self._links().encode(), "text/plain; charset=utf-8")
        if request.method == "POST" and name in self._writes:
            return self._write(name, request)
        return json_reply(404, {"problems": [f"{request.method} {request.path} is not known"]})

    def _write(self, name: str, request: HttpRequest) -> Reply:
        try:
            self._writes[name](json.loads(request.body or b"{}"))
        except json.JSONDecodeError as error:
            return json_reply(400, {"problems": [f"{request.path}: the body is no JSON: {error}"]})
        except ScenarioError as error:
            return json_reply(400, {"problems": error.problems})
        return json_reply(200, {"ok": True})

    def _do(self, given: object) -> None:
        deeds.do_unchecked(self._network, given, "/_sim/do")

    def _approve(self, given: object) -> None:
        self._do({"do": "approve", **given} if isinstance(given, dict) else given)

    def _faults(self, given: object) -> None:
        reader = Reader("/_sim/faults")
        known = {"gateway": lambda v: v, "rules": lambda v: v, "clear": bool}
        good = reader.table(given, known, "")
        gateway = read_gateway(reader, good.get("gateway", {}))
        rules = read_rules(reader, good.get("rules", []), self._network, where="rules")
        reader.finish()
        if good.get("clear"):
            self._face.faults.rules.clear()
        for name, value in gateway.items():
            setattr(self._face.faults, name, value)
        self._face.faults.rules.extend(rules)

    def _set_webhooks(self, given: object) -> None:
        reader = Reader("/_sim/webhooks")
        good = read_webhooks(reader, given, self._network)
        reader.finish()
        for name, value in good.items():
            setattr(self._face.faults.webhooks, name, value)

    def _told(self, query: dict[str, str]) -> dict[str, Any]:
        return {
            "knobs": self._face.faults.webhooks.as_json(),
            "deliveries": [d.as_json() for d in self._webhooks.deliveries[_since(query) :]],
            "verdict": self._webhooks.verdict(),
        }

    def _links(self) -> str:
        """Every real group has a link; one whose link was revoked gets its new one here."""
        open_groups = [group for group in self._network.groups.values() if not group.closed]
        links = [(one, one.current_code or self._network.reset_code(one)) for one in open_groups]
        return "".join(f"{LINK}{code}  {group.subject}\n" for group, code in links)

    def _state(self, _query: dict[str, str]) -> dict[str, Any]:
        return {
            "now": self._network.now(),
            "accounts": [_account(a) for a in self._network.accounts.values()],
            "groups": [_group(g) for g in self._network.groups.values()],
            "rules": len(self._face.faults.rules),
        }

    def _log(self, query: dict[str, str]) -> dict[str, Any]:
        since = _since(query)
        log = self._network.log
        return {
            "requests": [request_as_json(r) for r in log.requests[since:]],
            "happenings": [h._asdict() for h in log.happenings],
        }

    def _verdict(self, _query: dict[str, str]) -> dict[str, Any]:
        return verdict(self._network)


def _since(query: dict[str, str]) -> int:
    since = query.get("since", "")
    return int(since) if since.isascii() and since.isdecimal() else 0


def verdict(network: Network) -> dict[str, Any]:
    """What the log proves, one value per promise that can be judged at the gateway."""
    log = network.log
    return {
        "joins": len(log.joins()),
        "worst_window_60s": log.worst_window(),
        "closest_joins": None if log.closest_joins() == float("inf") else log.closest_joins(),
        "double_effects": log.double_effects(),
        "needless_joins": len(log.needless_joins()),
        "joins_without_probe": len(log.joins_without_probe()),
        "joins_repeated_without_look": len(log.joins_repeated_without_look()),
        "blind_repeats": [request.number for request in log.blind_repeats()],
    }


def request_as_json(request: Request) -> dict[str, Any]:
    """One request without the invite code, of which the last four characters stay."""
    return {
        "number": request.number,
        "kind": request.kind,
        "account": request.account,
        "group": request.group,
        "code_last4": request.code[-4:] if request.code else None,
        "at": request.at,
        "real": request.real,
        "effect": request.effect,
        "iq": request.iq,
        "trouble": request.trouble,
        "status": request.status,
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "instance_id": account.instance_id,
        "phone": account.phone,
        "state": account.state,
        "shown_state": account.shown,
        "banned": account.banned,
        "restricted_until": account.restricted_until,
        "joins_made": account.joins_made,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "jid": group.jid,
        "subject": group.subject,
        "size": group.size,
        "inside": list(group.inside),
        "pending": list(group.pending),
        "removed": sorted(group.removed),
        "messages": [{"at": at, "account": account, "text": text} for at, account, text in group.messages],
    }

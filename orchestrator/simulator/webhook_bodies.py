"""The bodies of webhooks: what happened, in Wawp's documented shape or in WAHA's.

wawp   payload {chatId, participants: {"0": id}}; `group.v2.join` is told of any member
       (https://api.wawp.net/en/docs/group.v2.join and its siblings)
waha   payload {group: {id, ...}}; `group.v2.join` and `group.v2.leave` mean the account itself, of other
       members only `group.v2.participants` tells (WAHA's events, structures/groups.events.dto.ts)
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from orchestrator.simulator import vendor_events
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.model import Account, Event, Group, Naming
from orchestrator.simulator.network import Network
from orchestrator.simulator.truth import About, Effect

ENGINES = ("GOWS", "NOWEB", "WEBJS")
WAHA_ENGINES = {"noweb": "NOWEB", "gows": "GOWS", "webjs": "WEBJS", "webjs_wrapped": "WEBJS"}  # by shape
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_OF_US = {
    "group.join": ("group.v2.join", "group.v2.participants", "group.join"),
    "group.leave": ("group.v2.leave", "group.v2.participants", "group.leave"),
    "group.update": ("group.v2.update",),
    "session.status": ("session.status",),
}
_OF_MEMBERS = {
    ("wawp", True): ("group.v2.join", "group.v2.participants", "group.join"),
    ("wawp", False): ("group.v2.leave", "group.v2.participants", "group.leave"),
    ("waha", True): ("group.v2.participants",),
    ("waha", False): ("group.v2.participants",),
    ("gowa", True): ("group.v2.participants",),
    ("gowa", False): ("group.v2.participants",),
    ("evolution", True): ("group.v2.participants",),
    ("evolution", False): ("group.v2.participants",),
}
_ACTIONS = {Effect.JOINED: "join", Effect.LEFT: "leave", Effect.REMOVED: "remove"}


class Wire(NamedTuple):
    """One event as it goes on the wire."""

    event_id: str
    name: str
    about: About
    shape: str
    body: bytes


class _Told(NamedTuple):
    """What an envelope is made of."""

    event: Event
    account: Account
    group: Group | None
    who: dict[str, str]  # the member's id, and perhaps pn
    engine: str


class Envelopes:
    """Writes envelopes. `write` gives all that a gateway tells of one happening, in its order."""

    def __init__(self, network: Network, faults: Faults, rng: random.Random) -> None:
        self._network = network
        self._faults = faults
        self._rng = rng
        self._turn = False
        self._statuses: dict[str, list[dict[str, Any]]] = {}

    def write(self, event: Event) -> list[Wire]:
        knobs = self._faults.webhooks
        account = self._network.accounts[event.account]
        shape = self._rng.choice(("wawp", "waha")) if knobs.shape == "mixed" else knobs.shape
        engine = self._rng.choice(ENGINES) if shape == "waha" else "WEBJS"
        if account.gateway != "wawp":
            shape, engine = account.gateway, WAHA_ENGINES.get(self._faults.engine, "NOWEB")
        told = _Told(
            event, account, self._network.groups.get(event.group or ""), self._who(event, account), engine
        )
        if event.kind == "session.status":
            self._remember(event)
        names = [name for name in _names(event, shape) if name in knobs.sends]
        if shape in vendor_events.NAMES:
            return [wire for wire in (self._of_vendor(told, name, shape) for name in names) if wire]
        return [self._wire(told, name, shape) for name in names]

    def _wire(self, told: _Told, name: str, shape: str) -> Wire:
        own = "evt_01" + "".join(self._rng.choices(_LETTERS, k=24))
        payload = self._wawp(told, name) if shape == "wawp" else self._waha(told, name)
        envelope: dict[str, Any] = {
            "id": own,
            "timestamp": round(told.event.at * 1000),
            "session": _session(told.account, shape),
            "metadata": {},
            "engine": told.engine,
            "event": name,
            "me": self._me(told.account),
            "payload": payload,
        }
        if shape == "waha":
            version = {"version": "2026.7.1", "engine": told.engine, "tier": "PLUS", "browser": None}
            envelope["environment"] = version
        body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
        return Wire(own, name, _about(told), shape, body)

    def _of_vendor(self, told: _Told, name: str, vendor: str) -> Wire | None:
        own = vendor_events.NAMES[vendor].get(name)
        if own is None:
            return None
        event = told.event
        people = [one.replace("@c.us", "@s.whatsapp.net") for one in told.who.values()]
        happened = vendor_events.Happened(
            account=told.account,
            name=own,
            jid=event.group,
            subject="" if told.group is None else told.group.subject,
            who=people[::-1] if vendor == "gowa" else people,  # GOWA names by phone where it can
            joined=event.group is not None and _joined(event),
            removed=event.data.get("effect") == Effect.REMOVED,
            status=str(event.data.get("status", "")),
            at=event.at,
        )
        body = vendor_events.body(vendor, happened)
        if body is None:
            return None
        wire = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return Wire("", own, _about(told), vendor, wire)

    def _me(self, account: Account) -> dict[str, Any]:
        me = {"id": f"{account.phone}@c.us", "pushName": account.push_name or account.name}
        return me | ({"lid": f"{account.lid}@lid"} if account.lid and self._faults.session_lid else {})

    def _who(self, event: Event, account: Account) -> dict[str, str]:
        """The member whom it happened to, named as the knobs or the group's own way want it."""
        if event.kind == "group.member":
            return _named(event.data["phone"], event.data["lid"], self._naming(event.group))
        form = self._faults.webhooks.own_id
        if form == "alternate":
            self._turn = not self._turn
            form = "phone" if self._turn else "lid"
        naming = {"phone": Naming.PHONE, "lid": Naming.LID_ONLY, "both": Naming.LID}[form]
        return _named(account.phone, account.lid, naming)

    def _naming(self, jid: str | None) -> Naming:
        return self._network.groups[jid or ""].naming

    def _remember(self, event: Event) -> None:
        """The last states, as WAHA shows them with each new one."""
        known = self._statuses.setdefault(event.account, [])
        known.append({"status": event.data["status"], "timestamp": round(event.at * 1000)})
        del known[:-5]

    def _wawp(self, told: _Told, name: str) -> dict[str, Any]:
        event = told.event
        if name == "session.status":
            return {"name": _session(told.account, "wawp"), "status": event.data["status"]}
        if name == "group.v2.update":
            about = {"subject": event.data["subject"], "description": _description(told.group)}
            return {"chatId": event.group, **about}
        action = {"action": _action(event)} if name == "group.v2.participants" else {}
        names = list(told.who.values())[: 1 if event.kind == "group.member" else 2]
        people = {str(number): name for number, name in enumerate(names)}
        return {"chatId": event.group, **action, "participants": people}

    def _waha(self, told: _Told, name: str) -> dict[str, Any]:
        event = told.event
        if name == "session.status":
            own, states = told.account.session, list(self._statuses[event.account])
            return {"name": own, "status": event.data["status"], "statuses": states, "data": None}
        at = round(event.at) if told.engine == "WEBJS" else round(event.at * 1000)
        if name in ("group.v2.join", "group.join"):
            return {"timestamp": at, "group": _whole_group(told), "_data": {}}
        group = {"id": event.group}
        if name == "group.v2.update":
            return {"timestamp": at, "group": {**group, "subject": event.data["subject"]}, "_data": {}}
        if name in ("group.v2.leave", "group.leave"):
            return {"timestamp": at, "group": group, "_data": {}}
        role = {"role": "participant" if _joined(event) else "left"}
        kind = "join" if _joined(event) else "leave"
        people = [{**told.who, **role}]
        return {"type": kind, "timestamp": at, "group": group, "participants": people, "_data": {}}


def _session(account: Account, shape: str) -> str:
    """Wawp's examples say "default"; "use the 'session' field to identify which account"
    (https://api.wawp.net/en/docs/session.status): where the scenario names the session, events do so, too.
    """
    return "default" if shape == "wawp" and not account.session_name else account.session


def _names(event: Event, shape: str) -> tuple[str, ...]:
    if event.kind == "group.member":
        return _OF_MEMBERS[shape, event.data["joined"]]
    return _OF_US[event.kind]


def _about(told: _Told) -> About:
    if told.event.group is None:
        return About.SESSION
    if told.group is None:
        return About.UNKNOWN
    by_kind: Callable[[str, About], About] = {"group.member": About.STRANGER, "group.update": About.GROUP}.get
    return by_kind(told.event.kind, About.US)


def _joined(event: Event) -> bool:
    return bool(event.data["joined"]) if event.kind == "group.member" else event.kind == "group.join"


def _action(event: Event) -> str:
    """Wawp's word; only "promote" is documented, the others are those of WhatsApp Web's notifications."""
    if event.kind == "group.member":
        return "join" if event.data["joined"] else "leave"
    return _ACTIONS.get(event.data["effect"], "add")


def _named(phone: str | None, lid: str | None, naming: Naming) -> dict[str, str]:
    """{"id"} or {"id", "pn"}: what is missing is taken from the other name."""
    by_phone = f"{phone}@c.us" if phone else ""
    by_lid = f"{lid}@lid" if lid else ""
    if naming is Naming.PHONE or not by_lid:
        return {"id": by_phone or by_lid}
    return {"id": by_lid} | ({"pn": by_phone} if by_phone and naming is Naming.LID else {})


def _description(group: Group | None) -> str:
    return "" if group is None else group.description


def _whole_group(told: _Told) -> dict[str, Any]:
    """WAHA's ToGroupInfo. `membersCanSendMessages` is the wrong way round; WEBJS tells the link."""
    group = told.group
    code = group.current_code if group is not None and told.engine == "WEBJS" else None
    return {
        "id": told.event.group,
        "subject": "Strange Company" if group is None else group.subject,
        "description": _description(group),
        "invite": f"https://chat.whatsapp.com/{code}" if code else None,
        "membersCanAddNewMember": False,
        "membersCanSendMessages": group is not None and group.announce,
        "newMembersApprovalRequired": group is not None and group.approval,
        "participants": [{**told.who, "role": "participant"}],
    }

"""What a call does in the network and what a good answer shows: as most gateways have it. A vendor's face
overrides what it shows otherwise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from orchestrator.simulator import group_bodies
from orchestrator.simulator.faults import Faults, Rule, Trouble
from orchestrator.simulator.http_server import Reply, json_reply
from orchestrator.simulator.model import Account, AccountState, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Effect, Kind, Request


class Call(NamedTuple):
    """One understood request."""

    kind: Kind
    data: dict[str, Any]  # query and JSON body together
    jid: str | None  # from the path
    path: str
    account: str = ""  # the instance id, where the path names it


@dataclass(slots=True)
class Turn:
    """One call under way."""

    call: Call
    account: Account
    entry: Request
    rule: Rule | None = None

    def suffers(self, trouble: Trouble) -> bool:
        """Whether that trouble is played on it."""
        return self.rule is not None and self.rule.trouble is trouble

    def text(self, name: str) -> str:
        """A parameter as text; empty if missing."""
        return str(self.call.data.get(name) or "")


class Acts(ABC):
    """Performs calls. Raises `IqError` and `SessionDownError` as the network does."""

    longest_message = 4096

    def __init__(self, network: Network, faults: Faults) -> None:
        self._network = network
        self._faults = faults
        self._table: dict[Kind, Callable[[Turn], Reply]] = {
            Kind.PROBE: self._probe,
            Kind.JOIN: self._join,
            Kind.LIST: self._list,
            Kind.GROUP: self._group,
            Kind.PARTICIPANTS: self._participants,
            Kind.LEAVE: self._leave,
            Kind.CODE: self._code,
            Kind.REVOKE: self._revoke,
            Kind.SEND: self._send,
            Kind.SESSION: self._session,
            **self.own(),
        }

    def perform(self, turn: Turn) -> Reply:
        return self._table[turn.call.kind](turn)

    def own(self) -> dict[Kind, Callable[[Turn], Reply]]:
        """The calls of this vendor alone."""
        return {}

    @property
    def engine(self) -> str:
        """The shape of groups and members; see group_bodies.py."""
        return self._faults.engine

    @abstractmethod
    def missing(self, what: str) -> Reply:
        """A parameter is not there."""

    @abstractmethod
    def receipt(self, group: Group | None) -> Reply:
        """A join was carried out. None: WhatsApp did not say of which group."""

    def with_id(self, group: Group) -> Reply:
        """The same with nothing but the JID, though only a request was filed."""
        return json_reply(200, {"id": group.jid})

    @abstractmethod
    def pending(self, group: Group) -> Reply:
        """A request to join was filed."""

    @abstractmethod
    def session(self, account: Account) -> Reply:
        """The state of the session."""

    @abstractmethod
    def code(self, code: str, *, fresh: bool) -> Reply:
        """An invite code; `fresh`: it has just replaced another."""

    @abstractmethod
    def message(self, turn: Turn) -> tuple[str, str]:
        """(JID, text) of what is to be sent; empty where missing."""

    @abstractmethod
    def sent(self, turn: Turn, jid: str, number: int) -> Reply:
        """A message has left; `number` is its own."""

    def left(self, jid: str) -> Reply:  # noqa: ARG002 - a vendor's
        """The account has left a group."""
        return json_reply(200, {"success": True})

    def preview(self, group: Group) -> Reply:
        """What a probe shows."""
        return json_reply(200, group_bodies.preview(self.engine, group))

    def listed(self, shown: list[dict[str, Any]]) -> Reply:
        """The groups of the account."""
        return json_reply(200, shown)

    def whole(self, group: Group) -> Reply:
        """One group of the account."""
        return json_reply(200, self.show(group))

    def members(self, group: Group) -> Reply:
        """The members of a group."""
        return json_reply(200, group_bodies.participants(self.engine, group, self._network.accounts))

    def no_members(self) -> Reply:
        """The same, empty."""
        return json_reply(200, [])

    def show(self, group: Group) -> dict[str, Any]:
        return group_bodies.whole(self.engine, group, self._network.accounts)

    def _probe(self, turn: Turn) -> Reply:
        code = turn.entry.code
        if not code:
            return self.missing(self._faults.code_param)
        return self.preview(self._network.probe(turn.account, code))

    def _join(self, turn: Turn) -> Reply:
        code = turn.entry.code
        if not code:
            return self.missing(self._faults.code_param)
        try:
            group, effect = self._network.join(turn.account, code, turn.entry)
        except IqError as error:
            known = self._network.leads_to(code)
            if error.code != 409 or known is None or not self._hides_conflict(turn):
                raise
            return self.receipt(None if turn.suffers(Trouble.NO_ID) else known)
        if effect is Effect.REQUESTED:
            return self.with_id(group) if turn.suffers(Trouble.ID_THOUGH_PENDING) else self.pending(group)
        return self.receipt(None if turn.suffers(Trouble.NO_ID) else group)

    def _hides_conflict(self, turn: Turn) -> bool:
        if turn.suffers(Trouble.CONFLICT):
            return False
        return self._faults.already_member == "receipt" or turn.suffers(Trouble.RECEIPT_THOUGH_MEMBER)

    def _list(self, turn: Turn) -> Reply:
        groups = self._network.groups_of(turn.account)
        offset, limit = turn.text("offset"), turn.text("limit")
        groups = groups[int(offset) if offset.isascii() and offset.isdecimal() else 0 :]
        groups = groups[: int(limit)] if limit.isascii() and limit.isdecimal() else groups
        shown = self._lied([self.show(group) for group in groups], turn)
        if not self._faults.list_participants or turn.text("exclude") == "participants":
            shown = [group_bodies.strip_members(group) for group in shown]
        if self._faults.list_shape == "object" or turn.suffers(Trouble.LIST_OBJECT):
            return json_reply(200, by_jid(shown))
        return self.listed(shown)

    def _lied(self, shown: list[dict[str, Any]], turn: Turn) -> list[dict[str, Any]]:
        if turn.suffers(Trouble.LIST_EMPTY):
            return []
        if turn.suffers(Trouble.LIST_NO_NAMES):
            return [group_bodies.nameless(group) for group in shown]
        if turn.suffers(Trouble.LIST_MISSING):
            return shown[1::2]
        if turn.suffers(Trouble.LIST_BARE):
            return [group_bodies.strip_members(group) for group in shown]
        if turn.suffers(Trouble.LIST_STALE):
            outside = (g for g in self._network.groups.values() if turn.account.name not in g.inside)
            return [*shown, *(self.show(group) for group in [next(outside, None)] if group)]
        return shown

    def _group(self, turn: Turn) -> Reply:
        return self.whole(self._network.metadata(turn.account, turn.call.jid or ""))

    def _participants(self, turn: Turn) -> Reply:
        if turn.suffers(Trouble.NO_MEMBERS):
            return self.no_members()
        return self.members(self._network.metadata(turn.account, turn.call.jid or ""))

    def _leave(self, turn: Turn) -> Reply:
        jid = turn.call.jid or ""
        self._network.leave(turn.account, jid, turn.entry)
        return self.left(jid)

    def _code(self, turn: Turn) -> Reply:
        return self.code(self._network.invite_code(turn.account, turn.call.jid or ""), fresh=False)

    def _revoke(self, turn: Turn) -> Reply:
        code = self._network.revoke_code(turn.account, turn.call.jid or "", turn.entry)
        return self.code(code, fresh=True)

    def _send(self, turn: Turn) -> Reply:
        jid, text = self.message(turn)
        if not text or not jid or len(text) > self.longest_message:
            return self.missing("the chat and the message")
        return self.sent(turn, jid, self._network.send(turn.account, jid, text, turn.entry))

    def _session(self, turn: Turn) -> Reply:
        self._network.settle()
        return self.session(turn.account)

    def restart(self, account: Account) -> None:
        """A restart heals a failed session; a logged-out or banned account stays where it is."""
        if account.state in (AccountState.FAILED, AccountState.STOPPED) and not account.banned:
            self._network.set_state(account, AccountState.WORKING)

    def me(self, account: Account) -> dict[str, Any]:
        """Who the session is, as WhatsApp Web's clients tell it."""
        me: dict[str, Any] = {"id": f"{account.phone}@c.us", "pushName": account.push_name or account.name}
        if self._faults.session_lid and account.lid:
            me["lid"] = f"{account.lid}@lid"
        lock = self.timelock(account)
        return me | ({"reachoutTimelock": lock} if lock["isActive"] else {})

    def timelock(self, account: Account) -> dict[str, Any]:
        """WhatsApp's restriction, in the words of Baileys (`reachoutTimeLock`)."""
        active = account.restricted_until > self._network.now()
        return {
            "enforcementType": "DEFAULT",
            "isActive": active,
            "timeEnforcementEnds": int(account.restricted_until) if active else None,
        }


def by_jid(shown: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Groups as an object keyed by their JIDs."""
    return {_jid(group): group for group in shown}


def _jid(shown: dict[str, Any]) -> str:
    name = shown.get("id", shown.get("JID"))
    return str(name["_serialized"] if isinstance(name, dict) else name)

"""A WhatsApp network: who is in which group, which codes lead where, and what WhatsApp answers.

Numbers are WhatsApp's IQ codes as whatsmeow (group.go, errors.go), whatsapp-rust and WhatsApp Web's own
join dialogue tell them. Time is given from outside, in simulated seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from orchestrator.simulator.model import Account, AccountState, Event, Group
from orchestrator.simulator.refusals import IqError, SessionDownError, behind, refuse_at_door, spend_budget
from orchestrator.simulator.simtime import Agenda
from orchestrator.simulator.truth import Effect, Request, TruthLog

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Network:
    """The whole network. Every operation is WhatsApp's own: it answers or raises `IqError`."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        seed: int = 1,
    ) -> None:
        self.now = now
        self.sleep = sleep
        self.started = now()
        self.log = TruthLog(now)
        self.accounts: dict[str, Account] = {}
        self.instances: dict[str, Account] = {}
        self.groups: dict[str, Group] = {}
        self.subscribers: list[Callable[[Event], None]] = []
        self._codes: dict[str, Group] = {}
        self._dice = random.Random(seed)
        self.agenda = Agenda()

    # Building

    def add_account(self, account: Account) -> Account:
        if account.name in self.accounts or account.instance_id in self.instances:
            raise ValueError(f"account {account.name} or its instance_id is there twice")
        self.accounts[account.name] = account
        self.instances[account.instance_id] = account
        return account

    def add_group(self, group: Group) -> Group:
        if group.jid in self.groups:
            raise ValueError(f"group {group.jid} is there twice")
        for code in group.codes:
            if code in self._codes:
                raise ValueError(f"a code of group {group.jid} already leads to {self._codes[code].jid}")
            self._codes[code] = group
        self.groups[group.jid] = group
        return group

    def new_code(self) -> str:
        """A fresh invite code: 22 letters and digits."""
        return "".join(self._dice.choices(ALPHABET, k=22))

    # Time

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do it when so many simulated seconds have passed; it is done as soon as anyone looks after that."""
        self.agenda.add(self.now() + seconds, act)

    def settle(self) -> None:
        """Do what has come due. Every operation does this first."""
        self.agenda.settle(self.now)

    # Looking up

    def account(self, name: str) -> Account:
        """The account by name; `KeyError` with a sentence if there is none."""
        if name not in self.accounts:
            raise KeyError(f"no account is called {name!r}")
        return self.accounts[name]

    def group(self, name: str) -> Group:
        """The group by JID, or by subject where only one has it; `KeyError` with a sentence otherwise."""
        if name in self.groups:
            return self.groups[name]
        found = [g for g in self.groups.values() if g.subject == name]
        if len(found) != 1:
            raise KeyError(f"{len(found) or 'no'} groups are called {name!r}: give the JID")
        return found[0]

    def leads_to(self, code: str | None) -> Group | None:
        """The group that a code leads or once led to."""
        return None if code is None else self._codes.get(code)

    def groups_of(self, account: Account) -> list[Group]:
        """The groups that the account is in."""
        self._online(account)
        return [g for g in self.groups.values() if account.name in g.inside]

    # WhatsApp's own operations

    def probe(self, account: Account, code: str) -> Group:
        """The group behind a code: 400 malformed, 406 unknown, 410 revoked, 404 closed, 401 removed."""
        self._online(account)
        group = behind(code, self._codes)
        if group.probe_tells and account.name not in group.inside:
            self._refuse_locked(account, group)
        return group

    def join(self, account: Account, code: str, request: Request | None = None) -> tuple[Group, Effect]:
        """Enter: the group and what happened (joined or requested). All else raises."""
        self._online(account)
        if account.restricted_until > self.now():
            raise IqError(463)
        spend_budget(account, self.now())
        group = behind(code, self._codes)
        if request is not None:
            request.group = group.jid
        if account.name in group.inside:
            raise self._note(request, Effect.ALREADY, IqError(409))
        self._refuse_locked(account, group)
        if account.name in group.pending:
            raise self._note(request, Effect.ALREADY_REQUESTED, IqError(304))
        if group.is_full:
            raise IqError(419)
        if group.needs_upgrade:
            raise IqError(426)
        effect = (
            self._file(account, group, request) if group.approval else self._enter(account, group, request)
        )
        self._count_join(account)
        return group, effect

    def metadata(self, account: Account, jid: str) -> Group:
        """A group that the account is in: 404 unknown or closed, 403 not in it."""
        self._online(account)
        group = self.groups.get(jid)
        if group is None or group.closed:
            raise IqError(404, of_info=True)
        if account.name not in group.inside:
            raise IqError(403, of_info=True)
        return group

    def leave(self, account: Account, jid: str, request: Request | None = None) -> Group:
        """Leave a group; 403 if the account is not in it."""
        group = self.metadata(account, jid)
        self._take_out(account, group, Effect.LEFT, request)
        return group

    def invite_code(self, account: Account, jid: str) -> str:
        """The current code; 401 if the account is no admin, 404 if there is none."""
        group = self._as_admin(account, jid)
        if group.current_code is None:
            raise IqError(404)
        return group.current_code

    def revoke_code(self, account: Account, jid: str, request: Request | None = None) -> str:
        """Revoke the current code and give the new one; 401 if the account is no admin."""
        group = self._as_admin(account, jid)
        self.log.happened(Effect.CODE_RESET, account.name, jid, request=request)
        return self.reset_code(group)

    def send(self, account: Account, jid: str, text: str, request: Request | None = None) -> int:
        """Write into a group: the message's number. 403 if not in it, or only admins may write."""
        group = self.metadata(account, jid)
        if group.announce and not group.inside[account.name]:
            raise IqError(403)
        group.messages.append((self.now(), account.name, text))
        self.log.happened(Effect.SENT, account.name, jid, request=request)
        return len(group.messages)

    # What admins, owners and WhatsApp do

    def approve(self, account: Account, group: Group) -> bool:
        """An admin lets the account in; False if there is no request of it."""
        if group.pending.pop(account.name, None) is None:
            return False
        self._enter(account, group, None, effect=Effect.APPROVED)
        return True

    def reject(self, account: Account, group: Group) -> bool:
        """An admin refuses the request; False if there is none."""
        return group.pending.pop(account.name, None) is not None

    def add_member(self, account: Account, group: Group, *, admin: bool = False) -> None:
        """An admin adds the account; whatever kept it out is forgotten."""
        group.removed.discard(account.name)
        group.pending.pop(account.name, None)
        if account.name not in group.inside:
            self._enter(account, group, None, effect=Effect.APPROVED)
        group.inside[account.name] = admin

    def remove(self, account: Account, group: Group) -> None:
        """An admin throws the account out; it cannot come back by a code."""
        group.removed.add(account.name)
        group.pending.pop(account.name, None)
        if account.name in group.inside:
            self._take_out(account, group, Effect.REMOVED, None)

    def reset_code(self, group: Group) -> str:
        """Every code of the group dies; the new one."""
        group.codes = dict.fromkeys(group.codes, False)
        code = self.new_code()
        group.codes[code] = True
        self._codes[code] = group
        return code

    def rename(self, group: Group, subject: str) -> None:
        group.subject = subject
        for name in group.inside:
            self.emit("group.update", name, group.jid, {"subject": subject})

    def set_state(self, account: Account, state: AccountState) -> None:
        """The session changes its state, for instance SCAN_QR_CODE when it was logged out."""
        account.state = state
        if account.shown_state is None:
            self.emit("session.status", account.name, None, {"status": state.value})

    def show_state(self, account: Account, state: AccountState | None) -> None:
        """From now on the gateway believes in that state whatever the truth is; None: in the truth."""
        before, account.shown_state = account.shown, state
        if account.shown is not before:
            self.emit("session.status", account.name, None, {"status": account.shown.value})

    def ban(self, account: Account) -> None:
        """For good: out of the network, no restart helps."""
        account.banned = True
        self.set_state(account, AccountState.FAILED)

    def emit(self, kind: str, account: str, group: str | None, data: dict[str, Any]) -> None:
        """Tell all who listen."""
        event = Event(self.now(), kind, account, group, data)
        for subscriber in self.subscribers:
            subscriber(event)

    # Inside

    def _online(self, account: Account) -> None:
        self.settle()
        if account.state is not AccountState.WORKING:
            raise SessionDownError(account.state.value)

    def _refuse_locked(self, account: Account, group: Group) -> None:
        refuse_at_door(account, group, self.groups.get(group.parent or ""), self.now())

    def _count_join(self, account: Account) -> None:
        account.joins_made += 1
        if account.ban_after is not None and account.joins_made >= account.ban_after:
            self.ban(account)

    def _file(self, account: Account, group: Group, request: Request | None) -> Effect:
        group.pending[account.name] = self.now()
        self.log.happened(Effect.REQUESTED, account.name, group.jid, request=request)
        if group.approve_after is not None:
            self.later(group.approve_after, lambda: self.approve(account, group))
        return Effect.REQUESTED

    def _enter(
        self, account: Account, group: Group, request: Request | None, *, effect: Effect = Effect.JOINED
    ) -> Effect:
        group.inside[account.name] = False
        self.log.happened(effect, account.name, group.jid, request=request)
        self.emit("group.join", account.name, group.jid, {"effect": effect})
        if group.parent is not None:
            self._take_along(account, group.parent)
        return effect

    def _take_along(self, account: Account, parent: str) -> None:
        """Joining a linked group adds you to the community and its announcement group too."""
        for group in self.groups.values():
            along = group.jid == parent or (group.parent == parent and group.is_announcement_child)
            if along and account.name not in group.inside:
                group.inside[account.name] = False
                self.log.happened(Effect.SIDE_JOINED, account.name, group.jid, request=None)
                self.emit("group.join", account.name, group.jid, {"effect": Effect.SIDE_JOINED})

    def _take_out(self, account: Account, group: Group, effect: Effect, request: Request | None) -> None:
        del group.inside[account.name]
        self.log.happened(effect, account.name, group.jid, request=request)
        self.emit("group.leave", account.name, group.jid, {"effect": effect})

    def _as_admin(self, account: Account, jid: str) -> Group:
        group = self.metadata(account, jid)
        if not group.inside[account.name]:
            raise IqError(401)
        return group

    def _note(self, request: Request | None, effect: Effect, error: IqError) -> IqError:
        if request is not None:
            request.effect = effect
        return error

"""The list of groups: the key file, the codes, the allow-list, the greetings."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from jinja2 import TemplateError

from orchestrator.account.greet import render
from orchestrator.doctor.findings import DoctorContext, Finding, failed, ok, skipped, warning
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.invites import InvalidInviteError, parse_invite
from orchestrator.domain.memberships import Greeting, Status
from orchestrator.domain.verification import Mode
from orchestrator.store import codes
from orchestrator.store import groups as groups_store
from orchestrator.store.codes import SealedCode
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.groups import Some
from orchestrator.store.memberships import Membership, Work
from orchestrator.store.secrets import WHEN_UNREADABLE, CodeCipher

CODES_READ = 5000
_IMPORT = str(Command(Operation.IMPORT))
_SET_CODE = str(Command(Operation.SET_CODE))


async def keys(context: DoctorContext) -> list[Finding]:
    """The key file, and the codes in it (the first thousands) decrypted and looked at."""
    try:
        ring = context.key_ring()
        cipher = await context.cipher()
    except ConfigurationError as error:
        return [
            failed("key file", error.message, error.hint),
            skipped("codes", "cannot be read without the key file"),
        ]
    findings = [ok("key file", f"can be read; keys in it: {len(ring.ids)}")]
    async with context.database.read(long=True) as connection:
        return [*findings, await _codes(connection, cipher)]


@dataclass(slots=True)
class _Codes:
    """What was found in the codes; of a bad one nothing is kept but its last four characters."""

    read: int = 0
    unusual: int = 0
    twice: int = 0
    unreadable: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set, repr=False)

    def look_at(self, sealed: SealedCode, cipher: CodeCipher) -> None:
        self.read += 1
        try:
            code = parse_invite(cipher.decrypt(sealed.ciphertext, sealed.key_id))
        except InvalidInviteError:
            self.malformed.append(sealed.last4)
        except ConfigurationError:
            self.unreadable.append(sealed.last4)
        else:
            self.unusual += not code.usual
            self.twice += code.reveal() in self.seen
            self.seen.add(code.reveal())


async def _codes(connection: AsyncConnection, cipher: CodeCipher) -> Finding:
    found = _Codes()
    async for batch in codes.batches(connection):
        for sealed in batch:
            if sealed.current:
                found.look_at(sealed, cipher)
        if found.read >= CODES_READ:
            break
    return _judge(found)


def _judge(found: _Codes) -> Finding:
    if found.unreadable:
        sentence = f"{len(found.unreadable)} of {found.read} cannot be decrypted ({_ends(found.unreadable)})"
        return failed("codes", sentence, f"put the right key file in place, or: {WHEN_UNREADABLE}")
    if found.malformed:
        sentence = f"{len(found.malformed)} of {found.read} are no invite codes ({_ends(found.malformed)})"
        return failed("codes", sentence, _SET_CODE)
    if found.twice or found.unusual:
        parts = {"stored for two groups": found.twice, "of an unusual form": found.unusual}
        said = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
        return warning("codes", f"{said}, of {found.read}", "compare them with the links")
    return ok("codes", f"{found.read} decrypted, each well formed and stored once")


def _ends(last4: list[str]) -> str:
    shown = ", ".join(f"…{end}" for end in last4[:3])
    return shown if len(last4) <= 3 else f"{shown}, …"


async def groups(context: DoctorContext) -> list[Finding]:
    """The allow-list: not empty, every group with what identifies it and with a code that worked last."""
    async with context.database.read(long=True) as connection:
        count = await groups_store.count(connection)
        if not count:
            return [failed("groups", "no group is stored: nothing could be recovered", _IMPORT)]
        return [
            ok("groups", f"{count:,} stored"),
            await _identities(connection, context.settings.allow.mode),
            await _alike(connection),
            await _without_code(connection),
        ]


async def _identities(connection: AsyncConnection, mode: Mode) -> Finding:
    if mode is Mode.LISTED_JIDS:
        missing = await groups_store.without_jid(connection)
        if missing.count:
            sentence = f"{_some(missing)} without a JID: allow_list.mode listed_jids blocks them"
            return warning("allow-list", sentence, f"import their JIDs: {_IMPORT}")
        return ok("allow-list", "every group has its JID")
    missing = await groups_store.by_name_alone(connection)
    if missing.count:
        sentence = f"{_some(missing)} with neither JID nor subject: the name must equal the subject"
        return warning("allow-list", sentence, f"import their JIDs or subjects: {_IMPORT}")
    return ok("allow-list", "every group has a JID or a subject to be known by")


async def _alike(connection: AsyncConnection) -> Finding:
    found = await groups_store.alike(connection)
    if found.count:
        sentence = f"{_some(found)} cannot be told from one another by subject and owner"
        return warning("expectations", sentence, f"import their JIDs: {_IMPORT}")
    return ok("expectations", "no two groups expect the same")


async def _without_code(connection: AsyncConnection) -> Finding:
    missing = await groups_store.without_code(connection)
    if missing.count:
        return warning("current codes", f"{_some(missing)} without a code", _SET_CODE)
    dead = await groups_store.with_dead_code(connection)
    if dead.count:
        sentence = f"{_some(dead)} whose code failed when it was last used"
        return warning("current codes", sentence, _SET_CODE)
    return ok("current codes", "every group has one")


def _some(found: Some) -> str:
    shown = ", ".join(found.slugs)
    more = ", …" if found.count > len(found.slugs) else ""
    return f"{found.count:,} {'group' if found.count == 1 else 'groups'} ({shown}{more})"


def greetings(context: DoctorContext) -> Finding:
    """Both templates, filled in for an imagined group."""
    policy = context.settings.greeting
    if not policy.enabled:
        return ok("greeting", "switched off")
    name = next(iter(context.backups), "backup")
    for key, template in (("default", policy.default), ("small", policy.small)):
        if not template:
            continue
        try:
            render(template, instance=name, work=_imagined())
        except (TemplateError, ValueError, ArithmeticError, TypeError) as error:
            return failed("greeting", f"greeting.{key} cannot be used: {error}", "correct it in rejoin.toml")
    return ok("greeting", "both templates can be filled in")


def _imagined() -> Work:
    """A work with every field of its membership empty but for those that a greeting may use."""
    known: dict[str, Any] = dict.fromkeys(one.name for one in fields(Membership))
    known |= {"status": Status.ACTIVE, "greeting": Greeting.PENDING}
    known |= {"seen_subject": "Sales North", "seen_members": 12}
    return Work(Membership(**known), "sales-north", "Sales North", None, "Sales North", None, None)

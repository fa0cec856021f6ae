"""Scenario files: a whole network with its troubles, in TOML, and the rows that an organisation has of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.simulator import checked_tables, deeds
from orchestrator.simulator.checked_tables import Reader, ScenarioError
from orchestrator.simulator.faults import Faults, Webhooks, read_gateway, read_rules, read_webhooks
from orchestrator.simulator.generate import Maker
from orchestrator.simulator.model import Account, AccountState, Group, Member, Naming
from orchestrator.simulator.network import Network
from orchestrator.simulator.simtime import Clock

_PLAIN = checked_tables.knobs_of(Group)  # as they stand
GROUP: dict[str, checked_tables.Check] = {
    **_PLAIN,
    "jid": checked_tables.text,
    "naming": checked_tables.one_of(*Naming),
    "members": checked_tables.whole,
    "growth_locked_for": checked_tables.number,
    "inside": checked_tables.texts,
    "admins": checked_tables.texts,
    "removed": checked_tables.texts,
    "pending": checked_tables.texts,
    "codes": checked_tables.texts,
    "revoked_codes": checked_tables.texts,
    "revoked": checked_tables.flag,
    "import": lambda value: value,
}
GENERATE: dict[str, checked_tables.Check] = {
    "groups": checked_tables.whole,
    "seed": checked_tables.whole,
    "members": checked_tables.span,
    "owner": checked_tables.digits,
    "admins": checked_tables.texts,
}
IMPORT: dict[str, checked_tables.Check] = {
    "skip": checked_tables.flag,
    "name": checked_tables.text,
    "code": checked_tables.text,
    "code_of": checked_tables.text,
    "jid": checked_tables.text,
    "subject": checked_tables.text,
    "owner": checked_tables.text,
    "instances": checked_tables.texts,
    "labels": checked_tables.texts,
    "priority": checked_tables.whole,
}
DEFAULTS: dict[str, checked_tables.Check] = {
    "jid": checked_tables.flag,
    "owner": checked_tables.flag,
    "instances": checked_tables.texts,
    "labels": checked_tables.texts,
}


@dataclass(slots=True)
class Row:
    """One row of the organisation's list: what it believes of a group, which may be wrong."""

    group: Group = field(repr=False)  # the group that is really meant
    name: str
    code: str = field(repr=False)
    jid: str
    subject: str
    owner: str
    instances: list[str]
    labels: list[str]
    priority: int


class Builder:
    """Makes groups and remembers their rows."""

    def __init__(self, reader: Reader, network: Network, maker: Maker, defaults: object) -> None:
        self._reader = reader
        self._network = network
        self._maker = maker
        self._subjects = maker.subjects()
        self._defaults = reader.table(defaults, DEFAULTS, "import")
        self._made: list[tuple[Group, dict[str, Any], str]] = []

    def add(self, good: dict[str, Any], where: str) -> None:
        """One group as the scenario describes it."""
        if "subject" not in good:
            return
        listed = self._reader.table(good.get("import", {}), IMPORT, f"{where}.import")
        group = Group(
            **{key: good[key] for key in good.keys() & _PLAIN.keys()},
            jid=good.get("jid") or self._maker.jid(),
        )
        if not group.jid.endswith("@g.us"):
            self._reader.wrong(f"{where}.jid", "must end in @g.us")
        group.naming = Naming(good.get("naming", "phone"))
        self._people(group, good, where)
        self._codes(group, good)
        if "growth_locked_for" in good:
            group.growth_locked_until = self._network.now() + good["growth_locked_for"]
        self._keep(group, listed, where)

    def generate(self, good: dict[str, Any]) -> None:
        """So many healthy groups after the described ones."""
        for name in good.get("admins", []):
            self._known(name, "generate.admins")
        taken = {group.subject for group, _, _ in self._made}
        low, high = good.get("members", (5, 120))
        maker = type(self._maker)(good["seed"]) if "seed" in good else self._maker
        groups = maker.groups(
            good.get("groups", 0) + len(taken),
            members=(int(low), int(high)),
            owner=good.get("owner", ""),
            admins=tuple(good.get("admins", [])),
        )
        fresh = [group for group in groups if group.subject not in taken]
        for group in fresh[: good.get("groups", 0)]:
            self._keep(group, {}, "generate")

    def rows(self) -> list[Row]:
        """The organisation's list, in the order of the scenario."""
        rows = [
            self._row(group, listed, where) for group, listed, where in self._made if not listed.get("skip")
        ]
        return [row for row in rows if row is not None]

    def _keep(self, group: Group, listed: dict[str, Any], where: str) -> None:
        try:
            self._network.add_group(group)
        except ValueError as error:
            self._reader.wrong(where, str(error))
        self._made.append((group, listed, where))

    def _people(self, group: Group, good: dict[str, Any], where: str) -> None:
        for key in ("inside", "admins", "removed", "pending"):
            for name in good.get(key, []):
                self._known(name, f"{where}.{key}")
        group.inside = dict.fromkeys(good.get("inside", []), False) | dict.fromkeys(
            good.get("admins", []), True
        )
        group.removed = set(good.get("removed", []))
        group.pending = dict.fromkeys(good.get("pending", []), self._network.now())
        if group.owner and not good.get("admins"):
            group.members.append(Member(group.owner, f"77{group.owner[-9:]}", admin=True, owner=True))
        wanted = good.get("members", 12)
        group.strangers = max(0, wanted - len(group.inside) - len(group.members))

    def _known(self, name: str, where: str) -> None:
        if name not in self._network.accounts:
            self._reader.wrong(where, f"no account is called {name!r}")

    def _codes(self, group: Group, good: dict[str, Any]) -> None:
        group.codes = dict.fromkeys(good.get("revoked_codes", []), False)
        group.codes |= dict.fromkeys(
            good.get("codes", []) or [self._maker.code()], not good.get("revoked", False)
        )

    def _row(self, group: Group, listed: dict[str, Any], where: str) -> Row | None:
        code = listed.get("code", next(reversed(group.codes)))
        if "code_of" in listed:
            try:
                code = self._network.group(listed["code_of"]).current_code or ""
            except KeyError as error:
                self._reader.wrong(f"{where}.import.code_of", str(error.args[0]))
                return None
        usual = self._defaults
        return Row(
            group=group,
            name=listed.get("name", group.subject),
            code=code,
            jid=listed.get("jid", group.jid if usual.get("jid", True) else ""),
            subject=listed.get("subject", group.subject),
            owner=listed.get("owner", group.owner if usual.get("owner", True) else ""),
            instances=listed.get("instances", usual.get("instances", [])),
            labels=listed.get("labels", usual.get("labels", [])),
            priority=listed.get("priority", 0),
        )


FOLDER = Path(__file__).parent / "scenarios"

TOP: dict[str, checked_tables.Check] = dict.fromkeys(
    ("accounts", "gateway", "generate", "groups", "import", "faults", "events", "webhooks"),
    lambda value: value,
) | {"name": checked_tables.text, "description": checked_tables.text, "seed": checked_tables.whole}

ACCOUNT = {**checked_tables.knobs_of(Account), "restricted_for": checked_tables.number}


@dataclass(slots=True)
class World:
    """A scenario brought to life: the network, its troubles and what an organisation would know of it."""

    network: Network
    faults: Faults
    rows: list[Row] = field(default_factory=list)  # the organisation's own list of groups
    name: str = ""
    description: str = ""


def built_in(name: str) -> Path:
    """The path of a scenario that comes with Rejoin: demo, smooth or chaos."""
    return FOLDER / f"{name}.toml"


def load(path: Path, clock: Clock | None = None) -> World:
    """Read and build a scenario; `ScenarioError` with file, key and sentence for every mistake."""
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ScenarioError([f"{path}: is not UTF-8 text"]) from None
    return parse(content, source=str(path), clock=clock)


def parse(content: str, *, source: str = "scenario", clock: Clock | None = None) -> World:
    """The same from text."""
    try:
        given = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([f"{source}: is not TOML: {error}"]) from None
    reader = Reader(source)
    top = reader.table(given, TOP, "")
    seed = top.get("seed", 1)
    network = Network(seed=seed) if clock is None else Network(now=clock.now, sleep=clock.sleep, seed=seed)
    maker = Maker(seed)
    faults = Faults(seed=seed, **read_gateway(reader, top.get("gateway", {})))
    _accounts(reader, top.get("accounts", []), network, maker, vendor=faults.vendor)
    rows = _groups(reader, top, network, maker)
    faults.webhooks = Webhooks(**read_webhooks(reader, top.get("webhooks", {}), network, where="webhooks"))
    faults.rules = read_rules(reader, top.get("faults", []), network, where="faults")
    _events(reader, top.get("events", []), network)
    reader.finish()
    return World(network, faults, rows, top.get("name", ""), top.get("description", ""))


def _accounts(reader: Reader, given: object, network: Network, maker: Maker, *, vendor: str) -> None:
    for n, good in enumerate(reader.tables(given, ACCOUNT, "accounts", need="name"), 1):
        name = good.pop("name", f"account-{n}")
        good["state"] = AccountState(good.get("state", "WORKING"))
        if "shown_state" in good:
            good["shown_state"] = AccountState(good["shown_state"])
        restricted = good.pop("restricted_for", 0.0)
        defaults = {
            "gateway": vendor,
            "instance_id": f"{100_000_000_000 + n}",
            "access_token": maker.token(),
            "phone": f"1555010{n:04d}",
            "lid": f"20000000000{n:04d}",
        }
        account = Account(name, **(defaults | good))
        account.link(account.gateway)
        account.restricted_until = network.now() + restricted if restricted else 0.0
        try:
            network.add_account(account)
        except ValueError as error:
            reader.wrong(f"accounts[{n}]", str(error))


def _groups(reader: Reader, top: dict[str, Any], network: Network, maker: Maker) -> list[Row]:
    builder = Builder(reader, network, maker, top.get("import", {}))
    for n, good in enumerate(reader.tables(top.get("groups", []), GROUP, "groups", need="subject"), 1):
        builder.add(good, f"groups[{n}]")
    if "generate" in top:
        builder.generate(reader.table(top["generate"], GENERATE, "generate", need="groups"))
    return builder.rows()


def _events(reader: Reader, given: object, network: Network) -> None:
    keys = {**deeds.KEYS, "at": checked_tables.number}
    for n, good in enumerate(reader.tables(given, keys, "events", need="at do"), 1):
        if "at" in good and deeds.check(reader, good, f"events[{n}]."):
            _schedule(reader, network, good, where=f"events[{n}]")


def _schedule(reader: Reader, network: Network, good: dict[str, Any], *, where: str) -> None:
    """Names are looked up now, so that a wrong one is told before anything runs."""
    try:
        if "account" in good:
            network.account(good["account"])
        if "group" in good:
            good["group"] = network.group(good["group"]).jid
    except KeyError as error:
        reader.wrong(where, str(error.args[0]))
    else:
        network.later(good["at"], lambda: deeds.do_if_possible(network, good))

"""Scenario files: a whole network with its troubles, in TOML."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.simulator import deeds, knobs, tables
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.generate import Maker
from orchestrator.simulator.model import Account, AccountState
from orchestrator.simulator.network import Network
from orchestrator.simulator.scenario_groups import GENERATE, GROUP, Builder, Row
from orchestrator.simulator.tables import Reader, ScenarioError
from orchestrator.simulator.webhooks import Webhooks

if TYPE_CHECKING:
    from orchestrator.simulator.simtime import Clock

FOLDER = Path(__file__).parent / "scenarios"

TOP: dict[str, tables.Check] = dict.fromkeys(
    ("accounts", "gateway", "generate", "groups", "import", "faults", "events", "webhooks"),
    lambda value: value,
) | {"name": tables.text, "description": tables.text, "seed": tables.whole}

ACCOUNT: dict[str, tables.Check] = {
    "name": tables.text,
    "instance_id": tables.text,
    "access_token": tables.text,
    "phone": tables.digits,
    "lid": tables.digits,
    "push_name": tables.text,
    "session_name": tables.text,
    "state": tables.one_of(*AccountState),
    "shown_state": tables.one_of(*AccountState),
    "join_budget": tables.whole,
    "join_pause": tables.number,
    "restricted_for": tables.number,
    "ban_after": tables.whole,
}


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
    _accounts(reader, top.get("accounts", []), network, maker)
    rows = _groups(reader, top, network, maker)
    faults = Faults(seed=seed, **knobs.gateway(reader, top.get("gateway", {})))
    faults.webhooks = Webhooks(**knobs.webhooks(reader, top.get("webhooks", {}), network, where="webhooks"))
    faults.rules = knobs.rules(reader, top.get("faults", []), network, where="faults")
    _events(reader, top.get("events", []), network)
    reader.finish()
    return World(network, faults, rows, top.get("name", ""), top.get("description", ""))


def _accounts(reader: Reader, given: object, network: Network, maker: Maker) -> None:
    for n, good in enumerate(reader.tables(given, ACCOUNT, "accounts", need="name"), 1):
        name = good.pop("name", f"account-{n}")
        good["state"] = AccountState(good.get("state", "WORKING"))
        if "shown_state" in good:
            good["shown_state"] = AccountState(good["shown_state"])
        restricted = good.pop("restricted_for", 0.0)
        defaults = {
            "instance_id": f"{100_000_000_000 + n}",
            "access_token": maker.token(),
            "phone": f"1555010{n:04d}",
            "lid": f"20000000000{n:04d}",
        }
        account = Account(name, **(defaults | good))
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
    keys = {**deeds.KEYS, "at": tables.number}
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

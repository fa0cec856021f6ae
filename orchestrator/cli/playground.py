"""A folder in which Rejoin is set up against a simulated network: for `rejoin simulate` and `rejoin demo`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.init import make_database, write_once
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.config import DatabaseSettings
    from orchestrator.simulator.model import Account
    from orchestrator.simulator.scenario import World
    from orchestrator.simulator.server import Running

CONFIG = "rejoin.toml"
IMPORT = "groups.csv"
_HEAD = """\
# Made by rejoin: a simulated network, nothing real.
{preamble}
[database]
url = "sqlite:///rejoin.db"
key_file = "rejoin.key"
"""
_INSTANCE = """
[[instances]]
name = "{name}"
role = "{role}"
gateway = "wawp"
base_url = "{base_url}"
instance_id = "{instance_id}"
access_token_file = "secrets/{name}.token"
"""


@dataclass(frozen=True, slots=True)
class Playground:
    """The folder, and the instant at which its database was made: the anchor of accelerated clocks."""

    folder: Path
    created_at: float

    @property
    def config(self) -> Path:
        return self.folder / CONFIG

    @property
    def groups(self) -> Path:
        return self.folder / IMPORT


async def prepare(folder: Path) -> Playground:
    """Key file and database. Raises UsageError if there is a configuration already."""
    await make_database(_settings(folder))
    with closing(sqlite3.connect(folder / "rejoin.db")) as database:
        created = database.execute("SELECT value FROM meta WHERE key = 'created_at'").fetchone()
    return Playground(folder, float(created[0]))


def _settings(folder: Path) -> DatabaseSettings:
    from orchestrator.config import DatabaseSettings  # noqa: PLC0415 - brings pydantic

    if (folder / CONFIG).exists():
        raise UsageError(f"{folder / CONFIG} is there already; it is not overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    return DatabaseSettings.model_validate({}, context={"folder": folder.absolute()})


def furnish(playground: Playground, running: Running, *, preamble: str = "") -> None:
    """Configuration, tokens and the list of groups, for the network that is being served."""
    from orchestrator.simulator.sheets import write_import  # noqa: PLC0415

    (playground.folder / "secrets").mkdir(mode=0o700, exist_ok=True)
    text = _HEAD.format(preamble=preamble)
    for account in running.accounts:
        write_once(playground.folder / "secrets" / f"{account.name}.token", account.access_token + "\n")
        text += _INSTANCE.format(
            name=account.name,
            role=role_of(account, running.world),
            base_url=running.base_url,
            instance_id=account.instance_id,
        )
    if running.world is not None:
        write_once(
            playground.groups, ""
        )  # for its owner alone: invite codes are secrets, even simulated ones
        write_import(running.world, playground.groups)
    write_once(playground.config, text)


def role_of(account: Account, world: World | None) -> str:
    """An account that the organisation's list names was in use; any other can take over."""
    in_use = {name for row in world.rows for name in row.instances} if world else set()
    return "primary" if account.name in in_use else "backup"

"""Every dialect that the simulator speaks, and the adapter against it, opened as a configuration does."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.clock import SystemClock
from orchestrator.config import InstanceSettings
from orchestrator.domain.outcomes import InstanceState
from orchestrator.gateways.base import Endpoint
from orchestrator.gateways.vendors import VENDORS
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.model import Account, AccountState, Group, Member
from orchestrator.simulator.network import Network
from orchestrator.simulator.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.gateways.base import Gateway
    from orchestrator.simulator.server import Running

TOKEN = "tok_9f8e7d6c5b4a39281706"
CODE = "BobOM8UXL8EDR3dXoKozql"
JID = "120363041234567890@g.us"
OWNER = "15550001111"
ME, MY_LID = "201012345678", "90000000000001"


@dataclass(frozen=True)
class Dialect:
    """What of the truth comes through.

    `tells`: of WhatsApp's refusals all, the texts without a number, or nothing. `lacks`: what else the vendor
    does not tell (why probes fail, the own lid, a restriction, approval, the owner, a failure of the session,
    why it is down), or does not have (many webhooks).
    """

    vendor: str
    engine: str
    tells: str
    lacks: frozenset[str] = frozenset()

    @property
    def states(self) -> dict[AccountState, InstanceState]:
        """What is told of a session that was logged out, and of one that failed."""
        logged_out = InstanceState.LOST if "why down" in self.lacks else InstanceState.NEEDS_LOGIN
        failed = InstanceState.DISCONNECTED if "failure" in self.lacks else InstanceState.LOST
        return {AccountState.SCAN_QR_CODE: logged_out, AccountState.FAILED: failed}

    def __str__(self) -> str:
        return f"{self.vendor}-{self.engine}"

    def faults(self, **more: Any) -> Faults:
        worded = {"wrapped_noweb": "noweb", "wrapped_gows": "gows"} if self.vendor == "wawp" else {}
        chosen = next((name for name, engine in worded.items() if engine == self.engine), "status")
        return Faults(engine=self.engine, dialect=chosen, **more)


_OF_GOWA = frozenset({"lid", "restriction", "approval", "owner", "failure", "many webhooks"})
_OF_EVOLUTION = frozenset({"lid", "restriction", "probes", "failure", "why down", "many webhooks"})
DIALECTS = [
    Dialect("wawp", "noweb", "all"),
    Dialect("waha", "noweb", "all"),
    Dialect("waha", "gows", "all"),
    Dialect("waha", "webjs", "nothing"),
    Dialect("evolution", "noweb", "texts", _OF_EVOLUTION),
    Dialect("gowa", "gows", "all", _OF_GOWA),
]


def support(**changes: object) -> Group:
    members = [
        Member("15550002222", "80000000000002"),
        Member(OWNER, "80000000000001", admin=True, owner=True),
    ]
    group = Group(
        JID, "Support 4", "Questions", owner=OWNER, strangers=200, members=members, codes={CODE: True}
    )
    for name, value in changes.items():
        setattr(group, name, value)
    return group


@asynccontextmanager
async def spoken(
    dialect: Dialect,
    group: Group | None = None,
    faults: Faults | None = None,
    *,
    token: str = "",
    instance: str = "backup",
    join_timeout: float = 10.0,
) -> AsyncIterator[tuple[Gateway, Running]]:
    """The adapter, and the network that it speaks to."""
    network = Network()
    account = Account("backup", "backup", TOKEN, phone=ME, lid=MY_LID)
    account.link(dialect.vendor)
    network.add_account(account)
    network.add_group(group or support())
    async with serve(network, faults or dialect.faults()) as running:
        gateway = VENDORS[dialect.vendor].open(
            endpoint(dialect, running.base_url, token or account.access_token, instance, join_timeout)
        )
        try:
            yield gateway, running
        finally:
            await gateway.close()


def endpoint(
    dialect: Dialect, base_url: str, token: str = TOKEN, instance: str = "backup", join_timeout: float = 10.0
) -> Endpoint:
    configured = InstanceSettings.model_validate(
        {
            "name": "b",
            "role": "backup",
            "gateway": dialect.vendor,
            "base_url": base_url,
            "instance_id": instance,
        }
    )
    return Endpoint(
        configured.base_url, instance, token, configured.options,
        connect_timeout=5.0, timeout=10.0, join_timeout=join_timeout, clock=SystemClock(),
    )  # fmt: skip

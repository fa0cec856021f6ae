"""What the gateway says of a session, against what is true; and members who come and go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.simulator import deeds, scenario, strangers
from orchestrator.simulator.checked_tables import ScenarioError
from orchestrator.simulator.model import Account, AccountState, Group, Member
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import SessionDownError
from orchestrator.simulator.simtime import SimTime, Ticker
from tests.support.command import PATIENCE

if TYPE_CHECKING:
    from orchestrator.simulator.model import Event

CODE = "A1b2C3d4E5f6G7h8I9j0Kl"
JID = "120363000000000001@g.us"


class World:
    """A network whose clock is moved by hand, and what it told."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.network = Network(now=lambda: self.at)
        self.account = self.network.add_account(Account("backup", "210", "t", phone="15550002"))
        self.group = self.network.add_group(Group(JID, "Support", strangers=1, codes={CODE: True}))
        self.heard: list[Event] = []
        self.network.subscribers.append(self.heard.append)

    def do(self, what: str, **given: Any) -> None:
        named = {"group": JID} if what in deeds.ON_GROUPS else {"account": "backup"}
        deeds.do_unchecked(self.network, {"do": what, **named, **given}, "test")

    def pass_by(self, seconds: float) -> None:
        self.at += seconds
        self.network.settle()

    def states(self) -> list[tuple[float, str]]:
        """(simulated second, status) of each session.status."""
        return [(e.at - 1_000, e.data["status"]) for e in self.heard if e.kind == "session.status"]


@pytest.fixture
def world() -> World:
    return World()


def test_working_may_be_shown_after_a_log_out(world: World) -> None:
    world.do("show_state", state="WORKING")
    world.do("log_out")
    assert world.account.shown is AccountState.WORKING
    assert world.states() == []
    with pytest.raises(SessionDownError):
        world.network.join(world.account, CODE)


def test_trouble_may_be_shown_of_a_healthy_session(world: World) -> None:
    world.do("show_state", state="FAILED", seconds=60)
    world.network.join(world.account, CODE)
    assert world.account.shown == "FAILED"
    world.pass_by(61)
    assert world.account.shown == "WORKING"
    assert world.states() == [(0, "FAILED"), (61, "WORKING")]


def test_the_truth_comes_out_when_the_lie_ends(world: World) -> None:
    world.do("show_state", state="WORKING")
    world.do("log_out")
    world.do("show_state")
    assert world.states() == [(0, "SCAN_QR_CODE")]
    world.do("show_state", state="WORKING")
    world.do("set_working")
    assert world.account.shown_state is None


def test_a_session_flaps_and_is_healthy_in_between(world: World) -> None:
    world.do("flap", seconds=20, every=1800, times=3)
    with pytest.raises(SessionDownError):
        world.network.probe(world.account, CODE)
    for _ in range(400):
        world.pass_by(10)
    assert world.states() == [
        (0, "STARTING"),
        (20, "WORKING"),
        (1800, "STARTING"),
        (1820, "WORKING"),
        (3600, "STARTING"),
        (3620, "WORKING"),
    ]
    assert world.account.state is AccountState.WORKING


def test_a_flap_may_be_seen_only(world: World) -> None:
    world.do("flap", seconds=20, every=60, times=2, only_shown=True, state="FAILED")
    world.network.join(world.account, CODE)
    for _ in range(12):
        world.pass_by(10)
    assert world.states() == [(0, "FAILED"), (20, "WORKING"), (60, "FAILED"), (80, "WORKING")]


def test_a_flap_does_not_heal_what_is_lost(world: World) -> None:
    world.do("flap", seconds=20, every=60, times=3)
    world.do("log_out")
    for _ in range(20):
        world.pass_by(10)
    assert world.account.state is AccountState.SCAN_QR_CODE
    assert world.states() == [(0, "STARTING"), (0, "SCAN_QR_CODE")]


def test_a_flap_needs_its_times() -> None:
    with pytest.raises(ScenarioError, match="every: is missing: flap needs it"):
        World().do("flap", seconds=3)


def test_a_scenario_may_begin_with_a_lie() -> None:
    lie = '[[accounts]]\nname = "a"\nstate = "SCAN_QR_CODE"\nshown_state = "WORKING"'
    account = scenario.parse(lie).network.account("a")
    assert (account.state, account.shown) == (AccountState.SCAN_QR_CODE, AccountState.WORKING)


def test_strangers_come_and_go_and_those_inside_hear_it(world: World) -> None:
    world.do("stranger_joins", phone="15557777")
    assert world.heard == []
    world.network.join(world.account, CODE)
    world.heard.clear()
    world.do("stranger_joins")
    world.do("stranger_leaves", phone="15557777")
    world.do("stranger_leaves")
    world.do("stranger_leaves")
    told = [(e.account, e.data["joined"], e.data["phone"]) for e in world.heard]
    assert told == [
        ("backup", True, "99910000000"),
        ("backup", False, "15557777"),
        ("backup", False, "99910000000"),
        ("backup", False, "99900000000"),
    ]
    assert world.group.size == 1
    with pytest.raises(ScenarioError, match="there is no such member"):
        world.do("stranger_leaves")


def test_a_fresh_stranger_is_nobody_who_is_there(world: World) -> None:
    world.group.members = [Member("99910000000"), Member("99910000001")]
    assert strangers.fresh(world.group).phone == "99910000002"


def test_a_timeline_goes_on_where_nobody_is_left_to_leave() -> None:
    timeline = "".join(
        f'[[events]]\nat = 0\ndo = "{deed}"\ngroup = "A"\n{more}\n'
        for deed, more in (
            ("stranger_leaves", ""),
            ("approve", 'account = "a"'),
            ("rename", 'subject = "B"'),
        )
    )
    world = scenario.parse(f'[[accounts]]\nname = "a"\n[[groups]]\nsubject = "A"\nmembers = 0\n{timeline}')
    world.network.settle()
    assert [group.subject for group in world.network.groups.values()] == ["B"]


async def test_what_comes_due_happens_by_itself_in_its_order() -> None:
    time = SimTime(1_000)
    network = Network(now=time.now, sleep=time.sleep)
    done: list[int] = []
    ticker = Ticker(network)
    start = network.now()
    over = asyncio.Event()
    network.later(60, lambda: done.append(2))
    network.later(60, over.set)
    network.later(20, lambda: done.append(1))
    async with asyncio.timeout(PATIENCE):
        await over.wait()
    assert done == [1, 2]
    assert network.now() - start >= 60
    await ticker.close()
    network.later(0, lambda: done.append(3))
    await asyncio.sleep(0.01)
    assert done == [1, 2]


async def test_a_ticker_rests_while_nothing_is_due() -> None:
    network = Network()
    looks = 0
    settle = network.settle

    def counted() -> None:
        nonlocal looks
        looks += 1
        settle()

    network.settle = counted  # type: ignore[method-assign]
    network.later(3600, lambda: None)
    ticker = Ticker(network)
    for _ in range(100):
        network.later(7200, lambda: None)
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    await ticker.close()
    assert looks == 1


async def test_what_breaks_a_ticker_is_told_at_its_end() -> None:
    network = Network()
    ticker = Ticker(network)
    network.later(0, lambda: 1 / 0)
    await asyncio.sleep(0.05)
    with pytest.raises(ZeroDivisionError):
        await ticker.close()

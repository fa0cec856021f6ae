"""The greeting: once, in the right words, sandboxed; whatever becomes of it, the membership stays."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from orchestrator.account import greet
from orchestrator.domain.memberships import Status
from orchestrator.domain.recoveries import End
from orchestrator.simulator.faults import Trouble, When
from orchestrator.simulator.truth import Kind
from tests.support.defaults import greeting
from tests.support.noted_gaps import note_gaps
from tests.support.stage import Stage, brisk, set_stage
from tests.support.worlds import ACCOUNT, group, judge, named, row, told, trouble, world

if TYPE_CHECKING:
    from orchestrator.account.recovery_settings import RecoverySettings

SPEED = 150.0


def greets(**policy: object) -> RecoverySettings:
    return brisk(greeting=greeting(**policy))


def words(stage: Stage, subject: str) -> list[str]:
    return [text for _, account, text in named(stage, subject).messages if account == ACCOUNT]


async def test_every_group_is_greeted_once_by_its_size(sqlite_url: str) -> None:
    content = world(group("Small", "members = 5"), group("Large", "members = 200"))
    settings = greets(default="{{ instance }} is in {{ group }}", small="Hello, all {{ members }}")
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        assert (await stage.recover(settings)).end is End.COMPLETE
        assert words(stage, "Small") == ["Hello, all 5"]
        assert words(stage, "Large") == [f"{ACCOUNT} is in Large"]
        await stage.recover(settings)
        assert len(stage.log.of(Kind.SEND)) == 2
        await judge(stage)


async def test_greetings_have_a_gentle_pace_of_their_own(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = note_gaps(monkeypatch, greet)
    async with set_stage(sqlite_url, content=world(generate=5), speed=SPEED) as stage:
        await stage.recover(brisk(greeting=greeting(), greeting_gap=20.0))
        assert len(made) == len(stage.log.of(Kind.SEND)) == 5
        assert min(b - a for a, b in pairwise(made)) >= 20.0


async def test_where_only_admins_may_write_nobody_is_greeted(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(group("Board", "announce = true")), speed=SPEED) as stage:
        assert (await stage.recover(greets())).end is End.COMPLETE
        assert stage.log.of(Kind.SEND) == []
        assert (await row(stage, "Board")).greeting == "skipped"


async def test_a_group_that_we_were_in_before_is_not_greeted(sqlite_url: str) -> None:
    content = world(group("Home", 'inside = ["backup-1"]'), generate=1)
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(greets())
        assert words(stage, "Home") == []
        assert len(stage.log.of(Kind.SEND)) == 1


@pytest.mark.parametrize(
    ("what", "more"),
    [
        (Trouble.IQ, {"iq": 403}),
        (Trouble.CUT, {}),
        (Trouble.CUT, {"effect": When.DONE}),
        (Trouble.HTML, {"status": 502}),
        (Trouble.HANG, {"effect": When.DONE}),
    ],
    ids=str,
)
async def test_a_greeting_that_fails_is_not_repeated_and_leaves_the_membership(
    sqlite_url: str, what: Trouble, more: dict[str, object]
) -> None:
    async with set_stage(sqlite_url, content=world(group("Team")), speed=SPEED) as stage:
        trouble(stage, what, Kind.SEND, **more)
        for _ in range(2):
            assert (await stage.recover(greets())).end is End.COMPLETE
        found = await row(stage, "Team")
        assert (found.status, found.greeting) == (Status.ACTIVE, "failed")
        assert len(stage.log.of(Kind.SEND)) == 1
        await judge(stage)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ instance.__init__.__globals__ }}",
        "{% for x in range(10**9) %}{% endfor %}hello",
        "{{ 1 / 0 }}",
        "{{ nothing() }}",
        "{% include 'secret' %}",
        "{{ 'x' * 5000 }}",
        "   ",
        "{% if",
        "{{ missing.part }}",
        "{{ 'a' + 1 }}",
        "{{ [].pop() }}",
        "{{ 'x' | attr('__class__') }}",
        "{{ ('x' * 10) % 5 }}",
        "{{ {}['a'].b }}",
        "{{ cycler().x.y }}",
        "{{ lipsum(n='x') }}",
        "{{ [1] | sum('x') }}",
        "{{ '%d' | format('x') }}",
        "{{ 9 ** 99999 }}",
    ],
)
async def test_a_template_that_cannot_be_used_costs_the_greeting_and_nothing_else(
    sqlite_url: str, template: str
) -> None:
    async with set_stage(sqlite_url, content=world(group("Team")), speed=SPEED * 2) as stage:
        ended = await stage.recover(greets(default=template, small=template))
        assert ended.end is End.COMPLETE
        assert (await row(stage, "Team")).greeting == "failed"
        assert stage.log.of(Kind.SEND) == []
        assert "template" in (await told(stage.database, "greeting"))[-1].data


async def test_a_subject_is_data_and_never_a_template(sqlite_url: str) -> None:
    content = world(group("{{ 7 * 7 }}"))
    async with set_stage(sqlite_url, content=content, speed=SPEED) as stage:
        await stage.recover(greets(default="In {{ subject }}", small="In {{ subject }}"))
        assert words(stage, "{{ 7 * 7 }}") == ["In {{ 7 * 7 }}"]


async def test_a_restriction_met_by_a_greeting_pauses_the_account(sqlite_url: str) -> None:
    async with set_stage(sqlite_url, content=world(generate=15), speed=SPEED) as stage:
        trouble(stage, Trouble.IQ, Kind.SEND, iq=463)
        ended = await stage.recover(greets())
        assert ended.end is End.DEFERRED
        assert len(stage.log.of(Kind.SEND)) == 1
        await judge(stage)

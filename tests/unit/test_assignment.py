"""Accounts divided between daemons: nobody is left out, nobody has too many, and it stays as it is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.domain.assignment import Claim, share_out

FENCES = st.integers(1, 6)
CLAIMS = st.lists(
    st.builds(Claim, st.integers(1, 12), st.none() | FENCES, st.booleans()), unique_by=lambda one: one.id
)
DAEMONS = st.dictionaries(FENCES, st.frozensets(st.integers(1, 12)), min_size=1)


def divided(claims: list[Claim], daemons: dict[int, frozenset[int]]) -> list[Claim]:
    found = share_out(claims, daemons)
    return [replace(one, owner=found.get(one.id)) for one in claims]


@given(CLAIMS, DAEMONS)
def test_every_account_that_a_daemon_knows_is_with_one_that_knows_it(
    claims: list[Claim], daemons: dict[int, frozenset[int]]
) -> None:
    found = share_out(claims, daemons)

    assert found.keys() == {one.id for one in claims if any(one.id in knows for knows in daemons.values())}
    assert all(account in daemons[fence] for account, fence in found.items())


@given(CLAIMS, st.frozensets(FENCES, min_size=1))
def test_daemons_with_one_configuration_have_no_more_than_their_share(
    claims: list[Claim], fences: frozenset[int]
) -> None:
    everything = frozenset(one.id for one in claims)

    found = share_out(claims, dict.fromkeys(fences, everything))

    most = -(-len(claims) // len(fences))
    assert all(list(found.values()).count(fence) <= most for fence in fences)


@given(CLAIMS, DAEMONS)
@example(
    [Claim(one, 1, False) for one in range(1, 5)],
    {1: frozenset({1, 2, 3, 4}), 2: frozenset({1, 2, 3, 4}), 3: frozenset()},
)
def test_dividing_anew_what_was_divided_moves_nothing(
    claims: list[Claim], daemons: dict[int, frozenset[int]]
) -> None:
    once = divided(claims, daemons)

    assert divided(once, daemons) == once


@given(CLAIMS, st.frozensets(FENCES, min_size=2))
def test_a_daemon_that_comes_takes_from_nobody_who_has_his_share(
    claims: list[Claim], fences: frozenset[int]
) -> None:
    everything = frozenset(one.id for one in claims)
    before = divided(claims, dict.fromkeys(sorted(fences)[:-1], everything))

    after = divided(before, dict.fromkeys(fences, everything))

    most = -(-len(claims) // len(fences))
    for fence in sorted(fences)[:-1]:
        had = [one.id for one in before if one.owner == fence]
        kept = [one.id for one in after if one.owner == fence]
        assert len(kept) >= min(len(had), most)


def test_accounts_with_an_open_recovery_stay_where_they_are_before_others() -> None:
    claims = [Claim(one, 1, one > 3) for one in range(1, 7)]
    everything = frozenset(range(1, 7))

    found = share_out(claims, {1: everything, 2: everything})

    assert {one for one, fence in found.items() if fence == 1} == {4, 5, 6}


def test_what_a_dead_daemon_had_is_divided_among_the_living() -> None:
    claims = [Claim(one, 1 + one % 3, False) for one in range(9)]
    everything = frozenset(range(9))

    found = share_out(claims, {1: everything, 3: everything})

    assert all(found[one.id] == one.owner for one in claims if one.owner in (1, 3))
    assert sorted(list(found.values()).count(fence) for fence in (1, 3)) == [4, 5]

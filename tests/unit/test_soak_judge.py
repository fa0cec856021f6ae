"""The judge of a soak: what it calls lost, out of order, and a leak."""

from __future__ import annotations

import itertools
import random

from tests.support.soak_judge import SAMPLES, WARM_UP, Told, leaks, lost_messages, out_of_order


def test_a_message_that_was_called_delivered_and_never_arrived_is_lost() -> None:
    messages = [
        Told("a", "group:1", fanned_out=True, state="delivered"),
        Told("b", "group:1", fanned_out=True, state="delivered"),
    ]

    assert lost_messages(messages, ["a"]) == ["b"]


def test_a_message_of_which_no_delivery_was_made_is_lost() -> None:
    assert lost_messages([Told("a", "group:1", fanned_out=True, state=None)], []) == ["a"]


def test_a_message_that_was_written_while_the_judge_looked_still_waits() -> None:
    new = Told("a", "group:1", fanned_out=False, state=None)
    waiting = Told("b", "group:1", fanned_out=True, state="pending")
    parked = Told("c", "group:1", fanned_out=True, state="parked")

    assert lost_messages([new, waiting, parked], []) == []


def test_messages_of_one_subject_arrive_in_the_order_in_which_they_were_written() -> None:
    messages = [Told(uid, "group:1", fanned_out=True, state="delivered") for uid in "ab"]
    messages.append(Told("c", "group:2", fanned_out=True, state="delivered"))

    assert out_of_order(messages, ["c", "a", "b"]) == []
    assert out_of_order(messages, ["b", "c", "a"]) == ["group:1"]


def life(*levels: float, samples: int = 300) -> list[float]:
    """A memory curve in MB that goes through these levels, with an allocator's noise."""
    rng, each = random.Random(1), samples // (len(levels) - 1)
    pairs = itertools.pairwise(levels)
    return [a + (b - a) * n / each + rng.uniform(0, 3) for a, b in pairs for n in range(each)]


def test_a_cold_life_that_rises_to_a_plateau_does_not_leak() -> None:
    assert not leaks(life(100, 120, 127, 127, 127))
    assert not leaks(life(100, 127, 127, 127))


def test_a_life_that_never_stops_growing_leaks() -> None:
    assert leaks(life(100, 127, 140, 153, 166))
    assert leaks(life(100, 108, 116, 124))


def test_one_peak_is_no_leak() -> None:
    assert not leaks([*life(125, 125, 125), *life(160, 160, samples=30), *life(125, 125)])


def test_a_life_too_short_to_tell_is_not_judged() -> None:
    assert not leaks(life(100, 127, samples=WARM_UP + SAMPLES - 1))

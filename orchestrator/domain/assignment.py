"""Which daemon works for which account, where several daemons share one database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """One account. `owner`: the daemon that works for it now, by its fence, None: nobody.

    `busy`: a recovery onto it is open.
    """

    id: int
    owner: int | None
    busy: bool


def share_out(claims: Collection[Claim], daemons: Mapping[int, Collection[int]]) -> dict[int, int]:
    """The daemon for each account, by its fence. `daemons`: the accounts that each living one's file has.

    Whoever works for an account keeps it. Only a daemon with more than its share, ceil(accounts / daemons
    that know any), gives up some, those without an open recovery first, to one that has fewer even so. An
    account that no daemon knows is left out. Dividing anew what was divided changes nothing.
    """
    fitting = {one.id: [fence for fence, knows in daemons.items() if one.id in knows] for one in claims}
    known = sorted((one for one in claims if fitting[one.id]), key=lambda one: (len(fitting[one.id]), one.id))
    load = {fence: 0 for fence, knows in daemons.items() if knows}
    found = {one.id: one.owner for one in known if one.owner in fitting[one.id]}
    for fence in found.values():
        load[fence] += 1
    for one in known:
        if one.id not in found:
            found[one.id] = min(fitting[one.id], key=lambda fence: (load[fence], fence))
            load[found[one.id]] += 1
    most = -(-len(known) // max(1, len(load)))
    in_order = sorted(known, key=lambda one: (one.busy, one.id))
    while _one_moves(in_order, fitting, found, load, most):
        pass
    return found


def _one_moves(
    in_order: Sequence[Claim],
    fitting: Mapping[int, Sequence[int]],
    found: dict[int, int],
    load: dict[int, int],
    most: int,
) -> bool:
    """From whoever has too many to whoever has fewest: each move levels, so that they come to an end."""
    for one in in_order:
        before, after = found[one.id], min(fitting[one.id], key=lambda fence: (load[fence], fence))
        if load[before] > most and load[after] < load[before] - 1:
            found[one.id] = after
            load[before] -= 1
            load[after] += 1
            return True
    return False

"""Invented but lifelike groups: 22-character codes, 18-digit JIDs, subjects as companies write them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count

from orchestrator.simulator.model import Group, Member
from orchestrator.simulator.network import ALPHABET

TEAMS = (
    "Support",
    "Sales",
    "Dispatch",
    "Deliveries",
    "Orders",
    "Field Team",
    "Partners",
    "Resellers",
    "Warehouse",
    "Night Shift",
    "Fleet",
    "Clinic",
    "Onboarding",
    "Escalations",
    "Key Accounts",
    "Installers",
)
PLACES = (
    "Lagos",
    "Nairobi",
    "São Paulo",
    "Recife",
    "Jakarta",
    "Surabaya",
    "Cairo",
    "Amman",
    "Mumbai",
    "Pune",
    "Lima",
    "Bogotá",
    "Madrid",
    "Izmir",
    "Accra",
    "Manila",
    "Karachi",
    "Dakar",
    "Quito",
    "Tunis",
)


class Maker:
    """Makes names from a seed: the same seed, the same names."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def code(self) -> str:
        return "".join(self.rng.choices(ALPHABET, k=22))

    def jid(self) -> str:
        return f"120363{self.rng.randrange(10**12):012d}@g.us"

    def token(self) -> str:
        return f"{self.rng.getrandbits(96):024x}"

    def subjects(self) -> Iterator[str]:
        """Endless and without repetition."""
        names = [f"{team} {place}" for team in TEAMS for place in PLACES]
        self.rng.shuffle(names)
        for turn in count(1):
            yield from names if turn == 1 else (f"{name} {turn}" for name in names)

    def groups(
        self,
        number: int,
        *,
        members: tuple[int, int] = (5, 120),
        owner: str = "",
        admins: tuple[str, ...] = (),
    ) -> list[Group]:
        """So many healthy groups, each with one current code."""
        subjects = self.subjects()
        return [
            self._group(next(subjects), members=members, owner=owner, admins=admins) for _ in range(number)
        ]

    def _group(self, subject: str, *, members: tuple[int, int], owner: str, admins: tuple[str, ...]) -> Group:
        size = self.rng.randint(*members)
        named = [Member(owner, f"77{owner[-9:]}", admin=True, owner=True)] if owner and not admins else []
        return Group(
            jid=self.jid(),
            subject=subject,
            description=f"{subject}: internal",
            owner=owner,
            created=self.rng.randint(1_600_000_000, 1_750_000_000),
            strangers=max(0, size - len(named) - len(admins)),
            members=named,
            inside=dict.fromkeys(admins, True),
            codes={self.code(): True},
        )


def benchmark_groups(number: int, *, seed: int = 1, members: tuple[int, int] = (5, 20)) -> list[Group]:
    """Groups for a benchmark or a property test."""
    return Maker(seed).groups(number, members=members)

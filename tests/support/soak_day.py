"""What happens in a soak: the town with its standing troubles, and a day's outages and acts by rng."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKUPS = ("backup-1", "backup-2", "backup-3")
PRIMARY = "sales-main"
SECRET = "between the gateway and us"
CRM_SECRET = "between the crm and us"
FOREIGN = "Nobody's Club"
SPECIAL = ("Slow Admin", "No Admin", "Reset Link", "Packed", "Thrown Out", "Shut", "By LID", "Mistaken")
HOUR = 3600.0

SCENARIO = """
name = "soak"
seed = {seed}
{accounts}
[gateway]
latency = [0.2, 2]
engine = "gows"
dialect = "wrapped_gows"
pending_receipt = "with_id"
already_member = "receipt"
join_receipt = "id"
[import]
instances = ["sales-main"]
[generate]
groups = {groups}
members = [4, 90]
owner = "15550100000"
admins = ["sales-main"]
[[groups]]
subject = "Slow Admin"
approval = true
approve_after = 3600
[[groups]]
subject = "No Admin"
approval = true
[[groups]]
subject = "Reset Link"
revoked = true
[[groups]]
subject = "Packed"
full = true
[[groups]]
subject = "Thrown Out"
removed = ["backup-1", "backup-2", "backup-3"]
probe_tells = false
[[groups]]
subject = "Shut"
locked = true
probe_tells = false
[[groups]]
subject = "By LID"
naming = "lid_only"
[[groups]]
subject = "Nobody's Club"
import = {{ skip = true }}
[[groups]]
subject = "Mistaken"
import = {{ code_of = "Nobody's Club" }}
"""
ACCOUNT = """
[[accounts]]
name = "{name}"
instance_id = "{n}00"
phone = "1555010000{n}"
lid = "90000000000000{n}"
"""
CONFIG = """
[watch]
every = "30s"
lost_after = "5m"
on_loss = "recover"
on_backup_lost = "next"
memberships_every = "20m"
[retry]
first_wait = 60
longest_wait = 1200
pauses = [300, 600, 1200]
[webhooks]
secret = "{secret}"
[notify]
urls = ["{people}"]
[[notify.webhooks]]
name = "crm"
url = "{crm}"
secret = "{crm_secret}"
"""


def scenario(groups: int, seed: int) -> str:
    names = (PRIMARY, *BACKUPS)
    accounts = "".join(ACCOUNT.format(name=name, n=n) for n, name in enumerate(names))
    return SCENARIO.format(seed=seed, accounts=accounts, groups=groups)


STANDING: tuple[dict[str, Any], ...] = (
    {"trouble": "cut", "kinds": ["join"], "probability": 0.04},
    {"trouble": "cut", "effect": "done", "kinds": ["join"], "probability": 0.04},
    {"trouble": "cut", "effect": "later", "seconds": 45, "kinds": ["join"], "probability": 0.03},
    {"trouble": "hang", "effect": "done", "seconds": 300, "kinds": ["join"], "probability": 0.02},
    {"trouble": "http", "status": 500, "effect": "done", "kinds": ["join"], "probability": 0.03},
    {"trouble": "no_id", "kinds": ["join"], "probability": 0.05},
    {"trouble": "garbage", "kinds": ["join"], "probability": 0.02},
    {
        "trouble": "html",
        "status": 502,
        "kinds": ["probe", "list", "participants", "group"],
        "probability": 0.04,
    },
    {"trouble": "truncated", "kinds": ["probe", "list"], "probability": 0.03},
    {"trouble": "iq", "iq": 429, "kinds": ["probe", "participants", "list"], "probability": 0.01},
    {"trouble": "list_empty", "kinds": ["list"], "probability": 0.1},
    {"trouble": "list_missing", "kinds": ["list"], "probability": 0.1},
)
"""The gateway's bad habits all day long."""
ALL_GONE: tuple[dict[str, Any], ...] = ({"trouble": "cut"},)
"""No call gets an answer, and none has an effect."""
WEBHOOKS: dict[str, Any] = {
    "secret": SECRET, "shape": "mixed", "own_id": "alternate", "lost": 0.333, "doubled": 0.333,
    "delay": [0, 90], "forged": 0.3, "unsigned": 0.1, "replayed": 0.1, "strangers": 0.4, "unknown": 0.1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """`at` seconds after the beginning; `lasts` seconds where it is an outage."""

    at: float
    what: str
    who: str = ""
    lasts: float = 0.0
    deed: dict[str, Any] = field(default_factory=dict, compare=False)


def small_day() -> list[Happening]:
    """Two hours: a loss and a return, one outage of each kind, one death."""
    return sorted(
        [
            *_loss(PRIMARY, at=60.0, back_after=5000.0),
            Happening(700.0, "receiver", lasts=400.0),
            Happening(900.0, "kill"),
            Happening(1300.0, "gateway", lasts=240.0),
            Happening(1700.0, "database", "full", lasts=240.0),
            Happening(2300.0, "cli", deed={"words": ["retry", "--all-needs-you", "--to", "backup-1"]}),
        ]
    )


def long_day(hours: float, seed: int) -> list[Happening]:
    """Every kind of trouble by rng. The same seed gives the same day."""
    rng = random.Random(seed)
    found: list[Happening] = []
    for start in _every(rng, hours, gap=(5.5, 7.0), first=0.3):
        found += _loss(PRIMARY, at=start * HOUR, back_after=rng.uniform(2.0, 3.5) * HOUR)
    for start in _every(rng, hours, gap=(8.0, 10.0), first=4.0):
        found += _loss(rng.choice(BACKUPS), at=start * HOUR, back_after=rng.uniform(1.0, 2.0) * HOUR)
    for start in _every(rng, hours, gap=(3.0, 5.0), first=2.5):
        who, times = rng.choice((PRIMARY, *BACKUPS)), rng.randint(2, 8)
        deed = {"do": "flap", "account": who, "seconds": 60, "every": 300, "times": times}
        found.append(Happening(start * HOUR, "do", deed=deed))
    found += [
        Happening(at * HOUR, "receiver", lasts=rng.uniform(600, 5400))
        for at in _every(rng, hours, gap=(2, 4))
    ]
    found += [
        Happening(at * HOUR, "gateway", lasts=rng.uniform(120, 1800)) for at in _every(rng, hours, gap=(2, 4))
    ]
    for at in _every(rng, hours, gap=(3.0, 5.0)):
        found.append(Happening(at * HOUR, "database", rng.choice(("full", "locked")), rng.uniform(600, 1800)))
    found += [Happening(at * HOUR, rng.choice(("kill", "term"))) for at in _every(rng, hours, gap=(2.5, 5.0))]
    found += [Happening(at * HOUR, "hup") for at in _every(rng, hours, gap=(5.0, 9.0))]
    found += [_act(rng, at * HOUR) for at in _every(rng, hours, gap=(0.4, 1.2), first=1.0)]
    found += [_push(rng, at * HOUR) for at in _every(rng, hours, gap=(1.5, 3.0), first=1.7)]
    return sorted(one for one in found if one.at + one.lasts < (hours - 0.5) * HOUR)


def _loss(who: str, *, at: float, back_after: float) -> list[Happening]:
    return [
        Happening(at, "do", deed={"do": "log_out", "account": who}),
        Happening(at + back_after, "do", deed={"do": "set_working", "account": who}),
    ]


def _every(
    rng: random.Random, hours: float, *, gap: tuple[float, float], first: float = 0.8
) -> Iterator[float]:
    at = first + rng.uniform(0.0, min(gap[0] / 4, 0.5))
    while at < hours:
        yield at
        at += rng.uniform(*gap)


def _act(rng: random.Random, at: float) -> Happening:
    """A person at the command line."""
    to = ["--to", rng.choice(BACKUPS)]
    words = rng.choice(
        (
            ["retry", "--all-needs-you", *to],
            ["retry", "--reason", "code_revoked", *to],
            ["skip", rng.choice(("packed", "shut", "no-admin")), "--because", "closed", *to],
            ["pause", "--for", "10m", "--because", "the phone is looked at", *to],
            ["resume", *to],
            ["status"],
        )
    )
    return Happening(at, "cli", deed={"words": words})


def _push(rng: random.Random, at: float) -> Happening:
    """An admin throws a backup out of a group that it is in, which the run looks up then."""
    return Happening(at, "remove", rng.choice(BACKUPS))

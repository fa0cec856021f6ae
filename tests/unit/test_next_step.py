"""The one command that comes next, for each place at which a person can stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.doctor import verdict
from orchestrator.doctor.findings import failed, ok, warning
from orchestrator.domain.hints import account_hint, group_hint
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.next_step import next_step
from orchestrator.status.views import Phase
from orchestrator.store.progress import CatalogueTotals
from tests.unit.status_samples import INSTANCE, NEEDS_YOU, PAUSE, PRIMARY, RECOVERY, VIEW, WAITING

if TYPE_CHECKING:
    from orchestrator.status.views import StatusView

GOING = VIEW._replace(instances=(PRIMARY, INSTANCE._replace(pause=None)))
NOTHING_LEFT = GOING._replace(needs_you=(), waiting=(), buckets=dict.fromkeys(Bucket, 0))


def ended(view: StatusView, phase: Phase, *, driver: str = "person") -> StatusView:
    return view._replace(recovery=RECOVERY._replace(phase=phase, driver=driver))


def paused(reason: Reason, until: float | None) -> StatusView:
    pause = PAUSE._replace(reason=reason, until=until, hint=account_hint(reason, until, "backup-2"))
    return GOING._replace(instances=(PRIMARY, INSTANCE._replace(pause=pause)))


def needy(*kinds: tuple[Status, Reason]) -> StatusView:
    rows = [NEEDS_YOU._replace(hint=group_hint(status, reason, f"g-{reason}")) for status, reason in kinds]
    return ended(NOTHING_LEFT._replace(needs_you=tuple(rows)), Phase.FINISHED)


INSTANCE_1 = INSTANCE._replace(name="backup-1", pause=None)
INSTANCE_2 = INSTANCE._replace(pause=None)
FULL, REVOKED = (Status.BLOCKED, Reason.GROUP_FULL), (Status.BLOCKED, Reason.CODE_REVOKED)
PENDING = {**dict.fromkeys(Bucket, 0), Bucket.WAITING: 13}


@pytest.mark.parametrize(
    ("view", "command"),
    [
        (NOTHING_LEFT._replace(recovery=None, catalogue=CatalogueTotals(0, 0)), "rejoin groups import FILE"),
        (NOTHING_LEFT._replace(recovery=None), "rejoin plan"),
        (
            NOTHING_LEFT._replace(recovery=None, instances=(INSTANCE_1, INSTANCE_2)),
            "rejoin plan --to backup-1",
        ),
        (ended(NOTHING_LEFT, Phase.INTERRUPTED), "rejoin run --from sales-main"),
        (ended(NOTHING_LEFT, Phase.INTERRUPTED, driver="daemon"), "rejoin daemon"),
        (ended(NOTHING_LEFT._replace(buckets=PENDING), Phase.FINISHED), "rejoin run --from sales-main"),
        (
            ended(
                NOTHING_LEFT._replace(buckets={**PENDING, Bucket.WAITING: 12}, waiting=(WAITING,)),
                Phase.FINISHED,
            ),
            None,
        ),
        (ended(NOTHING_LEFT, Phase.FINISHED), None),
        (ended(NOTHING_LEFT, Phase.RUNNING), None),
        (GOING, "rejoin groups set-code suppliers-north"),
        (needy(FULL, REVOKED), "rejoin groups set-code g-code_revoked"),
        (needy(FULL), None),  # an admin of the group is to act first; the screen names the move
        (paused(Reason.OPERATOR, None), "rejoin resume --to backup-2"),
        (paused(Reason.CREDENTIALS_REFUSED, None), "rejoin doctor --to backup-2"),
        (paused(Reason.RATE_LIMITED, PAUSE.until), "rejoin groups set-code suppliers-north"),
    ],
)
def test_what_comes_next(view: StatusView, command: str | None) -> None:
    following = next_step(view)

    assert (None if following is None else str(following)) == command


def test_a_doctor_that_finds_all_well_says_so_and_what_comes_next() -> None:
    findings = [ok("session", "working", instance="backup-2"), warning("daemon", "none has run yet")]

    fresh = NOTHING_LEFT._replace(recovery=None)
    assert verdict(findings, fresh)[0] == "A recovery would work; 1 warning."
    assert verdict(findings, fresh)[1].replace("\u00a0", " ") == "Next: rejoin plan"


def test_a_right_token_in_place_of_a_wrong_one_leads_to_resume() -> None:
    findings = [ok("session", "working", instance="backup-2")]

    _, following = verdict(findings, paused(Reason.CREDENTIALS_REFUSED, None))

    assert following.replace("\u00a0", " ") == "Next: rejoin resume --to backup-2"


@pytest.mark.parametrize(
    ("hint", "following"),
    [
        ("rejoin groups import FILE", "Next: rejoin groups import FILE"),
        ("check base_url and the network", "Next: check base_url and the network; then: rejoin doctor"),
        ("", "Next: rejoin doctor"),
    ],
)
def test_a_doctor_names_the_one_thing_to_mend(hint: str, following: str) -> None:
    findings = [ok("disk", "free"), failed("groups", "no group is stored", hint), failed("backup", "none")]

    said = "\n".join(verdict(findings, None)).replace("\u00a0", " ").replace("\t", "")

    assert said.splitlines() == [
        "A recovery would not work: 2 of 3 checks failed.",
        "Mend first: groups: no group is stored",
        following,
    ]

"""What the answer to a probe means for the group, for the account and for the code. Pure.

Whoever probes asks here: a run turns the judgement into a move, a plan into a line.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.domain.answer_reactions import (
    PROBE_REACTIONS,
    Action,
    Reaction,
    RetryPolicy,
    Tries,
    after_refusal,
)
from orchestrator.domain.memberships import CURED_BY_CODE, CURED_BY_IDENTITY, Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, GroupPreview, Outcome, ProbeAnswer
from orchestrator.domain.sightings import SETTLE
from orchestrator.domain.verification import AllowList, Expected, verify

GOOD_CODE = "good"
FAILURES_IN_A_ROW = 3
"""So many probes of different groups lost on the way: it is the gateway, not the groups."""


class WhyLook(StrEnum):
    """Why a group is looked at before anything is joined."""

    LISTED = "listed"  # the account's own list has it
    FORGOTTEN = "forgotten"  # a join of it may be missing in the database
    NAMESAKE = "namesake"  # another entry entered it, or asked to, as this number
    OLD_NUMBER = "old_number"  # what is stored of it is of the number before this one
    SAID_IN = "said_in"  # the probe was answered so
    ASKED = "asked"  # the probe was answered that a request waits for an admin


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """What the operator configured. `scrub` makes foreign text fit to store."""

    allow: AllowList
    retry: RetryPolicy
    scrub: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ProbedGroup:
    """What is known of one group, and of the account's membership of it, when its probe is answered."""

    id: int  # as `ProbedAccount.holders` names it
    expected: Expected
    tries: Tries = field(default_factory=Tries)
    code_id: int | None = None
    jid: str | None = None  # that it was seen to have
    requested_at: float | None = None
    confirmed_at: float | None = None
    entered_at: float | None = None  # when another entry, as this very number, asked to join or was found in
    history_epoch: int = 0


@dataclass(frozen=True, slots=True)
class ProbedAccount:
    """What is known of the account that probes."""

    now: float
    holders: Mapping[str, int] = field(default_factory=dict)  # which of its groups has which JID
    listed: Container[str] = ()  # the JIDs in its own list
    identity_changed_at: float | None = None
    history_epoch: int = 0
    lost: int = 0  # probes in a row that were lost on the way


@dataclass(frozen=True, slots=True)
class ProbeJudgement:
    """`wait`: seconds until the next attempt or look. `changes`: columns of the membership that change beside
    these. `account`: what is to be done about the account, None for nothing.
    """

    status: Status
    reason: Reason | None = None
    detail: str | None = None
    wait: float | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    look: WhyLook | None = None
    seen: GroupPreview | None = None
    account: Reaction | None = None
    lost: int = 0

    @property
    def jid(self) -> str | None:
        """The JID that the group takes with it."""
        return self.changes.get("jid")

    @property
    def code_verdict(self) -> str | None:
        return code_verdict(self.status, self.reason)


def code_verdict(status: Status, reason: Reason | None) -> str | None:
    """What to remember of the code of a group that was moved so: good, or a reason that another code cures.

    None where the answer told nothing about the code.
    """
    if status in (Status.READY, Status.CONFIRMING):
        return GOOD_CODE
    if status is Status.BLOCKED and reason in (*CURED_BY_CODE, *CURED_BY_IDENTITY):
        return reason.value
    return None


def judge_probe(
    probed: ProbeAnswer | None, group: ProbedGroup, account: ProbedAccount, rules: ProbeRules
) -> ProbeJudgement:
    """`probed` is None where there is no code to ask with."""
    if probed is None:
        return ProbeJudgement(Status.BLOCKED, Reason.CODE_MISSING, lost=account.lost)
    answer, preview = probed.answer, probed.preview
    if answer.outcome is Outcome.OK and preview is not None:
        return _verify(preview, group, account, rules)
    reaction = PROBE_REACTIONS.get(answer.outcome, Reaction(Action.RETRY, Reason.PROBE_FAILED))
    if reaction.action is Action.LOOK:
        asked = answer.outcome is Outcome.APPROVAL_PENDING
        return _member_already(group, account, rules, asked=asked)
    return _refused(reaction, answer, group, account, rules)


def _verify(
    preview: GroupPreview, group: ProbedGroup, account: ProbedAccount, rules: ProbeRules
) -> ProbeJudgement:
    verdict = verify(rules.allow, group.expected, preview)
    changes: dict[str, Any] = {
        "seen_subject": preview.subject,
        "seen_owner": preview.owner,
        "seen_members": preview.members,
        "announce": preview.announce,
        "approval": preview.approval,
        "verified_at": account.now,
    }
    if not verdict.allowed:
        changes["joined_at"] = None  # an earlier join's: nobody shall take this for one that led elsewhere
        said = rules.scrub(verdict.sentence)
        return ProbeJudgement(Status.BLOCKED, verdict.reason, said, changes=changes, seen=preview)
    jid = str(preview.jid)
    if account.holders.get(jid, group.id) != group.id:
        return _duplicate(jid, changes, preview)
    changes |= {"jid": jid, "code_id": group.code_id}
    forgotten = group.history_epoch != account.history_epoch
    if jid in account.listed or forgotten:
        why = WhyLook.LISTED if jid in account.listed else WhyLook.FORGOTTEN
        changes["requested_at"] = None
        return ProbeJudgement(Status.CONFIRMING, wait=0.0, changes=changes, look=why, seen=preview)
    changes["joined_at"] = None
    found = _look_first(group, account)
    if found is None:
        return ProbeJudgement(Status.READY, changes=changes, seen=preview)
    why, wait = found
    changes |= {"confirmed_at": None, "requested_at": group.entered_at}
    return ProbeJudgement(Status.CONFIRMING, wait=wait, changes=changes, look=why, seen=preview)


def _duplicate(jid: str, changes: Mapping[str, Any], seen: GroupPreview | None) -> ProbeJudgement:
    detail = f"another of your groups is {jid} already"
    return ProbeJudgement(Status.BLOCKED, Reason.DUPLICATE_GROUP, detail, changes=changes, seen=seen)


def _look_first(group: ProbedGroup, account: ProbedAccount) -> tuple[WhyLook, float] | None:
    """For a group that this very number may be in, or may have asked to join, without a join of ours:
    another entry did it as this number, or the number was another one in between and is back.
    """
    at, changed_at = group.entered_at, account.identity_changed_at
    if at is not None and at > (group.requested_at or 0.0):
        return WhyLook.NAMESAKE, 0.0
    looked = at is not None and at == group.requested_at
    earlier = [at for at in (group.requested_at, group.confirmed_at) if at is not None]
    if not looked and changed_at is not None and earlier and max(earlier) <= changed_at:
        return WhyLook.OLD_NUMBER, max(0.0, changed_at + SETTLE - account.now)
    return None


def _member_already(
    group: ProbedGroup, account: ProbedAccount, rules: ProbeRules, *, asked: bool
) -> ProbeJudgement:
    """The gateway says that we are in, or have asked to be let in: look, if we know where.

    Each time that the look finds otherwise is an attempt that failed.
    """
    jid, attempts = group.expected.jid or group.jid, group.tries.attempts
    if jid is None:
        return ProbeJudgement(Status.BLOCKED, Reason.PROBE_FAILED, "no JID is known to look at")
    if account.holders.get(jid, group.id) != group.id:
        return _duplicate(jid, {}, None)
    if attempts >= rules.retry.attempts:
        detail = "the gateway says that the account is in, and does not show it among the members"
        return ProbeJudgement(Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED, detail)
    return ProbeJudgement(
        Status.CONFIRMING,
        Reason.APPROVAL_PENDING if asked else None,
        wait=rules.retry.wait_after(attempts) if attempts else 0.0,
        changes={"jid": jid, "attempts": attempts + 1},
        look=WhyLook.ASKED if asked else WhyLook.SAID_IN,
    )


def _refused(
    reaction: Reaction, answer: GatewayAnswer, group: ProbedGroup, account: ProbedAccount, rules: ProbeRules
) -> ProbeJudgement:
    lost = 0
    if reaction.action is Action.RETRY:
        lost = account.lost + 1 if answer.retry_after is None else account.lost
    if lost >= FAILURES_IN_A_ROW and answer.retry_after is None:
        account_rests = Reaction(Action.BACK_OFF, Reason.GATEWAY_ERROR)
        return ProbeJudgement(Status.PENDING, account=account_rests, lost=lost)
    then = after_refusal(reaction, answer, group.tries, rules.retry)
    return ProbeJudgement(
        then.status,
        then.reason,
        then.detail,
        then.wait,
        changes=then.counts(group.tries),
        account=reaction if reaction.action in (Action.PAUSE, Action.BACK_OFF) else None,
        lost=lost,
    )

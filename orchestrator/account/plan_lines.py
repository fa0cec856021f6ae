"""From what is known of a group to its line of the plan. Pure: rows and answers come as arguments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.account.plan_result import Decision, Line
from orchestrator.domain.answer_reactions import SUSPECTED_FOR, Tries
from orchestrator.domain.hints import explain_reason
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, ProbeAnswer, SeenGroup
from orchestrator.domain.probe_judgement import (
    GOOD_CODE,
    ProbedAccount,
    ProbedGroup,
    ProbeJudgement,
    ProbeRules,
    WhyLook,
    judge_probe,
)
from orchestrator.domain.sightings import Sighting, sight
from orchestrator.domain.verification import AllowList, Expected, Mode, digits
from orchestrator.store.group_rows import PlanRow

_REASONS = {reason.value: reason for reason in Reason}


@dataclass(slots=True)
class Known:
    """What is known beside the row. `holders` grows: which group has which JID."""

    now: float
    rules: ProbeRules
    own: OwnIds = field(default_factory=OwnIds)
    identity_changed_at: float | None = None
    history_epoch: int = 0
    listed: Mapping[str, SeenGroup] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    entered: Mapping[int, float] = field(default_factory=dict)  # by group: as `ProbedGroup.entered_at`
    lost: int = 0  # probes in a row that were lost on the way


def line(row: PlanRow, known: Known, decision: Decision, sentence: str, **more: Any) -> Line:
    """A line with what every line has; `more` may be reason, until and the JID that was seen."""
    found = Line(
        group_id=row.group_id,
        slug=row.slug,
        group=row.name,
        decision=decision,
        sentence=sentence,
        jid=row.known_jid,
        priority=row.priority,
        code_fingerprint=row.fingerprint,
        expectation=expectation(row, known.rules.allow),
    )
    return replace(found, **{name: value for name, value in more.items() if value is not None})


def expectation(row: PlanRow, allow: AllowList) -> str:
    """A hash of everything that verification compares with."""
    parts = [row.expected_jid, row.expected_subject, row.expected_owner, allow.mode.value]
    text = json.dumps([*parts, sorted(map(digits, allow.owners))], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def settled(row: PlanRow, known: Known) -> Line | None:
    """The line of a group that need not be probed; None for one that a run would probe and join."""
    return _by_list(row, known) or _by_status(row, known) or _by_catalogue(row, known)


_RECOGNISED = frozenset({None, *Status} - {Status.JOINING, Status.ACTIVE, Status.SKIPPED, Status.LEFT})


def _by_list(row: PlanRow, known: Known) -> Line | None:
    jid = row.expected_jid if row.reason is Reason.IDENTITY_MISMATCH else row.known_jid
    group = known.listed.get(jid or "")
    if group is None or row.status not in _RECOGNISED:
        return None
    if known.holders.get(group.jid, row.group_id) != row.group_id:
        return None
    members = group.participants
    if members is not None and sight(known.own, members) is Sighting.IN:
        sentence = "the account is in it already; recorded without a join"
        return line(row, known, Decision.ALREADY_IN, sentence)
    if members is None and row.status in (None, Status.PENDING):
        sentence = "the account's own list has it; looked up, and joined only if the account is not in it"
        return line(row, known, Decision.ALREADY_IN, sentence)
    return None


_PLAIN = {
    Status.ACTIVE: (Decision.ACTIVE, "in it, with its JID and evidence on disk"),
    Status.JOINING: (Decision.LOOK, "a join was under way; looked up first"),
    Status.CONFIRMING: (Decision.LOOK, "a join was sent; looked up first"),
    Status.SKIPPED: (Decision.SKIP, "left out by a person"),
    Status.AWAITING_APPROVAL: (Decision.AWAITING_APPROVAL, "an admin of the group must approve the request"),
}


def _by_status(row: PlanRow, known: Known) -> Line | None:
    if row.status in _PLAIN:
        decision, sentence = _PLAIN[row.status]
        said = f"{sentence}: {row.detail}" if decision is Decision.SKIP and row.detail else sentence
        return line(row, known, decision, said, reason=row.reason)
    if row.status is Status.LEFT and row.reason in (None, Reason.OPERATOR):
        return line(row, known, Decision.SKIP, "the account left it; retry to join it again")
    if row.status is Status.LEFT and row.reason is Reason.IDENTITY_CHANGED:
        return None  # of another number: a run puts it back in line
    if row.status in (Status.BLOCKED, Status.LEFT):
        return _blocked(row, known, row.reason or Reason.OPERATOR, row.detail)
    if row.status is Status.DEFERRED and (row.next_attempt_at or 0.0) > known.now:
        sentence = explain_reason(row.reason)
        return line(row, known, Decision.DEFERRED, sentence, reason=row.reason, until=row.next_attempt_at)
    return None


def _by_catalogue(row: PlanRow, known: Known) -> Line | None:
    """What can be told without asking: a run would stop at it, too."""
    if row.code is None:
        return _blocked(row, known, Reason.CODE_MISSING, None)
    if known.rules.allow.mode is Mode.LISTED_JIDS and row.expected_jid is None:
        return _blocked(row, known, Reason.NOT_ON_ALLOW_LIST, "no JID is listed for it")
    return None


def _blocked(row: PlanRow, known: Known, reason: Reason, detail: str | None, jid: str | None = None) -> Line:
    sentence = detail or explain_reason(reason)
    return line(row, known, Decision.BLOCKED, sentence, reason=reason, jid=jid)


def by_last_verdict(row: PlanRow, known: Known) -> Line:
    """Without a probe: what the code's last use said."""
    said = row.code.verdict if row.code is not None else None
    verdict = _REASONS.get(said or "")
    if verdict is not None:
        return _blocked(row, known, verdict, f"{explain_reason(verdict)} when it was last probed")
    sentence = "not probed now; its code was good when it was last probed"
    if said != GOOD_CODE:
        sentence = "not probed now; its code was never probed"
    return line(row, known, Decision.JOIN, sentence)


def judge(row: PlanRow, known: Known, probed: ProbeAnswer) -> ProbeJudgement:
    """What a run would make of the answer. `known` keeps what it tells of the account and of the JIDs."""
    account = ProbedAccount(
        now=known.now,
        holders=known.holders,
        listed=known.listed,
        identity_changed_at=known.identity_changed_at,
        history_epoch=known.history_epoch,
        lost=known.lost,
    )
    judged = judge_probe(probed, _group(row, known), account, known.rules)
    known.lost = judged.lost
    if judged.jid is not None:
        known.holders[judged.jid] = row.group_id
    return judged


def _group(row: PlanRow, known: Known) -> ProbedGroup:
    tries = Tries(row.attempts, row.slow_rounds, row.detail)
    return ProbedGroup(
        id=row.group_id,
        expected=Expected(row.expected_jid, row.expected_subject, row.expected_owner),
        tries=Tries() if row.status is Status.LEFT else tries,  # put back in line, it begins anew
        code_id=row.code.id if row.code is not None else None,
        jid=row.jid,
        requested_at=row.requested_at,
        confirmed_at=row.confirmed_at,
        entered_at=known.entered.get(row.group_id),
        history_epoch=row.history_epoch,
    )


_LOOKS = {
    WhyLook.LISTED: (Decision.ALREADY_IN, "the account's own list has it"),
    WhyLook.SAID_IN: (Decision.ALREADY_IN, "the gateway says that the account is in it; looked up"),
    WhyLook.ASKED: (
        Decision.AWAITING_APPROVAL,
        "a request to join is filed; an admin of the group must approve it",
    ),
    WhyLook.FORGOTTEN: (
        Decision.JOIN,
        "verified; looked up first, as the database may not know of a join, and joined only if not in",
    ),
    WhyLook.NAMESAKE: (
        Decision.JOIN,
        "verified; looked up first, as another entry of this number was there, and joined only if not in",
    ),
    WhyLook.OLD_NUMBER: (
        Decision.JOIN,
        "verified; looked up first, as the number behind the instance changed, and joined only if not in",
    ),
}


def by_probe(row: PlanRow, known: Known, judged: ProbeJudgement, answer: GatewayAnswer) -> Line:
    """The line that tells where a run would leave the group."""
    jid = judged.jid or (judged.seen.jid if judged.seen else None)
    match judged.status:
        case Status.READY:
            approval = judged.seen is not None and judged.seen.approval
            sentence = "verified; an admin must approve who joins" if approval else "verified"
            return line(row, known, Decision.JOIN, sentence, jid=jid)
        case Status.CONFIRMING if judged.look is not None:
            decision, sentence = _LOOKS[judged.look]
            return line(row, known, decision, sentence, reason=judged.reason, jid=jid)
        case Status.BLOCKED if judged.reason is not None:
            ours = judged.detail if judged.detail != answer.text else None
            return _blocked(row, known, judged.reason, ours, jid)
        case Status.DEFERRED:
            return _later(row, known, judged.reason, judged.wait or 0.0)
        case Status.PENDING if judged.account is not None:  # until the session was asked
            return _later(row, known, judged.account.reason, SUSPECTED_FOR)
        case _:
            raise AssertionError(judged)


def _later(row: PlanRow, known: Known, reason: Reason | None, wait: float) -> Line:
    until = known.now + wait
    return line(row, known, Decision.DEFERRED, explain_reason(reason), reason=reason, until=until)

"""From what is known of a group to its line of the plan. Pure: rows and answers come as arguments."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator.domain.allowlist import AllowList, Expected, Mode, digits, verify
from orchestrator.domain.endings import BAD_REQUEST_WAIT, PROBE_ENDINGS, SLOW_WAITS, Act, Ending, step
from orchestrator.domain.hints import explain_reason
from orchestrator.domain.looking import OwnIds, Sighting, sight
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import Outcome
from orchestrator.services.plan.result import Decision, Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.outcomes import GatewayAnswer, ProbeAnswer, SeenGroup
    from orchestrator.store.reads_plan import PlanRow

GOOD = "good"
_REASONS = {reason.value: reason for reason in Reason}


@dataclass(slots=True)
class Known:
    """What is known beside the row. `holders` grows: which group has which JID."""

    now: float
    allow: AllowList
    first_wait: float  # seconds until a probe that failed on the way is tried again
    own: OwnIds = field(default_factory=OwnIds)
    listed: Mapping[str, SeenGroup] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)


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
        expectation=expectation(row, known.allow),
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
    if known.allow.mode is Mode.LISTED_JIDS and row.expected_jid is None:
        return _blocked(row, known, Reason.NOT_ON_ALLOW_LIST, "no JID is listed for it")
    return None


def _blocked(row: PlanRow, known: Known, reason: Reason, detail: str | None, jid: str | None = None) -> Line:
    sentence = detail or explain_reason(reason)
    return line(row, known, Decision.BLOCKED, sentence, reason=reason, jid=jid)


def by_last_verdict(row: PlanRow, known: Known) -> Line:
    """Without a probe: what the code's last use said."""
    verdict = _REASONS.get(row.code_verdict or "")
    if verdict is not None:
        return _blocked(row, known, verdict, f"{explain_reason(verdict)} when it was last probed")
    sentence = "not probed now; its code was good when it was last probed"
    if row.code_verdict != GOOD:
        sentence = "not probed now; its code was never probed"
    return line(row, known, Decision.JOIN, sentence)


def by_probe(row: PlanRow, known: Known, probed: ProbeAnswer) -> Line:
    """What the group behind the code says. Account trouble is not for here: see `ending_of`."""
    preview = probed.preview
    if probed.answer.outcome is not Outcome.OK or preview is None:
        return _by_ending(row, known, probed.answer)
    verdict = verify(
        known.allow, Expected(row.expected_jid, row.expected_subject, row.expected_owner), preview
    )
    if not verdict.allowed:
        reason = verdict.reason or Reason.NOT_ON_ALLOW_LIST
        return _blocked(row, known, reason, verdict.sentence, preview.jid)
    jid = str(preview.jid)
    if known.holders.setdefault(jid, row.group_id) != row.group_id:
        return _blocked(row, known, Reason.DUPLICATE_GROUP, f"another of your groups is {jid} already", jid)
    if jid in known.listed:
        return line(row, known, Decision.ALREADY_IN, "the account's own list has it", jid=jid)
    approval = "verified; an admin must approve who joins" if preview.approval else "verified"
    return line(row, known, Decision.JOIN, approval, jid=jid)


def ending_of(answer: GatewayAnswer) -> Ending:
    return PROBE_ENDINGS.get(answer.outcome, Ending(Act.RETRY, Reason.PROBE_FAILED))


def _by_ending(row: PlanRow, known: Known, answer: GatewayAnswer) -> Line:
    ending = ending_of(answer)
    reason = ending.reason or Reason.PROBE_FAILED
    if ending.act is Act.BLOCK or (ending.act is Act.ONCE_MORE and _said_before(row, answer)):
        return _blocked(row, known, reason, None)
    if ending.act is Act.LOOK:
        return _member_already(row, known, answer)
    waits = {Act.SLOWLY: step(SLOW_WAITS, row.slow_rounds), Act.ONCE_MORE: BAD_REQUEST_WAIT}
    until = known.now + (answer.retry_after or waits.get(ending.act, known.first_wait))
    return line(row, known, Decision.DEFERRED, explain_reason(reason), reason=reason, until=until)


def _said_before(row: PlanRow, answer: GatewayAnswer) -> bool:
    """Whether the group's last attempt got the same answer: a run then leaves it to a person."""
    return bool(row.attempts) and row.detail == (answer.text or None)


def _member_already(row: PlanRow, known: Known, answer: GatewayAnswer) -> Line:
    if answer.outcome is Outcome.APPROVAL_PENDING:
        sentence = "a request to join is filed; an admin of the group must approve it"
        return line(row, known, Decision.AWAITING_APPROVAL, sentence, reason=Reason.APPROVAL_PENDING)
    if row.known_jid is None:
        return _blocked(row, known, Reason.PROBE_FAILED, "no JID is known to look at")
    return line(row, known, Decision.ALREADY_IN, "the gateway says that the account is in it; looked up")


def code_verdict(planned: Line) -> str | None:
    """What to remember of the code; None where the probe said nothing about it."""
    if planned.decision in (Decision.JOIN, Decision.ALREADY_IN):
        return GOOD
    return planned.reason.value if planned.decision is Decision.BLOCKED and planned.reason else None

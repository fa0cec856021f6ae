"""A status, a group, an explanation with everything in them, for tests of their faces."""

from __future__ import annotations

from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.eta import Eta, EtaReason
from orchestrator.domain.hints import account_hint, group_hint
from orchestrator.domain.loss_evidence import Kind, LossEvidence
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.group_status import Explanation
from orchestrator.status.past import PastRecovery
from orchestrator.status.schedule_view import ScheduleView
from orchestrator.status.views import (
    DaemonView,
    InstanceView,
    LossView,
    NeedsYouView,
    OtherView,
    PaceView,
    PauseView,
    Phase,
    RecoveryView,
    RunnerView,
    StatusView,
    WaitingView,
)
from orchestrator.store.daemons import Trouble
from orchestrator.store.events import EventTotals
from orchestrator.store.group_rows import GroupRow
from orchestrator.store.journal import JournalLine
from orchestrator.store.outbox import OutboxTotals, SinkTotals
from orchestrator.store.progress import CatalogueTotals, NeedsYouRow
from orchestrator.store.recoveries import Recovery
from orchestrator.store.slots import LastJoin, SlotLine

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC

DAEMON = DaemonView(
    running=True,
    heartbeat_at=NOW - 1,
    host="box",
    pid=4711,
    version="0.1.0",
    listen="127.0.0.1:8080",
    started_at=NOW - 9000,
    troubles=(Trouble("outbox hook:crm", NOW - 300, "connection \x1b[31mrefused"),),
    leads=True,
    accounts=("backup-2",),
)
LOSS = LossView(
    instance="sales-main",
    state=LossState.LOST,
    since=NOW - 1200,
    decided_at=NOW - 600,
    ended_at=None,
    decided_by="after 10 min by 2 kinds of evidence: the session's state, asked for; a look at its list",
    evidence=(
        LossEvidence(NOW - 1200, Kind.STATE, gone=True, says="needs_login", text="SCAN_QR_CODE"),
        LossEvidence(NOW - 900, Kind.LIST, gone=True, says="session_down"),
    ),
    action="recover",
    recovery=7,
    to="backup-2",
    detail=None,
)
OUTBOX = OutboxTotals(
    unsorted=0,
    pending=3,
    oldest_pending_at=NOW - 400,
    parked=2,
    sinks=(SinkTotals("hook:crm", 3, 2),),
)
EVENTS = EventTotals(received_last_day=87, open=1, last_at=NOW - 20)

RUNNER = RunnerView(running=True, heartbeat_at=NOW - 2, host="box", pid=4711)
PAUSE = PauseView(
    reason="rate_limited",
    text="rate-overlimit",
    by="recovery",
    since=NOW - 60,
    until=NOW + 3600,
    hint=account_hint(Reason.RATE_LIMITED, NOW + 3600, "backup-2"),
)
INSTANCE = InstanceView(
    name="backup-2",
    role="backup",
    gateway="wawp",
    part="to",
    state="working",
    state_word="WORKING",
    since=NOW - 3600,
    checked_at=NOW - 4,
    pause=PAUSE,
    slow_until=None,
    strikes=1,
    runner=RUNNER,
)
PRIMARY = InstanceView(
    name="sales-main",
    role="primary",
    gateway="wawp",
    part="from",
    state="needs_login",
    state_word="SCAN_QR_CODE",
    since=NOW - 1200,
    checked_at=NOW - 30,
    pause=None,
    slow_until=None,
    strikes=0,
    runner=RunnerView(running=False, heartbeat_at=None, host=None, pid=None),
)
NEEDS_YOU = NeedsYouView(
    NeedsYouRow(
        group="Suppliers \x1b[31mNorth",
        slug="suppliers-north",
        status=Status.BLOCKED,
        reason=Reason.CODE_REVOKED,
        detail="gone\r\nreally",
        since=NOW - 600,
        next_attempt_at=None,
        priority=9,
        expected_jid="1@g.us",
        jid=None,
        seen_subject=None,
    ),
    group_hint(Status.BLOCKED, Reason.CODE_REVOKED, "suppliers-north"),
)
WAITING = WaitingView(
    status=Status.DEFERRED,
    reason=Reason.GATEWAY_ERROR,
    cause="gateway_error",
    sentence="the gateway failed",
    count=12,
    until=NOW + 1860,
    until_last=NOW + 1860,
)
RECOVERY = RecoveryView(
    id=7,
    phase=Phase.RUNNING,
    outcome=None,
    to_name="backup-2",
    from_name="sales-main",
    labels=(),
    actor="ana@box",
    created_at=NOW - 600,
    started_at=NOW - 600,
    finished_at=None,
    stop_requested_at=None,
    stop_requested_by=None,
    command=Command(Operation.RUN, from_name="sales-main"),
)
PACE = PaceView(
    joins_per_minute=4.0,
    configured=4.0,
    slow_until=None,
    next_join_at=NOW + 9,
    next_join_reason="spacing",
    worst_window=4,
    window_limit=5,
    window=60.0,
    sent_last_day=61,
    daily_limit=0,
)
COUNTS = dict.fromkeys(Status, 0) | {
    Status.ACTIVE: 61,
    Status.PENDING: 34,
    Status.DEFERRED: 12,
    Status.READY: 2,
    Status.BLOCKED: 3,
}
BUCKETS = {
    Bucket.DONE: 61,
    Bucket.WORKING: 2,
    Bucket.WAITING: 46,
    Bucket.NEEDS_YOU: 3,
    Bucket.SKIPPED: 0,
}
SCHEDULED = ScheduleView(
    name="recover",
    expression="0 6 * * *",
    timezone="Europe/Berlin",
    next_at=NOW + 75600,
    next_local="Sat 2027-01-16 06:00 +01:00 Europe/Berlin",
    last_ran_at=NOW - 10800,
    last_result="nothing to do on backup-2: 112 of 112 groups are active",
)
VIEW = StatusView(
    now=NOW,
    recovery=RECOVERY,
    counts=COUNTS,
    buckets=BUCKETS,
    eta=Eta(NOW + 840, EtaReason.PACE),
    pace=PACE,
    instances=(PRIMARY, INSTANCE),
    needs_you=(NEEDS_YOU,),
    waiting=(WAITING,),
    runner=RUNNER,
    last=LastJoin(NOW - 9, "Retail Braga", "retail-braga", Status.ACTIVE, "1203@g.us", 214),
    catalogue=CatalogueTotals(groups=112, with_code=110),
    schedule=(SCHEDULED,),
    daemon=DAEMON,
    daemons=(DAEMON,),
    losses=(LOSS,),
    events=EVENTS,
    outbox=OUTBOX,
    others=(OtherView(6, Phase.RUNNING, "backup-1", None, ("north",)),),
)
ROW = GroupRow(
    group_id=1,
    membership_id=1,
    group="VIP Lisbon",
    slug="vip-lisbon",
    jid="1203@g.us",
    expected_jid="1203@g.us",
    expected_subject="VIP Lisbon",
    expected_owner="351900000000",
    instance="backup-2",
    instance_id=1,
    recovery_id=7,
    status=Status.BLOCKED,
    reason=Reason.IDENTITY_MISMATCH,
    detail='the link opens 99@g.us, "Crypto\x1b[2J Deals"',
    since=NOW - 60,
    attempts=2,
    next_attempt_at=None,
    joined_at=None,
    confirmed_at=None,
    evidence=None,
    greeting="none",
    code_last4="aB3d",
    labels=("vip",),
    priority=5,
    seen_jid=None,
    seen_subject="Crypto Deals",
    seen_owner=None,
    members=12,
    verified_at=None,
)
LINE = JournalLine(
    1, NOW - 50, "call.probe", "recovery", "backup-2", 1, "VIP Lisbon", "vip-lisbon", 7, {"iq": 410}
)
EXPLANATION = Explanation(
    now=NOW,
    row=ROW,
    others=(),
    hint=group_hint(Status.BLOCKED, Reason.IDENTITY_MISMATCH, "vip-lisbon"),
    until=None,
    place=None,
    expected_at=None,
    pause=PAUSE,
    joins=(SlotLine(3, NOW - 50, NOW - 49, NOW - 49, NOW - 48, 0.5, "unknown"),),
    lines=(LINE,),
)
PAST = PastRecovery(
    row=Recovery(
        id=7,
        to_instance_id=1,
        to_name="backup-2",
        from_name="sales-main",
        labels=(),
        state="finished",
        outcome="complete",
        actor="ana@box",
        created_at=NOW - 600,
        started_at=NOW - 600,
        finished_at=NOW,
        stop_requested_at=None,
        stop_requested_by=None,
        counts=None,
        pace=4.0,
        driver="daemon",
        follows_id=6,
        fixed=False,
    ),
    phase=Phase.FINISHED,
    labels=(),
    counts=COUNTS,
)

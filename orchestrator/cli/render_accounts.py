"""Accounts, the daemon, what is lost, what stands in the way: lines of `rejoin status`."""

from __future__ import annotations

from datetime import tzinfo

from orchestrator.cli.formatting import clean, clock, duration, plural
from orchestrator.cli.layout import whole
from orchestrator.cli.next_step import move, to_paste
from orchestrator.cli.output import Look
from orchestrator.domain.commands import Command, Operation, run_command
from orchestrator.domain.hints import OWN_WORDS, identity_changed_hint
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Reason
from orchestrator.status.views import (
    DaemonView,
    InstanceView,
    LossView,
    PauseView,
    Phase,
    RecoveryView,
    RunnerView,
    StatusView,
)

ACCOUNTS_SHOWN = 12
OTHERS_SHOWN = 5
PENDING_IS_LATE = 300.0
"""Seconds for which a message may wait without anybody having to know."""

Row = tuple[str, str]
_SILENT_FOR = 150.0  # seconds
_DOUBTED = (
    "This database may not know every join that was sent (a restored copy, or another one):"
    " the next run waits first, and looks at each group before it joins it."
)


def daemon_rows(view: StatusView, zone: tzinfo) -> list[Row]:
    """Who works: the daemon with its troubles, and a run that works beside it or instead of it."""
    daemon, runner = view.daemon, view.runner
    rows = []
    beside = runner.running and not any(_is_one(one, runner) for one in view.daemons)
    if beside or (not runner.running and daemon.heartbeat_at is None):
        rows.append(("Runner", _runner(runner, view.now)))
    several = len(view.daemons) > 1
    for found in view.daemons or (daemon,):
        rows.append(("Daemon", _daemon(found, zone, view.now) + (_share(found) if several else "")))
        for one in found.troubles:
            since = clock(one.since, zone, now=view.now)
            rows.append(("Trouble", f"{clean(one.part)} since {since}: {clean(one.text)}"))
    return rows


def _share(one: DaemonView) -> str:
    """What one of several daemons works for."""
    names = [clean(name) for name in one.accounts[:ACCOUNTS_SHOWN]]
    if len(one.accounts) > len(names):
        names.append(f"{len(one.accounts) - len(names):,} more")
    leads = "; it decides losses, keeps the schedule and tells people" if one.leads else ""
    return f"; works for {', '.join(names) or 'no account yet'}{leads}"


def letter_rows(view: StatusView, zone: tzinfo) -> list[Row]:
    """What gateways told, and what waits to be told for longer than it should."""
    rows = []
    events, outbox = view.events, view.outbox
    if events.received_last_day or events.open:
        last = "" if events.last_at is None else f", last {duration(view.now - events.last_at)} ago"
        still = f"; {events.open:,} not processed yet" if events.open else ""
        rows.append(("Webhooks", f"{events.received_last_day:,} in the last day{last}{still}"))
    oldest = outbox.oldest_pending_at
    if oldest is not None and view.now - oldest >= PENDING_IS_LATE:
        names = ", ".join(clean(one.name) for one in outbox.sinks if one.pending)
        waits = plural(outbox.pending, "message waits", "messages wait")
        rows.append(("Outbox", f"{waits} since {clock(oldest, zone, now=view.now)} for {names}"))
    return rows


def account_rows(view: StatusView, zone: tzinfo) -> list[Row]:
    """Before the first recovery: every account, those first that do not work."""
    sorted_ = sorted(view.instances, key=lambda one: one.state == "working")
    rows = [(_role(one), account_text(one, view, zone, how=False)) for one in sorted_[:ACCOUNTS_SHOWN]]
    if len(sorted_) > ACCOUNTS_SHOWN:
        rows.append(("", f"and {len(sorted_) - ACCOUNTS_SHOWN:,} more: rejoin status --json"))
    return rows


def account_text(one: InstanceView, view: StatusView, zone: tzinfo, *, how: bool = True) -> str:
    """How an account stands: lost, if that was decided (and how), else by its state."""
    name, loss, now = clean(one.name), view.loss_of(one.name), view.now
    if loss is not None and loss.state is LossState.LOST:
        said = f', gateway: "{clean(one.state_word)}"' if one.state_word else ""
        decided = f"; {_decided(loss, zone, now)}" if how else ""
        return f"{name}  lost {clock(loss.since, zone, now=now)}{said}{decided}"
    if one.state is None:
        return f"{name}  not looked at yet"
    word = f' (gateway: "{clean(one.state_word)}")' if one.state_word else ""
    since = f" since {clock(one.since, zone, now=now)}" if one.since is not None else ""
    age = f", checked {duration(now - one.checked_at)} ago" if one.checked_at is not None else ""
    return f"{name}  {one.state}{word}{since}{age}{_back(loss, zone, now)}"


def loss_lines(view: StatusView, zone: tzinfo) -> list[str]:
    """Accounts that are lost or may be, but for the one whose groups come back just now: its line says it."""
    part_from = {one.name for one in view.instances if one.part == "from"}
    lines = []
    for one in view.losses:
        name, since = clean(one.instance), clock(one.since, zone, now=view.now)
        if one.state is LossState.SUSPECTED:
            lines.append(f"{name} may be lost: suspected since {since}, not decided yet{_last_word(one)}.")
        elif one.state is LossState.LOST and one.instance not in part_from:
            decided = _decided(one, zone, view.now)
            lines.append(f"{name} is lost since {since}; {decided}. {_what_follows(one, view)}")
    return lines


def parked_line(view: StatusView) -> str | None:
    count = view.outbox.parked
    if not count:
        return None
    return f"{plural(count, 'message was', 'messages were')} given up: rejoin outbox list"


def other_lines(view: StatusView) -> list[str]:
    """A daemon may drive many; this page shows one."""
    shown = [
        f"Recovery {one.id} onto {clean(one.to_name)} is {one.phase.value}: "
        + whole(f"rejoin status {one.id}")
        for one in view.others[:OTHERS_SHOWN]
    ]
    rest = len(view.others) - len(shown)
    return [*shown, f"and {rest:,} more: rejoin history"] if rest > 0 else shown


def _role(one: InstanceView) -> str:
    return (one.role or "account").capitalize()


def _decided(loss: LossView, zone: tzinfo, now: float) -> str:
    if loss.decided_at is None or loss.decided_by is None:
        return "decided"
    return f"decided {clock(loss.decided_at, zone, now=now)} {clean(loss.decided_by)}"


def _back(loss: LossView | None, zone: tzinfo, now: float) -> str:
    if loss is None or loss.state is not LossState.RETURNED or loss.ended_at is None:
        return ""
    lost, back = clock(loss.since, zone, now=now), clock(loss.ended_at, zone, now=now)
    return f"; was lost {lost} to {back}"


def _last_word(loss: LossView) -> str:
    against = [one for one in loss.evidence if one.gone or one.weak]
    if not against:
        return ""
    last = against[-1]
    text = f' ("{clean(last.text)}")' if last.text else ""
    return f"; last against it: {clean(last.says).replace('_', ' ')}{text}"


def _what_follows(loss: LossView, view: StatusView) -> str:
    if loss.recovery is not None:
        onto = f" onto {clean(loss.to)}" if loss.to else ""
        return f"Recovery {loss.recovery}{onto} followed."
    if loss.detail:
        return f"Nothing followed yet: {clean(loss.detail)}."
    is_backup = any(one.name == loss.instance and one.role == "backup" for one in view.instances)
    if is_backup:
        return "Link it again at the gateway."
    return f"Its groups wait for you: {to_paste(run_command(loss.instance, ()))}"


def _is_one(daemon: DaemonView, runner: RunnerView) -> bool:
    return (daemon.host, daemon.pid) == (runner.host, runner.pid)


def _daemon(one: DaemonView, zone: tzinfo, now: float) -> str:
    if not one.running:
        since = "" if one.heartbeat_at is None else f" since {clock(one.heartbeat_at, zone, now=now)}"
        return f"not running{since}"
    word = "stopping" if one.stopping else "running"
    listens = f", takes webhooks at {clean(one.listen)}" if one.listen else ""
    return f"{word}{_where(one.host, one.pid)}, heartbeat {_ago(one.heartbeat_at, now)}{listens}"


def _runner(one: RunnerView, now: float) -> str:
    if not one.running:
        return f"not running{f', last heartbeat {_ago(one.heartbeat_at, now)}' if one.heartbeat_at else ''}"
    return f"running{_where(one.host, one.pid)}, heartbeat {_ago(one.heartbeat_at, now)}"


def _where(host: str | None, pid: int | None) -> str:
    return (f" on {clean(host)}" if host else "") + (f", process {pid}" if pid is not None else "")


def _ago(at: float | None, now: float) -> str:
    return "unknown" if at is None else f"{duration(now - at)} ago"


def trouble(view: StatusView, look: Look) -> list[str]:
    """What stands in the way."""
    target = view.target
    lost = {one.instance for one in view.losses if one.state is LossState.LOST}
    # A first run that the gateway refused left no recovery behind, but a pause.
    looked_at = view.instances if view.recovery is None else () if target is None else (target,)
    lines = _untried(view)
    if view.history_in_doubt:
        lines.append(look.style(_DOUBTED, "yellow"))
    lines += [
        look.style(_paused(one.name, one.pause, view, look), "yellow") for one in looked_at if one.pause
    ]
    lines += [look.style(_stepped(one), "yellow") for one in looked_at if one.clock_steps]
    lines += [look.style(line, "red") for line in loss_lines(view, look.zone)]
    if target is not None and _is_silent(target, view):
        since = look.moment(target.checked_at, view.now)
        lines.append(
            look.style(f"The gateway of {clean(target.name)} has not answered since {since}.", "red")
        )
    if target is not None and target.name not in lost and target.state in ("lost", "needs_login"):
        lines.append(
            look.style(
                f"{clean(target.name)} is not logged in to WhatsApp: link it again at the gateway.", "red"
            )
        )
    lines += [look.style(line, "red") for line in _other_numbers(view, look)]
    parked = parked_line(view)
    if parked is not None:
        lines.append(look.style(parked, "yellow"))
    return lines


def _untried(view: StatusView) -> list[str]:
    """A recovery is not everything: groups may have come in since, or lie outside its scope."""
    one = view.recovery
    if one is None:
        return []
    lines = []
    if one.never_tried:
        were = plural(one.never_tried, "group was", "groups were")
        lines.append(f"{were} never tried{_how_to_try(one)}")
    if one.beyond:
        are = plural(one.beyond, "group outside its scope is", "groups outside its scope are")
        lines.append(f"{are} in no recovery.")
    if one.left_behind:
        are = plural(one.left_behind, "group is", "groups are")
        command = to_paste(Command(Operation.LIST_GROUPS, instance=one.to_name))
        lines.append(f"{are} not in place on {clean(one.to_name)} and not in this recovery: {command}")
    return lines


def _how_to_try(one: RecoveryView) -> str:
    """A recovery takes up what came into its scope when a run begins; one of chosen groups never does."""
    if one.phase in (Phase.STOPPED, Phase.FINISHED):
        return f": {to_paste(one.command)}"
    if one.chosen:
        return ", and this recovery takes up no others."
    if one.phase is Phase.INTERRUPTED and one.driver == "person":
        return f": {to_paste(one.command)}"
    return f"; when this is over: {to_paste(one.command)}"


def _other_numbers(view: StatusView, look: Look) -> list[str]:
    """Instances behind which another number stands, as long as what the old one was in waits for a person."""
    if not any(one.row.reason is Reason.IDENTITY_CHANGED for one in view.needs_you):
        return []
    return [
        f"{clean(one.name)} is another number since {look.moment(one.identity_changed_at, view.now)}:"
        f" {move(identity_changed_hint(one.name))}"
        for one in view.instances
        if one.identity_changed_at is not None
    ]


def _paused(name: str, pause: PauseView, view: StatusView, look: Look) -> str:
    until = "until a person resumes" if pause.until is None else f"until {look.moment(pause.until, view.now)}"
    said = f' ("{clean(pause.text)}")' if pause.text and pause.reason in OWN_WORDS else ""
    return f"{clean(name)} is paused {until}: {pause.hint.sentence}{said}; {move(pause.hint)}"


def _is_silent(target: InstanceView, view: StatusView) -> bool:
    """Whoever drives it asks for its session every minute."""
    driven = view.recovery is not None and view.recovery.phase is Phase.RUNNING and target.runner.running
    at = target.checked_at
    return driven and target.pause is None and at is not None and view.now - at > _SILENT_FOR


def _stepped(one: InstanceView) -> str:
    """Safe, but a clock that steps often leaves no time for joins."""
    times = plural(one.clock_steps, "time", "times")
    return (
        f"The database's clock stepped {times} while {clean(one.name)} was driven: each costs a minute"
        f" without joins. Let NTP slew it; {Operation.DOCTOR} watches it."
    )

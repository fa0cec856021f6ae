"""`rejoin status` as text: the answer first, then why, then the parts. Foreign text is cleaned here.

The words of gateways stand in `explain` and the log: here a person reads ours.
"""

from __future__ import annotations

from datetime import tzinfo

from orchestrator.cli.formatting import (
    clean,
    clock,
    clock_with_offset,
    columns,
    duration,
    offset,
    pad,
    plural,
    rfc3339,
    scope_of_groups,
)
from orchestrator.cli.layout import Block, fit, whole
from orchestrator.cli.next_step import move, next_line, to_paste
from orchestrator.cli.output import Look
from orchestrator.cli.render_accounts import (
    account_rows,
    account_text,
    daemon_rows,
    letter_rows,
    other_lines,
    trouble,
)
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.eta import EtaReason
from orchestrator.domain.hints import OWN_WORDS
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.next_step import first_plan, next_step
from orchestrator.status.schedule_view import ScheduleView
from orchestrator.status.views import InstanceView, NeedsYouView, Phase, RecoveryView, StatusView, WaitingView

BAR = 34
_SHORTEST_BAR = 12
_LABEL = 12
_NAME = 30
_WIDE = 100
_BUCKETS = (
    (Bucket.DONE, "active", "#", "green"),
    (Bucket.WORKING, "working", "=", "blue"),
    (Bucket.WAITING, "waiting", "-", "dim"),
    (Bucket.NEEDS_YOU, "needs you", "!", "yellow"),
    (Bucket.SKIPPED, "skipped", ".", "dim"),
)
_WAITS = {
    "nothing": "now",
    "spacing": "spacing between joins",
    "window": "at most 5 in any 60 s",
    "hold": "one full window after a start whose past is not known for sure",
    "daily_limit": "the daily limit is used up",
    "later": "groups put off until then",
}
_PUT_OFF: dict[Reason | None, str] = {Reason.GROUP_FULL: "full", Reason.GROUP_LOCKED: "locked"}
_ORDINARY = frozenset({"turn", "not_running"})


def status_text(view: StatusView, look: Look) -> str:
    """The whole answer, laid out, without a line end at its end.

    On a terminal it takes no more rows than that has, but for the one where the person types: the headline
    and the last join are always among them.
    """
    top = Block([_headline(view, look), *trouble(view, look)], more=_in_json, foot=_need_you(view, look))
    parts = Block(_parts(view, look))
    needs, waiting = _needs_you(view, look), _waiting(view, look)
    others = Block(other_lines(view))
    planned = Block([scheduled_text(one, look.zone, now=view.now) for one in view.schedule])
    command = next_step(view)
    following = Block([] if command is None or view.recovery is None else [next_line(command)])
    bar, last = Block(_bar(view, look) if view.total else []), Block(_last(view, look))
    shrink = [(planned, 0), (needs, 3), (others, 0), (waiting, 1), (parts, 3), (needs, 2), (parts, 1)]
    shrink += [(needs, 1), (parts, 0), (top, 2), (waiting, 0), (needs, 0), (top, 1)]
    return fit(
        [top, bar, parts, needs, waiting, last, others, planned, following],
        look.lay_out,
        width=look.width,
        height=None if look.height is None else look.height - 1,
        shrink=shrink,
    )


def _in_json(count: int, _all: bool) -> str:
    return f"and {count} more: rejoin status --json"


def headline(view: StatusView, look: Look) -> str:
    """Where it stands, laid out."""
    return look.lay_out(_headline(view, look))


def _headline(view: StatusView, look: Look) -> str:
    """Where it stands and when it is done, in a sentence or two."""
    one = view.recovery
    if one is None:
        return _nothing_yet(view)
    onto, scope = clean(one.to_name), scope_of_groups(one.from_name, one.labels, chosen=one.chosen)
    are = f"group{scope} is" if view.total == 1 else f"groups{scope} are"
    back = f"{view.active:,} of {view.total:,} {are} back"
    if view.total and view.active == view.total:
        return f"All {plural(view.total, 'group')}{scope} are in place on {onto}."
    ended = _at(one.finished_at, view, look)
    sentences = {
        Phase.RUNNING: f"Recovering onto {onto}: {back}. {_done_about(view, look)}",
        Phase.STOPPING: f"Stopping the recovery onto {onto}: {back}. What is on its way is still recorded.",
        Phase.INTERRUPTED: f"{_broken_off(one)}: {back}. {_goes_on(one)}",
        Phase.STOPPED: f"The recovery onto {onto} was stopped{ended}: {back}. {_again(one)}",
        Phase.FINISHED: f"The recovery onto {onto} ended{ended}: {back}.{_left_over(view, one)}",
    }
    return sentences[one.phase]


def _broken_off(one: RecoveryView) -> str:
    onto = clean(one.to_name)
    if one.cut_short:
        return f"The run onto {onto} ended {one.cut_short}"
    return f"The recovery onto {onto} was interrupted"


def _goes_on(one: RecoveryView) -> str:
    return f"{to_paste(Command(Operation.DAEMON) if one.driver == 'daemon' else one.command)} continues it."


def _again(one: RecoveryView) -> str:
    """After its end. Groups that were chosen once are chosen anew, by a plan."""
    return f"{to_paste(one.command)} {'shows what is left' if one.chosen else 'goes on with it'}."


def _left_over(view: StatusView, one: RecoveryView) -> str:
    """Nobody drives them any more: without this they would seem to come by themselves."""
    if not view.unfinished:
        return ""
    return f" {plural(view.unfinished, 'more waits', 'more wait')} for the next run: {to_paste(one.command)}"


def _nothing_yet(view: StatusView) -> str:
    stored = view.catalogue
    if not stored.groups:
        return f"Nothing recovered yet, and no groups are stored. Next: {Command(Operation.IMPORT)}"
    without = stored.groups - stored.with_code
    codes = f", {without:,} of them without an invite code" if without else ""
    count = plural(stored.groups, "group is", "groups are")
    return f"Nothing recovered yet. {count} stored{codes}. Next: {to_paste(first_plan(view))}"


def _done_about(view: StatusView, look: Look) -> str:
    eta = view.eta
    if eta.put_off:
        return f"{_by_parts(view, look)} ({offset(eta.put_off[0].first_at, look.zone)})."
    if eta.at is not None:
        at, away = clock_with_offset(eta.at, look.zone, now=view.now), duration(eta.at - view.now)
        return f"Done about {at}, in {away}{_eta_why(eta.reason)}."
    match eta.reason:
        case EtaReason.PAUSED:
            return "Paused until a person resumes it."
        case EtaReason.DONE:
            return "Nothing else moves by itself."
        case _:
            return "No time can be given."


def _by_parts(view: StatusView, look: Look) -> str:
    """`116 by 04:09; 1 full group again at 09:41`."""
    eta = view.eta
    parts = [] if eta.most_at is None else [f"{eta.most:,} by {look.moment(eta.most_at, view.now)}"]
    for one in eta.put_off:
        kind = _PUT_OFF.get(one.reason)
        what = plural(one.count, "other") if kind is None else plural(one.count, f"{kind} group")
        again = "at" if one.last_at - one.first_at <= 60 else "from"
        parts.append(f"{what} again {again} {look.moment(one.first_at, view.now)}")
    return "; ".join(parts)


def _eta_why(reason: EtaReason) -> str:
    match reason:
        case EtaReason.LATER:
            return " (some groups are put off until later)"
        case EtaReason.DAILY_LIMIT:
            return " (the daily limit decides)"
        case _:
            return ""


def _need_you(view: StatusView, look: Look) -> list[str]:
    count = view.buckets[Bucket.NEEDS_YOU]
    return [look.style(f"{plural(count, 'group needs', 'groups need')} you.", "bold")] if count else []


def _bar(view: StatusView, look: Look) -> list[str]:
    words = "   ".join(whole(f"{word} {view.buckets[bucket]:,}") for bucket, word, _, _ in _BUCKETS)
    room = BAR if look.width is None else look.width - columns(words) - 5
    length = min(BAR, room) if room >= _SHORTEST_BAR else BAR
    signs = ""
    for bucket, sign, style in ((b, s, c) for b, _, s, c in _BUCKETS):
        signs += look.style(sign * _share(view, bucket, length), style)
    return [f"  {signs}   {words}"] if room >= _SHORTEST_BAR else [f"  {signs}", f"  \t{words}"]


def _share(view: StatusView, bucket: Bucket, length: int) -> int:
    """The bucket's part of the bar: the ends of the parts are rounded, so that they add up to the whole."""
    order = [one for one, _, _, _ in _BUCKETS]
    before = sum(view.buckets[one] for one in order[: order.index(bucket)])
    end = before + view.buckets[bucket]
    return round(length * end / view.total) - round(length * before / view.total)


def _parts(view: StatusView, look: Look) -> list[str]:
    """Before the first recovery: the accounts and the daemon, where there is anything to see."""
    rows: list[tuple[str, str]] = []
    if view.recovery is not None:
        rows.append(("Pace", _pace(view, look)))
        parts = [one for one in view.instances if one.part is not None]
        rows += [(_part(one), account_text(one, view, look.zone)) for one in parts]
    elif view.instances or view.daemon.heartbeat_at is not None:
        rows += account_rows(view, look.zone)
    else:
        return []
    rows += daemon_rows(view, look.zone) + letter_rows(view, look.zone)
    return [f"  {pad(label, _LABEL)}\t{text}" for label, text in rows]


def _part(one: InstanceView) -> str:
    return "To" if one.part == "to" else "From"


def _pace(view: StatusView, look: Look) -> str:
    pace = view.pace
    half = (
        f" (half pace until {look.moment(pace.slow_until, view.now)})" if pace.slow_until is not None else ""
    )
    worst = f"most in {pace.window:g} s: {pace.worst_window} of {pace.window_limit}"
    limit = pace.gateway_limit
    slowed = "" if limit is None else f"; the gateway allows {limit.per_minute:g} group calls a minute"
    return f"{pace.joins_per_minute:.1f}/min{half}; {_next_join(view)}; {worst}{slowed}"


def _next_join(view: StatusView) -> str:
    pace = view.pace
    why = _WAITS.get(pace.next_join_reason, pace.next_join_reason.replace("_", " "))
    if pace.next_join_at is None:
        return "no join is due" if pace.next_join_reason == "nothing_to_join" else f"no next join: {why}"
    away = pace.next_join_at - view.now
    return "next join now" if away <= 0 else f"next join in {duration(away)} ({why})"


def _needs_you(view: StatusView, look: Look) -> Block:
    return Block(
        [_needy(one, view, look) for one in view.needs_you],
        title=look.style("NEEDS YOU", "bold"),
        more=lambda count, all_: f"  {_more(count, 'group', all_)}: rejoin groups list --bucket needs_you",
        beyond=max(0, view.buckets[Bucket.NEEDS_YOU] - len(view.needs_you)) if view.needs_you else 0,
    )


def _needy(one: NeedsYouView, view: StatusView, look: Look) -> str:
    """The group's name, what happened beside it where there is room, and below it the move."""
    detail = f": {clean(one.row.detail)}" if one.row.detail and one.row.reason in OWN_WORDS else ""
    beside = look.width is None or look.width >= _WIDE
    name, below = clean(one.row.group), f"\n{' ' * (_NAME + 4 if beside else 6)}\t"
    name += f"{' ' * (_NAME - columns(name))}  \t" if beside and columns(name) <= _NAME else below
    happened = f"{one.hint.sentence}, since {look.moment(one.row.since, view.now)}{detail}"
    return f"  {name}{happened}{below}{move(one.hint)}"


def _waiting(view: StatusView, look: Look) -> Block:
    longer = [
        one for one in view.waiting if one.cause not in _ORDINARY and one.status is not Status.CONFIRMING
    ]
    return Block(
        [_waiting_line(one, view, look) for one in longer],
        title=look.style("WAITING LONGER THAN PLANNED", "bold"),
        more=lambda count, all_: f"  {_more(count, 'cause', all_)}: rejoin groups list --bucket waiting",
    )


def _more(count: int, what: str, all_: bool) -> str:
    return plural(count, what) if all_ else f"and {count:,} more"


def _waiting_line(one: WaitingView, view: StatusView, look: Look) -> str:
    if one.until is None:
        until = "until a person resumes"
    elif one.until_last is not None and one.until_last - one.until > 60:
        until = f"until {look.moment(one.until, view.now)} to {look.moment(one.until_last, view.now)}"
    else:
        until = f"until {look.moment(one.until, view.now)}"
    return f"  {plural(one.count, 'group')} {one.status.value} {until}: {one.sentence}"


def _last(view: StatusView, look: Look) -> list[str]:
    last = view.last
    if last is None:
        return []
    members = f", {plural(last.members, 'member')}" if last.members is not None else ""
    jid = f" ({clean(last.jid)}{members})" if last.jid else ""
    at = clock(last.at, look.zone, now=view.now, seconds=True)
    return [f'Last: \t{at} join sent to "{clean(last.group)}"{jid}, now {last.status.value}']


def _at(at: float | None, view: StatusView, look: Look) -> str:
    return "" if at is None else f" at {look.moment(at, view.now)}"


def scheduled_text(one: ScheduleView, zone: tzinfo, *, now: float) -> str:
    """In the zone and in UTC: people take cron expressions for the one or for the other."""
    coming = "never"
    if one.next_at is not None:
        coming = f"{clock_with_offset(one.next_at, zone, now=now)}, {rfc3339(one.next_at)}"
    last = f"; last {clock(one.last_ran_at, zone, now=now)}" if one.last_ran_at is not None else ""
    result = f": {clean(one.last_result)}" if one.last_result else ""
    return f"Next scheduled {one.name}: {coming}{last}{result}"

"""What all that the doctor found comes to: whether a recovery would work, and the one thing to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.next_step import next_line, to_paste
from orchestrator.cli.render import clean, plural
from orchestrator.doctor.finding import State
from orchestrator.domain.commands import Command, Operation
from orchestrator.status.next_step import next_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.doctor.finding import Finding
    from orchestrator.status.views import StatusView


def verdict(findings: Sequence[Finding], view: StatusView | None, *, to: str | None = None) -> list[str]:
    """`view`: what is stored, where the database can be read; `to`: the backup that was looked at."""
    failed = [one for one in findings if one.state is State.FAILED]
    if failed:
        again = Command(Operation.DOCTOR, instance=to)
        return _would_not_work(failed, len(findings), again)
    warnings = sum(one.state is State.WARNING for one in findings)
    besides = f"; {plural(warnings, 'warning')}" if warnings else ""
    command = None if view is None else _resume(findings, view) or next_step(view)
    return [f"A recovery would work{besides}.", *([next_line(command)] if command else [])]


def _would_not_work(failed: Sequence[Finding], looked_at: int, again: Command) -> list[str]:
    first = failed[0]
    of = f"{clean(first.instance)}: " if first.instance else ""
    said = [f"A recovery would not work: {len(failed)} of {looked_at} checks failed."]
    said.append(f"Mend first: \t{of}{first.name}: {clean(first.sentence)}")
    if first.hint.startswith("rejoin "):
        return [*said, next_line(first.hint)]
    mend = f"{clean(first.hint)}; then: " if first.hint else ""
    return [*said, f"Next: {mend}{to_paste(again)}"]


def _resume(findings: Sequence[Finding], view: StatusView) -> Command | None:
    """An account that works again, and that only a person's word sets going."""
    works = {one.instance for one in findings if one.name == "session" and one.state is State.OK}
    for one in view.instances:
        if one.name in works and one.pause is not None and one.pause.until is None:
            return Command(Operation.RESUME, instance=one.name)
    return None

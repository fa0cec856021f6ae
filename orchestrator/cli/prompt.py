"""Questions to a person. Only where somebody can answer: at a terminal, and not with --no-input."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from orchestrator import stop_signals
from orchestrator.cli.render import clean
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.call import Call


def confirm(call: Call, question: str, *, yes: bool) -> None:
    """Go on, or raise UsageError. `yes` is the flag's."""
    if yes:
        return
    if not call.may_ask:
        raise UsageError("This needs a yes.", hint="say it with --yes")
    with stop_signals.raised():
        print(f"{clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - the answer's channel stays clean
        answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("Not confirmed, so not done.")


def ask(call: Call, question: str, *, default: str = "") -> str:
    """One line from a person, who sees what is typed; an empty one means the default, or is asked again.

    Raises UsageError.
    """
    if not call.may_ask:
        raise UsageError("Nobody can be asked.", hint="say it with the flags of this command")
    offered = f" [{default}]" if default else ""
    while True:
        with stop_signals.raised():
            print(f"{clean(question)}{offered}: ", end="", file=sys.stderr, flush=True)  # noqa: T201 - as above
            typed = sys.stdin.readline()
        if typed.strip() or default:
            return typed.strip() or default
        if not typed:
            raise UsageError("Nothing was typed, and nothing was done.")


def read_secret(call: Call, question: str) -> str:
    """One line from a person, unseen, or from stdin where that is no terminal. Raises UsageError."""
    with stop_signals.raised():
        return _read_secret(call, question)


def _read_secret(call: Call, question: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    if not call.may_ask:
        raise UsageError("There is nothing on stdin.", hint="pipe it in, or leave --no-input away")
    return getpass.getpass(f"{clean(question)} ", stream=sys.stderr).strip()

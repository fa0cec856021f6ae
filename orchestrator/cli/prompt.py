"""Questions to a person. Only where somebody can answer: at a terminal, and not with --no-input."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

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
    print(f"{clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - the answer's channel stays clean
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("Nothing was done.")


def read_secret(call: Call, question: str) -> str:
    """One line from a person, unseen, or from stdin where that is no terminal. Raises UsageError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    if not call.may_ask:
        raise UsageError("There is nothing on stdin.", hint="pipe it in, or leave --no-input away")
    return getpass.getpass(f"{clean(question)} ", stream=sys.stderr).strip()

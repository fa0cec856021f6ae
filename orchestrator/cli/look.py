"""How a person is written to: the zone, the terminal, and the words for a moment and for whose move it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli import layout
from orchestrator.cli.next_step import to_paste
from orchestrator.cli.render import clock
from orchestrator.domain.hints import Mover

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from orchestrator.domain.hints import Hint
    from orchestrator.status.views import StatusView

_WHOSE = {
    Mover.YOU: "yours",
    Mover.GROUP_ADMIN: "a group admin's",
    Mover.ACCOUNT_HOLDER: "the account holder's",
    Mover.REJOIN: "Rejoin's",
}


def _plain(text: str, *_styles: str) -> str:
    return text


@dataclass(frozen=True)
class Look:
    """How to write: the zone of the times, the terminal's size if there is one, colours if wanted, and the
    configuration that commands must name.
    """

    zone: tzinfo
    width: int | None = None
    height: int | None = None
    style: Callable[..., str] = _plain
    config: str | None = None

    def lay_out(self, text: str) -> str:
        return layout.lay_out(text, width=self.width, config=self.config)


def moment(at: float | None, view: StatusView, look: Look) -> str:
    return "-" if at is None else clock(at, look.zone, now=view.now)


def move(hint: Hint) -> str:
    command = f": {to_paste(hint.command)}" if hint.command else ""
    return f"{hint.move}{command}"


def move_text(hint: Hint) -> str:
    """Whose move it is, which, and the command."""
    return f"{_WHOSE[hint.mover]}: {move(hint)}"

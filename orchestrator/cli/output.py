"""The two channels: the answer on stdout, all talk on stderr, each after what was written before."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TextIO

from orchestrator.cli import formatting, layout

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34"}


class Output:
    """What a command writes to. Foreign text must be `formatting.clean`ed by whoever hands it over."""

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        no_color: bool = False,
        config: str | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.json = json
        self.quiet = quiet
        self.no_color = no_color
        self.config = config  # as `-c` gave it: the commands that are suggested repeat it
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr

    def answer(self, text: str = "") -> None:
        """A piece of the answer, for people."""
        self.show(self.lay_out(text))

    def show(self, text: str) -> None:
        """The same, laid out already."""
        print(text, file=self.stdout)

    def answer_json(self, value: Any) -> None:
        """The whole answer, for scripts."""
        print(formatting.as_json(layout.json_with_config(value, self.config)), file=self.stdout)

    def answer_either(self, value: Any, text: str, *talk: str) -> None:
        """The whole answer: for scripts where they asked for it, else for people, with what is said to it."""
        if self.json:
            self.answer_json(value)
            return
        self.answer(text)
        for sentence in talk:
            self.say(sentence)

    def answer_line(self, value: Any) -> None:
        """One line of JSON lines, out at once."""
        value = layout.json_with_config(value, self.config)
        print(formatting.as_json(value, indent=None), file=self.stdout, flush=True)

    def say(self, text: str = "") -> None:
        """Talk: what is going on, what could be done next. Silent with -q."""
        if not self.quiet:
            self.stdout.flush()
            print(self.lay_out(text, self.stderr), file=self.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Talk that -q does not silence."""
        self.stdout.flush()
        word = self.style("warning", "yellow", stream=self.stderr)
        print(self.lay_out(f"{word}: {text}", self.stderr), file=self.stderr, flush=True)

    def table(self, rows: list[list[str]], *headers: str, lead: int = 1) -> None:
        """In the terminal's width; a table when piped. `lead`: cells that name a row."""
        if rows:
            self.show(layout.table(rows, headers=list(headers), width=self.width, lead=lead))

    def lay_out(self, text: str, stream: TextIO | None = None) -> str:
        """In lines of the terminal's width, and with commands that work when pasted."""
        return layout.lay_out(text, width=width_of(stream or self.stdout), config=self.config)

    @property
    def interactive(self) -> bool:
        """Whether a person reads stdout on a terminal."""
        return self.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def width(self) -> int | None:
        """The terminal's columns; None where there is no terminal."""
        return width_of(self.stdout)

    @property
    def height(self) -> int | None:
        """The terminal's rows; None where there is no terminal."""
        return shutil.get_terminal_size().lines if self.stdout.isatty() else None

    def colored(self, stream: TextIO | None = None) -> bool:
        return not self.no_color and colors_allowed(stream or self.stdout, os.environ)

    def style(self, text: str, *styles: str, stream: TextIO | None = None) -> str:
        """ANSI colour where it is seen and wanted; never the only signal."""
        if not self.colored(stream):
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in styles)}m{text}\x1b[0m"


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal that a stream leads to, if it does."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def colors_allowed(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """See https://no-color.org: any value but an empty one says no."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


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

    def moment(self, at: float | None, now: float) -> str:
        return "-" if at is None else formatting.clock(at, self.zone, now=now)

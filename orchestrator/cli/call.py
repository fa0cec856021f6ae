"""What every command gets: options and how they are declared, output, settings, database, a person to ask."""

import os
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from orchestrator import redact, stop_signals
from orchestrator.cli.formatting import clean
from orchestrator.cli.output import Output
from orchestrator.domain.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from orchestrator.bootstrap import App
    from orchestrator.config import Settings
COMMON = Group("Options of every command", sort_key=99)
_PACE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:/\s*min(?:ute)?)?")


def variable(name: str) -> str:
    """`--max-duration` is `REJOIN_MAX_DURATION`."""
    return "REJOIN_" + name.lstrip("-").upper().replace("-", "_")


def flag(name: str, help_text: str, *, short: str = "", metavar: str = "") -> Parameter:
    """A flag `--name`, also settable by its variable."""
    names = (f"--{name}", short) if short else (f"--{name}",)
    return Parameter(name=names, help=help_text, env_var=variable(name), negative=(), metavar=metavar or None)


def positional(metavar: str, help_text: str, *, dash: bool = False) -> Parameter:
    """A value by position; it has no variable, since it says what the call is about. `dash`: may be `-`."""
    return Parameter(name=metavar, help=help_text, negative=(), metavar=metavar, allow_leading_hyphen=dash)


TO = flag("to", "The backup instance (else the latest recovery's, else the only one).", metavar="INSTANCE")
FROM = flag("from", "Only groups recorded for this lost instance.", metavar="INSTANCE")
LABELS = flag("label", "Only groups with this label; several times: with any of them.", metavar="LABEL")
SHEET = flag("sheet", "Name or number of the XLSX sheet (else the first).")
DELIMITER = flag("delimiter", "Of the CSV's columns (else found out): , ; tab |")
ENCODING = flag("encoding", "Of the CSV (else UTF-8, or as it says).")


def seconds(option: str, text: str | None) -> float | None:
    """`90s`, `15m`, `2h`, `1h30m`. Raises UsageError."""
    if text is None:
        return None
    if "0" <= text[-1:] <= "9":
        raise UsageError(f"{option}: {text} what? Say the unit: {text}s, {text}m or {text}h")
    from orchestrator.config import parse_duration  # noqa: PLC0415 - brings pydantic

    try:
        length = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if length <= 0:
        raise UsageError(f"{option}: must be longer than nothing")
    return length


def joins_a_minute(text: str | None) -> float | None:
    """`3/min` or `3`, from 2 to 5. Raises UsageError."""
    if text is None:
        return None
    found = _PACE.fullmatch(text.strip())
    if found is None or not 2 <= float(found[1]) <= 5:
        raise UsageError("--pace: must be 2 to 5 joins a minute, such as 3/min")
    return float(found[1])


@Parameter(name="*", group=COMMON)
@dataclass(frozen=True)
class Call:
    """Options of every command; they may stand anywhere on the line."""

    config: Annotated[
        Path | None,
        flag(
            "config",
            "The configuration file (else ./rejoin.toml, ~/.config/rejoin/ or /etc/rejoin/).",
            short="-c",
            metavar="FILE",
        ),
    ] = None
    json: Annotated[bool, flag("json", "Answer in JSON; errors too, on stderr.")] = False
    quiet: Annotated[bool, flag("quiet", "Only the answer, warnings and errors.", short="-q")] = False
    verbose: Annotated[bool, flag("verbose", "More of what goes on, and tracebacks.", short="-v")] = False
    very_verbose: Annotated[
        bool, flag("very-verbose", "Also what libraries do, such as each SQL statement.", short="-vv")
    ] = False
    log_format: Annotated[
        Literal["text", "json"] | None,
        flag("log-format", "How the log on stderr is written (else text on a terminal, JSON otherwise)."),
    ] = None
    no_color: Annotated[bool, flag("no-color", "No colours; NO_COLOR does the same.")] = False
    no_input: Annotated[bool, flag("no-input", "Never ask; fail where a question would be needed.")] = False

    @cached_property
    def out(self) -> Output:
        config = None if self.config is None else str(self.config)
        return Output(json=self.json, quiet=self.quiet, no_color=self.no_color, config=config)

    @property
    def may_ask(self) -> bool:
        """Questions go to a person at a terminal only; the answer's stdout may be piped."""
        return not self.no_input and sys.stdin.isatty() and sys.stderr.isatty()

    def settings(self) -> "Settings":
        """The checked configuration, its warnings told, its secrets never. Raises ConfigError."""
        from orchestrator.config import load  # noqa: PLC0415 - brings pydantic: only for who needs it

        settings = load(self.config, os.environ)
        redact.learn(settings.secret_values())
        for warning in settings.warnings:
            self.out.warn(str(warning))
        return settings

    def start_logs(self, settings: "Settings") -> None:
        """For who goes online. What the configuration holds as secret is never written."""
        from orchestrator import logs  # noqa: PLC0415 - brings structlog: only for who needs it

        redact.learn(settings.secret_values())
        logs.configure(
            log_format=self.log_format,
            verbose=self.verbose or self.very_verbose,
            libraries=self.very_verbose,
            quiet=self.quiet,
            no_color=self.no_color,
        )

    def open_app(
        self, settings: "Settings | None" = None, *, brief: bool = False, online: bool = False
    ) -> "AbstractAsyncContextManager[App]":
        """The database and what belongs to it. `brief`: for few reads; `online`: with the log started."""
        from orchestrator.bootstrap import open_app  # noqa: PLC0415 - brings SQLAlchemy

        settings = settings or self.settings()
        if online:
            self.start_logs(settings)
        return open_app(settings, brief=brief)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on, or raise UsageError. `yes` is the flag's."""
        if yes:
            return
        if not self.may_ask:
            raise UsageError("This needs a yes.", hint="say it with --yes")
        if _typed(f"{clean(question)} [y/N] ").strip().lower() not in ("y", "yes"):
            raise UsageError("Not confirmed, so not done.")

    def ask(self, question: str, *, default: str = "") -> str:
        """One line from a person, who sees what is typed; an empty one means the default, or is asked again.

        Raises UsageError.
        """
        if not self.may_ask:
            raise UsageError("Nobody can be asked.", hint="say it with the flags of this command")
        offered = f" [{default}]" if default else ""
        while True:
            typed = _typed(f"{clean(question)}{offered}: ")
            if typed.strip() or default:
                return typed.strip() or default
            if not typed:
                raise UsageError("Nothing was typed, and nothing was done.")

    def read_secret(self, question: str) -> str:
        """One line from a person, unseen, or from stdin where that is no terminal. Raises UsageError."""
        from getpass import getpass  # noqa: PLC0415 - for the few commands that ask for one

        with stop_signals.raised():
            if not sys.stdin.isatty():
                return sys.stdin.readline().strip()
            if not self.may_ask:
                raise UsageError("There is nothing on stdin.", hint="pipe it in, or leave --no-input away")
            return getpass(f"{clean(question)} ", stream=sys.stderr).strip()


def _typed(question: str) -> str:
    with stop_signals.raised():
        print(question, end="", file=sys.stderr, flush=True)  # noqa: T201 - the answer's channel stays clean
        return sys.stdin.readline()


NOTHING_SAID = Call()

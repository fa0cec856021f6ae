"""What every command gets from its call: the options that all have, the output, the settings."""

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from orchestrator.cli.flags import flag
from orchestrator.cli.output import Output

if TYPE_CHECKING:
    from orchestrator.config import Settings

COMMON = Group("Options of every command", sort_key=99)


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
        _never_show_secrets_of(settings)
        for warning in settings.warnings:
            self.out.warn(str(warning))
        return settings

    def start_logs(self, settings: "Settings") -> None:
        """For who goes online. What the configuration holds as secret is never written."""
        from orchestrator import logs  # noqa: PLC0415 - brings structlog: only for who needs it

        _never_show_secrets_of(settings)
        logs.configure(
            log_format=self.log_format,
            verbose=self.verbose or self.very_verbose,
            libraries=self.very_verbose,
            quiet=self.quiet,
            no_color=self.no_color,
        )


def _never_show_secrets_of(settings: "Settings") -> None:
    from orchestrator import redact  # noqa: PLC0415 - as above

    redact.learn(settings.secret_values())


NOTHING_SAID = Call()

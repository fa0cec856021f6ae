"""Which commands there are. A command's module is imported when it is called, never for the list."""

from __future__ import annotations

from dataclasses import dataclass

_PACKAGE = "orchestrator.cli"


@dataclass(frozen=True, slots=True)
class Command:
    """`function` is `module:name` below orchestrator.cli; `help` one line."""

    path: tuple[str, ...]
    function: str
    help: str

    @property
    def import_path(self) -> str:
        return f"{_PACKAGE}.{self.function}"


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    commands: tuple[Command, ...]


def _command(path: str, function: str, help_text: str) -> Command:
    return Command(tuple(path.split()), function, help_text)


FAMILIES = {
    "config": "Check and show the configuration.",
    "groups": "Your groups and their invite codes.",
    "db": "The database: migrate, check, back up, change its key.",
}

SECTIONS = (
    Section(
        "Start",
        (
            _command("init", "init:init", "Write rejoin.toml, make the database, say what to do next."),
            _command("config validate", "config:validate", "Check the configuration, without any network."),
            _command("config show", "config:show", "Show the values in effect, secrets masked."),
        ),
    ),
    Section(
        "Look",
        (
            _command("status", "status:status", "Where the recovery stands, when it is done, who needs you."),
            _command(
                "explain", "status:explain", "Why a group stands where it stands, and whose move it is."
            ),
            _command("log", "log:log", "What happened, line by line; --follow stays."),
            _command("history", "history:history", "Past recoveries."),
        ),
    ),
    Section(
        "Tools",
        (
            _command("simulate", "simulate:simulate", "Serve a simulated network to try things on."),
            _command("db upgrade", "db:upgrade", "Bring the database to this program's schema."),
            _command("db check", "db:check", "Check schema, integrity and key file."),
            _command("db backup", "db:backup", "Copy the SQLite database while it is in use."),
            _command("completion", "completion:completion", "Print a completion script for your shell."),
            _command(
                "healthcheck", "healthcheck:healthcheck", "Tell a container's supervisor how it stands."
            ),
        ),
    ),
)

COMMANDS = tuple(command for section in SECTIONS for command in section.commands)

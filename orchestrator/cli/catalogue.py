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


BAD_DAY = "On the bad day"

FAMILIES = {
    "config": "Check and show the configuration.",
    "groups": "Your groups and their invite codes.",
    "notify": "Who is told, and whether it gets through.",
    "hooks": "Webhooks from the gateways.",
    "outbox": "Messages to webhooks and people.",
    "db": "The database: migrate, check, back up, change its key.",
}

SECTIONS = (
    Section(
        BAD_DAY,
        (
            _command("rescue", "rescue:rescue", "All of it in one command, from nothing to the last group."),
            _command("doctor", "doctor:doctor", "Look online at everything that a recovery stands on."),
            _command("groups import", "groups_files:import_", "Bring in your groups and their invite links."),
            _command("plan", "plan:plan", "What a recovery would do, group by group; joins nothing."),
            _command("run", "run:run", "Bring the backup back into every group."),
            _command("status", "status:status", "Where the recovery stands, when it is done, who needs you."),
            _command(
                "explain", "status:explain", "Why a group stands where it stands, and whose move it is."
            ),
            _command("groups set-code", "groups:set_code", "A new invite code for a group."),
        ),
    ),
    Section(
        "Start",
        (
            _command("init", "init:init", "Write rejoin.toml, make the database, say what to do next."),
            _command("demo", "demo:demo", "The whole story against a simulated network, in half a minute."),
            _command("config validate", "config:validate", "Check the configuration, without any network."),
            _command("config show", "config:show", "Show the values in effect, secrets masked."),
            _command("simulate", "simulate:simulate", "Serve a simulated network to try things on."),
        ),
    ),
    Section(
        "Groups",
        (
            _command("groups export", "groups_files:export", "Write them out; codes only when asked for."),
            _command("groups list", "groups:list_", "Every group and where it stands."),
            _command("groups show", "groups_show:show", "One group: identity, codes, journal."),
        ),
    ),
    Section(
        "Look",
        (
            _command("log", "log:log", "What happened, line by line; --follow stays."),
            _command("history", "history:history", "Past recoveries."),
        ),
    ),
    Section(
        "Recover",
        (
            _command("wait", "wait:wait", "Stay until a recovery is over, and exit with its result."),
            _command("daemon", "daemon:daemon", "Watch, listen, keep time and recover, for years."),
        ),
    ),
    Section(
        "Act",
        (
            _command("pause", "pause_resume:pause", "Send no more joins until you resume."),
            _command("resume", "pause_resume:resume", "Lift a pause."),
            _command("stop", "pause_resume:stop", "End a recovery; what was done stays."),
            _command("retry", "retry_skip_leave:retry", "Put groups back in line."),
            _command("accept", "accept:accept", "Take what a renamed group's link opens now as expected."),
            _command("skip", "retry_skip_leave:skip", "Leave groups out."),
            _command("leave", "retry_skip_leave:leave", "Take the backup out of a group."),
        ),
    ),
    Section(
        "Tools",
        (
            _command("notify test", "notify:try_out", "Send a test message to every receiver."),
            _command("hooks install", "hooks:install", "Set our webhook at the gateways."),
            _command("hooks list", "hooks:list_", "What gateways told lately."),
            _command("hooks replay", "hooks:replay", "Process stored events once more."),
            _command("outbox list", "outbox:list_", "Messages that wait, and those that were given up."),
            _command("outbox retry", "outbox:retry", "Try again what was given up."),
            _command("db upgrade", "db:upgrade", "Bring the database to this program's schema."),
            _command("db check", "db:check", "Check schema, integrity and key file."),
            _command("db backup", "db:backup", "Copy the database while it is in use."),
            _command("db rekey", "rekey:rekey", "Encrypt the invite codes with a new key."),
            _command(
                "db forget-codes",
                "forget_codes:forget_codes",
                "Begin with new codes when the key file is lost.",
            ),
            _command("diagnostics", "diagnostics:diagnostics", "A bundle for a bug report, without secrets."),
            _command("completion", "completion:completion", "Print a completion script for your shell."),
            _command(
                "healthcheck", "healthcheck:healthcheck", "Tell a container's supervisor how it stands."
            ),
        ),
    ),
)

NEAR_WORDS = {
    "accounts": "status",
    "add": "groups import",
    "backup": "db backup",
    "cancel": "stop",
    "check": "doctor",
    "code": "groups set-code",
    "continue": "resume",
    "delete": "skip",
    "export": "groups export",
    "failover": "run",
    "follow": "log --follow",
    "forget-codes": "db forget-codes",
    "go": "run",
    "import": "groups import",
    "info": "status",
    "install": "hooks install",
    "join": "run",
    "journal": "log",
    "list": "groups list",
    "ls": "groups list",
    "logs": "log",
    "migrate": "db upgrade",
    "monitor": "status --watch",
    "preview": "plan",
    "progress": "status",
    "probe": "doctor --probe",
    "ps": "status",
    "recover": "run",
    "recoveries": "history",
    "rekey": "db rekey",
    "rejoin": "run",
    "report": "status",
    "save": "rescue",
    "help-me": "rescue",
    "emergency": "rescue",
    "restart": "resume",
    "restore": "run",
    "serve": "daemon",
    "set-code": "groups set-code",
    "setup": "init",
    "show": "groups show",
    "start": "run",
    "test": "doctor",
    "unpause": "resume",
    "upgrade": "db upgrade",
    "validate": "config validate",
    "verify": "doctor",
    "watch": "status --watch",
    "why": "explain",
}
"""Words that people type, and what they mean by them. No command's name is among them."""

COMMANDS = tuple(command for section in SECTIONS for command in section.commands)

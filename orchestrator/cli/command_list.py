"""Which commands there are. A command's module is imported when it is called, never for the list."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    path: tuple[str, ...]
    import_path: str
    help: str


def _command(path: str, function: str, help_text: str) -> Command:
    """`function` is `module:name` in this package; `help_text` one line."""
    return Command(tuple(path.split()), f"orchestrator.cli.{function}", help_text)


BAD_DAY = "On the bad day"

FAMILIES = {
    "config": "Check and show the configuration.",
    "groups": "Your groups and their invite codes.",
    "notify": "Who is told, and whether it gets through.",
    "hooks": "Webhooks from the gateways.",
    "outbox": "Messages to webhooks and people.",
    "db": "The database: migrate, check, back up, change its key.",
}

SECTIONS = {
    BAD_DAY: (
        _command("rescue", "rescue:rescue", "All of it in one command, from nothing to the last group."),
        _command("doctor", "doctor:doctor", "Look online at everything that a recovery stands on."),
        _command("groups import", "groups:import_", "Bring in your groups and their invite links."),
        _command("plan", "plan:plan", "What a recovery would do, group by group; joins nothing."),
        _command("run", "run:run", "Bring the backup back into every group."),
        _command("status", "status:status", "Where the recovery stands, when it is done, who needs you."),
        _command("explain", "status:explain", "Why a group stands where it stands, and whose move it is."),
        _command("groups set-code", "groups:set_code", "A new invite code for a group."),
    ),
    "Start": (
        _command("init", "init_config:init", "Write rejoin.toml, make the database, say what to do next."),
        _command(
            "demo", "simulate_demo:demo", "The whole story against a simulated network, in half a minute."
        ),
        _command("config validate", "init_config:validate", "Check the configuration, without any network."),
        _command("config show", "init_config:show", "Show the values in effect, secrets masked."),
        _command("simulate", "simulate_demo:simulate", "Serve a simulated network to try things on."),
    ),
    "Groups": (
        _command("groups export", "groups:export", "Write them out; codes only when asked for."),
        _command("groups list", "groups:list_", "Every group and where it stands."),
        _command("groups show", "groups:show", "One group: identity, codes, journal."),
    ),
    "Look": (
        _command("log", "status:log", "What happened, line by line; --follow stays."),
        _command("history", "status:history", "Past recoveries."),
    ),
    "Recover": (
        _command("wait", "status:wait", "Stay until a recovery is over, and exit with its result."),
        _command("daemon", "daemon_healthcheck:daemon", "Watch, listen, keep time and recover, for years."),
    ),
    "Act": (
        _command("pause", "pause_resume_stop:pause", "Send no more joins until you resume."),
        _command("resume", "pause_resume_stop:resume", "Lift a pause."),
        _command("stop", "pause_resume_stop:stop", "End a recovery; what was done stays."),
        _command("retry", "retry_skip_accept_leave:retry", "Put groups back in line."),
        _command(
            "accept",
            "retry_skip_accept_leave:accept",
            "Take what a renamed group's link opens now as expected.",
        ),
        _command("skip", "retry_skip_accept_leave:skip", "Leave groups out."),
        _command("leave", "retry_skip_accept_leave:leave", "Take the backup out of a group."),
    ),
    "Tools": (
        _command("notify test", "notify_outbox:try_out", "Send a test message to every receiver."),
        _command("hooks install", "hooks:install", "Set our webhook at the gateways."),
        _command("hooks list", "hooks:list_", "What gateways told lately."),
        _command("hooks replay", "hooks:replay", "Process stored events once more."),
        _command("outbox list", "notify_outbox:list_", "Messages that wait, and those that were given up."),
        _command("outbox retry", "notify_outbox:retry", "Try again what was given up."),
        _command("db upgrade", "db:upgrade", "Bring the database to this program's schema."),
        _command("db check", "db:check", "Check schema, integrity and key file."),
        _command("db backup", "db:backup", "Copy the database while it is in use."),
        _command("db rekey", "db:rekey", "Encrypt the invite codes with a new key."),
        _command(
            "db forget-codes",
            "db:forget_codes",
            "Begin with new codes when the key file is lost.",
        ),
        _command("diagnostics", "diagnostics:diagnostics", "A bundle for a bug report, without secrets."),
        _command("completion", "completion:completion", "Print a completion script for your shell."),
        _command(
            "healthcheck",
            "daemon_healthcheck:healthcheck",
            "Tell a container's supervisor how it stands.",
        ),
    ),
}

_MEANT = {
    "config validate": "validate",
    "daemon": "serve",
    "db backup": "backup",
    "db forget-codes": "forget-codes",
    "db rekey": "rekey",
    "db upgrade": "migrate upgrade",
    "doctor": "check test verify",
    "doctor --probe": "probe",
    "explain": "why",
    "groups export": "export",
    "groups import": "add import",
    "groups list": "list ls",
    "groups set-code": "code set-code",
    "groups show": "show",
    "history": "recoveries",
    "hooks install": "install",
    "init": "setup",
    "log": "journal logs",
    "log --follow": "follow",
    "plan": "preview",
    "rescue": "emergency help-me save",
    "resume": "continue restart unpause",
    "run": "failover go join recover rejoin restore start",
    "skip": "delete",
    "status": "accounts info progress ps report",
    "status --watch": "monitor watch",
    "stop": "cancel",
}
NEAR_WORDS = {word: meant for meant, words in _MEANT.items() for word in words.split()}
"""Words that people type, and what they mean by them. No command's name is among them."""

COMMANDS = tuple(command for commands in SECTIONS.values() for command in commands)

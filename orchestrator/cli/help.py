"""Help as plain text: what a bad day needs first, then the rest. Light, so without the library's own."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from cyclopts import App

from orchestrator.cli.command_list import BAD_DAY, COMMANDS, FAMILIES, SECTIONS
from orchestrator.cli.exit_codes import EXIT_CODES

_EXAMPLES = """\
Examples:
  rejoin rescue groups.csv                all of it at once
  rejoin init                             set up a folder
  rejoin groups import groups.csv         tell it your groups and their invite links
  rejoin plan                             what a recovery would do, group by group
  rejoin run                              bring the backup back into every group
  rejoin status --watch                   where each group stands
"""
_GAP = 2
_WIDEST_NAME = 30


def text_for(app: App, path: tuple[str, ...]) -> str:
    """The help of a command, of a family of commands, or of all."""
    if not path:
        return root_help()
    return family_help(path[0]) if path in {(family,) for family in FAMILIES} else command_help(app, path)


def in_paragraphs(text: str) -> str:
    """The lines of a paragraph as one, for a terminal that wraps them at its own width."""
    lines: list[str] = []
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        if line[:1].strip() and before[:1].strip() and not before.endswith(":"):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


def root_help() -> str:
    parts = ["rejoin: brings a backup WhatsApp account back into every group of your own.\n"]
    for title, commands in SECTIONS.items():
        rows = [(" ".join(command.path), command.help) for command in commands]
        parts.append(f"{title}:\n{_rows(rows)}\n")
        if title == BAD_DAY:
            parts.append(_EXAMPLES)
    parts.append(
        "rejoin COMMAND --help says more of each."
        " Every flag has a variable: --max-duration is REJOIN_MAX_DURATION.\n"
    )
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    parts.append(f"Exit codes:\n{codes}")
    return "\n".join(parts)


def family_help(family: str) -> str:
    rows = [(" ".join(c.path), c.help) for c in COMMANDS if c.path[0] == family]
    return f"{FAMILIES[family]}\n\n{_rows(rows)}\n\nrejoin {family} COMMAND --help says more of each."


def command_help(app: App, path: tuple[str, ...]) -> str:
    """A command's docstring holds its examples, one a line, after a line `Examples:`."""
    command = app[path[0]] if len(path) == 1 else app[path[0]][path[1]]
    function = command.default_command
    told, examples = _docstring(function)
    arguments = [a for a in command.assemble_argument_collection() if a.show and a.parse]
    by_position = [a for a in arguments if not _is_flag(a)]
    own = [a for a in arguments if _is_flag(a) and not _is_common(a)]
    common = [a for a in arguments if _is_common(a)]
    usage = " ".join(["rejoin", *path, *map(_usage, by_position), *(["[FLAGS]"] if own else [])])
    parts = [examples, f"Usage: {usage}", told]
    for title, listed in (("Arguments", by_position), ("Flags", own), ("Flags of every command", common)):
        if listed:
            parts.append(f"{title}:\n" + _rows([(_names(a), _describe(a)) for a in listed]))
    return "\n\n".join(part for part in parts if part)


def _docstring(function: Any) -> tuple[str, str]:
    text = inspect.getdoc(function) or ""
    told, _, examples = text.partition("Examples:\n")
    return told.strip(), f"Examples:\n{examples.rstrip()}" if examples else ""


def _is_flag(argument: Any) -> bool:
    return bool(argument.names and argument.names[0].startswith("-"))


def _is_common(argument: Any) -> bool:
    return len(argument.keys) > 0


def _usage(argument: Any) -> str:
    name = _metavar(argument)
    name = f"{name}..." if _many(argument) else name
    return name if argument.required else f"[{name}]"


def _many(argument: Any) -> bool:
    return str(getattr(argument.hint, "__origin__", "")) == "<class 'tuple'>" or _is_var(argument)


def _is_var(argument: Any) -> bool:
    return argument.field_info.kind is inspect.Parameter.VAR_POSITIONAL


def _metavar(argument: Any) -> str:
    return str(argument.parameter.metavar or argument.names[0].lstrip("-").upper())


def _names(argument: Any) -> str:
    if not _is_flag(argument):
        return _metavar(argument)
    long, *short = sorted(argument.names, key=lambda name: not name.startswith("--"))
    value = "" if argument.hint is bool else f" {_metavar_of_flag(argument)}"
    return ", ".join([*short, long]) + value


def _metavar_of_flag(argument: Any) -> str:
    if argument.parameter.metavar:
        return str(argument.parameter.metavar)
    choices = argument.get_choices()
    return "|".join(choices) if choices else _metavar(argument)


def _describe(argument: Any) -> str:
    notes = [argument.parameter.help or ""]
    if _is_flag(argument):
        default = argument.field_info.default
        if default not in (None, False, (), inspect.Parameter.empty):
            notes.append(f"[default: {default}]")
        notes.extend(f"[{name}]" for name in argument.parameter.env_var or ())
    return " ".join(note for note in notes if note)


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    width = min(_WIDEST_NAME, max(len(name) for name, _ in rows))
    return "\n".join(line for name, text in rows for line in _row(name, text, width))


def _row(name: str, text: str, width: int) -> Iterable[str]:
    lead = " " * (2 + width + _GAP)
    room = max(24, min(110, shutil.get_terminal_size((100, 24)).columns) - len(lead))
    lines = textwrap.wrap(text, room) or [""]
    if len(name) > width:
        return [f"  {name}", *(lead + line for line in lines)]
    return [f"  {name:<{width + _GAP}}{lines[0]}".rstrip(), *(lead + line for line in lines[1:])]

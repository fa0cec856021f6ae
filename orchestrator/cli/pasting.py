"""Commands that a hint suggests work when pasted: they name the configuration that this call was given.

The sentences are written where nobody knows of the command line; the option is put in on their way out.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.cli.catalogue import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUGGESTING = frozenset({"command", "hint"})  # the keys of JSON that hold words of ours for people


def config_said(words: Sequence[str]) -> str | None:
    """The file that `-c` or `--config` names among the words before `--`."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--":
            break
        if word in ("-c", "--config"):
            return following
        if word.startswith("--config="):
            return word.partition("=")[2]
    return None


def in_text(text: str, config: str | None) -> str:
    """Every `rejoin COMMAND` gets its `-c FILE`; other uses of the word stay."""
    if config is None:
        return text
    words = ("rejoin", "-c", *shlex.quote(config).split(" "), "")
    return _commands().sub(lambda found: found[1].join(words), text)


def in_json(value: Any, config: str | None) -> Any:
    """The same in a hint's fields, and nowhere else: names are foreign text."""
    if config is None:
        return value
    if isinstance(value, dict):
        return {key: _field(key, held, config) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [in_json(one, config) for one in value]
    return value


def _field(key: object, held: Any, config: str) -> Any:
    if key in _SUGGESTING and isinstance(held, str):
        return in_text(held, config)
    return in_json(held, config)


@cache
def _commands() -> re.Pattern[str]:
    first = sorted({command.path[0] for command in COMMANDS})
    # A blank that does not break holds a command together on its way to a terminal: see layout.
    return re.compile(rf"(?<![\w./-])rejoin([ \u00a0])(?=(?:{'|'.join(map(re.escape, first))})(?![\w-]))")

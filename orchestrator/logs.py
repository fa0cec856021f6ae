"""The log: structlog to stderr, for people on a terminal and as JSON lines elsewhere; times in UTC.

Libraries (aiohttp, alembic, asyncio) and our own rooms log through the standard library, and all of it comes
out here, past one processor that hides secrets.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor

from orchestrator.redact import learn, scrub_lines

_NOISY = ("aiosqlite", "asyncio", "alembic", "sqlalchemy")


class Redaction:
    """The one processor that every line passes: tokens vanish, invite codes keep four characters."""

    def learn(self, secrets: Iterable[str]) -> None:
        """Values that must never be written, in this or any other scrubbed text."""
        learn(secrets)

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        return {key: self._hide(value) for key, value in event.items()}

    def _hide(self, value: Any) -> Any:
        if isinstance(value, str):
            return scrub_lines(value)
        if isinstance(value, int | float | None):
            return value
        if isinstance(value, dict):
            return {key: self._hide(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._hide(item) for item in value]
        return self._hide(str(value))


redaction = Redaction()


def configure(
    *,
    log_format: Literal["text", "json"] | None = None,
    verbose: bool = False,
    libraries: bool = False,
    quiet: bool = False,
    no_color: bool = False,
) -> None:
    """Once at the start of a command that logs. Without a format: text on a terminal, JSON otherwise.

    `verbose`: more of what goes on; `libraries`: also in the database's library and others.
    """
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    terminal = sys.stderr.isatty()
    as_text = log_format == "text" or (log_format is None and terminal)
    colors = terminal and not no_color and not os.environ.get("NO_COLOR")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_before(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redaction,
                structlog.dev.ConsoleRenderer(colors=colors) if as_text else _json(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.INFO if libraries else logging.WARNING)
    structlog.configure(
        processors=[*_before(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def _before() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _json() -> Processor:
    return structlog.processors.JSONRenderer(ensure_ascii=False)

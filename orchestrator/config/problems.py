"""What is wrong with a configuration, said so that a person can put it right; and where a value came from."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong. `file` is None for the environment; `key` is then the variable."""

    file: str | None
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        """One line, without control characters: a key may hold any."""
        place = self.file or ""
        if self.file is None:
            place = f"{self.key} (environment)"
        elif self.line is not None:
            place = f"{self.file}:{self.line}"
        key = f"{self.key}: " if self.file is not None and self.key else ""
        return "".join(c for c in f"{place}: {key}{self.message}" if c.isprintable())


class ConfigError(Exception):
    """The configuration cannot be used. Carries every problem at once; holds no secret value."""

    def __init__(self, problems: tuple[Problem, ...], *, hint: str = "") -> None:
        super().__init__(problems)
        self.problems = problems
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class UnknownInstanceError(LookupError):
    """No instance of that name is configured."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        listed = ", ".join(known) if known else "none"
        super().__init__(f'no instance is called "{name}" (configured: {listed})')
        self.name = name
        self.known = known


KeyPath = tuple[str | int, ...]


class Origin(NamedTuple):
    """`secret_file` is the path as written, when the value was read from a file of its own."""

    line: int | None = None
    variable: str | None = None
    secret_file: str | None = None

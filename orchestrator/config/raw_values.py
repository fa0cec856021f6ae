"""The values on their way to become settings: what was said, where, and what is wrong with it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.config.keys import key_at
from orchestrator.config.problems import KeyPath, Origin, Problem
from orchestrator.config.values import parse_duration

NOWHERE = Origin()


@dataclass
class Draft:
    """`file` is the path as the person wrote it. Values here may have any type: see TypedValues.

    `refused` holds the paths of values that a problem already tells of.
    """

    file: str
    folder: Path
    data: dict[str, Any]
    origins: dict[KeyPath, Origin]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    refused: set[KeyPath] = field(default_factory=set)

    def complain(self, path: KeyPath, message: str) -> None:
        self.problems.append(self._problem(path, message))

    def warn(self, path: KeyPath, message: str) -> None:
        self.warnings.append(self._problem(path, message))

    def complain_of_variable(self, variable: str, message: str) -> None:
        self.problems.append(Problem(None, None, variable, message))

    def put(self, path: KeyPath, value: Any, origin: Origin) -> None:
        """Set one value; its containers must exist. What the file said of it and below is forgotten."""
        *parents, last = path
        self.at(tuple(parents))[last] = value
        for known in [known for known in self.origins if known[: len(path)] == path]:
            del self.origins[known]
        self.origins[path] = origin

    def at(self, path: KeyPath) -> Any:
        value: Any = self.data
        for step in path:
            value = value[step]
        return value

    def raw(self, path: KeyPath) -> Any:
        """The value, of whatever type, or None where there is none."""
        try:
            return self.at(path)
        except (LookupError, TypeError):
            return None

    def origin(self, path: KeyPath) -> Origin:
        """Of the value, else of the nearest table around it."""
        for length in range(len(path), 0, -1):
            found = self.origins.get(path[:length])
            if found is not None:
                return found
        return NOWHERE

    def shown(self, path: KeyPath) -> str:
        """`instances.backup-1.base_url`: an instance goes by its name where that is one."""
        steps = [str(step) for step in path]
        if len(path) > 1 and path[0] == "instances":
            name = self.raw((*path[:2], "name"))
            steps[1] = (
                name if isinstance(name, str) and name.isprintable() and 0 < len(name) <= 64 else steps[1]
            )
        return ".".join(steps)

    def _problem(self, path: KeyPath, message: str) -> Problem:
        origin = self.origin(path)
        if origin.variable is not None:
            return Problem(None, None, origin.variable, message)
        suffix = "_file" if origin.secret_file is not None else ""
        return Problem(self.file, origin.line, self.shown(path) + suffix, message)


def is_secret(path: KeyPath) -> bool:
    """Whether the value there may not be shown; what is not known may not."""
    key = key_at(path)
    return key is None or key.secret


class TypedValues:
    """What the models accepted of a draft that they may have refused as a whole.

    A refused value is absent, and so is everything below it. No method returns a value whose type was not
    checked, so whoever reads here needs no check of his own.
    """

    def __init__(self, draft: Draft) -> None:
        """`draft` has been validated: its `refused` holds every path that the models did not accept."""
        self._draft = draft
        self.complain, self.warn = draft.complain, draft.warn
        self.complain_of_variable, self.shown = draft.complain_of_variable, draft.shown

    def refused(self, path: KeyPath) -> bool:
        return any(path[:length] in self._draft.refused for length in range(len(path) + 1))

    def has(self, path: KeyPath) -> bool:
        return self._accepted(path) is not None

    def text(self, path: KeyPath, default: str = "") -> str:
        """Also of a secret and of a choice; `default` where it is absent or refused."""
        value = self._accepted(path)
        return value if isinstance(value, str) else default

    def texts(self, path: KeyPath) -> list[tuple[KeyPath, str]]:
        """The accepted items of a list of texts, each with its path."""
        return [(item, text) for item in self.items(path) if (text := self.text(item))]

    def seconds(self, path: KeyPath, default: float) -> float | None:
        """A duration; None where it was refused."""
        if self.refused(path):
            return None
        value = self._accepted(path)
        return default if value is None else parse_duration(value)

    def items(self, path: KeyPath) -> list[KeyPath]:
        """The paths of a list's accepted items."""
        listed = self._accepted(path)
        paths: list[KeyPath] = [(*path, index) for index in range(len(listed or ()))]
        return [one for one in paths if not self.refused(one)]

    def origin(self, path: KeyPath) -> Origin:
        return self._draft.origin(path)

    def _accepted(self, path: KeyPath) -> Any:
        return None if self.refused(path) else self._draft.raw(path)

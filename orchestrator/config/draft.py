"""The values on their way to become settings: what was said, where, and what is wrong with it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.config.origins import KeyPath, Origin
from orchestrator.config.problems import Problem
from orchestrator.config.schema import key_at

if TYPE_CHECKING:
    from pathlib import Path

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

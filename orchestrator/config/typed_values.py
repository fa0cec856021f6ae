"""The draft after validation: every value in it has the type of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.config.values import parse_duration

if TYPE_CHECKING:
    from orchestrator.config.draft import Draft
    from orchestrator.config.origins import KeyPath, Origin


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

"""Checked reading of tables that people wrote (TOML) or sent (JSON): all mistakes at once, with their places.

A check takes a value and gives it back, or raises `ValueError` with the end of a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from typing import Any

Check = Callable[[Any], Any]

_CHECK = "check"


def knob(check: Check, default: Any = MISSING, *, repr: bool = True) -> Any:  # noqa: A002 - as of `field`
    """A dataclass's field that people may set under its own name, with what they may write there."""
    return field(default=default, repr=repr, metadata={_CHECK: check})


def knobs_of(settings: Any) -> dict[str, Check]:
    """The checks of a dataclass's knobs, by their names."""
    return {one.name: one.metadata[_CHECK] for one in fields(settings) if _CHECK in one.metadata}


class ScenarioError(ValueError):
    """A scenario or a control request is wrong. `problems` are whole sentences, each with its place."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class Reader:
    """Reads tables and collects what is wrong with them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[str] = []

    def wrong(self, where: str, sentence: str) -> None:
        self.problems.append(f"{self.source}: {where}: {sentence}" if where else f"{self.source}: {sentence}")

    def table(
        self, given: object, keys: Mapping[str, Check], where: str, *, need: str = ""
    ) -> dict[str, Any]:
        """The known and right keys of a table. Unknown, wrong and missing ones are noted."""
        if not isinstance(given, dict):
            self.wrong(where, "must be a table")
            return {}
        dot = f"{where}." if where else ""
        for key in given.keys() - keys.keys():
            self.wrong(f"{dot}{key}", f"is not known here; known are {', '.join(sorted(keys))}")
        for key in need.split():
            if key not in given:
                self.wrong(f"{dot}{key}", "is missing")
        good = {}
        for key in given.keys() & keys.keys():
            try:
                good[key] = keys[key](given[key])
            except ValueError as error:
                self.wrong(f"{dot}{key}", str(error))
        return good

    def tables(
        self, given: object, keys: Mapping[str, Check], where: str, *, need: str = ""
    ) -> list[dict[str, Any]]:
        """The same for an array of tables."""
        if not isinstance(given, list):
            self.wrong(where, f"must be an array of tables: [[{where}]]")
            return []
        return [self.table(one, keys, f"{where}[{n}]", need=need) for n, one in enumerate(given, 1)]

    def finish(self) -> None:
        """Raise `ScenarioError` if anything was wrong."""
        if self.problems:
            raise ScenarioError(self.problems)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text in quotes")  # noqa: TRY004 - one error for all that is wrong
    return value


def texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("must be a list of texts")
    return list(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - the same
    return value


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def positive(value: Any) -> int:
    if whole(value) == 0:
        raise ValueError("must be 1 or more")
    return int(value)


def number(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError("must be a number, 0 or more")
    return float(value)


def span(value: Any) -> tuple[float, float]:
    """A number, or a pair of lowest and highest."""
    pair = value if isinstance(value, list) else [value, value]
    if len(pair) != 2 or number(pair[0]) > number(pair[1]):
        raise ValueError("must be a number, or a pair [lowest, highest]")
    return float(pair[0]), float(pair[1])


def one_of(*words: str) -> Check:
    """Exactly one of these words."""

    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return check


def some_of(*words: str) -> Check:
    """A list of these words."""
    single = one_of(*words)
    return lambda value: [single(word) for word in texts(value)]


def digits(value: Any) -> str:
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()):
        raise ValueError("must be a text of digits")
    return value


def share(value: Any) -> float:
    if number(value) > 1:
        raise ValueError("must be between 0 and 1")
    return float(value)


def anything(value: Any) -> Any:
    """For what is looked at elsewhere."""
    return value

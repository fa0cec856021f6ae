"""What may be meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one that is much like it, if there is one."""
    import difflib  # noqa: PLC0415 - needed only when something is wrong

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean code?`, with its leading blank, or nothing."""
    near = nearest(word, known)
    return "" if near is None else f" Did you mean {near}?"

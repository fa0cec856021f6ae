"""On which line each key of a TOML document stands; tomllib does not tell.

The document must be valid: tomllib has read it before.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

from orchestrator.config.problems import KeyPath

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line numbers, from 1, of every table header, key and list item."""
    return _Scanner(text.replace("\r\n", "\n")).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.last_index: dict[KeyPath, int] = {}
        self.line_ends = [found.start() for found in re.finditer("\n", text)]

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip(_BLANK) < len(self.text):
            table = self._header() if self.text[self.at] == "[" else self._pair(table)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _take(self, sign: str) -> bool:
        taken = self.text.startswith(sign, self.at)
        self.at += len(sign) if taken else 0
        return taken

    def _record(self, path: KeyPath, start: int) -> None:
        self.lines.setdefault(path, bisect_right(self.line_ends, start - 1) + 1)

    def _header(self) -> KeyPath:
        start = self.at
        is_list = self._take("[[")
        if not is_list:
            self._take("[")
        *parents, last = self._keys()
        self._take("]]" if is_list else "]")
        path = (*self._into_lists(parents), last)
        if is_list:
            self.last_index[path] = self.last_index.get(path, -1) + 1
            self._record(path, start)
            path = (*path, self.last_index[path])
        self._record(path, start)
        return path

    def _into_lists(self, keys: list[str]) -> KeyPath:
        """A header below `[[list]]` speaks of that list's latest item."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self.last_index:
                path = (*path, self.last_index[path])
        return path

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while not keys or self._take("."):
            start = self._skip(_SPACE)
            self._skip(_KEY)
            keys.append(_plain(self.text[start : self.at]))
            self._skip(_SPACE)
        return keys

    def _pair(self, table: KeyPath) -> KeyPath:
        start = self.at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._record(path, start)
        self._take("=")
        self._value(path)
        return table

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        if self._take("["):
            self._items(path)
        elif self._take("{"):
            while not self._closed("}"):
                self._pair(path)
        elif self.text[self.at] in "\"'":
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)

    def _items(self, path: KeyPath) -> None:
        index = 0
        while not self._closed("]"):
            self._record((*path, index), self.at)
            self._value((*path, index))
            index += 1

    def _closed(self, sign: str) -> bool:
        self._skip(_BLANK)
        if self._take(","):
            self._skip(_BLANK)
        return self._take(sign)


def _plain(key: str) -> str:
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"key = {key}")["key"])

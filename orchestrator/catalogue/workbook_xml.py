"""The parts of an XLSX workbook, each read once from its XML (ECMA-376 part 1, chapter 18)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.parsers import expat

from orchestrator.catalogue.sheets import (
    LONGEST_TEXT,
    MOST_COLUMNS,
    MOST_TEXT,
    WIDEST_GAP,
    LeftOut,
    LinkedText,
    SheetEntry,
    far_cell,
    number_text,
    place_of,
)

_LONGEST_TAG = 1024 * 1024  # bytes; expat reads what is not yet complete once more with every part
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_HYPERLINK = re.compile(r'\s*HYPERLINK\(\s*"((?:[^"]|"")*)"', re.IGNORECASE)
_HYPERLINK_OF = re.compile(r"\s*HYPERLINK\(\s*\$?([A-Z]{1,3})\$?([0-9]{1,7})\s*[,;)]", re.IGNORECASE)
# Number formats that are dates by their id (ECMA-376 part 1, 18.8.30), or by a letter of their code.
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NO_DATE_PARTS = re.compile(r'"[^"]*"|\[[^\[\]]*\]|\\.|_.|\*.')
_DATE_LETTER = re.compile(r"[dmyhs]", re.IGNORECASE)


class BrokenXmlError(Exception):
    """A part is not what the format says."""


class TooMuchTextError(Exception):
    """The cells hold more than MOST_TEXT."""


@dataclass(frozen=True, slots=True)
class Relations:
    """What a part refers to: other parts, by the reference's id and by its kind, and addresses outside."""

    by_id: Mapping[str, str]
    by_kind: Mapping[str, str]
    outside: Mapping[str, str]


def relations(chunks: Iterable[bytes], folder: str) -> Relations:
    by_id: dict[str, str] = {}
    by_kind: dict[str, str] = {}
    outside: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag != "Relationship":
            return
        target = attributes.get("Target", "")
        if attributes.get("TargetMode") == "External":
            outside[attributes.get("Id", "")] = target[:LONGEST_TEXT]
        else:
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            by_id[attributes.get("Id", "")] = path
            by_kind.setdefault(attributes.get("Type", "").rpartition("/")[2], path)

    _parse(chunks, start=start)
    return Relations(by_id, by_kind, outside)


def hyperlinks(chunks: Iterable[bytes], outside: Mapping[str, str]) -> dict[tuple[int, int], str]:
    """The addresses behind cells, by row (from 1) and column (from 0). A range's is its first cell's."""
    found: dict[tuple[int, int], str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "hyperlink" and (target := outside.get(attributes.get("id", ""))):
            first = _REFERENCE.fullmatch(attributes.get("ref", "").partition(":")[0])
            if first is not None:
                found[int(first[2]), place_of(first[1])] = target

    _parse(chunks, start=start)
    return found


def workbook_sheets(chunks: Iterable[bytes]) -> tuple[list[SheetEntry], bool]:
    """The sheets in their order, and whether days are counted from 1904."""
    sheets: list[SheetEntry] = []
    since_1904 = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal since_1904
        if tag == "sheet":
            visible = attributes.get("state", "visible") == "visible"
            sheets.append(SheetEntry(attributes.get("name", ""), visible, attributes.get("id", "")))
        elif tag == "workbookPr":
            since_1904 = attributes.get("date1904") in ("1", "true")

    _parse(chunks, start=start)
    return sheets, since_1904


def shared_strings(chunks: Iterable[bytes]) -> list[str]:
    """Texts that cells refer to by number, without their phonetic guides."""
    strings: list[str] = []
    text = _Text()

    def start(tag: str, _attributes: dict[str, str]) -> None:
        if tag == "si":
            text.clear()
        text.enter(tag)

    def end(tag: str) -> None:
        text.leave(tag)
        if tag == "si":
            strings.append(text.take())

    _parse(chunks, start=start, end=end, text=text.add)
    return strings


def date_styles(chunks: Iterable[bytes]) -> frozenset[str]:
    """The numbers of the cell styles that show a number as a date."""
    formats = set(_DATE_FORMATS)
    found: set[str] = set()
    count, inside = 0, False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count, inside
        if tag == "numFmt":
            code = _NO_DATE_PARTS.sub("", attributes.get("formatCode", ""))
            number = _whole(attributes.get("numFmtId"))
            (formats.add if _DATE_LETTER.search(code) else formats.discard)(number)
        elif tag == "cellXfs":
            inside = True
        elif tag == "xf" and inside:
            if _whole(attributes.get("numFmtId", "0")) in formats:
                found.add(str(count))
            count += 1

    def end(tag: str) -> None:
        nonlocal inside
        if tag == "cellXfs":
            inside = False

    _parse(chunks, start=start, end=end)
    return frozenset(found)


@dataclass(slots=True)
class _Text:
    """The text of one cell or shared string, at most one character longer than a cell may hold."""

    tags: tuple[str, ...] = ("t", "v")
    _parts: list[str] = field(default_factory=list)
    _room: int = LONGEST_TEXT + 1
    _inside: bool = False
    _phonetic: bool = False

    def enter(self, tag: str) -> None:
        if tag in self.tags:
            self._inside = not self._phonetic
        elif tag == "rPh":
            self._phonetic = True

    def leave(self, tag: str) -> None:
        if tag in self.tags:
            self._inside = False
        elif tag == "rPh":
            self._phonetic = False

    def add(self, text: str) -> None:
        if self._inside and self._room > 0:
            self._parts.append(text[: self._room])
            self._room -= len(text)

    def clear(self) -> None:
        self._parts.clear()
        self._room = LONGEST_TEXT + 1

    def take(self) -> str:
        text = "".join(self._parts)
        self.clear()
        return text


@dataclass(slots=True)
class SheetReader:
    """The rows of one sheet. `left_out` is known at their end."""

    strings: Sequence[str]
    dates: Collection[str] = ()
    since_1904: bool = False
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)
    left_out: LeftOut | None = None
    _ready: list[tuple[int, list[str]]] = field(default_factory=list)
    _row: int = 0
    _column: int = -1
    _last: int = 0  # the last row that was not blank
    _room: int = MOST_TEXT
    _cells: list[str] = field(default_factory=list)
    _type: str = "n"
    _style: str = ""
    _text: _Text = field(default_factory=_Text)
    _pointing: dict[int, int] = field(default_factory=dict)
    _formula: _Text = field(default_factory=lambda: _Text(tags=("f",)))

    def rows(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
        """The number from 1 and the cells of each row that is not blank. Raises the errors above."""
        for _ in _parsing(chunks, start=self._start, end=self._end, text=self._add):
            yield from self._ready
            self._ready.clear()

    def _add(self, text: str) -> None:
        self._text.add(text)
        self._formula.add(text)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._column = self._place(attributes.get("r"))
            self._type = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._text.clear()
            self._formula.clear()
        elif tag == "row":
            number = _whole(attributes["r"]) if "r" in attributes else self._row + 1
            if number <= self._row:
                raise BrokenXmlError
            self._row, self._column, self._cells = number, -1, []
            self._pointing.clear()
        self._text.enter(tag)
        self._formula.enter(tag)

    def _end(self, tag: str) -> None:
        self._text.leave(tag)
        self._formula.leave(tag)
        if tag == "c":
            self._take(self._linked(self._value(self._text.take())))
        elif tag == "row" and self._cells:
            self._follow()
            self._last = self._row
            self._ready.append((self._row, self._cells))
            self._cells = []

    def _place(self, reference: str | None) -> int:
        """The column from 0. Cells without a reference follow each other."""
        if reference is None:
            return self._column + 1
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            raise BrokenXmlError
        return place_of(match[1])

    def _linked(self, text: str) -> str:
        """The text with the address behind it, by a hyperlink or by the function HYPERLINK."""
        written = self._formula.take()
        if (cell := _HYPERLINK_OF.match(written)) and int(cell[2]) == self._row:
            self._pointing[self._column] = place_of(cell[1].upper())
        formula = _HYPERLINK.match(written)
        target = formula[1].replace('""', '"') if formula else self.links.get((self._row, self._column))
        return LinkedText(text or target, target) if target else text

    def _follow(self) -> None:
        """HYPERLINK may name the cell of its row that holds the address."""
        for column, place in self._pointing.items():
            if max(column, place) < len(self._cells) and (target := self._cells[place]):
                self._cells[column] = LinkedText(self._cells[column] or target, target)

    def _take(self, value: str) -> None:
        if not value or value.isspace():
            return
        if self._column >= MOST_COLUMNS or self._row > self._last + WIDEST_GAP + 1:
            self.left_out = far_cell(self.left_out, self._row, self._column)
            return
        self._room -= len(value)
        if self._room < 0:
            raise TooMuchTextError
        self._cells += [""] * (self._column + 1 - len(self._cells))
        self._cells[self._column] = value

    def _value(self, text: str) -> str:
        if self._type == "s":
            number = _whole(text)
            if number >= len(self.strings):
                raise BrokenXmlError
            return self.strings[number]
        if self._type == "b":
            return "FALSE" if text.strip() == "0" else "TRUE"
        return self._number(text) if self._type == "n" else text

    def _number(self, text: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        if self._style in self.dates and (date := _date(number, since_1904=self.since_1904)):
            return date
        return number_text(number)


def _date(days: float, *, since_1904: bool) -> str:
    """ISO 8601, or nothing for a number that is no day. Excel counts from 1899-12-30, so to speak."""
    try:
        at = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - cells have no zone
        at += timedelta(seconds=round(days * 86400))
    except (OverflowError, ValueError):
        return ""
    if 0 <= days < 1:
        return at.time().isoformat()
    return at.date().isoformat() if days.is_integer() else at.isoformat(" ")


def _whole(text: str | None) -> int:
    """Raises BrokenXmlError for what is no small whole number."""
    written = (text or "").strip()
    if not (written.isascii() and written.isdigit() and len(written) <= 10):
        raise BrokenXmlError
    return int(written)


def _parse(chunks: Iterable[bytes], **handlers: Callable[..., None]) -> None:
    for _ in _parsing(chunks, **handlers):
        pass


def _parsing(
    chunks: Iterable[bytes],
    *,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """One step for each chunk. Names come without their namespaces; there is none without a part at all."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda tag, attributes: start(
        _local(tag), {_local(name): value for name, value in attributes.items()}
    )
    if end is not None:
        parser.EndElementHandler = lambda tag: end(_local(tag))
    if text is not None:
        parser.CharacterDataHandler = text
    fed = 0
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > _LONGEST_TAG:
                raise BrokenXmlError
            yield
        if fed:
            parser.Parse(b"", True)
            yield
    except (expat.ExpatError, LookupError) as error:  # LookupError: an encoding that is none
        raise BrokenXmlError from error


def _refuse_doctype(*_declared: object) -> None:
    """Spreadsheets declare no entities; whoever does wants them to grow."""
    raise BrokenXmlError


def _local(name: str) -> str:
    return name.rpartition(":")[2]

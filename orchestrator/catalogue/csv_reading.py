"""CSV as it comes from spreadsheets: any of four delimiters, byte order marks, quoted line breaks, encodings.

Of a file that is not UTF-8 no encoding is chosen: a wrong one reads without an error and stores nonsense.
Those that decode it are named, each with what it would show; a person sees which is right.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.group_fields import quoted

_DELIMITERS = (",", ";", "\t", "|")
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<meta", b"<table", b"<?xml")
_SEP_LINE = re.compile(r'"?sep=(.)"?[\r\n]+', re.IGNORECASE)  # Excel's own first line; no row of the table
_BEFORE = 200  # bytes
_PART = 256 * 1024  # characters
HEADER_WITHIN = 20  # rows that are not blank: how far down the header may stand
_LONGEST_ROW = 100_000  # characters; below the limit that the csv module has for one cell


class _TooLongError(csv.Error):
    """A row that is no row."""


def delimited_rows(
    source: Source, options: ReadOptions, score: Callable[[Sequence[str]], int]
) -> Iterator[tuple[int, list[str]]]:
    """Row number as a spreadsheet counts, and the cells. `score` says how much a row looks like the header.

    Raises InputRejectedError for another encoding or a quotation mark that does not fit.
    """
    if source.head(200).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        raise InputRejectedError(
            f"{source.name}: a web page or XML, whatever its name says",
            hint="open it in a spreadsheet and save it as CSV UTF-8 or XLSX",
        )
    encoding, delimiter, skip = _form(source, options, score)
    number = 0
    try:
        for cells in _reader(source, encoding, delimiter, skip=skip):
            number += 1
            yield number, cells
    except _TooLongError:
        raise InputRejectedError(
            f"{source.name}: row {number + 1}: longer than {_LONGEST_ROW:,} characters",
            hint="perhaps a quotation mark is not closed, or this is no list of groups",
        ) from None
    except csv.Error:
        raise InputRejectedError(
            f"{source.name}: row {number + 1}: a quotation mark is not closed, or stands inside a cell",
            hint='a cell with quotation marks is written "like ""this"""',
        ) from None


def delimiter_of(source: Source, options: ReadOptions, score: Callable[[Sequence[str]], int]) -> str:
    """One that is found out again where the header is among what it divides; a comma instead of others."""
    delimiter = _form(source, options, score)[1]
    return delimiter if delimiter in _DELIMITERS else ","


def _form(
    source: Source, options: ReadOptions, score: Callable[[Sequence[str]], int]
) -> tuple[str, str, bool]:
    """Encoding, delimiter, and whether the first line only names it."""
    encoding = _encoding(source, options.encoding)
    named, skip = _sep_line(source, encoding)
    return encoding, _given(options.delimiter) or named or _sniff(source, encoding, score), skip


def _encoding(source: Source, wanted: str | None) -> str:
    marked = next((name for mark, name in _MARKS if source.head(len(mark)) == mark), None)
    encoding = wanted or marked or "utf-8"
    if wanted:
        try:
            io.TextIOWrapper(io.BytesIO(), wanted)  # unlike codecs.lookup it refuses those that are no text's
        except (LookupError, ValueError):
            raise UsageError(
                f"--encoding: there is no encoding {quoted(wanted)} for text",
                hint="such as utf-8, cp1252 or utf-16",
            ) from None
        if codecs.lookup(wanted).name == "utf-8":
            encoding = "utf-8-sig"
        _refuse_mojibake(source, wanted)
    try:
        for part in _parts(source, encoding):
            if "\0" in part:
                hint = utf_16_hint(source.head(SAMPLE)) or "export it as CSV (UTF-8), or give XLSX"
                raise InputRejectedError(f"{source.name}: not a text file", hint=hint)
    except UnicodeError:
        raise _undecodable(source, wanted) from None
    return encoding


def _refuse_mojibake(source: Source, wanted: str) -> None:
    """Any bytes are text in an encoding of one byte for each letter, those of UTF-8 too."""
    sample = utf_8_sample(source.head(SAMPLE + 1)) if is_of_single_bytes(wanted) else ""
    if sample:
        raise InputRejectedError(
            f"{source.name}: is UTF-8, which {wanted} would spoil: it reads {sample}",
            hint="try without --encoding",
        )


def _parts(source: Source, encoding: str) -> Iterator[str]:
    """Bit by bit: a whole text costs up to four times its bytes."""
    with io.TextIOWrapper(source.open(), encoding, newline="") as text:
        while part := text.read(_PART):
            yield part


def _undecodable(source: Source, wanted: str | None) -> InputRejectedError:
    if wanted:
        return InputRejectedError(f"{source.name}: not {wanted}", hint="try without --encoding")
    if line := _damaged_line(source):
        return InputRejectedError(
            f"{source.name}: line {line} is not UTF-8, though others are",
            hint="write that line anew, or save the table as CSV UTF-8 once more",
        )
    return InputRejectedError(f"{source.name}: not UTF-8", hint=encoding_hint(_from_first_letter(source)))


def _damaged_line(source: Source) -> int | None:
    """The first line that is no UTF-8, where most letters beyond ASCII are."""
    good = bad = 0
    first: int | None = None
    with source.open() as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_ROW), b""), start=1):
            if line.isascii():
                continue
            text = line.decode("utf-8", "replace")
            broken = text.count("\ufffd")
            good, bad = good + sum(not sign.isascii() for sign in text) - broken, bad + broken
            first = first or (number if broken else None)
    return first if good > bad else None


def _from_first_letter(source: Source) -> bytes:
    """A part that holds the first letter that is not ASCII."""
    before = b""
    with source.open() as stream:
        while block := stream.read(SAMPLE):
            if not block.isascii():
                return before[-_BEFORE:] + block
            before = block
    return before


def _reader(source: Source, encoding: str, delimiter: str, *, skip: bool) -> Iterator[list[str]]:
    with io.TextIOWrapper(source.open(), encoding, newline="") as text:
        lines = _Lines(text)
        if skip:
            next(lines)
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            yield cells
            lines.length = 0


class _Lines:
    """The lines of a text. Stops a row that grows, over one line or many, before it is read whole."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.length = 0  # characters of the row so far

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LONGEST_ROW + 1 - self.length)
        if not line:
            raise StopIteration
        self.length += len(line)
        if self.length > _LONGEST_ROW:
            raise _TooLongError
        return line


def _sep_line(source: Source, encoding: str) -> tuple[str | None, bool]:
    with io.TextIOWrapper(source.open(), encoding, newline="") as text:
        found = _SEP_LINE.fullmatch(text.readline(32))
    return (found[1], True) if found else (None, False)


def _given(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    found = _NAMED.get(delimiter.casefold(), delimiter)
    if len(found) != 1 or found in '"\r\n':
        raise UsageError("--delimiter takes one character, or tab")
    return found


def _sniff(source: Source, encoding: str, score: Callable[[Sequence[str]], int]) -> str:
    """The delimiter under which the header is recognised best; among equals the one that splits most."""

    def merit(delimiter: str) -> tuple[int, int]:
        best = (0, 0)
        rows = _reader(source, encoding, delimiter, skip=False)
        filled = (cells for cells in rows if any(cell.strip() for cell in cells))
        with contextlib.suppress(csv.Error):  # not this one: quotation marks stand elsewhere
            for cells in itertools.islice(filled, HEADER_WITHIN):
                best = max(best, (score(cells), len(cells)))
        return best

    return max(_DELIMITERS, key=merit)


# What spreadsheets write where UTF-8 is not asked for: code pages of Windows, East Asia, the Mac and DOS.
_CANDIDATES = (
    "cp1252", "cp1256", "cp1251", "cp1250", "cp1254", "cp1253", "cp1255", "cp874",
    "gb18030", "cp932", "cp949", "big5", "mac_roman", "cp850",
)  # fmt: skip
_SHOWN = 4
SAMPLE = 64 * 1024  # bytes that are looked at
_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_EDGE = re.compile(r"[,;|\t\r\n\"]")
_AROUND = 30  # characters of the phrase on each side
_USUAL_SIGNS = frozenset("“”‘’«»–—…•°ºª€£¿¡©®™·\u00a0、。：，（）！？「」")


def encoding_hint(data: bytes) -> str:
    """What to type, for a file that is not UTF-8 and begins so; no suggestions where nothing decodes it."""
    if hint := utf_16_hint(data):
        return hint
    seen: dict[str, str] = {}
    for encoding in sorted(_CANDIDATES, key=lambda one: _faults(_decoded(data, one))):
        sample = _sample(_decoded(data, encoding))
        if sample:
            seen.setdefault(sample, encoding)
    if not seen:
        return "save it as CSV UTF-8, or give XLSX"
    shown = [f"--encoding {encoding} reads {sample}" for sample, encoding in list(seen.items())[:_SHOWN]]
    return f"take the one that reads right, or save it as CSV UTF-8: {'; '.join(shown)}"


def is_of_single_bytes(encoding: str) -> bool:
    """Whether each byte is a letter by itself: a code page, no encoding of Unicode or of East Asia."""
    pairs = b"\x88\x9f\xc3\xa3"  # one letter of UTF-8 among them, and two or three of East Asia
    try:
        letters = pairs.decode(encoding, "replace")
    except UnicodeError:  # punycode and the like, which know no replacement
        return False
    return len(letters) == len(pairs) and codecs.lookup(encoding).name != "utf-7"


def utf_8_sample(data: bytes) -> str:
    """A phrase of UTF-8 that is not ASCII; nothing where there is none, or it is not UTF-8."""
    return _sample(_decoded(data, "utf-8"))


def utf_16_hint(data: bytes) -> str:
    """What to type for UTF-16 without its mark, else nothing: ASCII has a zero in every second byte there."""
    start = data[:1000]
    for encoding, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        if start and start[odd::2].count(0) > len(start) / 4 and not start[1 - odd :: 2].count(0):
            return f"it is UTF-16 without its mark: --encoding {encoding}"
    return ""


def _decoded(data: bytes, encoding: str) -> str:
    """The beginning of the text; empty where it does not decode. A character may be cut at the end."""
    for end in range(SAMPLE, SAMPLE - 4, -1):
        try:
            return data[:end].decode(encoding)
        except UnicodeDecodeError:
            if len(data) <= SAMPLE:
                break
    return ""


def _faults(text: str) -> float:
    """How much of the text is unlike writing; a text that is not there is all faults."""
    if not text:
        return float("inf")
    signs = sum(1 for c in text if not c.isascii() and not c.isalpha() and not _is_usual(c))
    return signs + sum(map(_odd, _WORD.findall(text)))


def _is_usual(character: str) -> bool:
    return character in _USUAL_SIGNS or unicodedata.category(character) in ("Mn", "Mc", "Nd")


def _odd(word: str) -> int:
    """Letters of two scripts, a capital after a small letter, or many accents in a row."""
    if word.isascii():
        return 0
    scripts = {unicodedata.name(c, "?").split()[0] for c in word}
    japanese = {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"}
    mixed = len(scripts) > 1 and not scripts <= japanese
    turned = any(a.islower() and b.isupper() for a, b in itertools.pairwise(word))
    accents = "LATIN" in scripts and re.search(r"[^\x00-\x7f]{3}", word) is not None
    halves = any("HALFWIDTH" in unicodedata.name(c, "") for c in word)
    return mixed + turned + accents + halves


def _sample(text: str) -> str:
    """The first phrase that is not ASCII."""
    found = _FOREIGN.search(text)
    if found is None:
        return ""
    before = _EDGE.split(text[max(0, found.start() - _AROUND) : found.start()])[-1]
    return quoted(before + _EDGE.split(text[found.start() : found.end() + _AROUND])[0])

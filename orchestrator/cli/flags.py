"""How a flag is declared: its help, its short form, and the environment variable that stands for it."""

from __future__ import annotations

from cyclopts import Parameter


def variable(name: str) -> str:
    """`--max-duration` is `REJOIN_MAX_DURATION`."""
    return "REJOIN_" + name.lstrip("-").upper().replace("-", "_")


def flag(name: str, help_text: str, *, short: str = "", metavar: str = "") -> Parameter:
    """A flag `--name`, also settable by its variable."""
    names = (f"--{name}", short) if short else (f"--{name}",)
    return Parameter(name=names, help=help_text, env_var=variable(name), negative=(), metavar=metavar or None)


def positional(metavar: str, help_text: str, *, dash: bool = False) -> Parameter:
    """A value by position; it has no variable, since it says what the call is about. `dash`: may be `-`."""
    return Parameter(name=metavar, help=help_text, negative=(), metavar=metavar, allow_leading_hyphen=dash)


SHEET = flag("sheet", "Name or number of the XLSX sheet (else the first).")
DELIMITER = flag("delimiter", "Of the CSV's columns (else found out): , ; tab |")
ENCODING = flag("encoding", "Of the CSV (else UTF-8, or as it says).")

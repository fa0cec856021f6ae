"""What pydantic found wrong, in words: never with a secret value, never with a neighbour's."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orchestrator.config.keys import Kind, key_at, keys_of, known_names
from orchestrator.config.models import Settings
from orchestrator.config.problems import KeyPath
from orchestrator.config.raw_values import Draft, is_secret
from orchestrator.domain.suggestions import did_you_mean

HIDDEN = " (hidden)"
_SENTENCES = {
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} item(s)",
    "string_pattern_mismatch": "must match {pattern}",
}


def explain(draft: Draft, error: ValidationError) -> None:
    """Add every error to the draft's problems, but for what a problem already told explains."""
    refused: set[KeyPath] = set()
    for found in error.errors(include_input=False, include_url=False):
        path: KeyPath = found["loc"]
        if path not in draft.refused:
            draft.complain(path, _sentence(draft, path, found))
        refused.add(path)
    draft.refused |= refused


def _sentence(draft: Draft, path: KeyPath, found: ErrorDetails) -> str:
    match found["type"]:
        case "extra_forbidden":
            return _unknown(draft, path)
        case "missing":
            return "is missing"
        case "literal_error":
            return _not_a_choice(draft, path, str(found["ctx"]["expected"]))
        case "value_error":
            return str(found["ctx"]["error"]) + _got(draft, path)
        case "tuple_type" | "model_type":
            return _wrong_container(path)
    template = _SENTENCES.get(found["type"])
    return (template.format(**found.get("ctx", {})) if template else "is not valid") + _got(draft, path)


def _unknown(draft: Draft, path: KeyPath) -> str:
    *above, name = path
    what = "section" if not above and isinstance(draft.raw(path), dict | list) else "key"
    section = key_at(tuple(above)) if above else None
    known = known_names((section.model if section else None) or Settings)
    hint = did_you_mean(str(name), known) or _elsewhere(str(name))
    return f"unknown {what}.{hint}" if hint else f"unknown {what}"


def _elsewhere(name: str) -> str:
    """A known key in the wrong section; in TOML easily done by writing below a header."""
    if name in keys_of(Settings):
        return " It belongs at the top of the file, above the first [section]."
    homes = [key.name for key in keys_of(Settings).values() if key.model and name in known_names(key.model)]
    return f" It belongs in [{homes[0]}]." if len(homes) == 1 else ""


def _not_a_choice(draft: Draft, path: KeyPath, expected: str) -> str:
    choices = re.findall(r"'([^']*)'", expected)
    value = draft.raw(path)
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"must be one of {', '.join(choices)}{_got(draft, path)}" + (f".{hint}" if hint else "")


def _wrong_container(path: KeyPath) -> str:
    key = key_at(path)
    shown = ".".join(str(step) for step in path if isinstance(step, str))
    if key and key.kind is Kind.TABLES and not isinstance(path[-1], int):
        return f"must be a list of tables: each begins with [[{shown}]], in two pairs of brackets"
    if key and key.kind in {Kind.TABLE, Kind.TABLES}:
        return f"must be a table: [{shown}], or {{ key = value }}"
    return 'must be a list, such as ["one", "two"]'


def _got(draft: Draft, path: KeyPath) -> str:
    if is_secret(path):
        return HIDDEN
    value = draft.raw(path)
    return f" (got {_spell(value)})"


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = "".join(c for c in str(value) if c.isprintable())
    if "@" in text or "?" in text:
        return "hidden: it may hold a password"
    return json.dumps(text if len(text) <= 60 else text[:57] + "…", ensure_ascii=False)

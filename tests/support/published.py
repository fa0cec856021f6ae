"""Requests compared with a vendor's own published description, of which tests/data/gateways has the facts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.wawp_peer import Seen

FOLDER = Path(__file__).parents[1] / "data" / "gateways"
_TYPES: dict[str, Any] = {
    "string": str,
    "object": dict,
    "array": list,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def facts_of(vendor: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{vendor}.json").read_text())
    return found


def problems(facts: dict[str, Any], name: str, seen: Seen) -> list[str]:
    """What is wrong with a request as an operation of that name; nothing if it is valid."""
    operation = facts["operations"][name]
    found = [] if seen.method == operation["method"] else [f"{seen.method}, not {operation['method']}"]
    path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation["path"]))
    if not re.fullmatch(path, seen.path):
        found.append(f"{seen.path} is not {operation['path']}")
    query = operation.get("query", {})
    found += [f"query {one} is not known" for one in seen.query if one not in query]
    found += [f"query {one} is missing" for one in query if query[one]["required"] and one not in seen.query]
    for one, value in seen.query.items():
        if one in query:
            found += _wrong(query[one]["schema"] | {"type": "string"}, value, f"query {one}")
    if "body" in operation:
        found += _wrong(operation["body"], seen.body, "body")
    elif seen.body:
        found.append("a body where there is none")
    return found


def _wrong(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    """The part of JSON Schema that these descriptions use. A key that is not described is wrong as well."""
    wanted = _TYPES.get(schema.get("type", ""))
    if value is None and schema.get("nullable"):
        return
    if wanted is not None and not isinstance(value, wanted):
        yield f"{where} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{where} does not match {schema['pattern']}"
    if isinstance(value, dict):
        known: Any = schema.get("properties")
        yield from (f"{where}.{key} is missing" for key in schema.get("required", ()) if key not in value)
        for key, inner in value.items() if isinstance(known, dict) else ():
            if key in known:
                yield from _wrong(known[key], inner, f"{where}.{key}")
            else:
                yield f"{where}.{key} is not known"
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from _wrong(schema["items"], inner, f"{where}[{number}]")

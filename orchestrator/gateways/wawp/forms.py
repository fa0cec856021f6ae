"""The ways to ask Wawp that its pages and clients show, for who must find out which one works.

Credentials: query and JSON body (https://api.wawp.net/en/docs/v2/groups/join), headers (its OpenAPI export,
its Python client), the query of a POST (users' clients). Path: that page, and v1 with WAHA (`join-info`).
Parameter and value: `code` (v1's n8n node, WAHA), `url` with the link (its Python client); a page without
the parameter's name "accepts both direct invite codes and full WhatsApp group links".
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")
_AUTH = ("body", "header", "bearer", "query")
_PATHS = ("/v2/groups/join", "/v2/groups/join-info")
_CODES = (("code", "code"), ("url", "link"), ("code", "link"), ("url", "code"))


def forms(configured: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Keys and values of `[instances.wawp]`: `configured` first, then every other combination, once."""
    told = {name: configured[name] for name in ("auth", "probe_path", "code_parameter", "code_form")}
    own = (told["code_parameter"], told["code_form"])
    yield told
    for auth, path, (parameter, form) in product(
        _first(told["auth"], _AUTH), _first(told["probe_path"], _PATHS), _first(own, _CODES)
    ):
        found = {"auth": auth, "probe_path": path, "code_parameter": parameter, "code_form": form}
        if found != told:
            yield found


def question(form: Mapping[str, str]) -> tuple[str, str, str]:
    """(credentials, route, code) of the GET: forms that agree in one of them fall with it."""
    auth = "query" if form["auth"] == "body" else form["auth"]
    return auth, form["probe_path"], f"{form['code_parameter']}={form['code_form']}"


def _first(own: T, known: tuple[T, ...]) -> tuple[T, ...]:
    return (own, *(one for one in known if one != own))

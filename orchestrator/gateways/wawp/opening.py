"""From one instance's configuration to its gateway: as it is configured, or in one of the other ways that
Wawp's pages and clients show, for who must find out which of them works.

Credentials: query and JSON body (https://api.wawp.net/en/docs/v2/groups/join), headers (its OpenAPI export,
its Python client), the query of a POST (users' clients). Path: that page, and v1 with WAHA (`join-info`).
Parameter and value: `code` (v1's n8n node, WAHA), `url` with the link (its Python client); a page without
the parameter's name "accepts both direct invite codes and full WhatsApp group links".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any, TypeVar

from orchestrator.gateways.base import Endpoint, Form
from orchestrator.gateways.calls import Timeouts
from orchestrator.gateways.http import HttpClient, open_session
from orchestrator.gateways.wawp.adapter import WawpGateway
from orchestrator.gateways.wawp.routes import WawpRoutes

T = TypeVar("T")
_SECTION = "wawp"
_AUTH = ("body", "header", "bearer", "query")
_PROBE_FALLBACK = "/v2/groups/join-info"
_PATHS = ("/v2/groups/join", _PROBE_FALLBACK)
_CODES = (("code", "code"), ("url", "link"), ("code", "link"), ("url", "code"))


def open_gateway(endpoint: Endpoint) -> WawpGateway:
    return _open(endpoint, routes_of(endpoint.options))


def routes_of(options: Mapping[str, Any]) -> WawpRoutes:
    """As they are configured, with what Wawp's pages show beside it."""
    return WawpRoutes(**_routes(options), probe_fallback_path=_PROBE_FALLBACK, keeps_limits=True)


def forms(endpoint: Endpoint) -> Iterator[Form]:
    """The configured one first, then every other combination, once."""
    for settings in _combinations(endpoint.options):
        yield Form(_SECTION, settings, *_question(settings), gateway=partial(_in_form, endpoint, settings))


def _in_form(endpoint: Endpoint, settings: Mapping[str, str]) -> WawpGateway:
    """Nothing else is asked than what is called: no other path for the probe, no limits."""
    routes = _routes(endpoint.options) | {**settings, "probe_fallback_path": settings["probe_path"]}
    return _open(endpoint, WawpRoutes(**routes))


def _routes(options: Mapping[str, Any]) -> dict[str, Any]:
    """As `WawpRoutes` names them."""
    own = {name: value for name, value in options.items() if name != "paths"}
    return own | {f"{name}_path": path for name, path in options.get("paths", {}).items()}


def _open(endpoint: Endpoint, routes: WawpRoutes) -> WawpGateway:
    return WawpGateway(
        http=HttpClient(open_session(), clock=endpoint.clock),
        base_url=endpoint.base_url,
        instance_id=endpoint.account,
        access_token=endpoint.token,
        options=routes,
        timeouts=Timeouts(endpoint.connect_timeout, endpoint.timeout, endpoint.join_timeout),
    )


def _combinations(configured: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Keys and values of the instance's own table."""
    told = {name: configured[name] for name in ("auth", "probe_path", "code_parameter", "code_form")}
    own = (told["code_parameter"], told["code_form"])
    yield told
    for auth, path, (parameter, form) in product(
        _first(told["auth"], _AUTH), _first(told["probe_path"], _PATHS), _first(own, _CODES)
    ):
        found = {"auth": auth, "probe_path": path, "code_parameter": parameter, "code_form": form}
        if found != told:
            yield found


def _question(form: Mapping[str, str]) -> tuple[str, str, str]:
    """(credentials, route, code) of the GET: forms that agree in one of them fall with it."""
    auth = "query" if form["auth"] == "body" else form["auth"]
    return auth, form["probe_path"], f"{form['code_parameter']}={form['code_form']}"


def _first(own: T, known: tuple[T, ...]) -> tuple[T, ...]:
    return (own, *(one for one in known if one != own))

"""Where Wawp's calls live, how they carry their credentials, and the other ways that its pages show.

Credentials: query and JSON body (https://api.wawp.net/en/docs/v2/groups/join), headers (its OpenAPI export,
its Python client), the query of a POST (users' clients). Path: that page, and v1 with WAHA (`join-info`).
Parameter and value: `code` (v1's n8n node, WAHA), `url` with the link (its Python client); a page without
the parameter's name "accepts both direct invite codes and full WhatsApp group links".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeVar

T = TypeVar("T")
_AUTH = ("body", "header", "bearer", "query")
_PATHS = ("/v2/groups/join", "/v2/groups/join-info")
_CODES = (("code", "code"), ("url", "link"), ("code", "link"), ("url", "code"))


@dataclass(frozen=True, slots=True)
class WawpRoutes:
    """Paths (`{id}` is the group's JID), the name of the code parameter, and the form of credentials.

    Wawp's page for v2 shows one path and two methods (https://api.wawp.net/en/docs/v2/groups/join);
    its v1 node and WAHA have a path of its own for the probe, which is the fallback.
    `auth`: `body` puts `instance_id` and `access_token` in the query of a GET and the JSON of a POST, `query`
    in the query of both. `header` sends `access-token`, `X-Instance-ID` and a bearer token, `bearer` only the
    last two, so that the token stands in no URL. Wawp's pages show the first, its OpenAPI export and its
    Python client the others; users send a POST's credentials in its query.
    `code_in`: where a join carries the code. `code_form`: the bare code, or the whole link, which Wawp's page
    accepts as well and its Python client sends.
    `keeps_limits`: the gateway is asked for its limits before the first call about a group, and again after
    an hour. Else they are kept from the first time that somebody asks for them.
    """

    probe_path: str = "/v2/groups/join"
    probe_fallback_path: str = "/v2/groups/join-info"
    join_path: str = "/v2/groups/join"
    code_parameter: str = "code"
    code_in: Literal["body", "query"] = "body"
    code_form: Literal["code", "link"] = "code"
    auth: Literal["body", "query", "header", "bearer"] = "body"
    groups_path: str = "/v2/groups"
    group_path: str = "/v2/groups/{id}"
    participants_path: str = "/v2/groups/{id}/participants"
    leave_path: str = "/v2/groups/{id}/leave"
    invite_code_path: str = "/v2/groups/{id}/invite-code"
    revoke_code_path: str = "/v2/groups/{id}/invite-code/revoke"
    send_text_path: str = "/v2/send/text"
    session_info_path: str = "/v2/session/info"
    webhook_path: str = "/v2/session/webhook"
    rate_limit_path: str = "/v2/session/rate-limit"
    keeps_limits: bool = False


@dataclass(frozen=True, slots=True)
class WawpTimeouts:
    """Seconds. A join upstream may wait 10 s for the session and 75 s for WhatsApp (whatsmeow's query
    time-out), so its own is above their sum.
    """

    connect: float = 10.0
    read: float = 90.0
    join: float = 100.0


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

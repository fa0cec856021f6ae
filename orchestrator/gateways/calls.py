"""One call to a gateway, for every vendor: a route filled in with what it is about, sent once, and read as
far as "refused" or "a good body".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from yarl import URL

from orchestrator.domain.outcomes import GatewayAnswer
from orchestrator.gateways.answers import Hidden, Wording, failure
from orchestrator.gateways.base import LastLook
from orchestrator.gateways.error_bodies import read_json
from orchestrator.gateways.http import SMALL_BODY, HttpClient, HttpFailure, HttpRequest, HttpResult
from orchestrator.gateways.whatsapp_answers import Call

_ALONE = re.compile(r"\{(\w+)\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Route:
    """How a vendor wants one thing to be asked.

    Its texts are templates. `{account}` and `{token}` stand for who asks, `{code}`, `{id}` (a group's JID),
    `{text}` and the like for what it is about. A template that is nothing but such a name gives the value
    itself, of any type.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class GatewayRoutes:
    """What a gateway can be asked. None: it has no such call."""

    session: Route
    probe: Route
    join: Route
    groups: Route
    group: Route
    participants: Route
    send_text: Route
    leave: Route | None = None
    invite_code: Route | None = None
    revoke_code: Route | None = None
    webhooks: Route | None = None
    set_webhooks: Route | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask. `about` fills the route's templates; no error repeats its `code`, nor any of `secrets`."""

    call: Call
    route: Route
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    limit: int = SMALL_BODY
    last_look: LastLook | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """An answer that is no error. `body` is its JSON; None where it has none."""

    call: Call
    result: HttpResult = field(repr=False)
    body: Any = field(repr=False)
    _wording: Wording = field(repr=False)
    _hidden: Hidden = field(repr=False)

    def unreadable(self, what: str) -> GatewayAnswer:
        """What to answer if the body turns out not to say what was asked for."""
        return self._wording.unreadable(self.call, self.result, what, hidden=self._hidden)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. A join upstream may wait 10 s for the session and 75 s for WhatsApp (whatsmeow's query
    time-out), so its own is above their sum.
    """

    connect: float
    read: float
    join: float


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `headers` go with every call and may carry the token, as may the routes.

    `secrets` are further texts that no error repeats, such as another form of the token.
    """

    account: str
    token: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def check_sendable(name: str, value: str) -> None:
    """ValueError for what no header can carry. It does not repeat the value."""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"{name} is empty or holds characters that no header can carry")


class GatewayCalls:
    """Sends what one instance asks of its gateway."""

    def __init__(
        self, http: HttpClient, base_url: str, caller: Caller, *, wording: Wording, timeouts: Timeouts
    ) -> None:
        """ValueError for an address that cannot be used; it does not repeat it."""
        self.http = http
        self._base_url = _checked(base_url)
        self._caller = caller
        self._wording = wording
        self._timeouts = timeouts

    async def send(self, ask: Ask) -> Good | GatewayAnswer:
        """Sent at most once. An answer is an error of some kind; Good is everything else."""
        result = await self.http.send(self._request(ask))
        if isinstance(result, HttpFailure):
            return failure(ask.call, result)
        codes = (ask.about["code"],) if "code" in ask.about else ()
        secrets = tuple(one for one in (self._caller.token, *self._caller.secrets, *ask.secrets) if one)
        hidden = Hidden(secrets=secrets, codes=codes)
        error = self._wording.refusal(ask.call, result, now=self.http.clock.now(), hidden=hidden)
        if error is not None:
            return error
        return Good(ask.call, result, read_json(result.body)[0], self._wording, hidden)

    def _request(self, ask: Ask) -> HttpRequest:
        route, caller = ask.route, self._caller
        values = {"account": caller.account, "token": caller.token, **ask.about}
        named = {key: value for key, value in values.items() if isinstance(value, str)}
        return HttpRequest(
            method=route.method,
            base_url=self._base_url,
            path=route.path,
            values=named,
            query=_filled(route.query, values),
            payload=None if route.body is None else _filled(route.body, values),
            headers=caller.headers,
            total=self._timeouts.join if ask.call is Call.JOIN else self._timeouts.read,
            connect=self._timeouts.connect,
            limit=ask.limit,
            last_look=ask.last_look,
        )


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return {key: _filled(inner, values) for key, inner in template.items()}
    if not isinstance(template, str):
        return template
    alone = _ALONE.fullmatch(template)
    return template.format_map(values) if alone is None else values[alone[1]]


def _checked(base_url: str) -> str:
    """The address, or a ValueError that does not repeat it: it may hold a password."""
    try:
        url = URL(base_url)
    except ValueError:
        raise ValueError("base_url is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ValueError("base_url must be http(s)://host[:port][/path] without query or fragment")
    return base_url

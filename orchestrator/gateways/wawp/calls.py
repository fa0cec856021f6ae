"""One call to Wawp: where it lives and how it carries its credentials; sent once, and read as far as
"refused" or "a good body".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from yarl import URL

from orchestrator.domain.outcomes import GatewayAnswer
from orchestrator.gateways.answers import Hidden, failure
from orchestrator.gateways.base import LastLook
from orchestrator.gateways.http import SMALL_BODY, HttpClient, HttpFailure, HttpRequest, HttpResult
from orchestrator.gateways.wawp.error_bodies import read_json
from orchestrator.gateways.wawp.own_errors import WORDING
from orchestrator.gateways.whatsapp_answers import Call

LINK = "https://chat.whatsapp.com/"


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask. `fields` go to the query of a GET and to the JSON body of a POST."""

    call: Call
    method: Literal["GET", "POST"]
    path: str
    jid: str | None = None
    code: str | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)  # in `fields`: no error repeats them
    limit: int = SMALL_BODY
    last_look: LastLook | None = None


@dataclass(frozen=True, slots=True)
class Good:
    """An answer that is no error. `body` is its JSON; None where it has none."""

    ask: Ask
    result: HttpResult = field(repr=False)
    body: Any = field(repr=False)
    hidden: Hidden = field(repr=False)

    def unreadable(self, what: str) -> GatewayAnswer:
        """What to answer if the body turns out not to say what was asked for."""
        return WORDING.unreadable(self.ask.call, self.result, what, hidden=self.hidden)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. The token may go where the routes say, and nowhere else."""

    instance_id: str
    access_token: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in (("instance_id", self.instance_id), ("access_token", self.access_token)):
            if not value or not value.isascii() or not value.isprintable() or " " in value:
                raise ValueError(f"{name} is empty or holds characters that no header can carry")


class WawpCalls:
    """Sends asks for one instance."""

    def __init__(
        self,
        http: HttpClient,
        base_url: str,
        credentials: Credentials,
        *,
        routes: WawpRoutes,
        timeouts: WawpTimeouts,
    ) -> None:
        self.http = http
        self._base_url = _checked(base_url)
        self._credentials = credentials
        self._routes = routes
        self._timeouts = timeouts

    async def send(self, ask: Ask) -> Good | GatewayAnswer:
        """Sent at most once. An answer is an error of some kind; Good is everything else."""
        result = await self.http.send(self._request(ask))
        if isinstance(result, HttpFailure):
            return failure(ask.call, result)
        codes = () if ask.code is None else (ask.code,)
        hidden = Hidden(secrets=(self._credentials.access_token, *ask.secrets), codes=codes)
        error = WORDING.refusal(ask.call, result, now=self.http.clock.now(), hidden=hidden)
        if error is not None:
            return error
        return Good(ask=ask, result=result, body=read_json(result.body)[0], hidden=hidden)

    def _request(self, ask: Ask) -> HttpRequest:
        routes, post = self._routes, ask.method == "POST"
        query, payload = dict[str, Any](), dict[str, Any]()
        usual = payload if post else query
        (query if routes.auth == "query" else usual).update(self._identity())
        usual.update({} if ask.jid is None else {"id": ask.jid}, **ask.fields)
        if ask.code is not None:
            given = LINK + ask.code if routes.code_form == "link" else ask.code
            (query if routes.code_in == "query" else usual)[routes.code_parameter] = given
        return HttpRequest(
            method=ask.method,
            base_url=self._base_url,
            path=ask.path,
            values={} if ask.jid is None else {"id": ask.jid},
            query=query,
            payload=payload if post else None,
            headers=self._headers(),
            total=self._timeouts.join if ask.call is Call.JOIN else self._timeouts.read,
            connect=self._timeouts.connect,
            limit=ask.limit,
            last_look=ask.last_look,
        )

    def _identity(self) -> dict[str, Any]:
        who = {"instance_id": self._credentials.instance_id}
        if self._routes.auth in ("header", "bearer"):
            return who
        return {**who, "access_token": self._credentials.access_token}

    def _headers(self) -> dict[str, str]:
        """The names of Wawp's Python client, and that of its OpenAPI export."""
        auth, token = self._routes.auth, self._credentials.access_token
        if auth not in ("header", "bearer"):
            return {}
        bearer = {"Authorization": f"Bearer {token}", "X-Instance-ID": self._credentials.instance_id}
        return bearer if auth == "bearer" else {"access-token": token, **bearer}


def _checked(base_url: str) -> str:
    """The address, or a ValueError that does not repeat it: it may hold a password."""
    try:
        url = URL(base_url)
    except ValueError:
        raise ValueError("base_url is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ValueError("base_url must be http(s)://host[:port][/path] without query or fragment")
    return base_url


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

    probe_path: str
    probe_fallback_path: str
    join_path: str
    code_parameter: str
    code_in: Literal["body", "query"]
    code_form: Literal["code", "link"]
    auth: Literal["body", "query", "header", "bearer"]
    groups_path: str
    group_path: str
    participants_path: str
    leave_path: str
    invite_code_path: str
    revoke_code_path: str
    send_text_path: str
    session_info_path: str
    webhook_path: str
    rate_limit_path: str
    keeps_limits: bool = False


@dataclass(frozen=True, slots=True)
class WawpTimeouts:
    """Seconds. A join upstream may wait 10 s for the session and 75 s for WhatsApp (whatsmeow's query
    time-out), so its own is above their sum.
    """

    connect: float
    read: float
    join: float

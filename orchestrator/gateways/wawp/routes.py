"""Where Wawp's calls live and how they carry credentials and codes, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.gateways.calls import Caller, GatewayRoutes, Route, check_sendable

LINK = "https://chat.whatsapp.com/"


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

    def table(self) -> GatewayRoutes:
        return GatewayRoutes(
            session=self.post(self.session_info_path),
            probe=self.probe(self.probe_path),
            join=self._with_code(self.post(self.join_path)),
            groups=self.get(self.groups_path),
            group=self.get(self.group_path, id="{id}"),
            participants=self.get(self.participants_path, id="{id}"),
            send_text=self.post(self.send_text_path, chatId="{id}", message="{text}"),
            leave=self.post(self.leave_path, id="{id}"),
            invite_code=self.get(self.invite_code_path, id="{id}"),
            revoke_code=self.post(self.revoke_code_path, id="{id}"),
            webhooks=self.get(self.webhook_path),
            set_webhooks=self.set_webhooks(),
        )

    def probe(self, path: str) -> Route:
        return self._with_code(self.get(path))

    def set_webhooks(self) -> Route:
        return self.post(self.webhook_path, webhooks="{webhooks}")

    def get(self, path: str, **fields: str) -> Route:
        return Route("GET", path, query={**self._identity(), **fields})

    def post(self, path: str, **fields: str) -> Route:
        who = self._identity()
        if self.auth == "query":
            return Route("POST", path, query=who, body=fields)
        return Route("POST", path, body={**who, **fields})

    def caller(self, instance_id: str, access_token: str) -> Caller:
        """Header names of Wawp's Python client and its OpenAPI export. ValueError for what cannot be sent."""
        check_sendable("instance_id", instance_id)
        check_sendable("access_token", access_token)
        headers = {"Authorization": f"Bearer {access_token}", "X-Instance-ID": instance_id}
        if self.auth == "header":
            headers = {"access-token": access_token, **headers}
        in_headers = self.auth in ("header", "bearer")
        return Caller(instance_id, access_token, headers if in_headers else {})

    def _identity(self) -> dict[str, str]:
        who = {"instance_id": "{account}"}
        return who if self.auth in ("header", "bearer") else {**who, "access_token": "{token}"}

    def _with_code(self, route: Route) -> Route:
        given: dict[str, Any] = {
            self.code_parameter: LINK + "{code}" if self.code_form == "link" else "{code}"
        }
        if route.body is None or self.code_in == "query":
            return Route(route.method, route.path, {**route.query, **given}, route.body)
        return Route(route.method, route.path, route.query, {**route.body, **given})

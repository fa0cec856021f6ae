"""Where Wawp's calls live and how they carry their credentials. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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

"""What can go wrong, as data: knobs of the gateway and its webhooks, and rules of trouble for some calls.

Sources of how webhooks behave: https://api.wawp.net/en/docs/group.v2.join and its siblings; WAHA's events,
how-to/events and WebhookSender.ts (retries on every error, constant delay, sends that overtake each other).
"""

from __future__ import annotations

import hashlib
import hmac
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.simulator import checked_tables
from orchestrator.simulator.checked_tables import (
    Reader,
    anything,
    flag,
    knob,
    knobs_of,
    number,
    one_of,
    positive,
    share,
    some_of,
    span,
    text,
    whole,
)
from orchestrator.simulator.error_wordings import DIALECTS
from orchestrator.simulator.group_bodies import ENGINES
from orchestrator.simulator.http_server import url_on_loopback
from orchestrator.simulator.model import GATEWAYS, Account
from orchestrator.simulator.network import Network
from orchestrator.simulator.truth import Kind
from orchestrator.simulator.vendor_events import SUBSCRIBED

NAMES = (
    "session.status",
    "group.v2.join",
    "group.v2.participants",
    "group.v2.leave",
    "group.v2.update",
    "group.join",
    "group.leave",
)
"""What can be told; the last two are WAHA's older words, which it calls deprecated."""


EVENT_NAMES = {asked: told for told, asked in SUBSCRIBED.items()}


def _header(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
        raise ValueError("must be the name of an HTTP header")
    return value


@dataclass(frozen=True, slots=True)
class Target:
    """One address that events are posted to."""

    url: str = knob(url_on_loopback)
    account: str | None = knob(text, None)  # whose events; None: everybody's
    events: tuple[str, ...] = knob(some_of("*", *NAMES), ("*",))
    secret: str = field(default="", repr=False)  # its own: `hmac`, as it was set at the gateway
    gateway: str = field(default="wawp")  # how it signs with that
    headers: dict[str, str] = field(
        default_factory=dict, repr=False
    )  # that go with it, in place of a signature

    def wants(self, name: str) -> bool:
        return "*" in self.events or name in self.events


@dataclass(slots=True)
class Webhooks:
    """Shares lie between 0 and 1, one draw per event and address. Spans in simulated seconds."""

    shape: str = knob(one_of("wawp", "waha", "mixed"), "mixed")
    own_id: str = knob(one_of("phone", "lid", "both", "alternate"), "alternate")  # of an event
    sends: tuple[str, ...] = knob(some_of(*NAMES), NAMES)  # what the gateway tells at all
    secret: str = knob(text, "")  # empty: nothing is signed
    algorithm: str = knob(one_of("sha256", "sha512"), "sha512")
    header: str = knob(_header, "X-Webhook-Hmac")
    signature_form: str = knob(one_of("digest", "plain"), "digest")  # of X-Wawp-Signature
    lost: float = knob(share, 0.0)  # never sent, neither are its copies below; forged ones are
    doubled: float = knob(share, 0.0)  # sent twice, each with a delay of its own
    delay: tuple[float, float] = knob(span, (0.0, 0.0))  # so that events overtake each other
    replayed: float = knob(share, 0.0)  # sent once more, much later
    replay_after: tuple[float, float] = knob(span, (120.0, 900.0))
    forged: float = knob(share, 0.0)  # one more copy with a wrong signature
    unsigned: float = knob(share, 0.0)  # one more copy without any
    strangers: float = knob(share, 0.0)  # with an event of ours, another member comes or goes
    unknown: float = knob(share, 0.0)  # with an event of ours, one of a group that is nobody's
    tries: int = knob(positive, 3)  # of each delivery, on every error
    retry_delay: float = knob(number, 2.0)  # simulated seconds
    targets: tuple[Target, ...] = knob(anything, ())

    def targets_of(self, account: Account) -> Iterator[Target]:
        """Where that account's events go: what was set at the gateway, and what the scenario gives."""
        for given in account.webhooks:
            events = given.get("events")
            names = tuple(map(str, events)) if isinstance(events, list) and events else ("*",)
            active = given.get("is_active", given.get("enabled", True))
            if str(active).lower() not in ("0", "false"):
                secret = given.get("hmac") or ""
                key = str(secret.get("key") or "" if isinstance(secret, dict) else secret)
                names = tuple(map(EVENT_NAMES.get, names, names))
                more = given.get("headers")
                pairs = more.items() if isinstance(more, dict) else ()
                headers = {str(name): str(text) for name, text in pairs}
                yield Target(str(given.get("url")), account.name, names, key, account.gateway, headers)
        yield from (target for target in self.targets if target.account in (None, account.name))

    def signature(self, body: bytes, secret: str | None = None) -> str:
        """HMAC of the body in hex, with another secret if one is given."""
        key = (self.secret if secret is None else secret).encode()
        return hmac.new(key, body, getattr(hashlib, self.algorithm)).hexdigest()

    def signed(self, body: bytes, target: Target, *, wrong: bool = False) -> dict[str, str]:
        """The headers that sign a body, with the webhook's own secret, else with everybody's, as WAHA does.

        Wawp's own: "a secret string" (https://api.wawp.net/en/docs/v2/webhook/set), or the HMAC-SHA256 of its
        Python client (wawp_sdk/resources/webhooks.py). WAHA's own: SHA-512 (WebhookSender.ts); GOWA's:
        SHA-256 (webhook.go).
        """
        own = target.secret
        if target.headers:
            return {name: f"not {value}" if wrong else value for name, value in target.headers.items()}
        if own and target.gateway == "gowa":
            key = f"not {own}" if wrong else own
            signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
            return {"X-Hub-Signature-256": f"sha256={signature}"}
        if own and target.gateway == "waha":
            key = f"not {own}" if wrong else own
            signature = hmac.new(key.encode(), body, hashlib.sha512).hexdigest()
            return {"X-Webhook-Hmac-Algorithm": "sha512", "X-Webhook-Hmac": signature}
        if own:
            secret = f"not {own}" if wrong else own
            digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            return {"X-Wawp-Signature": secret if self.signature_form == "plain" else digest}
        if not self.secret:
            return {}
        signature = self.signature(body, f"not {self.secret}" if wrong else None)
        return {"X-Webhook-Hmac-Algorithm": self.algorithm, self.header: signature}

    def as_json(self) -> dict[str, Any]:
        """Everything but the secret."""
        shown = asdict(self)
        for target in shown["targets"]:
            del target["secret"], target["gateway"], target["headers"]
        return {key: value for key, value in shown.items() if key != "secret"}


class Trouble(StrEnum):
    """What a rule does to a call."""

    CUT = "cut"  # the connection ends without an answer
    HANG = "hang"  # no answer for `seconds`, then the connection ends
    SLOW = "slow"  # the right answer, `seconds` late
    TRUNCATED = "truncated"  # half of the body, then the connection ends
    GARBAGE = "garbage"  # HTTP 200 with bytes that are no JSON
    HTTP = "http"  # `status` with the gateway's plain error body
    HTML = "html"  # `status` with an HTML error page
    ERROR_BODY = "error_body"  # HTTP 200 with an error in its body
    SAID_STATUS = "said_status"  # HTTP 200 whose body says `status`
    IQ = "iq"  # WhatsApp answers `iq`
    SESSION = "session"  # the gateway says invalid_session
    UNAUTHORIZED = "unauthorized"  # the gateway refuses the token
    PLAN_LIMIT = "plan_limit"  # the gateway's own HTTP 429, Retry-After: `seconds`
    SUBSCRIPTION = "subscription"  # 403 subscription_required
    LIST_EMPTY = "list_empty"
    LIST_NO_NAMES = "list_no_names"
    LIST_MISSING = "list_missing"  # every second group is left out
    LIST_STALE = "list_stale"  # one more group, which the account is not in
    LIST_OBJECT = "list_object"  # an object keyed by id instead of an array
    LIST_BARE = "list_bare"  # without participants
    NO_MEMBERS = "no_members"  # an empty list of participants
    NO_ID = "no_id"  # a receipt without the JID
    ID_THOUGH_PENDING = "id_though_pending"  # a receipt with the JID although only a request was filed
    CONFLICT = "conflict"  # already a member: 409
    RECEIPT_THOUGH_MEMBER = "receipt_though_member"  # already a member: an ordinary receipt


class When(StrEnum):
    """Whether the call takes effect although its answer is spoiled."""

    NEVER = "never"
    DONE = "done"  # before the answer is spoiled
    LATER = "later"  # `seconds` after the connection has ended


INSTEAD = frozenset(
    {
        Trouble.CUT,
        Trouble.HANG,
        Trouble.HTTP,
        Trouble.HTML,
        Trouble.ERROR_BODY,
        Trouble.SAID_STATUS,
        Trouble.IQ,
        Trouble.SESSION,
        Trouble.UNAUTHORIZED,
        Trouble.PLAN_LIMIT,
        Trouble.SUBSCRIPTION,
    }
)
"""Troubles that come instead of the effect unless the rule says otherwise; all others come after it."""


@dataclass(slots=True)
class Rule:
    """One trouble, for some calls. Empty selectors match everything."""

    trouble: Trouble = knob(one_of(*Trouble))
    kinds: frozenset[Kind] = knob(some_of(*Kind), frozenset())
    group: str | None = knob(text, None)  # JID
    account: str | None = knob(text, None)
    times: int | None = knob(positive, None)  # so often, then never again; None: always
    skip: int = knob(whole, 0)  # matching calls to let pass first
    probability: float = knob(share, 1.0)
    effect: When | None = knob(one_of(*When), None)
    seconds: float = knob(number, 3600.0)
    status: int = knob(whole, 500)
    iq: int = knob(whole, 500)
    text: str | None = knob(checked_tables.text, None)
    dialect: str | None = knob(one_of(*DIALECTS), None)

    @property
    def when(self) -> When:
        """When the effect takes place."""
        if self.effect is not None:
            return self.effect
        return When.NEVER if self.trouble in INSTEAD else When.DONE


@dataclass(slots=True)
class Faults:
    """The gateway's standing knobs and the rules that are left."""

    vendor: str = knob(one_of(*GATEWAYS), "wawp")  # where accounts are linked that do not say it themselves
    dialect: str = knob(one_of(*DIALECTS), "status")  # Wawp's errors, see error_wordings.py
    engine: str = knob(one_of(*ENGINES), "plain")  # shape of a group
    paths: str = knob(one_of("one", "two"), "one")  # one: the probe is GET of the join path
    latency: tuple[float, float] = knob(span, (0.0, 0.0))  # simulated seconds, even between the two
    already_member: str = knob(one_of("conflict", "receipt"), "conflict")
    # of a request that was filed; the last three with HTTP 500
    pending_receipt: str = knob(one_of("empty", "with_id", "error", "exception", "missing_group"), "empty")
    join_receipt: str = knob(one_of("full", "id"), "full")  # full: id, subject, description; id: id alone
    session_info: str = knob(one_of("both", "get", "post"), "both")  # methods that session/info knows
    list_shape: str = knob(one_of("array", "object"), "array")
    list_participants: bool = knob(flag, True)
    code_shape: str = knob(one_of("object", "text", "url"), "object")  # of an invite code
    session_lid: bool = knob(flag, True)  # session/info tells the account's LID
    code_param: str = knob(text, "code")  # what probe and join call the invite code
    code_in: str = knob(one_of("any", "body", "query"), "any")  # where a join must carry it
    code_form: str = knob(one_of("any", "code", "link"), "any")  # how it must be written
    auth: str = knob(one_of("any", "body", "query", "header", "bearer"), "any")  # body: the query of a GET
    group_req_per_minute: int = knob(whole, 0)  # kept with HTTP 429; 0: there is no such endpoint
    rate_limit_shape: str = knob(one_of("slug", "object", "unnamed"), "slug")  # of the current policy
    plan: str = knob(one_of("paid", "free"), "paid")  # free: no webhook can be set up (403)
    seed: int = 1
    rules: list[Rule] = field(default_factory=list)
    webhooks: Webhooks = field(default_factory=Webhooks)
    _dice: random.Random = field(default_factory=lambda: random.Random(1), repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def delay(self) -> float:
        """How long the next call takes, in simulated seconds."""
        low, high = self.latency
        return low if high <= low else self._dice.uniform(low, high)

    def take(self, kind: Kind, account: str | None, group: str | None) -> Rule | None:
        """The first rule that plays on this call; uses it up. None: all goes well."""
        for rule in self.rules:
            if _matches(rule, kind, account, group) and self._plays(rule):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.rules.remove(rule)
                return rule
        return None

    def _plays(self, rule: Rule) -> bool:
        if rule.skip > 0:
            rule.skip -= 1
            return False
        return rule.probability >= 1.0 or self._dice.random() < rule.probability


def _matches(rule: Rule, kind: Kind, account: str | None, group: str | None) -> bool:
    return (
        (not rule.kinds or kind in rule.kinds)
        and rule.group in (None, group)
        and rule.account in (None, account)
    )


GATEWAY, WEBHOOKS = knobs_of(Faults), knobs_of(Webhooks)
TARGET, RULE = knobs_of(Target), knobs_of(Rule)


def read_gateway(reader: Reader, given: object) -> dict[str, Any]:
    """The right ones among the given knobs, by the names of `Faults`."""
    return reader.table(given, GATEWAY, "gateway")


def read_webhooks(reader: Reader, given: object, network: Network, *, where: str = "") -> dict[str, Any]:
    """The right ones among the given knobs, by the names of `Webhooks`."""
    good = reader.table(given, WEBHOOKS, where)
    dot = f"{where}." if where else ""
    if "targets" in good:
        tried = reader.tables(good["targets"], TARGET, f"{dot}targets", need="url")
        for n, one in enumerate(tried, 1):
            if one.get("account") not in (None, *network.accounts):
                reader.wrong(f"{dot}targets[{n}].account", f"no account is called {one['account']!r}")
        good["targets"] = tuple(_target(one) for one in tried if "url" in one)
    return good | ({"sends": tuple(good["sends"])} if "sends" in good else {})


def _target(good: dict[str, Any]) -> Target:
    return Target(good["url"], good.get("account"), tuple(good.get("events", ("*",))))


def read_rules(reader: Reader, given: object, network: Network, *, where: str) -> list[Rule]:
    """Rules of trouble; groups are named by JID or by subject."""
    found = []
    for n, good in enumerate(reader.tables(given, RULE, where, need="trouble"), 1):
        if "trouble" not in good:
            continue
        try:
            found.append(_rule(good, network))
        except KeyError as error:
            reader.wrong(f"{where}[{n}]", str(error.args[0]))
    return found


def _rule(good: dict[str, Any], network: Network) -> Rule:
    if "group" in good:
        good["group"] = network.group(good["group"]).jid
    if "account" in good:
        network.account(good["account"])
    if "effect" in good:
        good["effect"] = When(good["effect"])
    kinds = frozenset(Kind(kind) for kind in good.pop("kinds", []))
    return Rule(trouble=Trouble(good.pop("trouble")), kinds=kinds, **good)

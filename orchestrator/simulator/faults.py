"""What can go wrong, as data: knobs of the gateway and its webhooks, and rules of trouble for some calls.

Sources of how webhooks behave: https://api.wawp.net/en/docs/group.v2.join and its siblings; WAHA's events,
how-to/events and WebhookSender.ts (retries on every error, constant delay, sends that overtake each other).
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.simulator.model import Account
from orchestrator.simulator.truth import Kind

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


@dataclass(frozen=True, slots=True)
class Target:
    """One address that events are posted to."""

    url: str
    account: str | None = None  # whose events; None: everybody's
    events: tuple[str, ...] = ("*",)
    secret: str = field(default="", repr=False)  # its own: `hmac`, as it was set at the gateway

    def wants(self, name: str) -> bool:
        return "*" in self.events or name in self.events


@dataclass(slots=True)
class Webhooks:
    """Shares lie between 0 and 1, one draw per event and address. Spans in simulated seconds."""

    shape: str = "mixed"  # wawp, waha, mixed
    own_id: str = "alternate"  # how an event names its own account: phone, lid, both, alternate
    sends: tuple[str, ...] = NAMES  # what the gateway tells at all
    secret: str = ""  # empty: nothing is signed
    algorithm: str = "sha512"  # sha256, sha512
    header: str = "X-Webhook-Hmac"
    signature_form: str = "digest"  # X-Wawp-Signature of a webhook with an `hmac`: digest, plain
    lost: float = 0.0  # never sent, neither are its copies below; forged ones are
    doubled: float = 0.0  # sent twice, each with a delay of its own
    delay: tuple[float, float] = (0.0, 0.0)  # evenly between the two, so that events overtake each other
    replayed: float = 0.0  # sent once more, much later
    replay_after: tuple[float, float] = (120.0, 900.0)
    forged: float = 0.0  # one more copy with a wrong signature
    unsigned: float = 0.0  # one more copy without any
    strangers: float = 0.0  # with an event of ours, another member comes or goes in some group of ours
    unknown: float = 0.0  # with an event of ours, one tells that we joined a group that is nobody's
    tries: int = 3  # of each delivery, on every error
    retry_delay: float = 2.0  # simulated seconds
    targets: tuple[Target, ...] = ()

    def targets_of(self, account: Account) -> Iterator[Target]:
        """Where that account's events go: what was set at the gateway, and what the scenario gives."""
        for given in account.webhooks:
            events = given.get("events")
            names = tuple(map(str, events)) if isinstance(events, list) and events else ("*",)
            if str(given.get("is_active", True)).lower() not in ("0", "false"):
                yield Target(str(given.get("url")), account.name, names, str(given.get("hmac") or ""))
        yield from (target for target in self.targets if target.account in (None, account.name))

    def signature(self, body: bytes, secret: str | None = None) -> str:
        """HMAC of the body in hex, with another secret if one is given."""
        key = (self.secret if secret is None else secret).encode()
        return hmac.new(key, body, getattr(hashlib, self.algorithm)).hexdigest()

    def signed(self, body: bytes, own: str, *, wrong: bool = False) -> dict[str, str]:
        """The headers that sign a body. `own`: the webhook's secret, else everybody's signs, as WAHA does.

        Wawp's: "a secret string" (https://api.wawp.net/en/docs/v2/webhook/set), or the HMAC-SHA256 of its
        Python client (wawp_sdk/resources/webhooks.py).
        """
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
            del target["secret"]
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

    trouble: Trouble
    kinds: frozenset[Kind] = frozenset()
    group: str | None = None  # JID
    account: str | None = None
    times: int | None = None  # so often, then never again; None: always
    skip: int = 0  # matching calls to let pass first
    probability: float = 1.0
    effect: When | None = None
    seconds: float = 3600.0
    status: int = 500
    iq: int = 500
    text: str | None = None
    dialect: str | None = None

    @property
    def when(self) -> When:
        """When the effect takes place."""
        if self.effect is not None:
            return self.effect
        return When.NEVER if self.trouble in INSTEAD else When.DONE


@dataclass(slots=True)
class Faults:
    """The gateway's standing knobs and the rules that are left."""

    dialect: str = "status"  # see error_bodies.py
    engine: str = "plain"  # shape of a group: plain, noweb, gows, webjs, webjs_wrapped
    paths: str = "one"  # one: probe is GET of the join path; two: it has a path of its own
    latency: tuple[float, float] = (0.0, 0.0)  # simulated seconds, even between the two
    already_member: str = "conflict"  # conflict, receipt
    pending_receipt: str = "empty"  # empty, with_id; HTTP 500 though filed: error, exception, missing_group
    join_receipt: str = "full"  # full: id, subject, description; id: id alone
    session_info: str = "both"  # methods that session/info knows: both, get, post
    list_shape: str = "array"  # array, object
    list_participants: bool = True
    code_shape: str = "object"  # invite code as object, text or url
    session_lid: bool = True  # session/info tells the account's LID
    code_param: str = "code"  # what probe and join call the invite code
    code_in: str = "any"  # where a join must carry it: any, body, query
    code_form: str = "any"  # how it must be written: any, code, link
    auth: str = "any"  # where credentials must stand: any, body (GET: query), query, header, bearer
    group_req_per_minute: int = 0  # the policy's limit, kept with HTTP 429; 0: there is no such endpoint
    rate_limit_shape: str = "slug"  # how the current policy is named: slug, object, unnamed
    plan: str = "paid"  # free: the webhook set-up answers 403 subscription_required
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

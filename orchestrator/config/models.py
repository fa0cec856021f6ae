"""Every section of `rejoin.toml`: its keys, defaults and bounds. docs/configuration.md tells it to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from orchestrator.config.database import DatabaseSettings
from orchestrator.config.gateways import check_gateway
from orchestrator.config.problems import KeyPath, Origin, Problem, UnknownInstanceError
from orchestrator.config.values import (
    AccountId,
    BaseUrl,
    Cron,
    GreetingText,
    GroupPath,
    InSeconds,
    InstanceName,
    Listen,
    LongSecret,
    LongSecretToken,
    Number,
    Phone,
    PlainPath,
    Secret,
    SecretToken,
    SecretUrl,
    Whole,
    YesNo,
    Zone,
    at_least,
    check_public_url,
    secret_parts,
)

Role = Literal["primary", "backup"]
Gateway = Annotated[str, AfterValidator(check_gateway)]
Gap = Annotated[float, at_least(0.5, 3600.0), InSeconds()]
Wait = Annotated[float, at_least(1.0), InSeconds()]
TimeOut = Annotated[float, at_least(1.0, 600.0), InSeconds()]


class Section(BaseModel):
    # Built when first used: otherwise each section is built by itself, and once more within the whole.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, defer_build=True
    )


class WawpPaths(Section):
    """Wawp v2 paths besides probe and join; `{id}` stands for the group's JID."""

    groups: PlainPath = "/v2/groups"
    group: GroupPath = "/v2/groups/{id}"
    participants: GroupPath = "/v2/groups/{id}/participants"
    leave: GroupPath = "/v2/groups/{id}/leave"
    invite_code: GroupPath = "/v2/groups/{id}/invite-code"
    revoke_code: GroupPath = "/v2/groups/{id}/invite-code/revoke"
    send_text: PlainPath = "/v2/send/text"
    session_info: PlainPath = "/v2/session/info"
    webhook: PlainPath = "/v2/session/webhook"
    rate_limit: PlainPath = "/v2/session/rate-limit"


class WawpOptions(Section):
    """How Wawp is spoken to; gateways/wawp/calls.py says what each value does."""

    probe_path: PlainPath = "/v2/groups/join"
    join_path: PlainPath = "/v2/groups/join"
    code_parameter: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,31}$")] = "code"
    code_in: Literal["body", "query"] = "body"
    code_form: Literal["code", "link"] = "code"
    auth: Literal["body", "header", "bearer", "query"] = "body"
    paths: WawpPaths = Field(default_factory=WawpPaths)


DEFAULT_GATEWAY: Gateway = "wawp"
OPTIONS: dict[str, type[WawpOptions]] = {"wawp": WawpOptions}
"""The tables that an instance may have for its gateway, each by that gateway's name."""


class InstanceSettings(Section):
    """One WhatsApp account linked to a gateway."""

    name: InstanceName
    role: Role
    gateway: Gateway = DEFAULT_GATEWAY
    base_url: BaseUrl
    instance_id: AccountId
    access_token: SecretToken = SecretStr("")
    wawp: WawpOptions = Field(default_factory=WawpOptions)

    @property
    def options(self) -> dict[str, Any]:
        """What the gateway's own table says, with its defaults."""
        return getattr(self, self.gateway).model_dump() if self.gateway in OPTIONS else {}

    @property
    def has_options(self) -> bool:
        """Whether the gateway's own table is there."""
        return self.gateway in OPTIONS and bool(getattr(self, self.gateway).model_fields_set)


class PacingSettings(Section):
    """How fast one instance may go. The gaps are the fewest seconds between two calls of their kind."""

    joins_per_minute: Annotated[Number, Field(ge=2, le=5)] = 4.0
    jitter: Annotated[Number, Field(ge=0, le=0.5)] = 0.2
    daily_limit: Annotated[Whole, Field(ge=0)] = 0
    probe_gap: Gap = 3.0
    look_gap: Gap = 2.0
    greeting_gap: Gap = 8.0


class HttpSettings(Section):
    """Time-outs towards gateways, in seconds."""

    timeout: TimeOut = 30.0
    join_timeout: Annotated[float, at_least(10.0, 600.0), InSeconds()] = 100.0
    connect_timeout: TimeOut = 10.0


class RetrySettings(Section):
    """Back-off of one group's attempts, and the pauses of an account in trouble, first to last."""

    attempts: Annotated[Whole, Field(ge=1, le=100)] = 5
    first_wait: Wait = 60.0
    longest_wait: Wait = 6 * 3600.0
    pauses: Annotated[tuple[Wait, ...], Field(min_length=1)] = (3600.0, 6 * 3600.0, 86400.0)


class AllowListSettings(Section):
    """What counts as one of our groups."""

    mode: Literal["expected", "listed_jids"] = "expected"
    owners: tuple[Phone, ...] = ()


class ConfirmSettings(Section):
    """What proves membership; `auto` is what the gateway can best give."""

    method: Literal["auto", "event", "lookup", "receipt"] = "auto"


class GreetingSettings(Section):
    """What is said on arrival."""

    enabled: YesNo = True
    default: GreetingText = "{{ instance }} has joined the room. Type /help for assistance."
    small: GreetingText = (
        "Hello everyone, {{ instance }} is here. Good to be back with you! Type /help if you need a hand."
    )
    small_group_members: Annotated[Whole, Field(ge=0, le=1024)] = 20


class WatchSettings(Section):
    """How a loss is noticed and what follows."""

    every: Annotated[float, at_least(5.0), InSeconds()] = 60.0
    lost_after: Annotated[float, at_least(60.0), InSeconds()] = 600.0
    on_loss: Literal["notify", "recover"] = "notify"
    on_backup_lost: Literal["stop", "next"] = "stop"
    memberships_every: Annotated[float, at_least(600.0), InSeconds()] = 6 * 3600.0


class ScheduleSettings(Section):
    """Cron expressions in `timezone`; empty is never."""

    audit: Cron = "0 6 * * *"
    recover: Cron = ""


class WebSettings(Section):
    """The status page and API."""

    listen: Listen = "127.0.0.1:8080"
    token: LongSecretToken = SecretStr("")


class WebhookSettings(Section):
    """Incoming webhooks from gateways. Every secret that is set must be right; without any, none is taken."""

    secret: LongSecret = SecretStr("")
    path_secret: LongSecretToken = SecretStr("")
    header: Annotated[str, Field(pattern=r"^([A-Za-z][A-Za-z0-9-]{0,63})?$")] = ""  # the gateway's own
    public_url: Annotated[str, AfterValidator(check_public_url)] = ""


class NotifyWebhookSettings(Section):
    """One outgoing signed webhook. Without a name it goes by its host."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    url: SecretUrl
    secret: LongSecret = SecretStr("")


class NotifySettings(Section):
    """Whom to tell, and of what."""

    level: Literal["all", "needs_you", "failures"] = "needs_you"
    urls: tuple[Secret, ...] = ()
    ping_url: SecretUrl = SecretStr("")
    ping_every: Annotated[float, at_least(10.0), InSeconds()] = 300.0
    webhooks: tuple[NotifyWebhookSettings, ...] = ()


class RetentionSettings(Section):
    """How long the daemon keeps what is over, in seconds. What still waits is never pruned."""

    journal: Annotated[float, at_least(30 * 86400.0), InSeconds()] = 365 * 86400.0
    slots: Annotated[float, at_least(2 * 86400.0), InSeconds()] = 90 * 86400.0
    events: Annotated[float, at_least(86400.0), InSeconds()] = 30 * 86400.0
    messages: Annotated[float, at_least(86400.0), InSeconds()] = 90 * 86400.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings came from. `file` is the path as the person wrote it."""

    file: str = ""
    path: Path | None = None
    origins: Mapping[KeyPath, Origin] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    clock_speed: float = 1.0


class Settings(Section):
    """The whole configuration, checked. Durations are float seconds."""

    timezone: Zone = ZoneInfo("UTC")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    instances: tuple[InstanceSettings, ...] = ()
    pacing: PacingSettings = Field(default_factory=PacingSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    allow_list: AllowListSettings = Field(default_factory=AllowListSettings)
    confirm: ConfirmSettings = Field(default_factory=ConfirmSettings)
    greeting: GreetingSettings = Field(default_factory=GreetingSettings)
    watch: WatchSettings = Field(default_factory=WatchSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)

    _source: Source = PrivateAttr(default_factory=Source)

    @property
    def source(self) -> Source:
        return self._source

    @property
    def path(self) -> Path | None:
        """The configuration file, absolute; None when built without one."""
        return self._source.path

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return self._source.warnings

    @property
    def clock_speed(self) -> float:
        return self._source.clock_speed

    @property
    def primaries(self) -> tuple[InstanceSettings, ...]:
        return tuple(i for i in self.instances if i.role == "primary")

    @property
    def backups(self) -> tuple[InstanceSettings, ...]:
        return tuple(i for i in self.instances if i.role == "backup")

    def secret_values(self) -> list[str]:
        """Every secret in the configuration, to keep them out of logs, errors and what is stored."""
        hooks, people = self.webhooks, self.notify
        secrets = [one.access_token for one in self.instances] + [hooks.secret, hooks.path_secret]
        secrets += [self.web.token, *(hook.secret for hook in people.webhooks)]
        addresses = [people.ping_url, *people.urls, *(hook.url for hook in people.webhooks)]
        values = [secret.get_secret_value() for secret in (*secrets, *addresses)]
        values += [part for one in addresses for part in secret_parts(one.get_secret_value())]
        return [value for value in (*values, self.database.password) if value]

    def token_at(self, name: str) -> str:
        """Where its access token is configured: a file or a variable. Raises UnknownInstanceError."""
        number = self.instances.index(self.instance(name))
        origin = self.source.origins.get(("instances", number, "access_token"))
        if origin is None:
            return self.source.file
        return origin.secret_file or origin.variable or self.source.file

    def instance(self, name: str) -> InstanceSettings:
        """As a person may write it. Raises UnknownInstanceError, and UsageError for two that it may be."""
        known = {instance.name: instance for instance in self.instances}
        if name not in known:
            from orchestrator.domain.group_fields import instance_called  # noqa: PLC0415 - brings tables of folding

            name = instance_called(known, name) or name
        if name not in known:
            raise UnknownInstanceError(name, tuple(known))
        return known[name]

"""The configuration: one TOML file, the environment over it, secrets from files; checked as a whole."""

from orchestrator.config.database import DatabaseSettings
from orchestrator.config.loading import load
from orchestrator.config.models import (
    AllowListSettings,
    ConfirmSettings,
    GreetingSettings,
    HttpSettings,
    InstanceSettings,
    NotifySettings,
    NotifyWebhookSettings,
    PacingSettings,
    RetrySettings,
    ScheduleSettings,
    Settings,
    WatchSettings,
    WawpOptions,
    WawpPaths,
    WebhookSettings,
    WebSettings,
)
from orchestrator.config.problems import ConfigError, Problem, UnknownInstanceError
from orchestrator.config.schema import Effective, effective
from orchestrator.config.values import format_duration, parse_duration

__all__ = [
    "AllowListSettings",
    "ConfigError",
    "ConfirmSettings",
    "DatabaseSettings",
    "Effective",
    "GreetingSettings",
    "HttpSettings",
    "InstanceSettings",
    "NotifySettings",
    "NotifyWebhookSettings",
    "PacingSettings",
    "Problem",
    "RetrySettings",
    "ScheduleSettings",
    "Settings",
    "UnknownInstanceError",
    "WatchSettings",
    "WawpOptions",
    "WawpPaths",
    "WebSettings",
    "WebhookSettings",
    "effective",
    "format_duration",
    "load",
    "parse_duration",
]

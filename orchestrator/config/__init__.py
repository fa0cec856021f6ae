"""The configuration: one TOML file, the environment over it, secrets from files; checked as a whole."""

from orchestrator.config.database import DatabaseSettings
from orchestrator.config.gateways import GATEWAYS
from orchestrator.config.keys import Effective, effective
from orchestrator.config.loading import load
from orchestrator.config.models import InstanceSettings, Settings, WawpOptions
from orchestrator.config.problems import ConfigError, Problem, UnknownInstanceError
from orchestrator.config.values import format_duration, parse_duration

__all__ = [
    "GATEWAYS",
    "ConfigError",
    "DatabaseSettings",
    "Effective",
    "InstanceSettings",
    "Problem",
    "Settings",
    "UnknownInstanceError",
    "WawpOptions",
    "effective",
    "format_duration",
    "load",
    "parse_duration",
]

"""Checks that look at several values together, to be heard beside the problems of single values.

They read TypedValues, never the draft: a value that its model refused is absent here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from orchestrator.config.environment import variable_for
from orchestrator.config.gateways import GATEWAYS
from orchestrator.config.models import DEFAULT_GATEWAY, OPTIONS, RetrySettings
from orchestrator.config.problems import KeyPath
from orchestrator.config.raw_values import TypedValues
from orchestrator.config.values import is_loopback_host, normal_base_url, normal_phone

CLOCK_SPEED = "REJOIN_CLOCK_SPEED"


def check_together(values: TypedValues) -> None:
    _check_names(values)
    _check_accounts(values)
    _check_tokens(values)
    _check_transport(values)
    _check_options(values)
    _check_paths(values)
    _check_retry(values)
    _check_listener(values)
    _check_notifiers(values)


def _check_names(values: TypedValues) -> None:
    first: dict[str, KeyPath] = {}
    for path in values.items(("instances",)):
        name = values.text((*path, "name"))
        if name in first:
            values.complain(
                (*path, "name"), f"another instance already has this name{_line(values, first[name])}"
            )
        elif name:
            first[name] = (*path, "name")


def _check_accounts(values: TypedValues) -> None:
    first: dict[tuple[str, str], KeyPath] = {}
    for path in values.items(("instances",)):
        base_url, account = _base_url(values, path), values.text((*path, "instance_id"))
        if not base_url or not account:
            continue
        other = first.setdefault((base_url, account), path)
        if other != path:
            where = f"{values.shown(other)}{_line(values, (*other, 'instance_id'))}"
            values.complain(
                (*path, "instance_id"), f"is the same account as {where}: each instance needs its own"
            )


def _line(values: TypedValues, path: KeyPath) -> str:
    origin = values.origin(path)
    return "" if origin.line is None else f" (line {origin.line})"


def _base_url(values: TypedValues, instance: KeyPath) -> str:
    """Empty where there is none that can be used."""
    text = values.text((*instance, "base_url"))
    return normal_base_url(text) if text else ""


def _gateway(values: TypedValues, instance: KeyPath) -> str:
    return values.text((*instance, "gateway"), DEFAULT_GATEWAY)


def _check_tokens(values: TypedValues) -> None:
    for path in values.items(("instances",)):
        token: KeyPath = (*path, "access_token")
        facts = GATEWAYS.get(_gateway(values, path))
        wanted = facts is not None and facts.needs_token and not values.refused((*path, "gateway"))
        if wanted and not values.text(token) and not values.refused(token):
            variable = variable_for(token, values.text((*path, "name")) or None)
            values.complain(token, f"is missing: give access_token_file, access_token, or {variable}")


def _check_transport(values: TypedValues) -> None:
    for path in values.items(("instances",)):
        parts = urlsplit(_base_url(values, path))
        if parts.scheme == "http" and not is_loopback_host(parts.hostname or ""):
            values.warn((*path, "base_url"), "http sends the token unencrypted over the network: use https")


def _check_options(values: TypedValues) -> None:
    for path in values.items(("instances",)):
        for table in OPTIONS.keys() - {_gateway(values, path)}:
            if values.has((*path, table)):
                values.warn((*path, table), "is not used: this instance's gateway is another one")


def _check_paths(values: TypedValues) -> None:
    """An address that ends as the calls' paths begin would say it twice: `…/v2/v2/groups`."""
    for path in values.items(("instances",)):
        base = _segments(urlsplit(_base_url(values, path)).path)
        twice = (_overlap(base, _segments(one)) for one in _call_paths(values, path))
        longest = max(twice, key=len, default=[])
        if longest:
            said = "/".join(longest)
            sentence = f"must not end in /{said}, with which the paths of the calls begin: leave it out"
            values.complain((*path, "base_url"), sentence)


def _call_paths(values: TypedValues, instance: KeyPath) -> Iterator[str]:
    """Those of the instance's gateway, where they can be configured."""
    gateway = _gateway(values, instance)
    if gateway not in OPTIONS:
        return
    table, known = (*instance, gateway), OPTIONS[gateway]()
    for name in ("probe_path", "join_path"):
        yield values.text((*table, name), getattr(known, name))
    for name, default in known.paths.model_dump().items():
        yield values.text((*table, "paths", name), default)


def _segments(path: str) -> list[str]:
    return [segment.lower() for segment in path.split("/") if segment]


def _overlap(base: list[str], path: list[str]) -> list[str]:
    """The longest end of the one with which the other begins."""
    lengths = range(min(len(base), len(path)), 0, -1)
    return next((path[:n] for n in lengths if base[-n:] == path[:n]), [])


def _check_retry(values: TypedValues) -> None:
    first = values.seconds(("retry", "first_wait"), RetrySettings().first_wait)
    longest = values.seconds(("retry", "longest_wait"), RetrySettings().longest_wait)
    if first is not None and longest is not None and first > longest:
        values.complain(("retry", "longest_wait"), "must be at least as long as retry.first_wait")


def _check_listener(values: TypedValues) -> None:
    host = values.text(("web", "listen"), "127.0.0.1:").rpartition(":")[0]
    token: KeyPath = ("web", "token")
    if not is_loopback_host(host) and not values.text(token) and not values.refused(token):
        values.complain(
            ("web", "listen"), "needs web.token_file (or web.token): other machines can reach this address"
        )


_WEB_PORTS = {"https": 443, "http": 80}


def _check_notifiers(values: TypedValues) -> None:
    """People must not be told by way of what may be lost. Their addresses are secret, and are not said."""
    gateways = {_door(_base_url(values, path)) for path in values.items(("instances",))} - {None}
    owners = {normal_phone(one) for _path, one in values.texts(("allow_list", "owners"))}
    for path, url in values.texts(("notify", "urls")):
        if _notifier_door(url) in gateways:
            values.complain(path, "goes through a gateway of [[instances]], which may be what is lost")
        elif _reaches_by_whatsapp(owners, url):
            values.complain(
                path, "tells a number of allow_list.owners by WhatsApp, which may be what is lost"
            )


def _door(base_url: str) -> str | None:
    """The host; on loopback with its port, since there each port is somebody else."""
    parts = urlsplit(base_url)
    return _host_of(parts.hostname, parts.port or _WEB_PORTS.get(parts.scheme))


def _notifier_door(url: str) -> str | None:
    """Of an Apprise address; those that need not have a host may hold anything in its place."""
    try:
        parts = urlsplit(url.strip())
        return _host_of(parts.hostname, parts.port or (443 if parts.scheme.endswith("s") else 80))
    except ValueError:
        return None


def _host_of(host: str | None, port: int | None) -> str | None:
    name = (host or "").rstrip(".").lower()
    if not name:
        return None
    return f"loopback:{port}" if is_loopback_host(name) else name


def _reaches_by_whatsapp(owners: set[str], url: str) -> bool:
    if not url.strip().lower().startswith("whatsapp://"):
        return False
    targets = unquote(url).replace("?", "/").replace(",", "/").replace("=", "/").split("/")
    return any("".join(filter(str.isdigit, target)) in owners for target in targets)


def check_clock_speed(values: TypedValues, environ: Mapping[str, str]) -> float:
    """Simulated minutes per real minute; only 1 is allowed as soon as one gateway is not on this machine."""
    text = environ.get(CLOCK_SPEED, "").strip() or "1"
    try:
        speed = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        speed = math.nan
    if not math.isfinite(speed) or speed <= 0:
        values.complain_of_variable(CLOCK_SPEED, "must be a number above 0")
        return 1.0
    real = [path for path in values.items(("instances",)) if _is_remote(_base_url(values, path))]
    if speed != 1 and real:
        values.complain_of_variable(
            CLOCK_SPEED,
            f"must be 1 (got {speed:g}): {values.shown(real[0])} is not on this machine's loopback, and"
            " a real account is never worked faster. Unset it, or use the simulator",
        )
    return speed


def _is_remote(base_url: str) -> bool:
    """A missing or unusable URL counts as remote: the refusal must not depend on a typo."""
    host = urlsplit(base_url).hostname
    return host is None or not is_loopback_host(host)

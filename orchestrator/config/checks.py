"""Checks that look at several values together. They read the draft, to be heard beside other problems."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from orchestrator.config.environment import variable_for
from orchestrator.config.values import is_loopback_host, normal_base_url, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.config.draft import Draft
    from orchestrator.config.origins import KeyPath

CLOCK_SPEED = "REJOIN_CLOCK_SPEED"
SHORTEST_PATH_SECRET = 16
_TOKEN_OPTIONAL = frozenset({"waha", "gowa"})


def check_together(draft: Draft) -> None:
    _check_names(draft)
    _check_accounts(draft)
    _check_tokens(draft)
    _check_transport(draft)
    _check_options(draft)
    _check_retry(draft)
    _check_listener(draft)
    _check_path_secret(draft)
    _check_notifiers(draft)


def _check_names(draft: Draft) -> None:
    first: dict[str, KeyPath] = {}
    for path, table in draft.tables("instances"):
        name = table.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            draft.complain(
                (*path, "name"), f"another instance already has this name{_line(draft, first[name])}"
            )
        first.setdefault(name, (*path, "name"))


def _check_accounts(draft: Draft) -> None:
    first: dict[tuple[str, str], KeyPath] = {}
    for path, table in draft.tables("instances"):
        host, account = _base_url(table.get("base_url")), table.get("instance_id")
        if host is None or not isinstance(account, str) or not account:
            continue
        other = first.setdefault((host, account), path)
        if other != path:
            where = f"{draft.shown(other)}{_line(draft, (*other, 'instance_id'))}"
            draft.complain(
                (*path, "instance_id"), f"is the same account as {where}: each instance needs its own"
            )


def _line(draft: Draft, path: KeyPath) -> str:
    origin = draft.origin(path)
    return "" if origin.line is None else f" (line {origin.line})"


def _base_url(value: object) -> str | None:
    try:
        return normal_base_url(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _check_tokens(draft: Draft) -> None:
    for path, table in draft.tables("instances"):
        token: KeyPath = (*path, "access_token")
        wanted = table.get("gateway", "wawp") not in _TOKEN_OPTIONAL
        if wanted and not table.get("access_token", "") and token not in draft.broken:
            name = table.get("name")
            variable = variable_for(token, name if isinstance(name, str) else None)
            draft.complain(token, f"is missing: give access_token_file, access_token, or {variable}")


def _check_transport(draft: Draft) -> None:
    for path, table in draft.tables("instances"):
        parts = urlsplit(_base_url(table.get("base_url")) or "")
        if parts.scheme == "http" and not is_loopback_host(parts.hostname or ""):
            draft.warn((*path, "base_url"), "http sends the token unencrypted over the network: use https")


def _check_options(draft: Draft) -> None:
    for path, table in draft.tables("instances"):
        if "wawp" in table and table.get("gateway", "wawp") != "wawp":
            draft.warn((*path, "wawp"), "is not used: this instance's gateway is another one")


def _check_retry(draft: Draft) -> None:
    first = _seconds(draft.get(("retry", "first_wait")), default=60.0)
    longest = _seconds(draft.get(("retry", "longest_wait")), default=6 * 3600.0)
    if first is not None and longest is not None and first > longest:
        draft.complain(("retry", "longest_wait"), "must be at least as long as retry.first_wait")


def _seconds(value: object, *, default: float) -> float | None:
    try:
        return default if value is None else parse_duration(value)
    except ValueError:
        return None


def _check_listener(draft: Draft) -> None:
    listen = draft.get(("web", "listen"))
    host = listen.rpartition(":")[0] if isinstance(listen, str) else "127.0.0.1"
    if (
        host
        and not is_loopback_host(host)
        and not draft.get(("web", "token"))
        and ("web", "token") not in draft.broken
    ):
        draft.complain(
            ("web", "listen"), "needs web.token_file (or web.token): other machines can reach this address"
        )


_WEB_PORTS = {"https": 443, "http": 80}


def _check_notifiers(draft: Draft) -> None:
    """People must not be told by way of what may be lost. Their addresses are secret, and are not said."""
    urls = draft.get(("notify", "urls"))
    gateways = {_door(table.get("base_url")) for _path, table in draft.tables("instances")} - {None}
    for index, url in enumerate(urls if isinstance(urls, list) else []):
        path: KeyPath = ("notify", "urls", index)
        if not isinstance(url, str) or path in draft.broken:
            continue
        if _notifier_door(url) in gateways:
            draft.complain(path, "goes through a gateway of [[instances]], which may be what is lost")
        elif _reaches_us_by_whatsapp(draft, url):
            draft.complain(path, "tells a number of allow_list.owners by WhatsApp, which may be what is lost")


def _door(base_url: object) -> str | None:
    """The host; on loopback with its port, since there each port is somebody else."""
    parts = urlsplit(_base_url(base_url) or "")
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


def _reaches_us_by_whatsapp(draft: Draft, url: str) -> bool:
    owners = draft.get(("allow_list", "owners"))
    ours = {"".join(filter(str.isdigit, one)) for one in owners or () if isinstance(one, str)}
    if not url.strip().lower().startswith("whatsapp://"):
        return False
    targets = unquote(url).replace("?", "/").replace(",", "/").replace("=", "/").split("/")
    return any("".join(filter(str.isdigit, target)) in ours - {""} for target in targets)


def _check_path_secret(draft: Draft) -> None:
    """It is the only lock of a port that strangers may reach."""
    path: KeyPath = ("webhooks", "path_secret")
    secret = draft.get(path)
    if isinstance(secret, str) and secret and len(secret) < SHORTEST_PATH_SECRET and path not in draft.broken:
        draft.complain(path, f"must have at least {SHORTEST_PATH_SECRET} characters: openssl rand -hex 16")


def check_clock_speed(draft: Draft, environ: Mapping[str, str]) -> float:
    """Simulated minutes per real minute; only 1 is allowed as soon as one gateway is not on this machine."""
    text = environ.get(CLOCK_SPEED, "").strip() or "1"
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not math.isfinite(speed) or speed <= 0:
        draft.complain_of_variable(CLOCK_SPEED, "must be a number above 0")
        return 1.0
    real = [path for path, table in draft.tables("instances") if _is_remote(table.get("base_url"))]
    if speed != 1 and real:
        draft.complain_of_variable(
            CLOCK_SPEED,
            f"must be 1 (got {speed:g}): {draft.shown(real[0])} is not on this machine's loopback, and"
            " a real account is never worked faster. Unset it, or use the simulator",
        )
    return speed


def _is_remote(base_url: object) -> bool:
    """What cannot be read as a URL counts as remote: the refusal must not depend on a typo."""
    host = urlsplit(_base_url(base_url) or "").hostname
    return host is None or not is_loopback_host(host)

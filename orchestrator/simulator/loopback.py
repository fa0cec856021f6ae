"""What is this machine itself: the simulator speaks to nothing else."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether that host is this machine by name or number."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Whether that is an http address on this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def url_on_loopback(value: object) -> str:
    """The same as a check of what people wrote."""
    if not isinstance(value, str) or not is_loopback_url(value):
        raise ValueError("must be an http address on loopback: http://127.0.0.1:8080/...")
    return value

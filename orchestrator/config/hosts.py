"""Which words can name a machine: what else would fail somewhere below, in the words of another library."""

from __future__ import annotations

import ipaddress
import re

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")


def is_host(word: str) -> bool:
    """A name, also an internationalised one, or an address; IPv6 without its brackets."""
    if ":" in word:
        return _is_address(word)
    if any(sign.isdigit() and not sign.isascii() for sign in word):  # IDNA makes `１２７.0.0.1` an address
        return False
    try:
        return len(word) <= 253 and _NAME.fullmatch(word.encode("idna").decode()) is not None
    except UnicodeError:  # an empty label, or one of more than 63 characters
        return False


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True

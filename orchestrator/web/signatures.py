"""Whether a webhook comes from who it says: a signature over the raw body, a secret in the path, or both.

The signature is an HMAC in hex: SHA-256 (Wawp's Python client) or SHA-512 (WAHA's `X-Webhook-Hmac`), told
apart by its length, perhaps with `sha256=` or `sha512=` before it (GitHub's manner, GOWA's). Or the header
carries the secret itself: https://api.wawp.net/en/docs/v2/webhook/set speaks of "a secret string added to the
X-Wawp-Signature header for basic verification". Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

_GIVEN = re.compile(r"(?:(?P<name>sha256|sha512)=)?(?P<digest>[0-9a-f]+)", re.IGNORECASE | re.ASCII)
_BY_LENGTH = {64: "sha256", 128: "sha512"}


@dataclass(frozen=True, slots=True)
class HookSecrets:
    """What is configured. Each that is set must be right; with none, nothing is admitted."""

    signature: str = field(default="", repr=False)
    path: str = field(default="", repr=False)

    @property
    def configured(self) -> bool:
        return bool(self.signature or self.path)

    def may_be_right(self, *, signature: str | None, path: str | None) -> bool:
        """What can be told before the body is there: the path's secret, and whether there is a signature."""
        path_right = not self.path or same(self.path, path)
        in_form = not self.signature or _digest(signature) is not None or same(self.signature, signature)
        return self.configured and path_right and in_form

    def admits(self, body: bytes, *, signature: str | None, path: str | None) -> bool:
        """Whether all of them are right. Takes the same time whichever is wrong."""
        signature_right = not self.signature or is_signed(body, signature, self.signature)
        path_right = not self.path or same(self.path, path)
        return self.configured and bool(signature_right & path_right)


def is_signed(body: bytes, given: str | None, secret: str) -> bool:
    """Whether `given` is the body's signature, or the secret itself. In constant time for a given length."""
    algorithm, digest = _digest(given) or ("sha256", "")
    right = hmac.compare_digest(hmac.new(secret.encode(), body, algorithm).hexdigest(), digest)
    return bool(secret) and (right | same(secret, given))


def sign(body: bytes, secret: str, algorithm: str = "sha512") -> str:
    """The signature that `is_signed` takes."""
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


def same(secret: str, given: str | None) -> bool:
    """Whether that is the secret. Digests are compared, so that not even its length shows."""
    if not secret or given is None:
        return False
    ours, theirs = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (secret, given))
    return hmac.compare_digest(ours, theirs)


def _digest(given: str | None) -> tuple[str, str] | None:
    """(algorithm, digest in lower case) if it has the form of a signature."""
    match = _GIVEN.fullmatch((given or "").strip())
    algorithm = _BY_LENGTH.get(len(match["digest"])) if match else None
    if match is None or algorithm is None or (match["name"] or algorithm).lower() != algorithm:
        return None
    return algorithm, match["digest"].lower()

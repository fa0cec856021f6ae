"""Invite codes at rest: the key file, and the cipher made from one of its keys.

From one key of the ring two are derived (HKDF-SHA256): one encrypts codes (AES-256-GCM), one makes the
fingerprints (HMAC-SHA256) by which a code is found again without being readable.
The id of the key in use stands in the database, `meta.active_key`; the keys themselves never do.
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import ConfigurationError
from orchestrator.store import meta
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.keyring import KeyRing

__all__ = [
    "ACTIVE_KEY",
    "WHEN_UNREADABLE",
    "CodeCipher",
    "KeyRing",
    "UndecryptableCodeError",
    "active_key",
    "cipher_for_reading",
    "cipher_for_writing",
    "last4",
]

ACTIVE_KEY = "active_key"
WHEN_UNREADABLE = f"{Operation.FORGET_CODES}, then import the invite codes again"
FINGERPRINT_LENGTH = 32  # hex digits: 128 bits
_VERSION = b"\x01"
_NONCE = 12
_TAG = 16


class UndecryptableCodeError(ConfigurationError):
    """A stored invite code cannot be decrypted with this key file."""

    code = "code_undecryptable"


class CodeCipher:
    """Encrypts with one key of the ring, decrypts with any."""

    def __init__(self, ring: KeyRing, active_key_id: str) -> None:
        self._ring = ring
        self._ciphers: dict[str, AESGCM] = {}
        self.key_id = active_key_id
        self._fingerprint_key = _derive(ring.key(active_key_id), b"rejoin invite code fingerprint 1")

    def __repr__(self) -> str:
        return f"CodeCipher(key_id={self.key_id!r})"

    def encrypt(self, code: str) -> bytes:
        """Version, random nonce, ciphertext and tag. Decrypts with `key_id`."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(self.key_id).encrypt(nonce, code.encode(), _context(self.key_id))
        return _VERSION + nonce + sealed

    def decrypt(self, ciphertext: bytes, key_id: str) -> str:
        """Raise UndecryptableCodeError if the key is missing or the bytes were changed."""
        version, nonce, sealed = ciphertext[:1], ciphertext[1 : 1 + _NONCE], ciphertext[1 + _NONCE :]
        if version != _VERSION or len(sealed) < _TAG:
            raise UndecryptableCodeError(
                "a stored invite code has a form that this rejoin does not know", hint=WHEN_UNREADABLE
            )
        try:
            return self._cipher(key_id).decrypt(nonce, sealed, _context(key_id)).decode()
        except InvalidTag:
            # The cause would show nothing more.
            raise UndecryptableCodeError(hint=WHEN_UNREADABLE) from None

    def fingerprint(self, code: str) -> str:
        """The same for the same code under the same key; tells nothing about it."""
        digest = hmac.digest(self._fingerprint_key, code.encode(), "sha256")
        return digest[: FINGERPRINT_LENGTH // 2].hex()

    def last4(self, code: str) -> str:
        return last4(code)

    def _cipher(self, key_id: str) -> AESGCM:
        if key_id not in self._ciphers:
            self._ciphers[key_id] = AESGCM(
                _derive(self._ring.key(key_id), b"rejoin invite code encryption 1")
            )
        return self._ciphers[key_id]


def last4(code: str) -> str:
    """What people see of a code."""
    return code[-4:]


async def active_key(connection: AsyncConnection) -> str | None:
    """The id of the key that codes are written with; None before the first."""
    return await meta.get(connection, ACTIVE_KEY)


async def cipher_for_reading(connection: AsyncConnection, ring: KeyRing) -> CodeCipher:
    """The cipher of the database's active key, or of the ring's newest before the first code."""
    return CodeCipher(ring, await active_key(connection) or ring.newest)


async def cipher_for_writing(
    connection: AsyncConnection, ring: KeyRing, *, exclusive: bool = False
) -> CodeCipher:
    """The same, in a transaction that writes: no rekey can pass until that transaction has ended.

    `exclusive`: nor can another writer of codes; for the rekey itself.
    """
    await meta.add(connection, ACTIVE_KEY, ring.newest)
    in_use = await meta.lock(connection, ACTIVE_KEY, shared=not exclusive)
    return CodeCipher(ring, in_use or ring.newest)


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(key)


def _context(key_id: str) -> bytes:
    return b"rejoin invite code 1 " + key_id.encode()

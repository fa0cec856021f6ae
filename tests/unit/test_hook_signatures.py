"""Who may send a webhook: both digests, the path's secret, and every secret that is set."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from orchestrator.web.signatures import HookSecrets, is_signed, same, sign

BODY = b'{"event":"message","session":"default","engine":"WEBJS"}'
KEY = "my-secret-key"
# The test vector of WAHA's documentation, "Events".
WAHAS = (
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
    "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
)
SHA256 = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "given",
    [WAHAS, WAHAS.upper(), f" {WAHAS} ", f"sha512={WAHAS}", SHA256, f"sha256={SHA256}", f"SHA256={SHA256}"],
)
def test_a_right_signature_is_taken_in_either_digest(given: str) -> None:
    assert is_signed(BODY, given, KEY)


@pytest.mark.parametrize(
    "given",
    [
        None, "", "sha256=", WAHAS[:-1], WAHAS[:64], WAHAS[:-1] + "8", f"sha256={WAHAS}", f"sha512={SHA256}",
        f"md5={SHA256}", SHA256 * 2, "é" * 64, "0" * 64, "0" * 128,
        SHA256.replace(SHA256[0], "\u0661"), "x" * 9000,
    ],
)  # fmt: skip
def test_a_wrong_one_is_not(given: str | None) -> None:
    assert not is_signed(BODY, given, KEY)


def test_one_changed_byte_of_the_body_breaks_it() -> None:
    assert not is_signed(BODY + b" ", WAHAS, KEY)
    assert not is_signed(BODY, WAHAS, "my-secret-kez")


@pytest.mark.parametrize("secret", [KEY, "p" * 64, SHA256, WAHAS])
def test_a_header_that_carries_the_secret_itself_is_taken(secret: str) -> None:
    assert is_signed(BODY, secret, secret)
    assert HookSecrets(secret).may_be_right(signature=secret, path=None)
    assert not is_signed(BODY, secret[:-1], secret)
    assert not is_signed(BODY, secret + "0", secret)
    assert not is_signed(BODY, f"sha256={secret}", secret)


def test_a_wrong_secret_in_the_header_is_refused_before_the_body_is_read() -> None:
    assert not HookSecrets(KEY).may_be_right(signature="my-secret-kez", path=None)


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed(BODY, sign(BODY, ""), "")
    assert not same("", "")


def test_a_secret_in_the_path_is_compared_whole() -> None:
    assert same("sésame", "sésame")
    assert not any(same("sésame", given) for given in (None, "", "sesame", "sésam", "sésame ", "\ud800"))


@pytest.mark.parametrize(
    ("secrets", "signature", "path", "admitted"),
    [
        (HookSecrets(), WAHAS, "p", False),
        (HookSecrets(KEY), WAHAS, None, True),
        (HookSecrets(KEY), None, None, False),
        (HookSecrets(KEY), None, KEY, False),
        (HookSecrets(KEY), KEY, None, True),
        (HookSecrets(KEY, "p"), KEY, "q", False),
        (HookSecrets("", "p"), None, "p", True),
        (HookSecrets("", "p"), WAHAS, "q", False),
        (HookSecrets(KEY, "p"), WAHAS, "p", True),
        (HookSecrets(KEY, "p"), WAHAS, None, False),
        (HookSecrets(KEY, "p"), None, "p", False),
        (HookSecrets(KEY, "p"), SHA256.replace("a", "b"), "p", False),
    ],
)
def test_every_secret_that_is_set_must_be_right(
    secrets: HookSecrets, signature: str | None, path: str | None, admitted: bool
) -> None:
    assert secrets.admits(BODY, signature=signature, path=path) is admitted
    assert secrets.may_be_right(signature=signature, path=path) >= admitted


def test_the_secrets_are_not_shown() -> None:
    assert KEY not in repr(HookSecrets(KEY, "sesame"))
    assert "sesame" not in repr(HookSecrets(KEY, "sesame"))

"""The wire format of outgoing webhooks: Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import json

import pytest

from orchestrator.messaging.routing import Parcel
from orchestrator.messaging.webhooks_and_pings import body_of, key_of, retry_after, signature
from orchestrator.store.outbox import new_uid


def test_the_published_vector_is_signed_as_published() -> None:
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        (f"whsec_{base64.b64encode(b'12345').decode()}", b"12345"),
        ("plain words", b"plain words"),
        ("whsec_not base64!", b"whsec_not base64!"),
        ("", b""),
    ],
)
def test_a_secret_is_base64_after_its_prefix_and_else_its_own_bytes(secret: str, key: bytes) -> None:
    assert key_of(secret) == key


def test_the_body_holds_type_time_and_data() -> None:
    body = body_of(Parcel("msg_1", "group.active", 1_800_000_000.25, {"group": "Äpfel \ud800"}))

    assert json.loads(body) == {
        "type": "group.active",
        "timestamp": "2027-01-15T08:00:00.250Z",
        "data": {"group": "Äpfel ?"},
    }


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        ("-5", 0.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("soon", None),
        ("inf", None),
        ("٣٠", None),
        ("1_0", None),
        ("1e300", None),
        ("nan", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, 1_800_000_000.0) == seconds


def test_ids_sort_by_time_and_never_repeat() -> None:
    made = [new_uid(1_800_000_000.0 + n) for n in range(100)]

    assert made == sorted(set(made))

"""The errors that are GOWA's own: its password, devices and time-outs (its middleware/ and pkg/error/).

`{"code", "message"}` with the HTTP status; what whatsmeow says stands in the message of a 500. A wrong
password is refused in plain text by the framework.
"""

from __future__ import annotations

from orchestrator.gateways.answers import Rule, Wording, on_status, on_text, on_words
from orchestrator.gateways.error_bodies import parse_answer
from orchestrator.gateways.whatsapp_answers import Meaning

_WORDS: tuple[Rule, ...] = (
    on_words(Meaning.SESSION, "authentication_error", "invalid_wa_cli"),
    on_words(Meaning.NO_INSTANCE, "device_not_found", "device_id_required"),
    on_words(Meaning.RESTRICTED, "wa_reachout_timelock"),
)
_ERRORS: tuple[Rule, ...] = (
    on_status(Meaning.CREDENTIALS, 401, own=True),
    on_text(Meaning.NO_INSTANCE, r"\bdevice \S+ not found\b", 500),
    on_status(Meaning.NO_ANSWER, 504),
    on_text(Meaning.NO_ROUTE, r"\bcannot (get|post|put|patch|delete)\b", 404),
)

WORDING = Wording(
    parse_answer,
    words=_WORDS,
    errors=_ERRORS,
    notes={
        Meaning.CREDENTIALS: "GOWA refuses the user and the password",
        Meaning.NO_INSTANCE: "GOWA has no such device: check instance_id in the configuration",
        Meaning.SESSION: "the device at GOWA is not connected, or not logged in",
    },
)

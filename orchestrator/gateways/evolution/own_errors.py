"""The errors that are Evolution's own (its src/main.ts, src/exceptions/ and guards).

`{"status", "error", "response": {"message"}}`, the message a text, a list, or a list of objects. Of what
WhatsApp refuses only the text comes through, without its number; of a failed probe nothing.
"""

from __future__ import annotations

from orchestrator.gateways.answers import Rule, Wording, on_status, on_text
from orchestrator.gateways.error_bodies import parse_answer
from orchestrator.gateways.whatsapp_answers import Meaning

_ERRORS: tuple[Rule, ...] = (
    on_text(Meaning.NO_INSTANCE, r"\bthe .{1,80} instance does not exist|\binstance .{1,80} not found", 404),
    on_status(Meaning.CREDENTIALS, 401, own=True),
    on_text(Meaning.CODE_DOUBTED, r"invitecode does not match pattern", 400),
    on_text(Meaning.NO_ROUTE, r"\bcannot (get|post|put|delete)\b", 404),
    # Whatever the cause, also where the instance is only disconnected: it says nothing of the code.
    on_text(Meaning.UNCLEAR, r"\bno invite info\b", 404),
)

WORDING = Wording(
    parse_answer,
    errors=_ERRORS,
    notes={
        Meaning.CREDENTIALS: "Evolution refuses the API key",
        Meaning.NO_INSTANCE: "Evolution has no instance of this name: check instance_id in the configuration",
    },
)

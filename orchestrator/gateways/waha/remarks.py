"""What a user of WAHA should know of a session's engine, and of WhatsApp's limits for its account."""

from __future__ import annotations

from typing import Any

from orchestrator.gateways.base import Remark

_BETTER = "GOWS or NOWEB serve a recovery better"
_KNOWN = {
    "GOWS": Remark(
        "engine",
        "GOWS: a join that an admin must approve answers like one that entered. Each join is looked at",
    ),
    "NOWEB": Remark(
        "engine",
        "NOWEB: a join that an admin must approve, or that WhatsApp did not answer, comes without an id. "
        "Each join is looked at",
    ),
    "WEBJS": Remark(
        "engine",
        "WEBJS: it does not say why a join fails, and events of joins may not come. Each join is looked at",
        _BETTER,
    ),
    "WPP": Remark("engine", "WPP: nothing is known of how it answers joins", _BETTER),
}


def engine_remarks(session: Any) -> tuple[Remark, ...]:
    """By `engine.engine` of a session."""
    engine = session.get("engine") if isinstance(session, dict) else None
    name = engine.get("engine") if isinstance(engine, dict) else None
    found = _KNOWN.get(name) if isinstance(name, str) else None
    return (found or Remark("engine", "WAHA does not say which engine it is, or one that is not known"),)


def capping_remarks(body: Any) -> tuple[Remark, ...]:
    """By `cappingStatus` (WAHA 2026.8): how near the account is to WhatsApp's limit of new chats."""
    status = body.get("cappingStatus") if isinstance(body, dict) else None
    if status not in ("FIRST_WARNING", "SECOND_WARNING", "CAPPED"):
        return ()
    said = str(status).lower().replace("_", " ")
    return (
        Remark("capping", f"WhatsApp limits this account's new chats: {said}", "let it rest for a while"),
    )

"""Reading ids, people, times and restrictions as WhatsApp's engines write them. Shared by all vendors.

Sources: Baileys (NOWEB), whatsmeow `types/` (GOWS) and whatsapp-web.js (WEBJS). Nothing here raises; None
means "not readable".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from orchestrator.domain.identity import UserId, user_id
from orchestrator.domain.outcomes import MemberChange, Participant

_LONG = 4096
_MILLISECONDS = 1e11
_UNTIL_UNKNOWN = 86400.0
"""Seconds that a restriction without an end is taken to last: reports speak of 24 to 72 hours."""
_PERSON_KEYS = ("id", "JID", "jid", "pn", "phoneNumber", "PhoneNumber", "phone", "lid", "LID")
_CHANGES = {
    "join": MemberChange.JOIN,
    "add": MemberChange.JOIN,
    "leave": MemberChange.LEAVE,
    "remove": MemberChange.REMOVE,
    "removed": MemberChange.REMOVE,
    "kick": MemberChange.REMOVE,
    "kicked": MemberChange.REMOVE,
}


def clean(text: Any) -> str | None:
    """Foreign text as the store can keep it: no NUL, no lone surrogate, bounded. None if it is no text."""
    if not isinstance(text, str):
        return None
    return text[:_LONG].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def finite(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if number and math.isfinite(value) else None


def instant(value: Any) -> float | None:
    """Seconds since 1970, from seconds or milliseconds (WAHA has both), also as a text of digits."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16
    number = finite(int(value) if digits else value)
    if number is None or number <= 0:
        return None
    return number / 1000 if number > _MILLISECONDS else number


def by_index(body: Any) -> Any:
    """An object with index keys (`{"0": …, "1": …}`, whatever else stands beside them) as the list it is."""
    if not isinstance(body, dict):
        return body
    items = [value for key, value in body.items() if key.isascii() and key.isdigit()]
    return items or body


def serialized(value: Any) -> str | None:
    """A JID given as text, or as whatsapp-web.js gives it: `{"_serialized": …}` or `{"user", "server"}`."""
    if isinstance(value, dict):
        whole = value.get("_serialized") or value.get("$1")
        user, server = value.get("user"), value.get("server")
        if not whole and isinstance(user, str) and isinstance(server, str):
            return f"{user}@{server}"
        value = whole
    return value if isinstance(value, str) and value else None


def own_ids(me: Any) -> UserId:
    """The account's own phone and LID, from what engines call `me`."""
    return _ids(me, ("id", "jid", "lid")) if isinstance(me, dict) else UserId()


def restricted_until(lock: Any, *, now: float) -> float | None:
    """The end of an active restriction (Baileys `reachoutTimeLock`): seconds since 1970, or None."""
    if not isinstance(lock, dict) or lock.get("isActive") is not True:
        return None
    return instant(lock.get("timeEnforcementEnds")) or now + _UNTIL_UNKNOWN


def participant(item: Any) -> Participant | None:
    """One member: an id, or an object. None for one who left, and for what names nobody."""
    if isinstance(item, str):
        item = {"id": item}
    if not isinstance(item, dict) or str(item.get("role")).lower() == "left":
        return None
    ids = _ids(item, _PERSON_KEYS)
    return Participant(phone=ids.phone, lid=ids.lid, admin=_is_admin(item)) if ids.phone or ids.lid else None


def affected(value: Any) -> tuple[Participant, ...]:
    """To whom something happened: a list, an object with index keys or ids for keys, or one person. Who left
    counts here, too.
    """
    if isinstance(value, dict):
        indexed = all(isinstance(key, str) and (key.isdigit() or "@" in key) for key in value)
        value = list(value.values()) if indexed else [value]
    if not isinstance(value, list):
        value = [value]
    found = (participant(_without_role(item)) for item in value)
    return tuple(person for person in found if person is not None)


def member_change(words: Iterable[Any]) -> MemberChange | None:
    """What happened to members, in the first of the words that says it."""
    found = (_CHANGES.get(word.lower()) for word in words if isinstance(word, str))
    return next((change for change in found if change), None)


def _ids(item: dict[str, Any], keys: tuple[str, ...]) -> UserId:
    found = [one for one in (user_id(serialized(item.get(key))) for key in keys) if one is not None]
    return UserId(
        phone=next((one.phone for one in found if one.phone), None),
        lid=next((one.lid for one in found if one.lid), None),
    )


def _is_admin(item: dict[str, Any]) -> bool:
    ranks = {str(item.get(key)).lower() for key in ("admin", "role", "rank")}
    flags = ("isAdmin", "IsAdmin", "isSuperAdmin", "IsSuperAdmin", "admin")
    return bool(ranks & {"admin", "superadmin"}) or any(item.get(flag) is True for flag in flags)


def _without_role(item: Any) -> Any:
    """As whatsapp-web.js gives an id, or with a rank: `role` is `left` for those who are no longer in."""
    if not isinstance(item, dict):
        return item
    whole = serialized(item)
    return {"id": whole} if whole else {key: value for key, value in item.items() if key != "role"}

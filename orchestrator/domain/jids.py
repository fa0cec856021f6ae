"""WhatsApp's addresses (whatsmeow types/jid.go): groups end in `@g.us`, people are phone numbers
(`@c.us`, `@s.whatsapp.net`) or LIDs (`@lid`), each perhaps with a device. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# 120363 and 12 more digits, or the older <phone>-<unix seconds>; lenient, because examples vary.
_GROUP = re.compile(r"[0-9]{1,32}(?:-[0-9]{1,32})?@g\.us", re.ASCII)
# user, user:device or user.agent:device
_USER = re.compile(r"(?P<user>[0-9]{1,32})(?:\.[0-9]+)?(?::[0-9]+)?@(?P<server>[a-z.]{1,20})", re.ASCII)
_PHONE = re.compile(r"\+?(?P<user>[0-9]{5,20})", re.ASCII)
_PHONE_SERVERS = frozenset({"c.us", "s.whatsapp.net", "hosted"})
_LID_SERVERS = frozenset({"lid", "hosted.lid"})


@dataclass(frozen=True, slots=True)
class UserId:
    """One person's address: bare digits of one kind, the other None. A phone is never compared with a LID."""

    phone: str | None = None
    lid: str | None = None


def group_jid(text: object) -> str | None:
    """The group JID, without white space around it; None for anything else."""
    if not isinstance(text, str):
        return None
    found = text.strip()
    return found if _GROUP.fullmatch(found) else None


def user_id(text: object) -> UserId | None:
    """The person behind a user JID, or behind a bare phone number (`+` allowed); None for anything else."""
    if not isinstance(text, str):
        return None
    found = text.strip()
    phone = _PHONE.fullmatch(found)
    if phone:
        return UserId(phone=phone["user"])
    user = _USER.fullmatch(found)
    if user is None:
        return None
    if user["server"] in _PHONE_SERVERS:
        return UserId(phone=user["user"])
    return UserId(lid=user["user"]) if user["server"] in _LID_SERVERS else None

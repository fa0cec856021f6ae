"""WhatsApp's addresses, and which number stands behind an instance. Pure.

Groups end in `@g.us`; people are phone numbers (`@c.us`, `@s.whatsapp.net`) or LIDs (`@lid`), each perhaps
with a device (whatsmeow types/jid.go). Phones are compared with phones and LIDs with LIDs, never one with the
other: WhatsApp maps them, we cannot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class OwnIds:
    """This account's ids: bare digits, each kind compared only with its own kind."""

    phone: str | None = None
    lid: str | None = None


NOBODY = OwnIds()


class Told(StrEnum):
    """What a session reading says about the number, next to what was known before."""

    NOTHING = "nothing"  # no id, or none of a kind that we know: it changes nothing
    FIRST = "first"  # nothing was known yet
    SAME = "same"
    ANOTHER = "another"  # the instance stands for another number than before


def compare(known: OwnIds, told: OwnIds) -> Told:
    """The phone decides where both name one; else the LID does."""
    if told == NOBODY:
        return Told.NOTHING
    if known == NOBODY:
        return Told.FIRST
    for mine, theirs in ((known.phone, told.phone), (known.lid, told.lid)):
        if mine and theirs:
            return Told.SAME if mine == theirs else Told.ANOTHER
    return Told.NOTHING


def after(known: OwnIds, told: OwnIds) -> OwnIds:
    """What is known after it. A reading that lacks an id for once loses none; another number keeps none."""
    match compare(known, told):
        case Told.NOTHING:
            return known
        case Told.SAME:
            return OwnIds(told.phone or known.phone, told.lid or known.lid)
        case _:
            return told


def is_one_number(one: OwnIds, other: OwnIds) -> bool:
    """Whether two instances certainly stand for one number: the same phone, or the same LID."""
    by_phone = one.phone is not None and one.phone == other.phone
    return by_phone or (one.lid is not None and one.lid == other.lid)


def may_be_one_number(one: OwnIds, other: OwnIds) -> bool:
    """Whether nothing they told keeps two instances apart: one told a phone alone, the other a LID alone."""
    if NOBODY in (one, other):
        return False
    return not (one.phone and other.phone) and not (one.lid and other.lid)


def likeness(one: OwnIds, other: OwnIds) -> str:
    """How two instances are, or may be, one number, to be followed by a name; empty if they are two."""
    if is_one_number(one, other):
        return "the same number as"
    return (
        "perhaps (one tells a phone, one a LID) the same number as" if may_be_one_number(one, other) else ""
    )


def shown(own: OwnIds) -> str:
    """The number's end, for journals and messages: enough to recognise it, too little to misuse it."""
    if own.phone:
        return f"…{own.phone[-4:]}"
    return f"LID …{own.lid[-4:]}" if own.lid else "unknown"

"""Which number stands behind an instance: comparing what a session says with what is known. Pure.

Phones are compared with phones and LIDs with LIDs, never one with the other: WhatsApp maps them, we cannot.
"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.domain.sightings import OwnIds

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

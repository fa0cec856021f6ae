"""Verification: is the group behind a code one of ours? A surprise is blocked, never joined."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.folding import fold, spelt
from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import GroupPreview
from orchestrator.domain.phones import phone_key
from orchestrator.domain.redaction import hide_codes


class Mode(StrEnum):
    """How the allow-list identifies a group."""

    EXPECTED = "expected"  # JID where known, else subject (and owner, where given)
    LISTED_JIDS = "listed_jids"  # JID only


@dataclass(frozen=True, slots=True)
class Expected:
    """What we know of one of our groups. `owner` and `owners` are digits of phone numbers."""

    jid: str | None = None
    subject: str | None = None
    owner: str | None = None

    def __post_init__(self) -> None:
        """An invite code in a subject is known by its last four, as in what a gateway shows."""
        if self.subject:
            object.__setattr__(self, "subject", hide_codes(self.subject))


@dataclass(frozen=True, slots=True)
class AllowList:
    """The rule, and the phone numbers that may own our groups (empty: any)."""

    mode: Mode
    owners: frozenset[str]


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why a group may not be joined, in a sentence that quotes what was seen (foreign text)."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed exactly when nothing stands against it."""

    objections: tuple[Objection, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.objections

    @property
    def reason(self) -> Reason | None:
        return self.objections[0].reason if self.objections else None

    @property
    def sentence(self) -> str:
        return "; ".join(objection.sentence for objection in self.objections)


def verify(allow: AllowList, expected: Expected, seen: GroupPreview) -> Verdict:
    """Compare a preview with what we expect; every objection is listed."""
    found = [*_identity(allow, expected, seen), *_ownership(allow, expected, seen)]
    return Verdict(tuple(found))


def _identity(allow: AllowList, expected: Expected, seen: GroupPreview) -> list[Objection]:
    if seen.jid is None:
        return [Objection(Reason.PROBE_FAILED, "the gateway's preview does not name the group's JID")]
    if expected.jid is not None:
        if same_jid(expected.jid, seen.jid):
            return []
        shown = f', "{seen.subject}"' if seen.subject else ""
        sentence = f"expected {expected.jid}, the link opens {seen.jid}{shown}{_kinship(expected.jid, seen)}"
        return [Objection(Reason.IDENTITY_MISMATCH, sentence)]
    if allow.mode is Mode.LISTED_JIDS:
        return [Objection(Reason.NOT_ON_ALLOW_LIST, f"no JID is listed for it; the link opens {seen.jid}")]
    return _subject(expected, seen)


def _kinship(expected: str, seen: GroupPreview) -> str:
    """A community's own link opens the community; whoever joins that is taken into its announcement group."""
    if seen.community:
        return "; that is a community, and the expected group may be its announcement group"
    if seen.parent is not None and same_jid(expected, seen.parent):
        return "; that is a group of the expected community"
    return ""


def _subject(expected: Expected, seen: GroupPreview) -> list[Objection]:
    if not expected.subject:
        return [Objection(Reason.NOT_ON_ALLOW_LIST, "neither a JID nor a subject is expected for it")]
    if seen.subject is not None and fold(seen.subject) == fold(expected.subject):
        return []
    sentence = (
        f'expected the subject "{spelt(expected.subject)}", the link opens "{spelt(seen.subject or "")}"'
    )
    return [Objection(Reason.IDENTITY_MISMATCH, sentence)]


def _ownership(allow: AllowList, expected: Expected, seen: GroupPreview) -> list[Objection]:
    """The owner backs up a subject; a JID needs no second proof (owners change, JIDs do not)."""
    if expected.jid is not None:
        return []
    owners = {expected.owner} if expected.owner else allow.owners
    if not owners:
        return []
    wanted = {phone_key(digits(one)) for one in owners}
    owner = seen.owner or ""
    if owner.endswith(("@lid", "@hosted.lid")) or not digits(owner):
        sentence = "the preview does not show the owner's phone number, which must be one of ours"
        return [Objection(Reason.NOT_ON_ALLOW_LIST, sentence)]
    if phone_key(digits(owner)) in wanted:
        return []
    return [Objection(Reason.NOT_ON_ALLOW_LIST, f"its owner {digits(owner)} is none of ours")]


def same_jid(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def digits(user: str | None) -> str:
    """The bare digits of a phone number or user JID, without the device part."""
    return re.sub(r"\D", "", (user or "").split("@")[0].split(":")[0])

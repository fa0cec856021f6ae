"""Reading groups, people, ids and times as WhatsApp's three engines write them. Shared by all vendors.

Sources of the shapes: Baileys `Socket/groups.ts` (NOWEB), whatsmeow `types/` (GOWS), whatsapp-web.js
`Client.js` and wa-js `sendQueryGroupInvite.ts` (WEBJS). Nothing here raises; None means "not readable".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.identity import UserId, group_jid, user_id
from orchestrator.domain.outcomes import GroupPreview, MemberChange, Outcome, Participant, SeenGroup


@dataclass(frozen=True, slots=True)
class GroupNames:
    """Under which names a gateway shows a group. The defaults are the engines'; a vendor adds its own.

    `wrappers` are objects that may hold the group, `lists` those that may hold a list of them. `pending` and
    `accepted` are flags of a join's receipt.
    """

    jid: tuple[str, ...] = ("id", "JID", "jid", "gid")
    subject: tuple[str, ...] = ("subject", "Name", "name", "title")
    description: tuple[str, ...] = ("desc", "Topic")
    owner: tuple[str, ...] = ("ownerPn", "OwnerPN", "owner", "OwnerJID")
    size: tuple[str, ...] = ("size", "ParticipantCount")
    participants: tuple[str, ...] = ("participants", "Participants")
    announce: tuple[str, ...] = ("announce", "IsAnnounce")
    approval: tuple[str, ...] = ("joinApprovalMode", "IsJoinApprovalRequired", "membershipApprovalMode")
    community: tuple[str, ...] = ("isCommunity", "IsParent", "isParentGroup")
    parent: tuple[str, ...] = ("linkedParent", "LinkedParentJID", "parentGroup")
    wrappers: tuple[str, ...] = ("groupInfo", "groupMetadata")
    lists: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


ENGINES = GroupNames()


@dataclass(frozen=True, slots=True)
class GroupReader:
    """Reads one vendor's bodies about groups."""

    names: GroupNames

    def preview(self, body: Any) -> GroupPreview | None:
        """The group behind a code. The count of members is the one given, and never fewer than are shown: a
        preview's list is partial, and some gateways count 0 beside it.
        """
        group = self._group_layer(body)
        if group is None:
            return None
        names = self.names
        given, jid = _jid(group, names.jid)
        subject = _text(group, names.subject)
        if (given and jid is None) or not (jid or subject):
            return None
        return GroupPreview(
            jid=jid,
            subject=subject,
            description=_text(group, names.description),
            owner=_owner(group, names.owner),
            members=self._size(group),
            announce=_flag(group, names.announce),
            approval=_flag(group, names.approval),
            community=_flag(group, names.community),
            parent=_jid(group, names.parent)[1],
        )

    def receipt(self, body: Any) -> tuple[Outcome, str | None] | None:
        """What a join's good answer says: (outcome, JID). A JID that is none makes the receipt unreadable."""
        if isinstance(body, str):
            return (Outcome.JOINED, group_jid(body)) if group_jid(body) else None
        if not isinstance(body, dict):
            return None
        layers = list(self._layers(body))
        named = [_jid(layer, self.names.jid) for layer in layers]
        jid = next((jid for _, jid in named if jid), None)
        if any(_flag(layer, self.names.pending) for layer in layers):
            return Outcome.APPROVAL_PENDING, jid
        if jid:
            return Outcome.JOINED, jid
        if any(given for given, _ in named):
            return None
        accepted = not body or any(_flag(layer, self.names.accepted) for layer in layers)
        return (Outcome.ACCEPTED, None) if accepted or self._has_empty_id(body) else None

    def seen_group(self, body: Any, *, jid: str | None = None) -> SeenGroup | None:
        """One group of the account's own. `jid` is the key it stood under."""
        group = self._group_layer(body)
        found = (_jid(group, self.names.jid)[1] if group is not None else None) or group_jid(jid)
        if group is None or found is None:
            return None
        inside = self._members_of(group)
        size = self._size(group)
        return SeenGroup(
            jid=found,
            subject=_text(group, self.names.subject),
            owner=_owner(group, self.names.owner),
            members=size if size is not None or inside is None else len(inside),
            announce=_flag(group, self.names.announce),
            participants=inside,
        )

    def seen_groups(self, body: Any) -> tuple[SeenGroup, ...] | None:
        """A list of groups: an array, an object keyed by JID, or either in a wrapper."""
        body = by_index(body)
        if isinstance(body, list):
            found = (self.seen_group(item) for item in body)
            return _unique(group for group in found if group is not None)
        if not isinstance(body, dict):
            return None
        for key in self.names.lists:
            if isinstance(body.get(key), list | dict):
                return self.seen_groups(body[key])
        if body and not any(group_jid(key) for key in body):
            return None
        keyed = (self.seen_group(item, jid=key) for key, item in body.items())
        return _unique(group for group in keyed if group is not None)

    def participants(self, body: Any) -> tuple[Participant, ...] | None:
        """Members: a list, an object with index keys, or either in a wrapper. Those who left are left out."""
        body = by_index(body)
        if isinstance(body, dict):
            for key in (*self.names.participants, *self.names.wrappers):
                if isinstance(body.get(key), list | dict):
                    return self.participants(body[key])
            if not all("@" in key for key in body):
                return None
            body = list(body.values())
        if not isinstance(body, list):
            return None
        found = (participant(item) for item in body)
        return tuple(person for person in found if person is not None)

    def _members_of(self, group: dict[str, Any]) -> tuple[Participant, ...] | None:
        keys = self.names.participants
        found = next((group[key] for key in keys if isinstance(group.get(key), list | dict)), None)
        return None if found is None else self.participants(found)

    def _layers(self, body: Any, depth: int = 2) -> Iterator[dict[str, Any]]:
        """The object and what its wrappers hold, from the outside in."""
        if not isinstance(body, dict):
            return
        yield body
        if depth:
            for key in self.names.wrappers:
                yield from self._layers(body.get(key), depth - 1)

    def _group_layer(self, body: Any) -> dict[str, Any] | None:
        """The layers as one object: the outermost that names a group, completed by those inside it."""
        layers = list(self._layers(body))
        named = next((at for at, layer in enumerate(layers) if self._names_a_group(layer)), None)
        if named is None:
            return None
        whole: dict[str, Any] = {}
        for layer in reversed(layers[named:]):
            whole |= {key: value for key, value in layer.items() if value is not None}
        return whole

    def _names_a_group(self, layer: dict[str, Any]) -> bool:
        named = _jid(layer, self.names.jid)[0] or _text(layer, self.names.subject) is not None
        return named or bool(self._members_of(layer))

    def _has_empty_id(self, body: dict[str, Any]) -> bool:
        keys = self.names.jid
        return any(key in body for key in keys) and not any(body.get(key) for key in keys)

    def _size(self, group: dict[str, Any]) -> int | None:
        counts = (_count(group.get(key)) for key in self.names.size)
        given = [size for size in counts if size is not None]
        return max(*given, len(self._members_of(group) or ())) if given else None


def _jid(layer: dict[str, Any], keys: tuple[str, ...]) -> tuple[bool, str | None]:
    """(whether an id is given at all, the group JID if it is one)."""
    given = [layer[key] for key in keys if layer.get(key)]
    found = (group_jid(serialized(value)) for value in given)
    return bool(given), next((jid for jid in found if jid), None)


def _text(layer: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    texts = (clean(layer.get(key)) for key in keys)
    return next((text for text in texts if text), None)


def _owner(layer: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    owners = (clean(serialized(layer.get(key))) for key in keys)
    return next((owner for owner in owners if owner), None)


def _count(value: Any) -> int | None:
    """A count of members; None for anything that is none."""
    return value if type(value) is int and 0 <= value < 1_000_000 else None


def _flag(layer: dict[str, Any], keys: tuple[str, ...]) -> bool | None:
    return next((layer[key] for key in keys if isinstance(layer.get(key), bool)), None)


def _unique(groups: Iterator[SeenGroup]) -> tuple[SeenGroup, ...]:
    return tuple({group.jid: group for group in groups}.values())


_LONG = 4096
_MILLISECONDS = 1e11
_UNTIL_UNKNOWN = 86400.0
"""Seconds that a restriction without an end is taken to last: reports speak of 24 to 72 hours."""
_PERSON_KEYS = (
    "id", "JID", "jid", "pn", "phoneNumber", "PhoneNumber", "phone_number", "phone", "lid", "LID",
)  # fmt: skip
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
    flags = (
        "isAdmin", "IsAdmin", "is_admin", "isSuperAdmin", "IsSuperAdmin", "is_super_admin", "admin",
    )  # fmt: skip
    return bool(ranks & {"admin", "superadmin"}) or any(item.get(flag) is True for flag in flags)


def _without_role(item: Any) -> Any:
    """As whatsapp-web.js gives an id, or with a rank: `role` is `left` for those who are no longer in."""
    if not isinstance(item, dict):
        return item
    whole = serialized(item)
    return {"id": whole} if whole else {key: value for key, value in item.items() if key != "role"}

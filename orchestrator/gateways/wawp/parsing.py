"""Reading what Wawp shows of groups, people and sessions, in the shapes of WAHA's three engines.

Sources of the shapes: Baileys `Socket/groups.ts` (NOWEB), whatsmeow `types/group.go` (GOWS), whatsapp-web.js
`Client.js` and wa-js `sendQueryGroupInvite.ts` (WEBJS). Nothing here raises; None means "not readable".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.domain.jids import group_jid, user_id
from orchestrator.domain.outcomes import GroupPreview, Outcome, Participant, SeenGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

_JID_KEYS = ("id", "JID", "jid", "gid", "groupJid", "group_jid", "groupId", "group_id", "chatId")
_SUBJECT_KEYS = ("subject", "Name", "name", "title")
_DESCRIPTION_KEYS = ("description", "desc", "Topic", "topic")
_OWNER_KEYS = ("ownerPn", "OwnerPN", "owner_pn", "owner", "OwnerJID")
_SIZE_KEYS = ("size", "ParticipantCount", "participant_count", "participantsCount", "total_participants")
_ANNOUNCE_KEYS = ("announce", "IsAnnounce", "isAnnounce", "is_announce")
_APPROVAL_KEYS = (
    "joinApprovalMode", "IsJoinApprovalRequired", "isJoinApprovalRequired", "membershipApprovalMode",
    "newMembersApprovalRequired",
)  # fmt: skip
_COMMUNITY_KEYS = ("isCommunity", "IsParent", "isParentGroup", "is_parent")
_PARENT_KEYS = ("linkedParent", "LinkedParentJID", "linked_parent_jid", "parentGroup")
_PENDING_KEYS = ("pending_approval", "pendingApproval", "requiresApproval", "membership_approval_request")
_ACCEPTED_KEYS = ("accepted", "success", "result", "ok", "joined")
_PARTICIPANT_KEYS = ("participants", "Participants")
_WRAPPERS = ("groupInfo", "data", "group", "result", "results", "response", "groupMetadata")
_LISTS = ("groups", "data", "results", "result", "items", "response")
_LONG = 4096


def clean(text: Any) -> str | None:
    """Foreign text as the store can keep it: no NUL, no lone surrogate, bounded. None if it is no text."""
    if not isinstance(text, str):
        return None
    return text[:_LONG].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def serialized(value: Any) -> str | None:
    """A JID given as text, or as whatsapp-web.js gives it: `{"_serialized": …}` or `{"user", "server"}`."""
    if isinstance(value, dict):
        whole = value.get("_serialized") or value.get("$1")
        user, server = value.get("user"), value.get("server")
        if not whole and isinstance(user, str) and isinstance(server, str):
            return f"{user}@{server}"
        value = whole
    return value if isinstance(value, str) and value else None


def preview(body: Any) -> GroupPreview | None:
    """The group behind a code. The count of members is the one given, and never fewer than are shown: a
    preview's list is partial, and some gateways count 0 beside it.
    """
    group = _group_layer(body)
    if group is None:
        return None
    given, jid = _jid(group)
    if (given and jid is None) or not (jid or _text(group, _SUBJECT_KEYS)):
        return None
    return GroupPreview(
        jid=jid,
        subject=_text(group, _SUBJECT_KEYS),
        description=_text(group, _DESCRIPTION_KEYS),
        owner=_owner(group),
        members=_size(group),
        announce=_flag(group, _ANNOUNCE_KEYS),
        approval=_flag(group, _APPROVAL_KEYS),
        community=_flag(group, _COMMUNITY_KEYS),
        parent=_jid(group, _PARENT_KEYS)[1],
    )


def receipt(body: Any) -> tuple[Outcome, str | None] | None:
    """What a join's good answer says: (outcome, JID). A JID that is none makes the receipt unreadable."""
    if isinstance(body, str):
        return (Outcome.JOINED, group_jid(body)) if group_jid(body) else None
    if not isinstance(body, dict):
        return None
    layers = list(_layers(body))
    named = [_jid(layer) for layer in layers]
    jid = next((jid for _, jid in named if jid), None)
    if any(_flag(layer, _PENDING_KEYS) for layer in layers):
        return Outcome.APPROVAL_PENDING, jid
    if jid:
        return Outcome.JOINED, jid
    if any(given for given, _ in named):
        return None
    accepted = not body or any(_flag(layer, _ACCEPTED_KEYS) for layer in layers)
    return (Outcome.ACCEPTED, None) if accepted or _empty_id(body) else None


def seen_group(body: Any, *, jid: str | None = None) -> SeenGroup | None:
    """One group of the account's own. `jid` is the key it stood under."""
    group = _group_layer(body)
    found = (_jid(group)[1] if group is not None else None) or group_jid(jid)
    if group is None or found is None:
        return None
    inside = _members_of(group)
    size = _size(group)
    return SeenGroup(
        jid=found,
        subject=_text(group, _SUBJECT_KEYS),
        owner=_owner(group),
        members=size if size is not None or inside is None else len(inside),
        announce=_flag(group, _ANNOUNCE_KEYS),
        participants=inside,
    )


def seen_groups(body: Any) -> tuple[SeenGroup, ...] | None:
    """A list of groups: an array, an object keyed by JID, or either in a wrapper."""
    body = by_index(body)
    if isinstance(body, list):
        found = (seen_group(item) for item in body)
        return _unique(group for group in found if group is not None)
    if not isinstance(body, dict):
        return None
    for key in _LISTS:
        if isinstance(body.get(key), list | dict):
            return seen_groups(body[key])
    if body and not any(group_jid(key) for key in body):
        return None
    keyed = (seen_group(item, jid=key) for key, item in body.items())
    return _unique(group for group in keyed if group is not None)


def participants(body: Any) -> tuple[Participant, ...] | None:
    """Members: a list, an object with index keys, or either in a wrapper. Those who left are left out."""
    body = by_index(body)
    if isinstance(body, dict):
        for key in (*_PARTICIPANT_KEYS, *_WRAPPERS):
            if isinstance(body.get(key), list | dict):
                return participants(body[key])
        if not all("@" in key for key in body):
            return None
        body = list(body.values())
    if not isinstance(body, list):
        return None
    found = (_participant(item) for item in body)
    return tuple(person for person in found if person is not None)


def by_index(body: Any) -> Any:
    """An object with index keys (`{"0": …, "1": …}`, whatever else stands beside them) as the list it is."""
    if not isinstance(body, dict):
        return body
    items = [value for key, value in body.items() if key.isascii() and key.isdigit()]
    return items or body


def members(value: Any) -> int | None:
    """A count of members; None for anything that is none."""
    return value if type(value) is int and 0 <= value < 1_000_000 else None


def finite(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if number and math.isfinite(value) else None


def _participant(item: Any) -> Participant | None:
    if isinstance(item, str):
        item = {"id": item}
    if not isinstance(item, dict) or str(item.get("role")).lower() == "left":
        return None
    names = ("id", "JID", "jid", "pn", "phoneNumber", "PhoneNumber", "phone", "lid", "LID")
    ids = [found for found in (user_id(serialized(item.get(name))) for name in names) if found is not None]
    phone = next((found.phone for found in ids if found.phone), None)
    lid = next((found.lid for found in ids if found.lid), None)
    return Participant(phone=phone, lid=lid, admin=_is_admin(item)) if phone or lid else None


def _is_admin(item: dict[str, Any]) -> bool:
    ranks = {str(item.get(key)).lower() for key in ("admin", "role", "rank")}
    flags = ("isAdmin", "IsAdmin", "isSuperAdmin", "IsSuperAdmin", "admin")
    return bool(ranks & {"admin", "superadmin"}) or any(item.get(flag) is True for flag in flags)


def _members_of(group: dict[str, Any]) -> tuple[Participant, ...] | None:
    found = next((group[key] for key in _PARTICIPANT_KEYS if isinstance(group.get(key), list | dict)), None)
    return None if found is None else participants(found)


def _layers(body: Any, depth: int = 2) -> Iterator[dict[str, Any]]:
    """The object and what its wrappers hold, from the outside in."""
    if not isinstance(body, dict):
        return
    yield body
    if depth:
        for key in _WRAPPERS:
            yield from _layers(body.get(key), depth - 1)


def _group_layer(body: Any) -> dict[str, Any] | None:
    """The layers as one object: the outermost that names a group, completed by those inside it."""
    layers = list(_layers(body))
    named = next((at for at, layer in enumerate(layers) if _names_a_group(layer)), None)
    if named is None:
        return None
    whole: dict[str, Any] = {}
    for layer in reversed(layers[named:]):
        whole |= {key: value for key, value in layer.items() if value is not None}
    return whole


def _names_a_group(layer: dict[str, Any]) -> bool:
    return _jid(layer)[0] or _text(layer, _SUBJECT_KEYS) is not None or bool(_members_of(layer))


def _jid(layer: dict[str, Any], keys: tuple[str, ...] = _JID_KEYS) -> tuple[bool, str | None]:
    """(whether an id is given at all, the group JID if it is one)."""
    given = [layer[key] for key in keys if layer.get(key)]
    found = (group_jid(serialized(value)) for value in given)
    return bool(given), next((jid for jid in found if jid), None)


def _empty_id(body: dict[str, Any]) -> bool:
    return any(key in body for key in _JID_KEYS) and not any(body.get(key) for key in _JID_KEYS)


def _text(layer: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    texts = (clean(layer.get(key)) for key in keys)
    return next((text for text in texts if text), None)


def _owner(layer: dict[str, Any]) -> str | None:
    owners = (clean(serialized(layer.get(key))) for key in _OWNER_KEYS)
    return next((owner for owner in owners if owner), None)


def _size(layer: dict[str, Any]) -> int | None:
    given = [size for size in (members(layer.get(key)) for key in _SIZE_KEYS) if size is not None]
    return max(*given, len(_members_of(layer) or ())) if given else None


def _flag(layer: dict[str, Any], keys: tuple[str, ...]) -> bool | None:
    return next((layer[key] for key in keys if isinstance(layer.get(key), bool)), None)


def _unique(groups: Iterator[SeenGroup]) -> tuple[SeenGroup, ...]:
    return tuple({group.jid: group for group in groups}.values())

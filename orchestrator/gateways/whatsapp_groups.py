"""Reading what gateways show of groups, in the shapes of WhatsApp's three engines. Shared by all vendors.

Sources of the shapes: Baileys `Socket/groups.ts` (NOWEB), whatsmeow `types/group.go` (GOWS), whatsapp-web.js
`Client.js` and wa-js `sendQueryGroupInvite.ts` (WEBJS). Nothing here raises; None means "not readable".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.identity import group_jid
from orchestrator.domain.outcomes import GroupPreview, Outcome, Participant, SeenGroup
from orchestrator.gateways.whatsapp_values import by_index, clean, participant, serialized


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

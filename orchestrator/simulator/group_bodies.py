"""The good answers: a group, a member, a receipt, in the shape of each engine.

plain         what Wawp's page shows, with the counts that its prose promises
noweb         Baileys GroupMetadata (Socket/groups.ts)
gows          whatsmeow types.GroupInfo as JSON (types/group.go)
webjs         the raw result of WhatsApp Web's group query (whatsapp-web.js, Client.js)
webjs_wrapped the same under "groupInfo" (wa-js, sendQueryGroupInvite.ts)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.simulator.model import Account, Group, Member, Naming, stranger

FACES = 3  # how many members a preview shows


def members(group: Group, accounts: dict[str, Account]) -> Iterator[Member]:
    """Everybody in the group: our accounts first, then named members, then the strangers."""
    for name, admin in group.inside.items():
        account = accounts[name]
        owner = bool(group.owner) and account.phone == group.owner
        yield Member(account.phone, account.lid, admin, owner)
    yield from group.members
    for number in range(group.strangers):
        yield stranger(number)


def plain_member(member: Member, naming: Naming) -> dict[str, Any]:
    name = {"id": _name(member, naming, "c.us"), "isAdmin": member.admin, "isSuperAdmin": member.owner}
    if naming is Naming.LID and member.phone:
        name["pn"] = f"{member.phone}@c.us"
    return name


def noweb_member(member: Member, naming: Naming) -> dict[str, Any]:
    rank = "superadmin" if member.owner else "admin" if member.admin else None
    shown = {"id": _name(member, naming, "s.whatsapp.net"), "admin": rank}
    if naming is Naming.LID and member.phone:
        shown["phoneNumber"] = f"{member.phone}@s.whatsapp.net"
    return shown


def gows_member(member: Member, naming: Naming) -> dict[str, Any]:
    phone = f"{member.phone}@s.whatsapp.net" if member.phone and naming is not Naming.LID_ONLY else ""
    lid = f"{member.lid}@lid" if member.lid and naming is not Naming.PHONE else ""
    return {
        "JID": phone if naming is Naming.PHONE else lid or phone,
        "PhoneNumber": phone,
        "LID": lid,
        "IsAdmin": member.admin or member.owner,
        "IsSuperAdmin": member.owner,
        "DisplayName": "",
        "Error": 0,
        "AddRequest": None,
    }


def webjs_member(member: Member, naming: Naming) -> dict[str, Any]:
    user, _, server = _name(member, naming, "c.us").partition("@")
    return {
        "id": {"server": server, "user": user, "_serialized": f"{user}@{server}"},
        "isAdmin": member.admin or member.owner,
        "isSuperAdmin": member.owner,
    }


def waha_member(member: Member, naming: Naming) -> dict[str, Any]:
    """WAHA's `participants/v2`, whatever its engine."""
    role = "superadmin" if member.owner else "admin" if member.admin else "participant"
    shown = {"id": _name(member, naming, "c.us"), "role": role}
    return {**shown, "pn": f"{member.phone}@c.us"} if naming is Naming.LID and member.phone else shown


def _name(member: Member, naming: Naming, server: str) -> str:
    if naming is Naming.PHONE and member.phone:
        return f"{member.phone}@{server}"
    return f"{member.lid}@lid" if member.lid else f"{member.phone}@{server}"


def _plain(group: Group) -> dict[str, Any]:
    return {
        "id": group.jid,
        "subject": group.subject,
        "description": group.description,
        "size": group.size,
        "owner": f"{group.owner}@c.us" if group.owner else None,
        "announce": group.announce,
        "joinApprovalMode": group.approval,
    }


def _noweb(group: Group) -> dict[str, Any]:
    shown = {
        "id": group.jid,
        "addressingMode": "pn" if group.naming is Naming.PHONE else "lid",
        "subject": group.subject,
        "subjectTime": group.created,
        "size": group.size,
        "creation": group.created,
        "owner": f"{group.owner}@s.whatsapp.net" if group.owner else None,
        "desc": group.description,
        "restrict": False,
        "announce": group.announce,
        "isCommunity": group.is_parent,
        "isCommunityAnnounce": group.is_announcement_child,
        "joinApprovalMode": group.approval,
        "memberAddMode": False,
    }
    return shown if group.parent is None else {**shown, "linkedParent": group.parent}


def _gows(group: Group) -> dict[str, Any]:
    return {
        "JID": group.jid,
        "OwnerJID": f"{group.owner}@s.whatsapp.net" if group.owner else "",
        "OwnerPN": f"{group.owner}@s.whatsapp.net" if group.owner else "",
        "Name": group.subject,
        "Topic": group.description,
        "IsLocked": False,
        "IsAnnounce": group.announce,
        "IsEphemeral": False,
        "IsParent": group.is_parent,
        "LinkedParentJID": group.parent or "",
        "IsDefaultSubGroup": group.is_announcement_child,
        "IsJoinApprovalRequired": group.approval,
        "AddressingMode": "pn" if group.naming is Naming.PHONE else "lid",
        "GroupCreated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(group.created)),
        "ParticipantCount": group.size,
        "MemberAddMode": "admin_add",
        "Suspended": group.suspended,
    }


def _webjs(group: Group) -> dict[str, Any]:
    user = group.jid.partition("@")[0]
    return {
        "id": {"server": "g.us", "user": user, "_serialized": group.jid},
        "subject": group.subject,
        "size": group.size,
        "creation": group.created,
        "owner": {"server": "c.us", "user": group.owner, "_serialized": f"{group.owner}@c.us"},
        "desc": group.description,
        "announce": group.announce,
        "restrict": False,
        "suspended": group.suspended,
        "isParentGroup": group.is_parent,
        "defaultSubgroup": group.is_announcement_child,
        "membershipApprovalMode": group.approval,
        "isLidAddressingMode": group.naming is not Naming.PHONE,
    }


ENGINES: dict[str, tuple[Callable[[Group], dict[str, Any]], Callable[[Member, Naming], dict[str, Any]]]] = {
    "plain": (_plain, plain_member),
    "noweb": (_noweb, noweb_member),
    "gows": (_gows, gows_member),
    "webjs": (_webjs, webjs_member),
    "webjs_wrapped": (_webjs, webjs_member),
}


def preview(engine: str, group: Group) -> dict[str, Any]:
    """What a probe shows. Its list of members is partial, as WhatsApp's is; plain has none."""
    shape, member = ENGINES[engine]
    shown = shape(group)
    if engine != "plain":
        shown[_members_key(engine)] = [member(m, group.naming) for m in group.members[:FACES]]
    return {"groupInfo": shown} if engine == "webjs_wrapped" else shown


def whole(engine: str, group: Group, accounts: dict[str, Account]) -> dict[str, Any]:
    """A group that the account is in, with all members."""
    shape, _ = ENGINES[engine]
    return {**shape(group), _members_key(engine): participants(engine, group, accounts)}


def participants(engine: str, group: Group, accounts: dict[str, Account]) -> list[dict[str, Any]]:
    """All members of a group."""
    _, member = ENGINES[engine]
    return [member(m, group.naming) for m in members(group, accounts)]


def strip_members(shown: dict[str, Any]) -> dict[str, Any]:
    """The same group without its members."""
    return {key: value for key, value in shown.items() if key.lower() != "participants"}


def nameless(shown: dict[str, Any]) -> dict[str, Any]:
    """The same group with an empty name."""
    return {key: "" if key in ("subject", "Name", "name") else value for key, value in shown.items()}


def _members_key(engine: str) -> str:
    return "Participants" if engine == "gows" else "participants"


def receipt(group: Group, *, only_id: bool) -> dict[str, Any]:
    """What a join answers."""
    if only_id:
        return {"id": group.jid}
    return {"id": group.jid, "subject": group.subject, "description": group.description}


def rate_limit(allowed: int, shape: str) -> dict[str, Any]:
    """The current policy allows so many group calls in a minute. It is an object, a slug, or not told."""
    limits = {"send_message_per_minute": 20, "group_req_per_minute": allowed, "group_daily_cap": 2000}
    current = {"policy_slug": "standard_policy", "available": True, "limits": limits}
    free = {"policy_slug": "strict", "available": True, "limits": {**limits, "group_req_per_minute": 1}}
    named = {"object": current, "slug": "standard_policy"}
    return {
        **({"current_policy": named[shape]} if shape in named else {}),
        "has_active_plan": True,
        "free_policies": ["strict", "standard_policy"],
        "policies": [free, current],
    }

"""Members who are no accounts of ours: they come and go, and every account in the group hears of it."""

from __future__ import annotations

from itertools import count

from orchestrator.simulator.model import Group, Member
from orchestrator.simulator.network import Network


def fresh(group: Group) -> Member:
    """Somebody who is not in the group."""
    known = {member.phone for member in group.members}
    phones = (f"9991{number:07d}" for number in count())
    phone = next(phone for phone in phones if phone not in known)
    return Member(phone, f"888{phone}")


def joins(network: Network, group: Group, member: Member) -> None:
    """Somebody comes in."""
    group.members.append(member)
    _tell(network, group, member, joined=True)


def leaves(network: Network, group: Group, phone: str | None = None, lid: str | None = None) -> bool:
    """The one of that name leaves, without a name the last who came; False if there is none."""
    member = group.take_member(phone, lid)
    if member is None:
        return False
    _tell(network, group, member, joined=False)
    return True


def _tell(network: Network, group: Group, member: Member, *, joined: bool) -> None:
    data = {"joined": joined, "phone": member.phone, "lid": member.lid}
    for name in group.inside:
        network.emit("group.member", name, group.jid, data)

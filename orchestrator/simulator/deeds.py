"""What happens to a network from outside: admins, owners, phones and WhatsApp itself act.

One table serves the timeline of a scenario and the control endpoint. Durations in simulated seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from orchestrator.simulator import checked_tables, strangers
from orchestrator.simulator.checked_tables import Reader
from orchestrator.simulator.model import Account, AccountState, Group, Member
from orchestrator.simulator.network import Network

GROUP_FLAGS = (
    "announce",
    "approval",
    "full",
    "locked",
    "needs_upgrade",
    "closed",
    "suspended",
    "probe_tells",
)

KEYS: Mapping[str, checked_tables.Check] = {
    "do": checked_tables.text,
    "account": checked_tables.text,
    "group": checked_tables.text,
    "seconds": checked_tables.number,
    "state": checked_tables.one_of(*AccountState),
    "subject": checked_tables.text,
    "admin": checked_tables.flag,
    "joins": checked_tables.whole,
    "every": checked_tables.number,
    "times": checked_tables.positive,
    "only_shown": checked_tables.flag,
    "phone": checked_tables.digits,
    "lid": checked_tables.digits,
    "max_size": checked_tables.whole,
    **dict.fromkeys(GROUP_FLAGS, checked_tables.flag),
}

Given = dict[str, Any]


def _set_state(network: Network, account: Account, given: Given) -> None:
    before = account.state
    network.set_state(account, AccountState(given["state"]))
    if "seconds" in given:
        network.later(given["seconds"], lambda: network.set_state(account, before))


def _log_out(network: Network, account: Account, _given: Given) -> None:
    network.set_state(account, AccountState.SCAN_QR_CODE)


def _set_working(network: Network, account: Account, _given: Given) -> None:
    """All is well again, and the gateway knows it."""
    account.banned = False
    account.shown_state = None
    network.set_state(account, AccountState.WORKING)


def _show_state(network: Network, account: Account, given: Given) -> None:
    """The gateway's own belief, for some `seconds` or for good; without a `state` the truth again."""
    network.show_state(account, AccountState(given["state"]) if "state" in given else None)
    if "seconds" in given:
        network.later(given["seconds"], lambda: network.show_state(account, None))


def _flap(network: Network, account: Account, given: Given) -> None:
    """For `seconds` in a state (STARTING), `every` so many seconds, so many `times`; healthy otherwise.

    Really down each time; with `only_shown` the gateway merely says so. What is down otherwise stays so.
    """
    for turn in range(given.get("times", 1)):
        if turn == 0:
            _flap_once(network, account, given)
        else:
            network.later(turn * given["every"], lambda: _flap_once(network, account, given))


def _flap_once(network: Network, account: Account, given: Given) -> None:
    down = AccountState(given.get("state", "STARTING"))
    if given.get("only_shown"):
        network.show_state(account, down)
        network.later(given["seconds"], lambda: network.show_state(account, None))
    elif account.state is AccountState.WORKING:
        network.set_state(account, down)
        network.later(given["seconds"], lambda: _end_flap(network, account, down))


def _end_flap(network: Network, account: Account, down: AccountState) -> None:
    if account.state is down:
        network.set_state(account, AccountState.WORKING)


def _restrict(network: Network, account: Account, given: Given) -> None:
    account.restricted_until = network.now() + given["seconds"]


def _limit_joins(network: Network, account: Account, given: Given) -> None:
    """After so many `joins`, again and again; without that number once, from now on."""
    account.join_pause = given.get("seconds", account.join_pause)
    account.budget_used = 0
    account.limited_until = 0.0 if "joins" in given else network.now() + account.join_pause
    account.join_budget = given.get("joins", account.join_budget)


def _ban(network: Network, account: Account, _given: Given) -> None:
    network.ban(account)


def _pair(network: Network, account: Account, given: Given) -> None:
    """The instance is linked to another phone. The old number stays in its groups, as a member of its own."""
    for group in network.groups.values():
        if account.name in group.inside:
            admin = group.inside.pop(account.name)
            group.members.append(Member(account.phone or None, account.lid or None, admin=admin))
        group.pending.pop(account.name, None)
        group.removed.discard(account.name)
    account.phone, account.lid = given["phone"], given.get("lid", "")


def _revoke_code(network: Network, group: Group, _given: Given) -> None:
    network.reset_code(group)


def _rename(network: Network, group: Group, given: Given) -> None:
    network.rename(group, given["subject"])


def _set_group(_network: Network, group: Group, given: Given) -> None:
    for name in (*GROUP_FLAGS, "max_size"):
        if name in given:
            setattr(group, name, given[name])


def _growth_lock(network: Network, group: Group, given: Given) -> None:
    group.growth_locked_until = network.now() + given["seconds"]


def _approve(network: Network, group: Group, given: Given) -> None:
    if not network.approve(network.account(given["account"]), group):
        raise ValueError("this account has not asked to be let in")


def _reject(network: Network, group: Group, given: Given) -> None:
    if not network.reject(network.account(given["account"]), group):
        raise ValueError("this account has not asked to be let in")


def _remove(network: Network, group: Group, given: Given) -> None:
    network.remove(network.account(given["account"]), group)


def _readmit(network: Network, group: Group, given: Given) -> None:
    group.removed.discard(network.account(given["account"]).name)


def _add(network: Network, group: Group, given: Given) -> None:
    network.add_member(network.account(given["account"]), group, admin=given.get("admin", False))


def _stranger_joins(network: Network, group: Group, given: Given) -> None:
    named = {key: given[key] for key in ("phone", "lid") if key in given}
    strangers.joins(network, group, Member(**named) if named else strangers.fresh(group))


def _stranger_leaves(network: Network, group: Group, given: Given) -> None:
    if not strangers.leaves(network, group, given.get("phone"), given.get("lid")):
        raise ValueError("there is no such member")


ON_ACCOUNTS: dict[str, tuple[str, Callable[[Network, Account, Given], None]]] = {
    "log_out": ("", _log_out),
    "set_working": ("", _set_working),
    "set_state": ("state", _set_state),
    "show_state": ("", _show_state),
    "flap": ("seconds every", _flap),
    "restrict": ("seconds", _restrict),
    "limit_joins": ("", _limit_joins),
    "ban": ("", _ban),
    "pair": ("phone", _pair),
}
ON_GROUPS: dict[str, tuple[str, Callable[[Network, Group, Given], None]]] = {
    "revoke_code": ("", _revoke_code),
    "rename": ("subject", _rename),
    "set": ("", _set_group),
    "growth_lock": ("seconds", _growth_lock),
    "approve": ("account", _approve),
    "reject": ("account", _reject),
    "remove": ("account", _remove),
    "readmit": ("account", _readmit),
    "add": ("account", _add),
    "stranger_joins": ("", _stranger_joins),
    "stranger_leaves": ("", _stranger_leaves),
}


def check(reader: Reader, given: Given, where: str) -> bool:
    """Whether a deed of checked keys can be done; what is missing is noted."""
    before = len(reader.problems)
    name = given.get("do", "")
    if name not in ON_ACCOUNTS and name not in ON_GROUPS:
        known = ", ".join(sorted([*ON_ACCOUNTS, *ON_GROUPS]))
        reader.wrong(f"{where}do".strip(), f"must be one of {known}")
        return False
    needs = f"account {ON_ACCOUNTS[name][0]}" if name in ON_ACCOUNTS else f"group {ON_GROUPS[name][0]}"
    for key in needs.split():
        if key not in given:
            reader.wrong(f"{where}{key}", f"is missing: {name} needs it")
    return len(reader.problems) == before


def do(network: Network, given: Given) -> None:
    """Do it. `ValueError` and `KeyError` carry a sentence."""
    name = given["do"]
    if name in ON_ACCOUNTS:
        ON_ACCOUNTS[name][1](network, network.account(given["account"]), given)
    else:
        ON_GROUPS[name][1](network, network.group(given["group"]), given)


def do_unchecked(network: Network, given: object, source: str) -> None:
    """The same for what came from outside; `ScenarioError` with every mistake."""
    reader = Reader(source)
    good = reader.table(given, KEYS, "")
    if not reader.problems:
        check(reader, good, "")
    reader.finish()
    network.settle()
    try:
        do(network, good)
    except (KeyError, ValueError) as error:
        reader.wrong("", str(error.args[0]))
        reader.finish()


def do_if_possible(network: Network, given: Given) -> None:
    """A deed of the timeline: the approval of what nobody asked for, and the like, is no event at all."""
    with suppress(ValueError):
        do(network, given)

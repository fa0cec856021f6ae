"""`rejoin hooks`: webhooks from the gateways; setting them up, and what came in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from orchestrator.account.installing import MASK, HookAddress, Installed
from orchestrator.cli.call import NOTHING_SAID, Call, flag, positional, seconds
from orchestrator.cli.formatting import clean, plural, rfc3339, timestamp
from orchestrator.domain.errors import ConfigurationError, NotFoundError, RejoinError, UsageError
from orchestrator.domain.group_fields import instance_called

if TYPE_CHECKING:
    from orchestrator.bootstrap import App
    from orchestrator.config import InstanceSettings, Settings
    from orchestrator.store.events import ListedEvent


_INSTANCE = flag("instance", "Only this instance.", metavar="NAME")
_IDS = positional("ID", "Numbers as listed.")


async def install(
    *,
    instance: Annotated[str | None, _INSTANCE] = None,
    url: Annotated[str | None, flag("url", "Where gateways reach us (else webhooks.public_url).")] = None,
    dry_run: Annotated[bool, flag("dry-run", "Only say what would be done.")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Sets our webhook at the gateway of every instance, beside those that are there.

    Examples:
      rejoin hooks install --dry-run
      rejoin hooks install --instance backup-1 --url https://rejoin.example.org
    """
    settings = call.settings()
    chosen = _chosen(settings, instance)
    public = _public_url(settings, url)
    call.start_logs(settings)
    done: list[Installed] = []
    troubles: list[RejoinError] = []
    async with call.open_app(settings) as app:
        for one in chosen:
            try:
                done.append(await _install_one(app, one, public, dry_run=dry_run))
            except RejoinError as error:  # the others may do
                troubles.append(error)
    _tell_installed(call, done, dry_run=dry_run)
    hidden = [one.instance for one in done if one.signed is False]
    if hidden:
        call.out.say(
            f"{', '.join(hidden)}: the gateway does not show whether it signs with webhooks.secret. "
            "If rejoin hooks list stays empty, set the same secret on its own pages."
        )
    for trouble in troubles[:-1]:
        call.out.warn(str(trouble))
    if troubles:
        raise troubles[-1]


async def list_(
    *,
    instance: Annotated[str | None, _INSTANCE] = None,
    limit: Annotated[int, flag("limit", "How many, at most.", metavar="N")] = 50,
    call: Call = NOTHING_SAID,
) -> None:
    """What gateways told lately, newest first, and what became of it.

    Examples:
      rejoin hooks list
      rejoin hooks list --instance backup-1 --limit 10 --json
    """
    from orchestrator.store import events, instances  # noqa: PLC0415

    async with call.open_app() as app:
        await app.sync_instances()
        async with app.database.read() as connection:
            names = {row.id: row.name for row in await instances.all_records(connection)}
            only = _known(names, instance)
            found = await events.latest(connection, limit=max(1, limit), instance_id=only)
            open_ones = await events.backlog(connection)
            now = await app.database.now(connection)
    if call.json:
        listed = [_as_json(one, names) for one in found]
        counts = {"new": open_ones.new, "waiting": open_ones.waiting}
        call.out.answer_json({"schema": 1, "at": rfc3339(now), **counts, "events": listed})
        return
    zone = app.settings.timezone
    rows = [
        [
            str(one.id),
            timestamp(one.received_at, zone),
            clean(names.get(one.instance_id, "-")),
            clean(one.kind),
            clean(_standing(one)),
            str(one.times),
        ]
        for one in found
    ]
    call.out.table(rows, "ID", "RECEIVED", "INSTANCE", "EVENT", "RESULT", "TIMES", lead=2)
    if not rows:
        of = "" if instance is None else f" of {clean(instance)}"
        call.out.say(f"No event{of} is stored.")
    call.out.say(f"{open_ones.new} new, {open_ones.waiting} wait for a look.")


async def replay(
    *ids: Annotated[int, _IDS],
    since: Annotated[str | None, flag("since", "All received in so long.", metavar="2h")] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Lets the daemon process stored events once more. Doing so twice does no harm.

    Examples:
      rejoin hooks replay 17 18
      rejoin hooks replay --since 2h
    """
    from orchestrator.store import events, journal  # noqa: PLC0415

    length = seconds("--since", since)
    if bool(ids) is (length is not None):
        raise UsageError("say which: numbers, or --since", hint="rejoin hooks list shows them")
    async with call.open_app() as app, app.database.write() as connection:
        now = await app.database.now(connection)
        missing = await events.unknown(connection, ids)
        if missing:
            raise NotFoundError(f"there is no event {missing[0]}", hint="rejoin hooks list shows them")
        after = None if length is None else now - length
        again = await events.replay(connection, ids=ids or None, since=after)
        if again:
            line = journal.Entry("act.replay", app.actor, {"events": again[:100], "count": len(again)})
            await journal.append(connection, now, [line])
    call.out.answer_either(
        {"changed": len(again), "events": again}, f"{plural(len(again), 'event')} to be processed once more."
    )


def _chosen(settings: Settings, name: str | None) -> list[InstanceSettings]:
    secrets = (settings.webhooks.secret, settings.webhooks.path_secret)
    if not any(one.get_secret_value() for one in secrets):
        raise ConfigurationError(
            "no webhook would be taken: neither webhooks.secret nor webhooks.path_secret is set",
            hint="set one of them, such as webhooks.path_secret_file (openssl rand -hex 16)",
        )
    if name is None and not settings.instances:
        raise ConfigurationError("no instance is configured", hint="add [[instances]] to the configuration")
    return list(settings.instances) if name is None else [settings.instance(name)]


def _public_url(settings: Settings, given: str | None) -> str:
    from orchestrator.config.values import check_public_url  # noqa: PLC0415 - brings pydantic

    try:
        url = settings.webhooks.public_url if given is None else check_public_url(given)
    except ValueError as error:
        raise UsageError(f"--url {error}") from None
    if not url:
        hint = "give --url, or set webhooks.public_url"
        raise ConfigurationError("it is not known where gateways reach us", hint=hint)
    return url


async def _install_one(app: App, instance: InstanceSettings, public: str, *, dry_run: bool) -> Installed:
    from orchestrator.account.installing import install  # noqa: PLC0415

    address = address_of(app.settings, instance, public)
    return await install(app.gateway(instance), address, dry_run=dry_run)


def address_of(settings: Settings, instance: InstanceSettings, public: str) -> HookAddress:
    """Where its gateway reaches us. Raises ConfigurationError for a gateway that there is not."""
    from orchestrator.bootstrap import vendor_of  # noqa: PLC0415 - brings SQLAlchemy

    hooks = settings.webhooks
    secrets = (hooks.path_secret.get_secret_value(), hooks.secret.get_secret_value())
    vendor = vendor_of(instance)
    address = HookAddress(public, instance.name, *secrets, events=vendor.events)
    return replace(address, by_hand=vendor.hooks_by_hand(address.shown.replace(MASK, "PATH_SECRET")))


def _tell_installed(call: Call, done: list[Installed], *, dry_run: bool) -> None:
    if call.json:
        rows = [
            {"instance": one.instance, "url": one.address.shown, "changed": one.changed}
            | {"events": list(one.events), "kept": one.kept, "signed": one.signed}
            for one in done
        ]
        call.out.answer_json({"dry_run": dry_run, "webhooks": rows})
        return
    for one in done:
        verb = "would be set" if dry_run else "is set"
        what = (
            f"{verb} to {_shown(one.address)}" if one.changed else f"was set already: {_shown(one.address)}"
        )
        kept = f", beside {plural(one.kept, 'other')}" if one.kept else ""
        call.out.answer(f"{one.instance}: the webhook {what}{kept}.")


def _shown(address: HookAddress) -> str:
    return clean(address.shown)


def _known(names: dict[int, str], wanted: str | None) -> int | None:
    if wanted is None:
        return None
    found = instance_called(names.values(), wanted)
    for number, name in names.items():
        if name == found:
            return number
    raise NotFoundError(f"no instance is called {wanted}", hint=f"there are: {', '.join(names.values())}")


def _standing(one: ListedEvent) -> str:
    return one.result or "-" if one.state == "done" else one.state


def _as_json(one: ListedEvent, names: dict[int, str]) -> dict[str, object]:
    return {
        "id": one.id,
        "received_at": rfc3339(one.received_at),
        "sent_at": rfc3339(one.sent_at),
        "instance": names.get(one.instance_id),
        "event": one.kind,
        "state": one.state,
        "result": one.result,
        "times": one.times,
        "tries": one.tries,
        "next_try_at": rfc3339(one.next_try_at),
        "processed_at": rfc3339(one.processed_at),
    }

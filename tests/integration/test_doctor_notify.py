"""The doctor says who cannot be told, and what did not get through."""

from __future__ import annotations

import pytest

from orchestrator.doctor.daemon_checks import outbox, receivers
from orchestrator.doctor.findings import State, Told
from orchestrator.messaging import apprise_people as people
from orchestrator.store import outbox as outbox_store
from tests.support.post_office import HOOK, post_office

# Apprise asks for a module that Python 3.13 has no more.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_with_nobody_to_tell_all_is_well() -> None:
    assert [one.state for one in receivers(Told())] == [State.OK]


def test_a_missing_apprise_is_a_failure_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "is_installed", lambda: False)

    (found,) = receivers(Told(urls=("json://x",)))

    assert (found.state, found.hint) == (State.FAILED, people.HOW_TO_GET_IT)


def test_an_address_that_apprise_does_not_know_is_named_by_its_place_only() -> None:
    (found,) = receivers(Told(urls=("json://x", "s3cret://y")))

    assert (found.state, found.sentence) == (State.FAILED, "Apprise does not understand notify.urls.1")


def test_a_hook_without_a_secret_is_a_warning() -> None:
    (found,) = receivers(Told(hooks=("crm", "n8n"), unsigned=("n8n",)))

    assert (found.state, found.sentence) == (
        State.WARNING,
        "without a secret, messages to n8n are not signed",
    )


async def test_what_was_given_up_is_a_warning(sqlite_url: str) -> None:
    async with post_office(sqlite_url) as office:
        await office.write("group:1")
        async with office.database.write() as connection:
            new = await outbox_store.new_messages(connection)
            await outbox_store.fan_out(connection, [(one, [HOOK]) for one in new])
        assert [one.state for one in await outbox(office.database)] == [State.OK]

        async with office.database.write() as connection:
            await outbox_store.park_others(connection, [], "gone")

        (found,) = await outbox(office.database)
        assert (found.state, found.sentence) == (State.WARNING, "given up: 1 of the messages")

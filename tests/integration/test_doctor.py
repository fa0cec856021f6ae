"""The doctor on a whole stage: what it finds, what it says, and that it changes nothing."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, event, insert, select, text, update

from orchestrator.account import lease
from orchestrator.doctor import catalogue_checks, storage_checks
from orchestrator.doctor.examining import examine
from orchestrator.doctor.findings import Cause, DoctorContext, ExaminedAccount, Finding, State, exit_code
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.memberships import Status
from orchestrator.domain.verification import Mode
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.truth import Kind
from orchestrator.store.engine import Database, DatabaseTime
from orchestrator.store.secrets import ACTIVE_KEY, CodeCipher, KeyRing
from orchestrator.store.tables import groups, instances, invite_codes, journal, memberships, meta, slots
from tests.support.by_hand import (
    BACKUP,
    account,
    membership,
    now,
    put,
    record,
    set_group,
    set_instance,
    trouble,
)
from tests.support.defaults import allowing, greeting
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from orchestrator.gateways.base import Gateway


@dataclass(slots=True)
class DoctorStage:
    """A stage whose codes are encrypted, and the doctor's context on it."""

    stage: Stage
    context: DoctorContext
    gateways: list[Gateway]

    async def examined(self, **other: Any) -> dict[str, Finding]:
        """The findings by name; an instance's own as `instance: name`."""
        found = await examine(replace(self.context, **other))
        names = [f"{one.instance}: {one.name}" if one.instance else one.name for one in found]
        return dict(zip(names, found, strict=True))


@pytest.fixture
async def doctor(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DoctorStage]:
    monkeypatch.setitem(storage_checks.SAFE, "fsync", ("on", "off"))  # the server under test does not sync
    async with set_stage(database_url, groups=4) as stage:
        ring = KeyRing.create(tmp_path / "rejoin.key")
        cipher = CodeCipher(ring, ring.newest)
        await encrypt(stage, cipher)
        gateways: list[Gateway] = []

        def gateway(name: str) -> Gateway:
            gateways.append(stage.gateway(account=name))
            return gateways[-1]

        async def ready() -> CodeCipher:
            return cipher

        accounts = (
            ExaminedAccount("sales-main", "primary", lambda: gateway("sales-main")),
            ExaminedAccount(BACKUP, "backup", lambda: gateway(BACKUP)),
        )
        yield DoctorStage(
            stage,
            DoctorContext(
                stage.database, stage.clock, brisk(), accounts, lambda: ring, ready, lease.boot_id(), tmp_path
            ),
            gateways,
        )
        for opened in gateways:
            await opened.close()


async def encrypt(stage: Stage, cipher: CodeCipher) -> None:
    async with stage.database.write() as connection:
        for number, row in enumerate(stage.world.rows, 1):
            sealed = update(invite_codes).where(invite_codes.c.group_id == number)
            await connection.execute(
                sealed.values(
                    ciphertext=cipher.encrypt(row.code),
                    key_id=cipher.key_id,
                    fingerprint=cipher.fingerprint(row.code),
                )
            )
        await connection.execute(insert(meta).values(key=ACTIVE_KEY, value=cipher.key_id))


async def everything(database: Database) -> list[Any]:
    async with database.read() as connection:
        return [
            (await connection.execute(select(table).order_by(table.primary_key.columns[0]))).all()
            for table in (meta, instances, groups, invite_codes, memberships, slots, journal)
        ]


async def test_a_healthy_organisation_with_a_lost_primary_passes_and_nothing_is_changed(
    doctor: DoctorStage,
) -> None:
    before = await everything(doctor.stage.database)

    found = await doctor.examined()

    worse = {name: one for name, one in found.items() if one.state is not State.OK}
    assert {name: one.state for name, one in worse.items()} == {
        "sales-main: session": State.WARNING,
        "sales-main: own ids": State.SKIPPED,
        "sales-main: group list": State.SKIPPED,
    }
    assert exit_code(found.values()) == 0
    assert await everything(doctor.stage.database) == before
    assert {r.kind for r in doctor.stage.log.requests} == {Kind.SESSION, Kind.RATE_LIMIT, Kind.LIST}


async def test_no_secret_is_in_any_sentence(doctor: DoctorStage) -> None:
    trouble(doctor.stage, Trouble.UNAUTHORIZED, account=BACKUP)
    await set_instance(doctor.stage, pause_reason="restricted", pause_text="until later")
    said = json.dumps([f"{one}" for one in (await doctor.examined()).values()])
    for row in doctor.stage.world.rows:
        assert row.code not in said
    for name in ("sales-main", BACKUP):
        assert account(doctor.stage, name).access_token not in said


async def test_a_refused_token_is_exit_code_4(doctor: DoctorStage) -> None:
    trouble(doctor.stage, Trouble.UNAUTHORIZED, account=BACKUP)
    found = await doctor.examined()
    gateway = found[f"{BACKUP}: gateway"]
    assert (gateway.state, gateway.cause) == (State.FAILED, Cause.CREDENTIALS)
    assert found[f"{BACKUP}: session"].state is State.SKIPPED
    assert exit_code(found.values()) == 4


async def test_a_gateway_out_of_reach_is_exit_code_5(doctor: DoctorStage) -> None:
    trouble(doctor.stage, Trouble.CUT, Kind.SESSION, account=BACKUP)
    found = await doctor.examined()
    assert found[f"{BACKUP}: gateway"].cause is Cause.UNREACHABLE
    assert exit_code(found.values()) == 5


async def test_a_backup_that_is_logged_out_is_a_failure_and_its_list_is_not_asked_for(
    doctor: DoctorStage,
) -> None:
    account(doctor.stage).state = AccountState.SCAN_QR_CODE
    found = await doctor.examined()
    assert found[f"{BACKUP}: session"].state is State.FAILED
    assert "SCAN_QR_CODE" in found[f"{BACKUP}: session"].sentence
    assert exit_code(found.values()) == 1
    assert doctor.stage.log.of(Kind.LIST) == []


async def test_the_gateways_own_limit_is_shown(doctor: DoctorStage) -> None:
    doctor.stage.running.faults.group_req_per_minute = 30
    found = (await doctor.examined())[f"{BACKUP}: gateway limits"]

    assert found.state is State.OK
    assert found.sentence.startswith("30 group calls a minute, 2,000 a day (policy standard_policy)")


async def test_limits_that_are_told_in_an_unknown_form_are_said_to_be_kept_by_nobody(
    doctor: DoctorStage,
) -> None:
    doctor.stage.running.faults.group_req_per_minute = 30
    doctor.stage.running.faults.rate_limit_shape = "unnamed"
    found = (await doctor.examined())[f"{BACKUP}: gateway limits"]

    assert found.state is State.SKIPPED
    assert "in a form that is not known" in found.sentence


async def test_a_backup_that_is_just_starting_is_a_warning(doctor: DoctorStage) -> None:
    account(doctor.stage).state = AccountState.STARTING
    assert (await doctor.examined())[f"{BACKUP}: session"].state is State.WARNING


async def test_a_vendor_that_cannot_be_spoken_to_is_a_failure_of_its_instance(doctor: DoctorStage) -> None:
    def unknown() -> Gateway:
        raise ConfigurationError("cannot speak to waha yet")

    found = await doctor.examined(accounts=(ExaminedAccount(BACKUP, "backup", unknown),))
    assert found[f"{BACKUP}: gateway"].state is State.FAILED
    assert "waha" in found[f"{BACKUP}: gateway"].sentence


async def test_with_a_named_backup_the_other_backups_are_left_alone(doctor: DoctorStage) -> None:
    other = ExaminedAccount("backup-2", "backup", lambda: pytest.fail("it was asked"))
    found = await doctor.examined(accounts=(*doctor.context.accounts, other), to=BACKUP)
    assert "backup-2: gateway" not in found
    assert found["backup"].sentence == f"a recovery would fill {BACKUP}"


async def test_which_backup_is_meant_must_be_clear(doctor: DoctorStage) -> None:
    other = replace(doctor.context.accounts[1], name="backup-2")
    found = await doctor.examined(accounts=(*doctor.context.accounts, other))
    assert found["backup"].state is State.WARNING  # a daemon takes the first healthy one
    assert "backup-1, backup-2" in found["backup"].hint
    none = await doctor.examined(accounts=doctor.context.accounts[:1])
    assert none["backup"].state is State.FAILED


async def test_a_wrong_key_file_and_a_spoilt_code_are_found(doctor: DoctorStage, tmp_path: Path) -> None:
    stage = doctor.stage
    async with stage.database.write() as connection:
        one = update(invite_codes).where(invite_codes.c.group_id == 1)
        await connection.execute(one.values(ciphertext=b"\x01" + bytes(60)))
    spoilt = (await doctor.examined())["codes"]
    assert spoilt.state is State.FAILED
    assert "1 of 4" in spoilt.sentence

    other = KeyRing.create(tmp_path / "other.key")
    wrong = replace(doctor.context, cipher=_gives(CodeCipher(other, other.newest)))
    assert (await catalogue_checks.keys(wrong))[1].sentence.startswith("4 of 4 cannot be decrypted")

    def missing() -> KeyRing:
        return KeyRing.load(tmp_path / "nowhere.key")

    found = await catalogue_checks.keys(replace(doctor.context, key_ring=missing))
    assert [one.state for one in found] == [State.FAILED, State.SKIPPED]


def _gives(cipher: CodeCipher) -> Any:
    async def give() -> CodeCipher:
        return cipher

    return give


async def test_codes_that_are_none_or_stored_twice_are_found(doctor: DoctorStage) -> None:
    cipher = await doctor.context.cipher()

    async def store(group_id: int, code: str) -> Finding:
        async with doctor.stage.database.write() as connection:
            one = update(invite_codes).where(invite_codes.c.group_id == group_id)
            await connection.execute(one.values(ciphertext=cipher.encrypt(code)))
        return (await doctor.examined())["codes"]

    twice = await store(2, doctor.stage.world.rows[0].code)
    assert (twice.state, "1 stored for two groups" in twice.sentence) == (State.WARNING, True)
    none = await store(1, "hello")
    assert (none.state, "are no invite codes" in none.sentence) == (State.FAILED, True)


async def test_the_allow_list_is_looked_through(doctor: DoctorStage) -> None:
    stage = doctor.stage
    await set_group(stage, 1, jid=None, subject=None)
    await set_group(stage, 2, jid=None, subject="Sales", owner=None)
    await set_group(stage, 3, jid=None, subject="SALES", owner=None)
    async with stage.database.write() as connection:
        await connection.execute(delete(invite_codes).where(invite_codes.c.group_id == 4))

    found = await doctor.examined()

    assert "(group-1)" in found["allow-list"].sentence
    assert "(group-2, group-3)" in found["expectations"].sentence
    assert "(group-4)" in found["current codes"].sentence
    assert exit_code(found.values()) == 0
    strict = replace(brisk(), allow=allowing(mode=Mode.LISTED_JIDS))
    assert (await doctor.examined(settings=strict))["allow-list"].sentence.startswith("3 groups")


async def test_a_code_that_failed_when_it_was_last_probed_is_a_warning(doctor: DoctorStage) -> None:
    async with doctor.stage.database.write() as connection:
        one = update(invite_codes).where(invite_codes.c.group_id == 2)
        await connection.execute(one.values(verdict="code_revoked"))
    found = (await doctor.examined())["current codes"]
    assert (found.state, "group-2" in found.sentence) == (State.WARNING, True)


async def test_an_empty_list_of_groups_is_a_failure(doctor: DoctorStage) -> None:
    async with doctor.stage.database.write() as connection:
        await connection.execute(delete(invite_codes))
        await connection.execute(text("DELETE FROM group_instances"))
        await connection.execute(text("DELETE FROM groups"))
    found = (await doctor.examined())["groups"]
    assert (found.state, found.hint) == (State.FAILED, "rejoin groups import FILE")


@pytest.mark.parametrize("template", ["{{ instance ", "{{ 1 / 0 }}", "{{ ''.__class__.mro() }}", "   "])
async def test_a_greeting_that_cannot_be_filled_in_is_a_failure(doctor: DoctorStage, template: str) -> None:
    broken = replace(brisk(), greeting=greeting(default=template))
    assert catalogue_checks.greetings(replace(doctor.context, settings=broken)).state is State.FAILED
    good = replace(brisk(), greeting=greeting(default="{{ group }} {{ subject }} {{ members }}"))
    assert catalogue_checks.greetings(replace(doctor.context, settings=good)).state is State.OK


async def test_more_than_five_joins_in_a_minute_are_found_in_the_log_of_slots(doctor: DoctorStage) -> None:
    stage = doctor.stage
    await put(stage, 1, Status.ACTIVE, jid="1@g.us")
    moment, owner = await now(stage), await record(stage)
    of = (await membership(stage, 1)).id
    for n in range(1, 7):
        at = moment - 100 + n * 9
        row = {"instance_id": owner.id, "n": n, "membership_id": of, "fence": 1, "dice": 0.5}
        times = {"reserved_at": at, "send_at": at, "sent_at": at if n % 2 else None}
        async with stage.database.write() as connection:
            await connection.execute(insert(slots).values(**row | times))

    found = await doctor.examined()

    assert found[f"{BACKUP}: pace"].state is State.FAILED
    assert "at most 6 of 5" in found[f"{BACKUP}: pace"].sentence


async def test_a_run_that_died_leaves_loose_ends_that_are_named(doctor: DoctorStage) -> None:
    stage = doctor.stage
    await put(stage, 1, Status.JOINING)
    moment, owner = await now(stage), await record(stage)
    of = (await membership(stage, 1)).id
    row = {"instance_id": owner.id, "n": 1, "membership_id": of, "fence": 1, "dice": 0.5}
    async with stage.database.write() as connection:
        old = moment - 500
        await connection.execute(insert(slots).values(**row, reserved_at=old, send_at=old))
    dead = replace(lease.current_holder(), pid=2**22 - 3, pid_start="1")
    await set_instance(stage, lease_holder=json.dumps(_as_dict(dead)), lease_until=moment + 1e6)

    found = await doctor.examined()

    assert found[f"{BACKUP}: loose ends"].sentence == "1 joins were cut off, 1 slots never finished"
    assert found[f"{BACKUP}: driver"].state is State.WARNING
    assert "ended without a word" in found[f"{BACKUP}: driver"].sentence


def _as_dict(holder: lease.Holder) -> dict[str, Any]:
    return {name: getattr(holder, name) for name in lease.Holder.__slots__}


async def test_a_run_at_work_is_named_and_no_cause_for_worry(doctor: DoctorStage) -> None:
    here = json.dumps(_as_dict(lease.current_holder()))
    await set_instance(doctor.stage, lease_holder=here, lease_until=await now(doctor.stage) + 1e6)
    await put(doctor.stage, 1, Status.JOINING)
    found = await doctor.examined()
    assert found[f"{BACKUP}: driver"].state is State.OK
    assert "one run works" in found[f"{BACKUP}: driver"].sentence
    assert found[f"{BACKUP}: loose ends"].state is State.OK


async def test_a_paused_account_says_why_and_whose_move_it_is(doctor: DoctorStage) -> None:
    await set_instance(doctor.stage, pause_reason="plan_limit", paused_at=1.0)
    found = (await doctor.examined())[f"{BACKUP}: pause"]
    assert (found.state, found.hint) == (State.WARNING, "rejoin resume --to backup-1")


async def test_two_names_for_one_account_are_a_failure(doctor: DoctorStage) -> None:
    await set_instance(doctor.stage, account="sim#100")
    found = (await doctor.examined())["accounts"]
    assert found.state is State.FAILED
    assert "sales-main, backup-1" in found.sentence


async def test_two_entries_whose_sessions_say_the_same_number_are_a_failure(doctor: DoctorStage) -> None:
    """As they say just now: the database need not know it yet."""
    primary = doctor.stage.world.network.account("sales-main")
    primary.state, primary.phone = AccountState.WORKING, account(doctor.stage).phone
    found = await doctor.examined()
    assert found["accounts"].state is State.FAILED
    assert found["accounts"].sentence.startswith(f"sales-main and {BACKUP} are one number")
    assert f"{BACKUP} sends no join" in found["accounts"].hint


async def test_two_entries_that_nothing_tells_apart_are_a_failure(doctor: DoctorStage) -> None:
    await set_instance(doctor.stage, own_phone="15550100001", own_lid=None)
    async with doctor.stage.database.write() as connection:
        primary = update(instances).where(instances.c.name == "sales-main")
        await connection.execute(primary.values(own_lid="100000000000001"))
    account(doctor.stage).lid, account(doctor.stage).phone = "", "15550100001"
    found = (await doctor.examined())["accounts"]
    assert found.state is State.FAILED
    assert "may be one number" in found.sentence
    assert f"{BACKUP} sends no join" in found.hint


async def test_another_number_than_before_is_a_failure(doctor: DoctorStage) -> None:
    await set_instance(doctor.stage, own_phone="15550109999", own_lid="1")
    found = await doctor.examined()
    assert found[f"{BACKUP}: number"].state is State.FAILED
    assert "it was …9999" in found[f"{BACKUP}: number"].sentence


async def test_a_session_that_does_not_say_who_it_is_is_a_failure(doctor: DoctorStage) -> None:
    account(doctor.stage).phone = account(doctor.stage).lid = ""
    assert (await doctor.examined())[f"{BACKUP}: own ids"].state is State.FAILED


async def test_a_database_that_is_not_migrated_is_named_and_the_gateways_are_looked_at_all_the_same(
    doctor: DoctorStage,
) -> None:
    async with doctor.stage.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    found = await doctor.examined()
    assert found["schema"].state is State.FAILED
    assert found["codes"].state is State.SKIPPED
    assert found[f"{BACKUP}: gateway"].state is State.OK
    assert exit_code(found.values()) == 1


async def test_a_database_that_cannot_be_used_is_told_in_its_own_words(doctor: DoctorStage) -> None:
    fault = ConfigurationError("the database is empty", hint="run: rejoin db upgrade")
    found = await doctor.examined(database_error=fault)
    assert (found["database"].sentence, found["database"].hint) == (fault.message, fault.hint)
    assert found[f"{BACKUP}: session"].state is State.OK


async def test_a_database_that_does_not_sync_is_a_failure(
    doctor: DoctorStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = "synchronous" if doctor.stage.database.dialect == "sqlite" else "synchronous_commit"
    monkeypatch.setitem(storage_checks.SAFE, weak, ("something else",))
    found = await doctor.examined()
    assert found["durable"].state is State.FAILED
    assert found["codes"].state is State.OK, "the rest is looked at all the same"
    assert exit_code(found.values()) == 1


async def test_a_database_that_cannot_be_written_is_a_failure(doctor: DoctorStage) -> None:
    url = doctor.stage.database.engine.url.render_as_string(hide_password=False)
    broken = Database(url)
    read_only = {
        "sqlite": "PRAGMA query_only = ON",
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    }

    @event.listens_for(broken.engine.sync_engine, "begin")
    def forbid(connection: Connection) -> None:
        connection.exec_driver_sql(read_only[broken.dialect])
        if broken.dialect == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    try:
        found = await storage_checks.database(replace(doctor.context, database=broken))
    finally:
        await broken.close()
    states = {one.name: one.state for one in found}
    assert states["writable"] is State.FAILED


async def test_a_clock_that_runs_ahead_of_the_timer_is_a_failure(doctor: DoctorStage) -> None:
    stage = doctor.stage
    slower = replace(doctor.context, database=stage.database)
    stage.database.clock = DatabaseTime(stage.speed * 40, stage.anchor)
    found = await storage_checks.clock(slower)
    assert found.state is State.FAILED
    assert "ahead" in found.sentence


async def test_a_clock_that_is_another_than_this_machines_is_a_warning(doctor: DoctorStage) -> None:
    stage = doctor.stage
    stage.database.clock = DatabaseTime(stage.speed, stage.anchor - 3)
    found = await storage_checks.clock(doctor.context)
    assert found.state is State.WARNING
    assert "differs from this machine's" in found.sentence


async def test_configuration_warnings_are_findings(doctor: DoctorStage) -> None:
    found = await examine(replace(doctor.context, warnings=("rejoin.toml:3: odd", "rejoin.toml:9: odder")))
    said = [one.sentence for one in found if one.name == "configuration"]
    assert said == ["rejoin.toml:3: odd", "rejoin.toml:9: odder"]


async def test_too_little_room_on_the_disk_is_told(
    doctor: DoctorStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, state in (("DISK_LOW", State.WARNING), ("DISK_FULL", State.FAILED)):
        monkeypatch.setattr(storage_checks, limit, 2**62)
        assert storage_checks.disk(doctor.context).state is state


async def test_the_journal_is_not_written(doctor: DoctorStage) -> None:
    await doctor.examined()
    async with doctor.stage.database.read() as connection:
        assert (await connection.execute(select(journal))).all() == []
        assert (await connection.execute(select(memberships))).all() == []


async def test_a_slots_file_that_cannot_be_written_is_said(doctor: DoctorStage) -> None:
    """PostgreSQL has none."""
    database = doctor.stage.database
    sqlite = database.dialect == "sqlite"
    if sqlite:
        os.mkdir(f"{database.engine.url.database}.2.slots.new")  # noqa: PTH102 - a moment, before all begins

    found = (await doctor.examined())[f"{BACKUP}: history"]

    assert found.state is (State.FAILED if sqlite else State.OK)
    assert ("cannot be written" in found.sentence) == sqlite

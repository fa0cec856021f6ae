from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.errors import ConfigurationError
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.secrets import (
    CodeCipher,
    KeyRing,
    UndecryptableCodeError,
    active_key,
    cipher_for_reading,
    cipher_for_writing,
    last4,
)

if TYPE_CHECKING:
    from pathlib import Path

CODE = "BobOM8UXL8EDR3dXoKozql"
OTHER = "F1EX5QZxO181L3TMVP31gY"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "rejoin.key")


@pytest.fixture
def cipher(ring: KeyRing) -> CodeCipher:
    return CodeCipher(ring, ring.newest)


def test_a_new_key_file_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        KeyRing.create(tmp_path / "rejoin.key")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "rejoin.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["rejoin.key"]


def test_a_key_file_is_never_overwritten(tmp_path: Path, ring: KeyRing) -> None:
    before = ring.path.read_bytes()
    with pytest.raises(ConfigurationError, match="already"):
        KeyRing.create(ring.path)

    assert ring.path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["rejoin.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_file_open_to_others_is_refused_with_the_command_that_helps(ring: KeyRing, mode: int) -> None:
    ring.path.chmod(mode)
    with pytest.raises(ConfigurationError, match="open to other users") as refusal:
        KeyRing.load(ring.path)

    assert f"chmod 600 {ring.path}" in refusal.value.hint


def test_a_read_only_key_file_is_fine(ring: KeyRing) -> None:
    ring.path.chmod(0o400)

    assert KeyRing.load(ring.path).ids == ring.ids


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"secret-not-json",
        b"\xff\xfe\x00",
        b"[]",
        b'{"rejoin_key_file": 2, "keys": []}',
        b'{"rejoin_key_file": 1, "keys": []}',
        b'{"rejoin_key_file": 1, "keys": [{"id": "k1", "key": "c2hvcnQ="}]}',
        b'{"rejoin_key_file": 1, "keys": [{"id": "k1", "key": "***"}]}',
        b'{"rejoin_key_file": 1, "keys": [{"id": 3}]}',
    ],
)
def test_a_damaged_key_file_is_refused_without_quoting_it(ring: KeyRing, content: bytes) -> None:
    ring.path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="damaged") as refusal:
        KeyRing.load(ring.path)

    assert refusal.value.__cause__ is None
    assert "secret" not in str(refusal.value)


def test_a_missing_key_file_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no key file"):
        KeyRing.load(tmp_path / "rejoin.key")


def test_a_directory_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        KeyRing.create(tmp_path / "nowhere" / "rejoin.key")


def test_an_added_key_is_the_newest_and_is_on_disk(ring: KeyRing) -> None:
    old = ring.newest
    new = ring.add()

    assert ring.ids == (old, new)
    assert KeyRing.load(ring.path).ids == (old, new)
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600


def test_a_dropped_key_is_gone_from_the_file(ring: KeyRing) -> None:
    old = ring.newest
    new = ring.add()
    ring.drop(old)

    assert KeyRing.load(ring.path).ids == (new,)


def test_the_last_key_cannot_be_dropped(ring: KeyRing) -> None:
    with pytest.raises(ConfigurationError, match="last key"):
        ring.drop(ring.newest)

    assert KeyRing.load(ring.path).ids == ring.ids


def test_a_key_that_another_process_added_is_found(ring: KeyRing) -> None:
    other = KeyRing.load(ring.path)
    new = other.add()

    assert ring.key(new) == other.key(new)


def test_a_key_that_another_process_added_survives_ours(ring: KeyRing) -> None:
    theirs = KeyRing.load(ring.path).add()
    ours = ring.add()

    assert set(KeyRing.load(ring.path).ids) >= {theirs, ours}


def test_a_linked_key_file_stays_a_link(tmp_path: Path, ring: KeyRing) -> None:
    link = tmp_path / "link.key"
    link.symlink_to(ring.path)
    new = KeyRing.load(link).add()

    assert link.is_symlink()
    assert KeyRing.load(ring.path).newest == new


def test_neither_the_ring_nor_the_cipher_shows_a_key(ring: KeyRing, cipher: CodeCipher) -> None:
    secrets = [entry["key"] for entry in json.loads(ring.path.read_text())["keys"]]
    shown = f"{ring!r} {ring} {cipher!r} {cipher}"

    assert ring.newest in shown
    assert not any(secret in shown for secret in secrets)
    assert repr(ring.key(ring.newest)) not in shown


def test_a_code_comes_back_as_it_was(cipher: CodeCipher) -> None:
    assert cipher.decrypt(cipher.encrypt(CODE), cipher.key_id) == CODE


def test_the_same_code_never_looks_the_same_twice(cipher: CodeCipher) -> None:
    sealed = {cipher.encrypt(CODE) for _ in range(50)}

    assert len(sealed) == 50
    assert not any(CODE.encode() in one for one in sealed)


def test_a_changed_byte_anywhere_is_noticed(cipher: CodeCipher) -> None:
    sealed = cipher.encrypt(CODE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(UndecryptableCodeError):
            cipher.decrypt(bytes(changed), cipher.key_id)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(20)])
def test_a_ciphertext_that_is_too_short_is_refused(cipher: CodeCipher, sealed: bytes) -> None:
    with pytest.raises(UndecryptableCodeError):
        cipher.decrypt(sealed, cipher.key_id)


def test_the_wrong_key_does_not_decrypt(ring: KeyRing, cipher: CodeCipher) -> None:
    sealed = cipher.encrypt(CODE)
    with pytest.raises(UndecryptableCodeError):
        cipher.decrypt(sealed, ring.add())


def test_an_older_key_of_the_ring_still_decrypts(ring: KeyRing, cipher: CodeCipher) -> None:
    sealed = cipher.encrypt(CODE)
    newer = CodeCipher(ring, ring.add())

    assert newer.decrypt(sealed, cipher.key_id) == CODE


def test_an_unknown_key_names_itself_and_the_file(ring: KeyRing) -> None:
    with pytest.raises(ConfigurationError, match="k00000000") as refusal:
        CodeCipher(ring, "k00000000")

    assert str(ring.path) in str(refusal.value)


def test_a_fingerprint_is_the_same_for_the_same_code_and_key_only(ring: KeyRing, cipher: CodeCipher) -> None:
    print_of_code = cipher.fingerprint(CODE)

    assert CodeCipher(KeyRing.load(ring.path), cipher.key_id).fingerprint(CODE) == print_of_code
    assert cipher.fingerprint(OTHER) != print_of_code
    assert CodeCipher(ring, ring.add()).fingerprint(CODE) != print_of_code
    assert len(print_of_code) == 32
    assert int(print_of_code, 16)


def test_people_see_the_last_four_characters() -> None:
    assert last4(CODE) == "ozql"


async def test_the_first_writer_sets_the_active_key_and_later_ones_keep_it(
    database_url: str, ring: KeyRing
) -> None:
    database = Database(database_url)
    try:
        await schema.upgrade(database)
        async with database.read() as connection:
            assert await active_key(connection) is None
            assert (await cipher_for_reading(connection, ring)).key_id == ring.newest
        async with database.write() as connection:
            first = (await cipher_for_writing(connection, ring)).key_id
        ring.add()
        async with database.write() as connection:
            assert (await cipher_for_writing(connection, ring)).key_id == first
            assert (await cipher_for_reading(connection, ring)).key_id == first
    finally:
        await database.close()

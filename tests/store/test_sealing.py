"""Sealing and its key."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from app.store.sealing import KEY_FILE, Sealer, SealingKeyError, open_sealer

KEY = Fernet.generate_key().decode()


@given(st.text())
def test_what_was_sealed_can_be_unsealed(secret: str):
    """Any text comes back, and is not in the sealed bytes."""
    sealer = Sealer([KEY])
    sealed = sealer.seal(secret)
    assert sealer.unseal(sealed) == secret
    assert len(secret) < 8 or secret.encode() not in sealed


@given(st.binary())
def test_garbage_unseals_to_none(garbage: bytes):
    """Never an exception: a broken row is a session to renew, not a crash."""
    assert Sealer([KEY]).unseal(garbage) is None


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed():
    """Rotation without a re-login; the old key alone does not open what the new one sealed."""
    new = Fernet.generate_key().decode()
    both = open_sealer(f"{new}, {KEY}", Path("/nowhere"))
    assert both.unseal(Sealer([KEY]).seal("token")) == "token"
    assert Sealer([KEY]).unseal(both.seal("token")) is None


def test_the_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path):
    """Two starts share the key; nobody else can read it, and no draft is left."""
    folder = tmp_path / "data"
    sealed = open_sealer(None, folder).seal("token")
    assert open_sealer("", folder).unseal(sealed) == "token"
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path):
    """The first link wins; the others read it."""
    with ThreadPoolExecutor(8) as pool:
        sealers = list(pool.map(lambda _: open_sealer(None, tmp_path), range(32)))
    sealed = sealers[0].seal("token")
    assert {sealer.unseal(sealed) for sealer in sealers} == {"token"}


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path):
    """The message says what to run; the key is not in it."""
    open_sealer(None, tmp_path)
    path = tmp_path / KEY_FILE
    path.chmod(0o640)
    with pytest.raises(SealingKeyError, match=f"chmod 600 {path}") as refused:
        open_sealer(None, tmp_path)
    assert path.read_text().strip() not in str(refused.value)


@pytest.mark.parametrize("bad", ["not a key", "c2hvcnQ=", ","])
def test_a_key_that_is_none_is_refused_without_being_shown(bad: str, tmp_path: Path):
    """The message says how to make one."""
    with pytest.raises(SealingKeyError, match="generate_key") as refused:
        open_sealer(bad, tmp_path)
    assert bad == "," or bad not in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_empty_key_file_is_refused(tmp_path: Path):
    """A disk that was full must not lead to a sealer without keys."""
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    with pytest.raises(SealingKeyError):
        open_sealer(None, tmp_path)


def test_a_derived_key_belongs_to_its_purpose():
    """The same in every process with the same key, another for another purpose, and not the key itself."""
    one, two = Sealer([KEY]), Sealer([KEY])
    assert one.derive("login") == two.derive("login") != one.derive("other")
    assert len(one.derive("login")) == 32
    assert one.derive("login") != Sealer([Fernet.generate_key().decode()]).derive("login")

"""Sealing of secrets: text in, Fernet tokens out, and back. For the session store; the key is found by app.runtime."""

import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_FILE = "secrets.key"
"""Name of the key in the data directory."""
OTHERS = 0o077
"""Permission bits of group and world: a key that they may touch is no secret."""


class SealingKeyError(ValueError):
    """The key cannot be used. The message names the remedy and never the key."""


class Sealer:
    """Seals with the first key, opens with any: a new key put in front replaces the old one without a re-login."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
            self._newest = keys[0].encode()
        except (ValueError, IndexError):
            msg = 'a sealing key is no Fernet key; make one with: python -c "from cryptography.fernet import Fernet; '
            raise SealingKeyError(msg + 'print(Fernet.generate_key().decode())"') from None

    def __repr__(self) -> str:
        return "Sealer()"

    def seal(self, secret: str) -> bytes:
        """Encrypted and authenticated; different at each call."""
        return self._fernet.encrypt(secret.encode())

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, the same in every process with this key; tells nothing about it."""
        return hmac.digest(self._newest, purpose.encode(), "sha256")

    def unseal(self, sealed: bytes) -> str | None:
        """The secret; None if none of the keys sealed it or it was changed since."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None


def open_sealer(secrets_key: str | None, data_dir: Path) -> Sealer:
    """The sealer of SECRETS_KEY (several with commas, newest first), else of the 0600 file in the data directory.

    The file is made if it is missing; of processes that start at once, all get the same key. Blocks: call it
    before the loop starts, or in a thread. Raises SealingKeyError for a key that is no key or that others can read.
    """
    if secrets_key:
        return Sealer([key.strip() for key in secrets_key.split(",")])
    path = data_dir / KEY_FILE
    if not path.exists():
        _make_key(path)
    mode = path.stat().st_mode
    if mode & OTHERS:
        msg = f"{path} can be read by others (mode {mode & 0o777:04o}); run: chmod 600 {path}"
        raise SealingKeyError(msg)
    return Sealer(path.read_text(encoding="ascii", errors="replace").split())


def _make_key(path: Path) -> None:
    """The file appears with its whole content or not at all, and never replaces another process's key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was quicker; its key holds
    finally:
        draft.unlink()

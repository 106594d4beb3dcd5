"""The keys file of a gateway: who may call it, and with which session key it signs for whom.

The file holds secrets: it is written with mode 0600, and one that others may read is refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from merkat.sdk.commands import P256, SECP256K1, SLOTS, WALLET_SLOT

FILE_MODE: Final = 0o600
CLIENTS_MAX: Final = 1_024
ACCOUNTS_END: Final = 1 << 28
SECRET_BYTES: Final = 32
SCHEMES: Final = {"secp256k1": SECP256K1, "p256": P256}
# What a client of the dialect may do here. Withdrawing is the wallet's alone.
SCOPES: Final = frozenset({"read", "trade"})


class KeysFileError(Exception):
    """A keys file that cannot be used; the text says where, what was expected and what to do."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One client as the file has it."""

    client_id: str
    client_secret: str
    account: int
    slot: int
    scheme: Literal["secp256k1", "p256"] = "secp256k1"
    session_secret: str


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    clients: list[_Entry]


@dataclass(frozen=True, slots=True)
class KeyedClient:
    """A client of the gateway: its credentials in the dialect and the key that signs for it.

    Attributes:
        account: the account that it trades for.
        slot: 1 to 15, the session's; 0 is the wallet itself.
        scheme: SECP256K1 or P256.
        session_secret: 32 bytes, never shown.
    """

    client_id: str
    secret: str = field(repr=False)
    account: int
    slot: int
    scheme: int
    session_secret: bytes = field(repr=False)
    scopes: frozenset[str] = SCOPES

    @property
    def signer(self) -> tuple[int, int]:
        """Return account and slot: clients of one signer share its window of nonces."""
        return self.account, self.slot


class KeyRing:
    """The clients of a keys file by their id."""

    def __init__(self, clients: list[KeyedClient]) -> None:
        self._clients = {client.client_id: client for client in clients}

    def find(self, client_id: str) -> KeyedClient | None:
        """Return a client, None for an unknown id."""
        return self._clients.get(client_id)

    @property
    def clients(self) -> list[KeyedClient]:
        """Return the clients in the order of the file."""
        return list(self._clients.values())

    @property
    def accounts(self) -> list[int]:
        """Return the accounts that have a client, ascending."""
        return sorted({client.account for client in self._clients.values()})


def read_keys(path: Path) -> KeyRing:
    """Read a keys file.

    Raises:
        KeysFileError: it is missing, open to others, no JSON of the right form, or inconsistent.
    """
    try:
        mode = path.stat().st_mode & 0o777
        data = path.read_bytes()
    except OSError as error:
        raise KeysFileError(
            f"{path}: {error.strerror}; `merkat account create` writes a keys file"
        ) from error
    if mode & 0o077:
        raise KeysFileError(f"{path}: mode is {mode:04o}, expected 0600; chmod 600 {path}")
    try:
        entries = msgspec.json.decode(data, type=_File).clients
    except msgspec.DecodeError as error:
        raise KeysFileError(f"{path}: {error}") from error
    if not 1 <= len(entries) <= CLIENTS_MAX:
        raise KeysFileError(f"{path}: clients: {len(entries)}, expected 1 to {CLIENTS_MAX}")
    clients = [_client(path, number, entry) for number, entry in enumerate(entries)]
    _check_together(path, clients)
    return KeyRing(clients)


def write_keys(path: Path, clients: list[KeyedClient]) -> None:
    """Write a keys file that only its owner can read; an existing one is never replaced.

    Raises:
        KeysFileError: the file exists.
    """
    names = {number: name for name, number in SCHEMES.items()}
    entries = [
        {
            "client_id": client.client_id,
            "client_secret": client.secret,
            "account": client.account,
            "slot": client.slot,
            "scheme": names[client.scheme],
            "session_secret": "0x" + client.session_secret.hex(),
        }
        for client in clients
    ]
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError as error:
        raise KeysFileError(
            f"{path}: exists; keys are never overwritten, name another folder or move it away"
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode({"clients": entries})) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _client(path: Path, number: int, entry: _Entry) -> KeyedClient:
    """Return a checked client of the file."""
    place = f"{path}: clients[{number}]"
    if not entry.client_id or not entry.client_secret:
        raise KeysFileError(f"{place}: client_id and client_secret must not be empty")
    if not 1 <= entry.account < ACCOUNTS_END:
        raise KeysFileError(f"{place}.account: {entry.account}, expected 1 to {ACCOUNTS_END - 1}")
    if not 0 <= entry.slot < SLOTS:
        raise KeysFileError(f"{place}.slot: {entry.slot}, expected 1 to {SLOTS - 1}")
    if entry.slot == WALLET_SLOT and entry.scheme != "secp256k1":
        raise KeysFileError(f"{place}.scheme: a wallet (slot 0) signs with secp256k1")
    text = entry.session_secret
    try:
        secret = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        secret = b""
    if not text.startswith("0x") or len(secret) != SECRET_BYTES:
        raise KeysFileError(f"{place}.session_secret: expected 0x and 64 hexadecimal digits")
    return KeyedClient(
        entry.client_id,
        entry.client_secret,
        entry.account,
        entry.slot,
        SCHEMES[entry.scheme],
        secret,
    )


def _check_together(path: Path, clients: list[KeyedClient]) -> None:
    """Refuse ids that stand twice, and two keys for one slot of an account."""
    by_id: set[str] = set()
    by_signer: dict[tuple[int, int], tuple[int, bytes]] = {}
    for client in clients:
        if client.client_id in by_id:
            raise KeysFileError(f"{path}: client_id {client.client_id!r} stands twice")
        by_id.add(client.client_id)
        key = (client.scheme, client.session_secret)
        if by_signer.setdefault(client.signer, key) != key:
            raise KeysFileError(
                f"{path}: account {client.account} slot {client.slot} has two different keys"
            )

"""The keys file: what is read, what is refused and how it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from merkat.gateway.keys import KeyedClient, KeysFileError, read_keys, write_keys
from merkat.sdk.commands import P256, SECP256K1

SECRET = bytes(range(32))


def client(**changes: Any) -> dict[str, Any]:
    entry = {
        "client_id": "maker",
        "client_secret": "secret",
        "account": 1,
        "slot": 1,
        "scheme": "secp256k1",
        "session_secret": "0x" + SECRET.hex(),
    }
    return entry | changes


def written(path: Path, clients: Any, mode: int = 0o600) -> Path:
    path.write_text(json.dumps({"clients": clients}))
    path.chmod(mode)
    return path


def test_written_keys_are_read_back_and_only_the_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    clients = [
        KeyedClient("maker", "one", 1, 1, SECP256K1, SECRET),
        KeyedClient("taker", "two", 1, 2, P256, SECRET[::-1]),
    ]
    write_keys(path, clients)
    assert path.stat().st_mode & 0o777 == 0o600
    ring = read_keys(path)
    assert ring.clients == clients
    assert ring.accounts == [1]
    assert ring.find("taker") == clients[1]
    assert ring.find("nobody") is None


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json", [client()])
    with pytest.raises(KeysFileError, match="never overwritten"):
        write_keys(path, [])
    assert read_keys(path).clients


def test_a_secret_is_in_no_representation() -> None:
    shown = repr(KeyedClient("maker", "hush", 1, 1, SECP256K1, SECRET))
    assert "hush" not in shown
    assert str(SECRET) not in shown


@pytest.mark.parametrize(
    ("clients", "said"),
    [
        ([], "expected 1 to"),
        ([client(account=0)], r"clients\[0\].account: 0"),
        ([client(account=1 << 28)], "account"),
        ([client(slot=16)], r"clients\[0\].slot: 16, expected 1 to 15"),
        ([client(slot=-1)], "slot"),
        ([client(slot=0, scheme="p256")], "wallet"),
        ([client(scheme="ed25519")], "scheme"),
        ([client(session_secret="0x12")], "64 hexadecimal digits"),
        ([client(session_secret=SECRET.hex())], "expected 0x"),
        ([client(client_id="")], "must not be empty"),
        ([client(password="x")], "password"),
        ([client(), client()], "'maker' stands twice"),
        (
            [client(), client(client_id="other", session_secret="0x" + "11" * 32)],
            "two different keys",
        ),
        ({"a": 1}, "array"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, clients: Any, said: str) -> None:
    path = written(tmp_path / "keys.json", clients)
    with pytest.raises(KeysFileError, match=said):
        read_keys(path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json", [client()], mode=0o640)
    with pytest.raises(KeysFileError, match="chmod 600"):
        read_keys(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeysFileError, match="merkat account create"):
        read_keys(tmp_path / "none.json")

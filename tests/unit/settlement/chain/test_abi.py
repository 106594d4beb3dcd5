"""Calls, results, events and errors by name."""

from __future__ import annotations

import pytest

from merkat import _core
from merkat.settlement.chain import Log
from merkat.settlement.chain.abi import Abi, AbiError, Artifact, load_artifact

WORD = (7).to_bytes(32, "big")
ADDRESS = b"\x11" * 20


def field(name: str, kind: str, **more: object) -> dict[str, object]:
    return {"name": name, "type": kind, **more}


POINT = field("point", "tuple", components=[field("x", "uint8"), field("y", "int16[]")])
ABI = Abi(
    [
        {"type": "constructor", "inputs": [field("owner", "address")]},
        {
            "type": "function",
            "name": "transfer",
            "inputs": [field("to", "address"), field("amount", "uint256")],
            "outputs": [field("", "bool")],
        },
        {"type": "function", "name": "place", "inputs": [POINT], "outputs": []},
        {"type": "function", "name": "get", "inputs": [], "outputs": [POINT, field("", "bytes")]},
        {"type": "function", "name": "get", "inputs": [field("", "uint8")], "outputs": []},
        {
            "type": "event",
            "name": "Transfer",
            "inputs": [
                field("from", "address", indexed=True),
                field("amount", "uint256", indexed=False),
                field("note", "string", indexed=True),
            ],
        },
        {"type": "error", "name": "TooMuch", "inputs": [field("most", "uint256")]},
    ]
)


def log(topics: tuple[bytes, ...], data: bytes = WORD) -> Log:
    return Log(ADDRESS, topics, data, 1, bytes(32), bytes(32), 0)


def test_a_call_has_the_known_selector() -> None:
    data = ABI.call("transfer", ADDRESS, 7)
    assert data == bytes.fromhex("a9059cbb") + bytes(12) + ADDRESS + WORD


def test_a_struct_is_a_tuple() -> None:
    data = ABI.call("place", (1, [2, -3]))
    assert data[:4] == _core.keccak256(b"place((uint8,int16[]))")[:4]


def test_results() -> None:
    assert ABI.result("transfer", bytes(31) + b"\x01") is True
    assert ABI.result("place", b"") == ()
    point = "00" * 31 + "40" + "00" * 31 + "a0"
    rest = "00" * 31 + "05" + "00" * 31 + "40" + "00" * 32 + "00" * 31 + "01" + "aa" + "00" * 31
    assert ABI.result("get()", bytes.fromhex(point + rest)) == ((5, ()), b"\xaa")


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("transfer", (ADDRESS,), "1 values, expected 2"),
        ("transfer", (ADDRESS, -1), "transfer"),
        ("transfer", (ADDRESS[1:], 1), "transfer"),
        ("send", (), "no function 'send'"),
        ("get", (), "no function 'get'"),
    ],
)
def test_a_call_that_does_not_fit(name: str, values: tuple[object, ...], words: str) -> None:
    with pytest.raises(AbiError, match=words):
        ABI.call(name, *values)


def test_a_truncated_result_is_refused() -> None:
    with pytest.raises(AbiError, match="31 bytes"):
        ABI.result("transfer", bytes(31))


def test_events() -> None:
    topic = ABI.topic("Transfer")
    assert topic == _core.keccak256(b"Transfer(address,uint256,string)")
    found = ABI.event(log((topic, bytes(12) + ADDRESS, b"\x99" * 32)))
    assert found is not None
    assert found.name == "Transfer"
    assert found.fields == {"from": ADDRESS, "amount": 7, "note": b"\x99" * 32}
    assert list(found.fields) == ["from", "amount", "note"], "fields come in the event's order"
    assert ABI.event(log((WORD,))) is None, "an event of another contract"
    assert ABI.event(log(())) is None, "an anonymous event"
    with pytest.raises(AbiError, match="2 topics, expected 3"):
        ABI.event(log((topic, WORD)))
    with pytest.raises(AbiError, match="3 bytes"):
        ABI.event(log((topic, WORD, WORD), b"abc"))
    with pytest.raises(AbiError, match="no event"):
        ABI.topic("Approval")


def test_errors() -> None:
    own = ABI.error(_core.keccak256(b"TooMuch(uint256)")[:4] + WORD)
    assert own is not None
    assert (own.name, own.fields) == ("TooMuch", {"most": 7})
    panic = ABI.error(bytes.fromhex("4e487b71") + WORD)
    assert panic is not None
    assert (panic.name, panic.fields) == ("Panic", {"code": 7})
    assert ABI.error(b"") is None
    assert ABI.error(b"\x01\x02\x03\x04") is None
    with pytest.raises(AbiError, match="TooMuch"):
        ABI.error(_core.keccak256(b"TooMuch(uint256)")[:4])


def test_creation_code() -> None:
    artifact = Artifact("Example", ABI, b"\x60")
    assert artifact.creation_code(ADDRESS) == b"\x60" + bytes(12) + ADDRESS
    with pytest.raises(AbiError, match="constructor"):
        artifact.creation_code()


def test_an_artifact_that_does_not_ship() -> None:
    with pytest.raises(FileNotFoundError):
        load_artifact("NoSuchContract")

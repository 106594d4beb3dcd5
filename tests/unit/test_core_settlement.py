"""The settlement machine of the compiled core: checkpoints of many inputs, proofs of accounts."""

from __future__ import annotations

import pytest

from merkat import _core

DOMAIN = (1, b"merkat-vault-version", bytes(32))
OWNER = bytes([7]) * 20
OTHER = bytes([8]) * 20
GENESIS_ENGINE = _core.Engine(*DOMAIN)


def genesis() -> _core.Settlement:
    snapshot = GENESIS_ENGINE.snapshot()
    length = int.from_bytes(snapshot[:4], "big")
    return _core.Settlement(*DOMAIN, snapshot[: 4 + length])


def framed(op: bytes) -> bytes:
    return len(op).to_bytes(2, "big") + op


def deposit(owner: bytes, amount: int) -> bytes:
    item = bytes([1, 0, 0]) + owner + bytes(4) + amount.to_bytes(16, "big")
    return bytes([1]) + (5).to_bytes(8, "big") + (1).to_bytes(4, "big") + item


def folded(account: int, leaf: bytes, siblings: list[bytes]) -> bytes:
    """Return the root of the accounts tree that follows, by the rule of formats.md section 7."""
    for level, sibling in enumerate(siblings):
        pair = (leaf, sibling) if account >> level & 1 == 0 else (sibling, leaf)
        leaf = _core.keccak256(pair[0] + pair[1]) if any(pair[0] + pair[1]) else bytes(32)
    return leaf


def test_checkpoints_are_the_roots_after_each_input() -> None:
    ops = [deposit(OWNER, 5_000_000), deposit(OTHER, 1), deposit(OTHER, 2_000_000)]
    single, whole = genesis(), genesis()
    expected = []
    for op in ops:
        single.apply_input(op)
        expected.append(single.root()[:31])
    checkpoints = whole.apply_inputs(b"".join(map(framed, ops)))
    assert checkpoints == b"".join(expected), "one checkpoint an input, refused items too"
    assert whole.root() == single.root(), "the same state"
    assert whole.apply_inputs(b"") == b"", "nothing gives nothing"


def test_a_refused_input_is_named_and_stops_the_rest() -> None:
    machine, expected = genesis(), genesis()
    good = framed(deposit(OWNER, 5_000_000))
    expected.apply_inputs(good)
    close = framed(bytes([6]) + bytes(12) + bytes(12))
    with pytest.raises(ValueError, match=r"input 1: refused by rule P-10 .* the inputs before it"):
        machine.apply_inputs(good + close + good)
    assert machine.root() == expected.root(), "the first stands, the refused one left no trace"


@pytest.mark.parametrize(
    ("framed_inputs", "message"),
    [
        (b"\x00", "input 1 at byte 46 is cut"),
        (b"\x00\x05\x01", "input 1 at byte 46 is cut"),
        (b"\x00\x01\x63", r"input 1: refused by rule S-01 .* no input was applied"),
    ],
)
def test_malformed_inputs_change_nothing(framed_inputs: bytes, message: str) -> None:
    machine = genesis()
    before = machine.encode()
    good = framed(deposit(OWNER, 5_000_000))
    message = message.replace("46", str(len(good)))
    with pytest.raises(ValueError, match=message):
        machine.apply_inputs(good + framed_inputs)
    assert machine.encode() == before, "nothing was applied"


def test_a_proof_leads_from_the_leaf_to_the_root() -> None:
    machine = genesis()
    machine.apply_inputs(framed(deposit(OWNER, 5_000_000)) + framed(deposit(OTHER, 7_000_000)))
    for account in (1, 2, 3):
        proof = machine.account_proof(account)
        hashes = [proof[at : at + 32] for at in range(0, len(proof), 32)]
        words, siblings, parts = hashes[:9], hashes[9:37], hashes[37:]
        assert len(parts) == 6, "1,376 bytes"
        assert b"".join(words) == machine.leaf_words(account), "the leaf as it is hashed"
        assert any(b"".join(words)) == (account < 3), "account 3 is absent"
        leaf = _core.keccak256(b"\x00" + b"".join(words)) if account < 3 else bytes(32)
        assert folded(account, leaf, siblings) == parts[0], "the accounts root"
        assert folded(account ^ 1, leaf, siblings) != parts[0] or account == 3, "elsewhere"
        assert _core.keccak256(b"".join(parts)) == machine.root(), "the state's root"
    assert words[0] == bytes(32), "nothing for an account that is absent"
    owner = machine.leaf_words(1)[8:28]
    assert owner == OWNER, "word 0 holds the owner"


def test_an_account_beyond_the_tree_is_refused() -> None:
    machine = genesis()
    for read in (machine.account_proof, machine.leaf_words):
        with pytest.raises(
            ValueError, match=r"account is 268435456, expected a number below 2\^28"
        ):
            read(1 << 28)

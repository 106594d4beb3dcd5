"""Write the corpus that binds the Solidity readers to the specification.

    python tools/make_contract_vectors.py           write contracts/test/data/*.json
    python tools/make_contract_vectors.py --check   compare only; exit status 1 if they differ

leaves.json: states of the settlement machine with the leaf, path and root of every account;
items.json: inbox items and their rolling hash; chunks.json: hashes of calldata. Leaves, roots and
items are merkat.spec's; the calldata's hash is written out here from docs/spec/batches.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from merkat.spec.messages import (
    FROM_TIMELOCK,
    FROM_USER,
    Deliver,
    Deposit,
    FeeSweep,
    FundDeposit,
    List,
    ListDated,
    SetGroup,
    SetInstrument,
    SetRisk,
    SetVenue,
    encode_item,
)
from merkat.spec.risk.parameters import DEFAULT_SET
from merkat.spec.rules import PARAMETER_COUNT
from merkat.spec.settle.leaves import Account, Group, Instrument, OrderLeaf, Session
from merkat.spec.settle.sessions import session_key
from merkat.spec.settle.state import (
    ACCOUNTS_DEPTH,
    GROUPS_DEPTH,
    INSTRUMENTS_DEPTH,
    ORDERS_DEPTH,
    POSITIONS_DEPTH,
    SESSIONS_DEPTH,
    State,
)
from merkat.spec.trees import leaf_hash, root_by_definition
from merkat.spec.typed_data import Config
from merkat.spec.values import MAX_NODES, ZERO32, ZERO_ADDRESS, cut, keccak256

FOLDER = Path(__file__).resolve().parent.parent / "contracts" / "test" / "data"
WORD_BYTES = 32
CHUNK_BYTES = 1_024
FORCED_WITHDRAWAL = 8

ACCOUNTS_OF_STATES: dict[str, list[int]] = {
    "one": [1],
    "few": [1, 2, 3, 5],
    "edges": [1, 2, 1_000, 2**27 - 1, 2**27, 2**28 - 2, 2**28 - 1],
    "many": list(range(1, 41)),
}
CHUNK_LENGTHS = [1, 31, 63, 1_023, 1_024, 1_025, 2_048, 3_000, 5_120, 9_000, 300_000]


def hexadecimal(data: bytes) -> str:
    """Return the form that forge reads."""
    return "0x" + data.hex()


def words_of(data: bytes) -> list[str]:
    """Return the words of a leaf, one by one."""
    return [hexadecimal(data[i : i + WORD_BYTES]) for i in range(0, len(data), WORD_BYTES)]


def siblings_of(leaves: Mapping[int, bytes], key: int, depth: int) -> list[bytes]:
    """Return the siblings on the way from a leaf to the root, by definition."""
    siblings = []
    for height in range(depth):
        first = ((key >> height) ^ 1) << height
        inside = {k - first: v for k, v in leaves.items() if first <= k < first + (1 << height)}
        siblings.append(root_by_definition(inside, height))
    return siblings


def account_leaf(number: int) -> Account:
    """Return an account whose fields differ from every other's; some stand at their bounds."""
    owner = keccak256(b"owner %d" % number)[:20]
    account = Account(owner if number % 5 else bytes(19) + bytes([number % 251 + 1]))
    account.nonce = number * 1_000_003
    account.order_floor = number * 17
    account.margin_mode = number % 2
    account.cash = (-1) ** number * number * 1_234_567
    account.claimable = [number * 1_000_000, 0, number % 3, 0]
    if number == 2:
        account.claimable = [2**128 - 1, 2**128 - 1, 2**128 - 1, 2**128 - 1]
        account.cash = -(2**127)
    if number == 3:
        account.claimable = [0, 0, 0, 0]
    return account


def make_state(accounts: list[int]) -> State:
    """Return a state with these accounts, and something in each other tree."""
    state = State(Config(chain_id=31_337, verifying_contract=bytes(20), salt=ZERO32))
    state.add_group(0, Group(initial_rate=65_000_000, maintenance_rate=50_000_000))
    state.globals_.next_group = 1
    state.add_instrument(1, Instrument(1, 1, 0, 8, 100_000, 500_000, 0, 500_000))
    call = Instrument(3, 1, 0, 8, 1_000_000, 1_000_000, 300_000, 300_000)
    call.strike, call.expiry = 60_000_000_000, 1_798_185_600 * 10**9
    call.coarse_tick, call.coarse_from, call.delivery_fee = 5_000_000, 100_000_000, 150_000
    state.add_instrument(2, call)
    for number in accounts:
        state.add_account(number, account_leaf(number))
        if number % 2:
            state.move_position(number, number % 1_024, 1, number * 100_000)
    state.put_order(1 << 60, OrderLeaf(state=1, listing=1, size=5))
    scope = {"kinds": 1, "groups": 1, "notional": 10**9, "expiry": 1_798_185_600 * 10**9}
    leaf = Session(state=1, scheme=2, key=keccak256(b"session key")[:20], **scope)
    state.put_session(session_key(accounts[0], 1), leaf)
    state.globals_.next_account = max(accounts) + 1
    return state


def describe_state(accounts: list[int]) -> dict[str, Any]:
    """Return the roots of a state and the proof of each account; the root is checked twice."""
    state = make_state(accounts)
    words = {}
    for number in accounts:
        positions = {
            slot: leaf_hash(position.words())
            for slot, position in state.accounts[number].positions.items()
        }
        root = root_by_definition(positions, POSITIONS_DEPTH)
        words[number] = state.accounts[number].words() + b"\0" + cut(root)
    leaves = {number: leaf_hash(leaf) for number, leaf in words.items()}
    others = [
        root_by_definition({k: leaf_hash(v.words()) for k, v in tree.items()}, depth)
        for tree, depth in (
            (state.orders, ORDERS_DEPTH),
            (state.sessions, SESSIONS_DEPTH),
            (state.instruments, INSTRUMENTS_DEPTH),
            (state.groups, GROUPS_DEPTH),
        )
    ]
    others.append(leaf_hash(state.globals_.words()))
    accounts_root = root_by_definition(leaves, ACCOUNTS_DEPTH)
    state_root = keccak256(accounts_root + b"".join(others))
    assert state_root == state.root(), "the definition and the specification's tree differ"
    return {
        "accounts_root": hexadecimal(accounts_root),
        "other_roots": [hexadecimal(root) for root in others],
        "state_root": hexadecimal(state_root),
        "accounts": [
            {
                "account": number,
                "owner": hexadecimal(state.accounts[number].owner),
                "claimable": [hex(amount) for amount in state.accounts[number].claimable],
                "words": words_of(words[number]),
                "leaf": hexadecimal(leaves[number]),
                "siblings": [
                    hexadecimal(sibling) for sibling in siblings_of(leaves, number, ACCOUNTS_DEPTH)
                ],
            }
            for number in accounts
        ],
    }


def make_items() -> list[dict[str, Any]]:
    """Return items of every kind with the inbox hash behind each."""
    owner = keccak256(b"owner")[:20]
    group = SetGroup(
        FROM_TIMELOCK,
        0,
        2,
        (owner, keccak256(b"node")[:20], *[ZERO_ADDRESS] * (MAX_NODES - 2)),
        tuple((-1) ** i * i * 1_000_003 for i in range(PARAMETER_COUNT)),
    )
    forced = (
        bytes([FORCED_WITHDRAWAL, FROM_USER])
        + (77).to_bytes(4, "big")
        + owner
        + bytes([0])
        + (2**96 - 1).to_bytes(16, "big")
    )
    dated = ListDated(
        FROM_TIMELOCK,
        kind=4,
        group=1,
        size_decimals=8,
        lot=1_000_000,
        tick=1_000_000,
        coarse_tick=5_000_000,
        coarse_from=100_000_000,
        maker_fee=-100,
        taker_fee=300_000,
        delivery_fee=150_000,
        strike=60_000_000_000,
        expiry=1_798_185_600 * 10**9,
        token=0,
    )
    items = [
        encode_item(Deposit(FROM_USER, 0, owner, 0, 1_000_000)),
        encode_item(Deposit(FROM_USER, 0, owner, 2**28 - 1, 2**96 - 1)),
        encode_item(group),
        encode_item(List(FROM_TIMELOCK, 1, 0, 8, 100_000, 500_000, -100, 500_000)),
        encode_item(SetInstrument(FROM_TIMELOCK, 1, 2, -100, 500_000)),
        encode_item(SetVenue(FROM_TIMELOCK, 128, 1_000, 200, 1_000_000)),
        encode_item(FundDeposit(FROM_TIMELOCK, 3, 5_000_000)),
        encode_item(FeeSweep(FROM_TIMELOCK, 9)),
        forced,
        encode_item(Deposit(FROM_USER, 2, owner, 7, 250_000_000)),
        encode_item(SetRisk(FROM_TIMELOCK, 1, DEFAULT_SET)),
        encode_item(dated),
        encode_item(Deliver(FROM_TIMELOCK, 1, 1_798_185_600 * 10**9, 64_123_456_789)),
    ]
    described = []
    inbox_hash = ZERO32
    for item in items:
        inbox_hash = keccak256(inbox_hash + keccak256(item))
        described.append(
            {
                "kind": item[0],
                "body": hexadecimal(item[2:]),
                "item": hexadecimal(item),
                "inbox_hash": hexadecimal(inbox_hash),
            }
        )
    return described


def chunk_bytes(length: int) -> bytes:
    """Return data that the Solidity test makes again: byte i is 7 i + 3."""
    return bytes((7 * i + 3) % 256 for i in range(length))


def chunk_hash(data: bytes) -> bytes:
    """Return the hash of calldata by its definition (batches.md section 2)."""
    level = [
        keccak256(b"\0" + (start // CHUNK_BYTES).to_bytes(4, "big") + data[start:][:CHUNK_BYTES])
        for start in range(0, len(data), CHUNK_BYTES)
    ]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [keccak256(b"\1" + left + right) for left, right in pairs] + odd
    return keccak256(b"\2" + len(data).to_bytes(4, "big") + level[0])


def make_files() -> dict[str, str]:
    """Return the content of each file of the corpus."""
    corpus = {
        "leaves.json": {name: describe_state(of) for name, of in ACCOUNTS_OF_STATES.items()},
        "items.json": {"items": make_items()},
        "chunks.json": {
            "chunks": [
                {"length": length, "hash": hexadecimal(chunk_hash(chunk_bytes(length)))}
                for length in CHUNK_LENGTHS
            ]
        },
    }
    return {name: json.dumps(content, indent=1) + "\n" for name, content in corpus.items()}


def main(arguments: list[str]) -> int:
    """Write or compare the files; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the corpus of the contracts' tests.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    options = parser.parse_args(arguments)
    differing = []
    for name, content in make_files().items():
        path = FOLDER / name
        if options.check:
            if not path.is_file() or path.read_text(encoding="utf-8") != content:
                differing.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            print(path)
    if differing:
        print(
            f"make_contract_vectors: {', '.join(differing)} in {FOLDER} differ from what"
            " merkat.spec gives; run tools/make_contract_vectors.py and look at the change",
            file=sys.stderr,
        )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

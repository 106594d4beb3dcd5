"""The measurements of `merkat bench settlement`: gas, roots and proofs, rebuilding, bytes a fill.

Gas is what whole transactions cost on the embedded chain, 21,000 included. Roots and proofs are
measured beside `trie` of PyPI, a development dependency: a hexary Merkle tree in plain Python, with
as many accounts as fit the time, which favours it. Where it is absent, keccak hashes stand in.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from merkat import _core
from merkat.bench.figure import Figure, timed
from merkat.flow.generated import GeneratedFlow
from merkat.flow.player import Player
from merkat.flow.run import play
from merkat.flow.tally import Tally
from merkat.sdk import commands
from merkat.sdk.keys import Domain, derive_secret
from merkat.sequencer.pipeline import Sequencer
from merkat.settlement import committer
from merkat.settlement.batch import CHECKPOINT_BYTES, FRAME_BYTES
from merkat.settlement.batch import decode as decode_batch
from merkat.settlement.custody import Custody
from merkat.settlement.data import BLOB, CALLDATA, MODES
from merkat.settlement.decode import Rebuilder
from merkat.spec.codec import framed
from merkat.spec.settle.leaves import Account
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from merkat.spec.values import keccak256

CONTRACT_BYTES_MAX: Final = 24_576
DEPOSIT_GAS_GOAL: Final = 90_000
CLAIM_GAS_GOAL: Final = 120_000
TOUCHED: Final = 1_000
ROOT_S_GOAL: Final = 0.0025
PROOF_S_GOAL: Final = 50e-6
REBUILD_GOAL: Final = 20e3
PROOFS: Final = 1_000
PEER_PROOFS: Final = 200
CONTRACTS: Final = ("Vault", "Inbox", "Anchor", "Roles", "TimelockController")
_FILL_BYTES: Final = 13 + 12 + 12 + 2 + 2 + 8 + 8 + 1
_ORDER_OPEN_BYTES: Final = 13 + 69 + 65
_STEP_BYTES: Final = FRAME_BYTES + CHECKPOINT_BYTES


@dataclass(frozen=True, slots=True)
class Stated:
    """A number that is no rate: gas, bytes."""

    name: str
    unit: str
    value: float
    goal: float | None = None
    note: str = ""

    def described(self) -> dict[str, object]:
        """Return the figure as JSON-able values."""
        return {"unit": self.unit, "value": self.value, "goal": self.goal, "note": self.note}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each figure measures."""

    accounts: int
    peer_accounts: int
    rows: int


FULL: Final = Sizes(1_000_000, 20_000, 4_000)
SHORT: Final = Sizes(5_000, 1_500, 150)


def measure(sizes: Sizes) -> Iterator[Figure | Stated]:
    """Yield every figure as it is measured."""
    yield from bytes_a_fill()
    yield from contract_sizes()
    batches: list[bytes] = []
    domain = None
    for mode in (BLOB, CALLDATA):
        batches, domain, stated = _anchored(sizes.rows, mode)
        yield from stated
    assert domain is not None, "both modes were run"
    yield from rebuilding(batches, domain)
    yield from roots_and_proofs(sizes)


def bytes_a_fill() -> Iterator[Stated]:
    """State the bytes on the chain for each fill; every fill has two orders, opened once each."""
    for fills in (1, 2, 3):
        orders = 2 * (_ORDER_OPEN_BYTES + _STEP_BYTES) / fills
        yield Stated(
            f"bytes_per_fill_{fills}",
            f"bytes a fill at {fills} fills a traded order",
            round(_FILL_BYTES + _STEP_BYTES + orders, 1),
            note="fill and order_open with frame and checkpoint; epochs come on top",
        )


def contract_sizes() -> Iterator[Stated]:
    """State the bytes of each contract's code."""
    for name in CONTRACTS:
        folder = resources.files("merkat.settlement").joinpath("artifacts")
        text = folder.joinpath(f"{name}.json").read_text("utf-8")
        code = json.loads(text)["deployed_bytecode"].removeprefix("0x")
        yield Stated(f"code_{name.lower()}", "bytes", len(code) // 2, CONTRACT_BYTES_MAX)


def _anchored(rows: int, mode: int) -> tuple[list[bytes], Domain, list[Stated]]:
    """Play a generated flow on a chain; returns its batches, its domain, and what it cost."""
    with tempfile.TemporaryDirectory(prefix="merkat-bench-") as folder:
        flow = GeneratedFlow(1, rows)
        custody = Custody.create(Path(folder) / "chain", flow.start_ns(), mode)
        sequencer = Sequencer.create(
            Path(folder) / "venue", custody.domain, derive_secret(1, "sequencer")
        )
        player = Player(sequencer, Tally(flow.tick), chain=custody)
        play(flow, player, 1, lambda time_ns, tally: None, custody)
        custody.claimers.add(1)
        custody.claim_all(custody.make_final())
        sequencer.close()
        custody.close()
        return custody.batches, custody.domain, list(_gas(custody, mode))


def _gas(custody: Custody, mode: int) -> Iterator[Stated]:
    notes: dict[str, list[int]] = {}
    for note in custody.contracts.gas:
        notes.setdefault(note.name, []).append(note.gas)
    posts = custody.poster.posts
    largest = max(posts, key=lambda post: post.data_bytes)
    smallest = min(posts, key=lambda post: post.data_bytes)
    name = MODES[mode]
    for which, post in (("largest", largest), ("smallest", smallest)):
        yield Stated(
            f"gas_post_{name}_{which}", "gas", post.gas, note=f"a batch of {post.data_bytes:,} B"
        )
    if mode == CALLDATA:
        yield Stated("gas_deposit", "gas", max(notes["Vault.deposit"]), DEPOSIT_GAS_GOAL)
        yield Stated("gas_claim", "gas", max(notes["Vault.claim"]), CLAIM_GAS_GOAL)
        yield Stated("gas_finalise", "gas", max(notes["Anchor.finalise"]))


def rebuilding(batches: list[bytes], domain: Domain) -> Iterator[Figure]:
    """Measure the specification on posted batches, and the compiled machine on the same inputs."""
    inputs = [b"".join(framed(op) for op in decode_batch(data).inputs) for data in batches]
    count = sum(len(decode_batch(data).inputs) for data in batches)
    rebuilder = Rebuilder(Config(*domain.parts), _core.recover_digest)
    machine = _core.Settlement(*domain.parts, committer.genesis(domain)[0])

    def specification() -> None:
        for data in batches:
            rebuilder.take(None, data)

    def compiled() -> None:
        for part in inputs:
            machine.apply_inputs(part)

    specification_s, compiled_s = timed(specification), timed(compiled)
    assert rebuilder.root == machine.root(), "both come to the same root"
    hashes = 200_000
    keccak_s = timed(lambda: [keccak256(number.to_bytes(64, "big")) for number in range(hashes)])
    control = "keccak of 64 bytes in a Python loop"
    yield Figure(
        "rebuild",
        "micro-ops/s, specification",
        count,
        specification_s,
        control,
        hashes,
        keccak_s,
        REBUILD_GOAL,
    )
    yield Figure(
        "rebuild_compiled",
        "micro-ops/s, compiled settlement machine",
        count,
        compiled_s,
        "specification, the same batches",
        count,
        specification_s,
        REBUILD_GOAL,
    )


def _settlement_part(accounts: int, domain: Domain) -> bytes:
    """Return the settlement part of a state with so many accounts of one unit each."""
    state = State(Config(*domain.parts))
    state.globals_.next_account = accounts + 1
    state.globals_.deposited[0] = accounts * 1_000_000
    words = Account(owner=b"\x11" * 20, cash=1_000_000).words() + bytes(4)
    records = b"".join(number.to_bytes(4, "big") + words for number in range(1, accounts + 1))
    none = bytes(4)
    part = state.globals_.words() + none + none + accounts.to_bytes(4, "big") + records
    rest = part + none + none + none  # no order, no session, no risk record
    return len(rest).to_bytes(4, "big") + rest


def roots_and_proofs(sizes: Sizes) -> Iterator[Figure]:
    """Measure the root after 1,000 touched accounts, and single proofs."""
    domain = Domain(1, bytes(20), bytes(32))
    machine = _core.Settlement(*domain.parts, _settlement_part(sizes.accounts, domain))
    machine.root()
    source = random.Random("merkat bench settlement")
    touched = source.sample(range(1, sizes.accounts + 1), min(TOUCHED, sizes.accounts))
    times = []
    for _ in range(3):
        for account in touched:
            item = commands.deposit(b"\x11" * 20, 1_000_000, account)
            code, _ = machine.apply_input(b"\x01" + bytes(8) + b"\0\0\0\1" + item)
            assert code == 0, f"a deposit is refused with {code}: the figure is void"
        times.append(timed(machine.root))
    proofs_s = timed(lambda: [machine.account_proof(account) for account in touched[:PROOFS]])
    peer = _peer(sizes.peer_accounts)
    yield Figure(
        "root_1000_touched",
        f"roots/s of {sizes.accounts:,} accounts",
        1,
        sorted(times)[1],
        peer.root_control,
        1,
        peer.root_s,
        1 / ROOT_S_GOAL,
    )
    yield Figure(
        "account_proof",
        "proofs/s",
        len(touched[:PROOFS]),
        proofs_s,
        peer.proof_control,
        peer.proofs,
        peer.proofs_s,
        1 / PROOF_S_GOAL,
    )


@dataclass(frozen=True, slots=True)
class Peer:
    """The same work done by another library."""

    root_control: str
    root_s: float
    proof_control: str
    proofs: int
    proofs_s: float


def _peer(accounts: int) -> Peer:
    try:
        from trie.hexary import HexaryTrie
    except ImportError:
        hashes_s = timed(lambda: [keccak256(bytes(64)) for _ in range(TOUCHED * 28)])
        named = "keccak of 64 bytes in a Python loop (trie of PyPI is not installed)"
        return Peer(f"28,000 x {named}", hashes_s, f"28 x {named}", TOUCHED, hashes_s)
    tree = HexaryTrie({})
    with tree.squash_changes() as filling:
        for number in range(accounts):
            filling[number.to_bytes(4, "big")] = bytes(288)
    source = random.Random("merkat bench settlement")
    touched = source.sample(range(accounts), min(TOUCHED, accounts))

    def touch() -> None:
        with tree.squash_changes() as writing:
            for number in touched:
                writing[number.to_bytes(4, "big")] = b"\1" * 288

    root_s = timed(touch)
    asked = touched[:PEER_PROOFS]

    def prove() -> None:
        for number in asked:
            tree.get_proof(number.to_bytes(4, "big"))  # type: ignore[no-untyped-call]

    proofs_s = timed(prove)
    named = f"trie of PyPI, {accounts:,} accounts"
    return Peer(named, root_s, named, len(asked), proofs_s)

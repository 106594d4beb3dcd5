"""An evidence folder of a small venue, with a chain dump made by hand.

The venue is the specification's own; blocks, events and batches are encoded here from the documents
alone (docs/spec/evidence.md, batches.md), apart from the code that reads them back.

    story = Story()                     # accounts, trades, a liquidation, withdrawals, claims
    write_evidence(directory, story.sources())
    reseal(directory)                   # after tampering with a file: hashes and seal anew
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from merkat.settlement.evidence import kzg, layout
from merkat.settlement.evidence.batch_bytes import blobs_of
from merkat.settlement.evidence.chain_dump import Block, Credit, Log, Transaction
from merkat.settlement.evidence.layout import JournalRecord, Manifest, Receipt
from merkat.settlement.evidence.proving import prove_account
from merkat.settlement.evidence.records import AccountProof, Sidecar, explain_liquidations
from merkat.settlement.evidence.snapshot_batch import snapshot_batch
from merkat.settlement.evidence.writer import Sources
from merkat.spec.codec import framed, u32
from merkat.spec.messages import Deposit, FundDeposit, InboxCommand, decode_command, decode_item
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.state import State
from merkat.spec.typed_data import receipt_digest
from merkat.spec.values import ZERO32, keccak256
from merkat.spec.venue.machine import Venue
from tests.support.keys import CurveKeys
from tests.support.venue_builder import CONFIG, START_NS, Market, Trader, coins, usd

ANCHOR, INBOX, VAULT, POSTER, TOKEN, COIN = (
    bytes([number]) * 20 for number in (0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6)
)
COIN_SCALE = 10**14  # a coin of 18 decimals whose spot market has 4
TOKEN_REGISTERED = "TokenRegistered(uint8,address,uint128,uint128)"
TRANSFER = "Transfer(address,address,uint256)"
MODE_BLOBS, MODE_CALLDATA = 1, 2
SEQUENCER = "sequencer"
START_S = START_NS // 1_000_000_000


def play(rounds: int) -> tuple[Market, list[Trader]]:
    """A venue with trades, a liquidation, withdrawals; about 25 + 8 x rounds commands."""
    market = Market(CurveKeys())
    market.fund(usd(10_000))
    alice, bob = market.account("alice", usd(50_000)), market.account("bob", usd(50_000))
    carol = market.account("carol", usd(1_000))
    market.trade(carol, bob, usd(100), coins(100))
    for round_ in range(rounds):
        price = usd(100) + (round_ % 5) * usd(0.1)
        market.rest(alice, 0, price - usd(0.5), coins(2))
        order = market.rest(bob, 1, price + usd(0.5), coins(1))
        market.place(alice, 0, price + usd(0.5), coins(0.5), 1)
        market.place(bob, 1, usd(50), coins(1))  # outside the band: refused
        market.cancel(bob, order)
        if round_ % 3 == 0:
            market.epoch(usd(100) + round_)
        if round_ == rounds // 2:
            market.withdraw(alice, usd(1_234))
    market.rest(alice, 0, usd(94.5), coins(300))
    market.epoch(usd(96))
    market.epoch(usd(94))  # carol falls below maintenance: the venue sells to alice
    for _ in range(3):
        market.epoch(usd(94))
    market.withdraw(bob, usd(77))
    market.transfer(alice, bob, usd(5))
    market.withdraw(alice, usd(100))
    market.tick(60_000_000_000)
    market.epoch(usd(94))
    market.epoch(usd(94))  # behind the last batch
    return market, [alice, bob, carol]


@dataclass
class Chain:
    """Makes blocks as the embedded chain hashes them; encoded apart from the reader."""

    chain_id: int = CONFIG.chain_id
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        credit = Credit(POSTER, 10**20)
        encoded = b"\2" + credit.account + credit.wei.to_bytes(32, "big")
        tag = b"merkat chain v1" + self.chain_id.to_bytes(8, "big") + START_S.to_bytes(8, "big")
        self.blocks.append(Block(0, START_S, ZERO32, keccak256(tag + encoded), (credit,), ()))

    def mine(
        self, to: bytes, data: bytes, logs: Sequence[Log], blobs: Sequence[bytes] = ()
    ) -> None:
        """One block with one transaction."""
        transaction = Transaction(
            nonce=len(self.blocks),
            sender=POSTER,
            to=to,
            value=0,
            gas=1_000_000,
            data=data,
            blobs=tuple(blobs),
            success=True,
            gas_used=21_000 + len(data),
            contract=None,
            revert_data=b"",
            logs=tuple(logs),
        )
        entry = b"\1" + len(self.blocks).to_bytes(8, "big") + POSTER + b"\1" + to + bytes(32)
        entry += (1_000_000).to_bytes(8, "big") + u32(len(data)) + data
        entry += u32(len(blobs)) + b"".join(blobs)
        tag = b"merkat transaction v1" + self.chain_id.to_bytes(8, "big")
        receipt = b"\1" + (21_000 + len(data)).to_bytes(8, "big") + bytes(20) + u32(0)
        receipt += u32(len(logs))
        for log in logs:
            receipt += log.address + u32(len(log.topics)) + b"".join(log.topics)
            receipt += u32(len(log.data)) + log.data
        parent, time_s = self.blocks[-1], START_S + len(self.blocks)
        numbers = len(self.blocks).to_bytes(8, "big") + time_s.to_bytes(8, "big")
        content = parent.hash + numbers + keccak256(tag + entry) + keccak256(receipt)
        name = keccak256(b"merkat block v1" + content)
        block = Block(len(self.blocks), time_s, parent.hash, name, (), (transaction,))
        self.blocks.append(block)


def word(value: int | bytes) -> bytes:
    """One ABI word."""
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32, "big")


def abi_bytes(data: bytes) -> bytes:
    """Length and padded content."""
    return word(len(data)) + data + bytes(-len(data) % 32)


def event(address: bytes, signature: str, topics: Sequence[int | bytes], data: bytes) -> Log:
    """A log of a contract."""
    indexed = tuple(word(topic) for topic in topics)
    return Log(address, (keccak256(signature.encode()), *indexed), data)


@dataclass(frozen=True)
class Sealed:
    """A batch and the state at its end."""

    data: bytes
    header: dict[str, int | bytes]
    root: bytes
    inbox_hash: bytes
    snapshot: bytes
    proofs: list[AccountProof]
    claimable: dict[int, tuple[bytes, int]]


class Story:
    """A venue's life, and everything that an evidence folder needs of it.

    Args:
        rounds: how long it lasts. Three batches: 40 %, 70 %, all but the last command.
        blobs: post in blob mode, with the set-up whose tau is 2 (see `toy_setup`).
        played: another life than `play(rounds)`.
    """

    def __init__(
        self,
        rounds: int = 4,
        blobs: bool = False,
        played: tuple[Market, list[Trader]] | None = None,
    ) -> None:
        self.market, self.traders = played or play(rounds)
        self.blobs = blobs
        commands = self.market.commands
        self.keys = CurveKeys()
        self.sequencer = self.keys.wallet(SEQUENCER)
        self.journal = make_journal([(time, command) for _, time, command in commands])
        self.receipts = [self.receipt(record) for record in self.journal]
        self.sidecars: list[Sidecar] = []
        count = len(commands)
        self.sealed = seal_batches(self.journal, [count * 4 // 10, count * 7 // 10, count - 1])
        self.chain = self._chain()

    def receipt(self, record: JournalRecord) -> Receipt:
        """The sequencer's receipt for a record."""
        command_hash = keccak256(record.command)
        digest = receipt_digest(CONFIG, record.log_number, command_hash, record.journal_hash)
        signature = self.keys.sign(digest, self.sequencer)
        return Receipt(record.log_number, command_hash, record.journal_hash, signature)

    def sources(self) -> Sources:
        """What the writer takes."""
        venue = self.market.venue
        return Sources(
            config=CONFIG,
            anchor=ANCHOR,
            inbox=INBOX,
            vault=VAULT,
            sequencer=self.sequencer.address,
            nodes=[node.address for node in self.market.nodes],
            journal=self.journal,
            receipts=self.receipts,
            chain=self.chain.blocks,
            batches=[sealed.data for sealed in self.sealed],
            state_root=venue.state_root(),
            venue_digest=venue.venue_digest(),
            proofs=[proof for sealed in self.sealed for proof in sealed.proofs],
            sidecars=self.sidecars,
            liquidations=explain_liquidations(CONFIG, self.journal),
            snapshot=self.sealed[-1].snapshot,
        )

    def _chain(self) -> Chain:
        chain, inbox_hash, index = Chain(), ZERO32, 0
        settlement_token = word(0) + word(TOKEN) + word(1) + word(1)
        registered = event(VAULT, TOKEN_REGISTERED, [], settlement_token)
        coin = word(1) + word(COIN) + word(1) + word(COIN_SCALE)
        chain.mine(VAULT, b"constructor", [registered])
        chain.mine(VAULT, b"registerToken", [event(VAULT, TOKEN_REGISTERED, [], coin)])
        for record in self.journal:
            command = decode_command(record.command)
            if not isinstance(command, InboxCommand):
                continue
            inbox_hash = keccak256(inbox_hash + keccak256(command.item))
            self._enqueue(chain, index, inbox_hash, command.item)
            index += 1
        for number, sealed in enumerate(self.sealed, start=1):
            self._post(chain, number, sealed)
        final = len(self.sealed)
        chain.mine(
            ANCHOR,
            b"finalise",
            [event(ANCHOR, "BatchFinalised(uint64,bytes32)", [final, self.sealed[-1].root], b"")],
        )
        for batch in (2, final):
            for account, (owner, total) in self.sealed[batch - 1].claimable.items():
                before = self.sealed[1].claimable.get(account, (b"", 0))[1] if batch == final else 0
                if total - before:
                    self._claim(chain, batch, account, owner, total - before, total)
        return chain

    def _enqueue(self, chain: Chain, index: int, inbox_hash: bytes, item: bytes) -> None:
        data = inbox_hash + word(1_800_000_000_000 + index) + word(96) + abi_bytes(item)
        logs = [event(INBOX, "ItemEnqueued(uint64,bytes32,uint48,bytes)", [index], data)]
        decoded = decode_item(item)
        if isinstance(decoded, Deposit | FundDeposit):
            is_coin = isinstance(decoded, Deposit) and decoded.token == 1
            amount = decoded.amount * (COIN_SCALE if is_coin else 1)
            paid = event(COIN if is_coin else TOKEN, TRANSFER, [POSTER, VAULT], word(amount))
            logs = [paid, *logs]
        if isinstance(decoded, Deposit):
            logs.append(event(VAULT, "Deposited(uint64,address)", [index, POSTER], b""))
        elif isinstance(decoded, FundDeposit):
            data = word(decoded.group) + word(decoded.amount)
            logs.append(event(VAULT, "FundDeposited(uint64,uint16,uint128)", [index], data))
        chain.mine(INBOX, b"enqueue" + item, logs)

    def _post(self, chain: Chain, number: int, sealed: Sealed) -> None:
        header = sealed.header
        hashes = [chunk_tree(sealed.data)]
        if self.blobs:
            made = [toy_sidecar(blob) for blob in blobs_of(sealed.data)]
            self.sidecars += made
            hashes = [kzg.versioned_hash(one.commitment) for one in made]
        data = b"".join(
            word(value)
            for value in (
                number,
                header["previous_root"],
                sealed.root,
                header["inbox_cursor"],
                sealed.inbox_hash,
                header["time_first"],
                header["time_last"],
                header["input_count"],
                MODE_BLOBS if self.blobs else MODE_CALLDATA,
                0 if self.blobs else len(sealed.data),
                11 * 32,
                len(hashes),
                *hashes,
            )
        )
        inner = "(uint64,bytes32,bytes32,uint64,bytes32,uint64,uint64,uint32)"
        signature = f"BatchPosted(uint64,bytes32,{inner},uint8,uint256,bytes32[])"
        log = event(ANCHOR, signature, [number, sealed.root], data)
        if self.blobs:
            chain.mine(ANCHOR, b"postBlobs", [log], hashes)
        else:
            chain.mine(ANCHOR, b"postCalldata" + sealed.data, [log])

    def _claim(
        self, chain: Chain, batch: int, account: int, owner: bytes, amount: int, total: int
    ) -> None:
        data = b"".join(word(value) for value in (0, amount, total, batch))
        signature = "Claimed(uint32,uint8,address,uint128,uint128,uint64)"
        claimed = event(VAULT, signature, [account, owner], data)
        paid = event(TOKEN, TRANSFER, [VAULT, owner], word(amount))
        chain.mine(VAULT, b"claim", [claimed, paid])


def make_journal(commands: Sequence[tuple[int, bytes]]) -> list[JournalRecord]:
    """Records of (time, command), hash-chained."""
    running, records = keccak256(b"merkat journal v1" + CONFIG.salt), []
    for number, (time_ns, command) in enumerate(commands, start=1):
        numbers = number.to_bytes(8, "big") + time_ns.to_bytes(8, "big")
        running = keccak256(running + numbers + keccak256(command))
        records.append(JournalRecord(number, time_ns, command, running))
    return records


def seal_batches(journal: Sequence[JournalRecord], ends: Sequence[int]) -> list[Sealed]:
    """The batches that end after these log numbers."""
    venue, state = Venue(CONFIG), State(CONFIG)
    sealed: list[Sealed] = []
    inputs: list[bytes] = []
    checkpoints: list[bytes] = []
    before = (state.root(), 0, 0)
    for record in journal:
        output = venue.apply(record.log_number, record.time_ns, record.command)
        for op in output.micro_ops:
            assert apply_input(state, op).accepted, op
            if not sealed and not inputs:
                before = (before[0], 0, state.globals_.time)
            inputs.append(op)
            checkpoints.append(state.root()[:31])
        if record.log_number in ends:
            sealed.append(_seal(len(sealed) + 1, state, before, inputs, checkpoints))
            inputs, checkpoints = [], []
            before = (state.root(), state.globals_.input_cursor, state.globals_.time)
    return sealed


def _seal(
    index: int,
    state: State,
    before: tuple[bytes, int, int],
    inputs: Sequence[bytes],
    checkpoints: Sequence[bytes],
) -> Sealed:
    totals = state.globals_
    header: dict[str, int | bytes] = {
        "previous_root": before[0],
        "cursor_first": before[1],
        "cursor_end": totals.input_cursor,
        "inbox_cursor": totals.inbox_cursor,
        "log_number": totals.log_number,
        "time_first": before[2],
        "time_last": totals.time,
        "input_count": len(inputs),
    }
    data = b"\0\1\0" + index.to_bytes(8, "big") + before[0]
    for name in list(header)[1:-1]:
        value = header[name]
        assert isinstance(value, int)
        data += value.to_bytes(8, "big")
    data += u32(len(inputs)) + b"".join(map(framed, inputs)) + b"".join(checkpoints)
    claimable = {
        number: (account.owner, account.claimable[0])
        for number, account in state.accounts.items()
        if account.claimable[0]
    }
    proofs = [prove_account(state, number, index) for number in sorted(state.accounts)]
    snapshot = snapshot_batch(state, index).encode()
    return Sealed(data, header, state.root(), totals.inbox_hash, snapshot, proofs, claimable)


def chunk_tree(data: bytes) -> bytes:
    """batches.md section 2, recursively."""

    def top(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        whole = 1 << (len(hashes) - 1).bit_length() - 1
        return keccak256(b"\1" + top(hashes[:whole]) + top(hashes[whole:]))

    chunks = [data[at : at + 1024] for at in range(0, len(data), 1024)]
    leaves = [keccak256(b"\0" + u32(number) + chunk) for number, chunk in enumerate(chunks)]
    return keccak256(b"\2" + u32(len(data)) + top(leaves))


# A trusted set-up that nobody should trust: tau is 2


def toy_tau_g2() -> bytes:
    """The compressed point 2 G2."""
    x, y = kzg.decode_twist_point(kzg.G2)
    slope = kzg._mul2(kzg._mul2((3, 0), kzg._mul2(x, x)), kzg._inverse2(kzg._add2(y, y)))
    x, y = kzg._third((x, y), x, slope)
    larger = y[1] > kzg.P // 2
    flags = 0x80 | 0x20 * larger
    encoded = x[1].to_bytes(48, "big") + x[0].to_bytes(48, "big")
    return bytes([encoded[0] | flags]) + encoded[1:]


def toy_sidecar(blob: bytes) -> Sidecar:
    """Commitment and proof of a blob under the set-up whose tau is 2."""
    values = [int.from_bytes(blob[at : at + 32], "big") for at in range(0, len(blob), 32)]
    at_tau = kzg.evaluate(values, 2)
    commitment = _times_g1(at_tau)
    point = kzg.challenge(blob, commitment)
    quotient = (at_tau - kzg.evaluate(values, point)) * pow(2 - point, -1, kzg.R) % kzg.R
    return Sidecar(commitment, _times_g1(quotient))


def _times_g1(factor: int) -> bytes:
    point = kzg._multiply(kzg.decode_point(kzg.G1), factor)
    assert point is not None
    flags = 0x80 | 0x20 * (point[1] > kzg.P // 2)
    encoded = point[0].to_bytes(48, "big")
    return bytes([encoded[0] | flags]) + encoded[1:]


def reseal(directory: Path) -> None:
    """Make manifest and seal fit the files again, as a forger would."""
    path = directory / layout.MANIFEST
    manifest = Manifest.decode(path.read_bytes())
    files = {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file() and file.name not in (layout.MANIFEST, layout.SEAL)
    }
    described = {name: (len(data), keccak256(data)) for name, data in files.items()}
    path.write_bytes(replace(manifest, files=described).encode())
    (directory / layout.SEAL).write_bytes(layout.seal_of(path.read_bytes()))

"""Replay: the journal through the venue's specification, the batches through settlement's.

The venue tells which micro-ops each command gave; a second settlement machine, from genesis, takes
the batches' inputs, which must be those micro-ops in order, and its root must be every checkpoint.
Records that liquidated are explained anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from merkat.settlement.evidence.batch_bytes import STEPS, Batch
from merkat.settlement.evidence.events import ChainView, Posted
from merkat.settlement.evidence.layout import (
    JOURNAL,
    LIQUIDATIONS,
    MANIFEST,
    SNAPSHOT,
    EvidenceError,
    JournalRecord,
    Manifest,
    batch_file,
)
from merkat.settlement.evidence.records import is_liquidation, liquidation_line
from merkat.settlement.evidence.snapshot_batch import snapshot_batch
from merkat.spec.explain import explain
from merkat.spec.messages import InboxCommand, decode_command
from merkat.spec.risk.terms import SPOT
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.state import State
from merkat.spec.values import SETTLEMENT_TOKEN, ZERO_ADDRESS, cut
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue

Progress = Callable[[str, int, int], None]
"""Told (what, how many are done, how many there are)."""


@dataclass(frozen=True, slots=True)
class AccountAtBatch:
    """What a claim needs of an account as it stood after a batch."""

    owner: bytes
    claimable: tuple[int, ...]


@dataclass
class Replay:
    """Both machines on their way through a folder.

    Args:
        manifest, chain: what the folder and its chain dump say.
        batches: batch 1 first, one for each that was posted.
        liquidations: log number -> line of liquidations.jsonl.
        snapshot: the snapshot batch, when there is one.
    """

    manifest: Manifest
    chain: ChainView
    batches: Sequence[Batch]
    liquidations: Mapping[int, bytes]
    snapshot: Batch | None
    micro_ops: int = 0
    inbox_cursor: int = 0
    nodes: set[bytes] = field(default_factory=set)
    claimed_at: dict[tuple[int, int], AccountAtBatch] = field(default_factory=dict)
    """(batch, account) of every claim -> the account then."""

    def __post_init__(self) -> None:
        self.venue = Venue(self.manifest.config)
        self.state = State(self.manifest.config)
        self._batch = 0  # position in `batches` of the one under way
        self._input = 0
        self._claims = {(claim.batch, claim.account) for claim in self.chain.claims}

    def run(self, journal: Sequence[JournalRecord], progress: Progress) -> None:
        """Replay every record; EvidenceError at the first thing that differs."""
        unknown = self.liquidations.keys() - {record.log_number for record in journal}
        if unknown:
            text = "the journal has no such record"
            raise EvidenceError("V-50", LIQUIDATIONS, f"log number {min(unknown)}", text)
        for done, record in enumerate(journal):
            progress("replay", done, len(journal))
            self._command(record)
        progress("replay", len(journal), len(journal))
        if self._batch < len(self.batches):
            batch = self.batches[self._batch]
            text = f"the journal gives {self._input} of its {len(batch.inputs)} inputs"
            raise EvidenceError("V-32", batch_file(batch.header.index), "", text)
        self._finish()

    def _command(self, record: JournalRecord) -> None:
        where = f"record {record.log_number}"
        try:
            self._explain(record)
            output = self.venue.apply(record.log_number, record.time_ns, record.command)
        except AssertionError as error:
            text = f"the specification cannot take it: {error}"
            raise EvidenceError("V-40", JOURNAL, where, text) from None
        if is_liquidation(output) != (record.log_number in self.liquidations):
            at = f"log number {record.log_number}"
            text = "the command liquidated and has no record, or has one and did not"
            raise EvidenceError("V-50", LIQUIDATIONS, at, text)
        if self.venue.settlement.globals_.inbox_cursor > self.inbox_cursor:
            self._inbox(record, where)
        ended = False
        for op in output.micro_ops:
            ended = self._micro_op(op, where)
        if ended:
            self._check_venue(where)

    def _explain(self, record: JournalRecord) -> None:
        """Derive the record of a command that is said to have liquidated."""
        line = self.liquidations.get(record.log_number)
        if line is None:
            return
        told = explain(self.venue, record.log_number, record.time_ns, record.command)
        if liquidation_line(told.to_dict()) != line:
            at = f"log number {record.log_number}"
            text = "the specification explains the command otherwise"
            raise EvidenceError("V-50", LIQUIDATIONS, at, text)

    def _inbox(self, record: JournalRecord, where: str) -> None:
        """The item that the venue took is the chain's, and any new nodes are noted."""
        command = decode_command(record.command)
        assert isinstance(command, InboxCommand), "only inbox commands move the inbox cursor"
        items = self.chain.items
        if not (command.index < len(items) and items[command.index] == command.item):
            text = f"inbox item {command.index} is not the chain's"
            raise EvidenceError("V-41", JOURNAL, where, text)
        self.inbox_cursor = command.index + 1
        for group in self.venue.settlement.groups.values():
            self.nodes.update(node for node in group.nodes if node != ZERO_ADDRESS)

    def _micro_op(self, op: bytes, where: str) -> bool:
        """Take one micro-op as the next input; whether a batch ended with it."""
        self.micro_ops += 1
        if self._batch == len(self.batches):
            return False
        batch = self.batches[self._batch]
        index = batch.header.index
        at = f"input {self._input}"
        if self._input == 0:
            self._batch_start(batch)
        if batch.inputs[self._input] != op:
            text = f"not the micro-op that {where} of the journal gave"
            raise EvidenceError("V-32", batch_file(index), at, text)
        if not apply_input(self.state, op).accepted:
            text = "the settlement machine refuses what the venue announced"
            raise EvidenceError("V-32", batch_file(index), at, text)
        if index == 1 and self._input == 0:
            _equal(batch, "time_first", batch.header.time_first, self.state.globals_.time)
        root = self.state.root()
        if batch.checkpoints[self._input] != cut(root):
            text = f"the checkpoint is 0x{batch.checkpoints[self._input].hex()}, the root is "
            raise EvidenceError("V-33", batch_file(index), at, f"{text}0x{root.hex()}")
        self._input += 1
        if self._input < len(batch.inputs):
            return False
        self._batch_end(batch, root)
        self._batch, self._input = self._batch + 1, 0
        return True

    def _batch_start(self, batch: Batch) -> None:
        header, totals = batch.header, self.state.globals_
        _equal(batch, "previous_root", header.previous_root, self.state.root())
        _equal(batch, "cursor_first", header.cursor_first, totals.input_cursor)
        if header.index > 1:
            _equal(batch, "time_first", header.time_first, totals.time)

    def _batch_end(self, batch: Batch, root: bytes) -> None:
        header, totals = batch.header, self.state.globals_
        _equal(batch, "cursor_end", header.cursor_end, totals.input_cursor)
        _equal(batch, "inbox_cursor", header.inbox_cursor, totals.inbox_cursor)
        _equal(batch, "log_number", header.log_number, totals.log_number)
        _equal(batch, "time_last", header.time_last, totals.time)
        posted = self.chain.posted[self._batch]
        if posted.state_root != root:
            text = f"0x{posted.state_root.hex()} is anchored, the root is 0x{root.hex()}"
            raise EvidenceError("V-34", batch_file(header.index), "", text)
        _equal(batch, "inbox hash that was posted", posted.inbox_hash, totals.inbox_hash)
        check_conservation(self.state, batch_file(header.index))
        for number in [account for index, account in self._claims if index == header.index]:
            account = self.state.accounts.get(number)
            if account is not None:
                kept = AccountAtBatch(account.owner, tuple(account.claimable))
                self.claimed_at[header.index, number] = kept
        if self.snapshot is not None and self.snapshot.header.index == header.index:
            self._check_snapshot(self.snapshot)

    def _check_snapshot(self, snapshot: Batch) -> None:
        expected = snapshot_batch(self.state, snapshot.header.index)
        if snapshot == expected:
            return
        pairs = enumerate(zip(snapshot.inputs, expected.inputs, strict=False))
        differs = next((position for position, (one, other) in pairs if one != other), None)
        where = "header, length or checkpoints" if differs is None else f"input {differs}"
        text = f"not the state after batch {snapshot.header.index}"
        raise EvidenceError("V-35", SNAPSHOT, where, text)

    def _check_venue(self, where: str) -> None:
        """The specification's own invariants of the whole venue, at the end of a batch."""
        try:
            check_invariants(self.venue)
        except AssertionError as error:
            raise EvidenceError("V-42", JOURNAL, where, f"{error}") from None

    def _finish(self) -> None:
        """The digests and nodes that the manifest names."""
        self._check_venue("end")
        check_conservation(self.venue.settlement, JOURNAL)
        root, digest = self.venue.state_root(), self.venue.venue_digest()
        if root != self.manifest.state_root:
            text = f"state_root: the journal leads to 0x{root.hex()}"
            raise EvidenceError("V-43", MANIFEST, "end", text)
        if digest != self.manifest.venue_digest:
            text = f"venue_digest: the journal leads to 0x{digest.hex()}"
            raise EvidenceError("V-43", MANIFEST, "end", text)
        if self.manifest.nodes != tuple(sorted(self.nodes)):
            text = f"the journal's groups have {len(self.nodes)} nodes, not these"
            raise EvidenceError("V-44", MANIFEST, "nodes", text)


def _equal(batch: Batch, name: str, found: int | bytes, expected: int | bytes) -> None:
    if found != expected:
        told = [f"0x{one.hex()}" if isinstance(one, bytes) else one for one in (found, expected)]
        text = f"{name} is {told[0]}, the state says {told[1]}"
        raise EvidenceError("V-31", batch_file(batch.header.index), "header", text)


def check_posted(batch: Batch, posted: Posted) -> None:
    """Compare a batch's header with what was posted; EvidenceError V-31."""
    header = batch.header
    file = batch_file(posted.index)
    if header.kind != STEPS:
        raise EvidenceError("V-31", file, "header", f"kind is {header.kind}, expected 0 (steps)")
    for name in (
        "index",
        "previous_root",
        "inbox_cursor",
        "time_first",
        "time_last",
        "input_count",
    ):
        if getattr(header, name) != getattr(posted, name):
            raise EvidenceError("V-31", file, "header", f"{name} is not the posted one")
    if batch.checkpoints[-1] != cut(posted.state_root):
        text = "the last checkpoint is not the cut of the anchored root"
        raise EvidenceError("V-34", file, f"input {len(batch.inputs) - 1}", text)


def check_conservation(state: State, file: str) -> None:
    """Compare what is owned with what was deposited, and longs with shorts; EvidenceError V-42.

    Besides the specification's `check_invariants`, whose assertions an optimising interpreter
    drops.
    """
    totals = state.globals_
    where = f"log number {totals.log_number}"
    sizes: Counter[int] = Counter()
    for account in state.accounts.values():
        for position in account.positions.values():
            sizes[position.listing] += position.size
    held = {SETTLEMENT_TOKEN: _cash(state)}
    for listing, total in sizes.items():
        instrument = state.instruments[listing]
        if instrument.kind == SPOT:
            held[instrument.token] = total
        elif total:
            text = f"the positions of listing {listing} sum to {total}"
            raise EvidenceError("V-42", file, where, text)
    for token, total in enumerate(totals.claimable):
        claims = sum(account.claimable[token] for account in state.accounts.values())
        if claims != total:
            text = f"token {token}: claims of {claims}, total {total}"
            raise EvidenceError("V-42", file, where, text)
        owned = held.get(token, 0) + total
        if owned != totals.deposited[token]:
            text = f"token {token}: {owned} is owned, {totals.deposited[token]} was deposited"
            raise EvidenceError("V-42", file, where, text)


def _cash(state: State) -> int:
    """Return everything in 1e-6 USD that is nobody's claim yet."""
    totals = state.globals_
    cash = sum(account.cash for account in state.accounts.values())
    funds = sum(group.fund for group in state.groups.values())
    return cash + totals.fees + totals.rebates + totals.interest + funds - totals.bad_debt

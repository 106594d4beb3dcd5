"""Gathers what an anchored flow leaves behind into an evidence folder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.flow.oracle import OracleNodes
from merkat.flow.tally import Tally
from merkat.sdk.keys import Domain
from merkat.sequencer.pipeline import READ_BYTES, Digests
from merkat.sequencer.reading import Reading, open_reading, split_batch
from merkat.sequencer.receipts import HASHES_BYTES, genesis_hash
from merkat.sequencer.receipts import Receipt as ReceiptLine
from merkat.settlement.batch import BatchError
from merkat.settlement.chain import EmbeddedChain
from merkat.settlement.custody import Custody
from merkat.settlement.data import BLOB, pack_blobs
from merkat.settlement.evidence.dumping import dump_chain
from merkat.settlement.evidence.layout import JournalRecord, Receipt
from merkat.settlement.evidence.records import LIQUIDATION_EVENTS, AccountProof
from merkat.settlement.evidence.writer import Sources, sidecar_of, write_evidence
from merkat.settlement.proofs import AccountProof as Proof
from merkat.settlement.snapshot import snapshot_of
from merkat.spec.explain import explain
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from merkat.spec.venue.machine import Venue

JOURNAL_HASH: Final = slice(32, HASHES_BYTES)


class LiquidationLog:
    """Notes in which commands something was liquidated."""

    def __init__(self, tally: Tally) -> None:
        self.log_numbers: set[int] = set()
        for kind in LIQUIDATION_EVENTS:
            tally.hook(kind, self._note())

    def _note(self) -> Callable[[int, bytes], None]:
        return lambda log_number, body: self.log_numbers.add(log_number)


def write(
    directory: Path,
    venue: Path,
    receipts: Path,
    custody: Custody,
    state: State,
    digests: Digests,
    sequencer: bytes,
    seed: int,
    liquidated: Collection[int],
) -> None:
    """Write the folder. `custody` is closed; `state` is what the chain's data lead to."""
    domain, addresses = custody.domain, custody.contracts.addresses
    batches = len(custody.batches)
    with open_reading(venue, domain) as reading:
        journal = journal_records(reading)
        liquidations = _liquidations(domain, reading, liquidated)
    chain = EmbeddedChain.reopen(custody.directory)
    try:
        blocks = dump_chain(chain)
    finally:
        chain.close()
    blobs = []
    if custody.poster.mode == BLOB:
        blobs = [blob for batch in custody.batches for blob in pack_blobs(batch)]
    write_evidence(
        directory,
        Sources(
            config=Config(*domain.parts),
            anchor=addresses.anchor,
            inbox=addresses.inbox,
            vault=addresses.vault,
            sequencer=sequencer,
            nodes=OracleNodes(domain, seed).addresses,
            journal=journal,
            receipts=_receipts(receipts),
            chain=blocks,
            batches=custody.batches,
            state_root=digests.state_root,
            venue_digest=digests.venue_digest,
            proofs=[_proof(custody, account, batches) for account in sorted(state.accounts)],
            sidecars=[sidecar_of(blob) for blob in blobs],
            liquidations=liquidations,
            snapshot=snapshot_bytes(state, batches),
        ),
    )


def journal_records(reading: Reading) -> list[JournalRecord]:
    """Return every record with the journal's hash at it."""
    records: list[JournalRecord] = []
    before = genesis_hash(reading.domain.salt)
    while len(records) < reading.head:
        batch = reading.journal.read(len(records) + 1, READ_BYTES)
        hashes = _core.chain_hashes(before, batch)
        for place, record in enumerate(split_batch(batch)):
            at = place * HASHES_BYTES
            journal_hash = hashes[at : at + HASHES_BYTES][JOURNAL_HASH]
            records.append(
                JournalRecord(record.log_number, record.time_ns, record.command, journal_hash)
            )
        before = hashes[-32:]
    return records


def _receipts(path: Path) -> list[Receipt]:
    lines = path.read_text("ascii").splitlines()
    return [Receipt(*ReceiptLine.from_line(line)) for line in lines]


def _proof(custody: Custody, account: int, batch: int) -> AccountProof:
    proof = Proof.decode(account, custody.machine.account_proof(account))
    return AccountProof(account, batch, proof.words, proof.siblings, proof.parts)


def _liquidations(
    domain: Domain, reading: Reading, liquidated: Collection[int]
) -> list[dict[str, Any]]:
    """Return the explanations of these commands, in one pass of the specification."""
    venue = Venue(Config(*domain.parts), recover=_core.recover_digest)
    explained = []
    for record in reading.records(1, max(liquidated, default=0)):
        if record.log_number in liquidated:
            explained.append(explain(venue, *record).to_dict())
        venue.apply(*record)
    return explained


def snapshot_bytes(state: State, batch: int) -> bytes | None:
    """Return the snapshot batch of a state, None where it is larger than a batch may be."""
    try:
        return snapshot_of(state, batch).encode()
    except BatchError:
        return None

"""After the clean stop: an independent replay of the journal, the balance of all books, evidence.

Nothing of the run is asked: what is judged is what venue and chain have left on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.flow.evidence import journal_records, snapshot_bytes
from merkat.sdk.keys import Domain
from merkat.sequencer.pipeline import rebuild
from merkat.sequencer.reading import Reading, open_reading
from merkat.sequencer.receipts import Receipt
from merkat.settlement.chain import EmbeddedChain
from merkat.settlement.contracts import Contracts, find
from merkat.settlement.evidence.dumping import dump_chain
from merkat.settlement.evidence.layout import JOURNAL, EvidenceError
from merkat.settlement.evidence.layout import Receipt as EvidenceReceipt
from merkat.settlement.evidence.proving import prove_account
from merkat.settlement.evidence.replay import check_conservation
from merkat.settlement.evidence.writer import Sources, write_evidence
from merkat.settlement.posts import posted_batches
from merkat.spec.explain import explain
from merkat.spec.typed_data import Config
from merkat.spec.values import SETTLEMENT_TOKEN
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue

JOURNAL_FOLDER: Final = "venue"
CHAIN_FOLDER: Final = "chain"


@dataclass(slots=True)
class Aftermath:
    """What a stopped venue has left.

    Attributes:
        venue: the specification, standing where the journal ends.
        broken: why the books do not balance, empty when they do.
    """

    log_number: int
    state_root: bytes
    venue_digest: bytes
    venue: Venue
    broken: str


def look_back(folder: Path, domain: Domain) -> Aftermath:
    """Replay the journal of a venue's data folder from genesis, and balance its books.

    Args:
        folder: `--data` of `merkat up`.
    """
    with open_reading(folder / JOURNAL_FOLDER, domain) as reading:
        engine, _ = rebuild(domain, reading.directory, reading.journal, from_snapshot=False)
    venue = _specification(domain, engine)
    with _contracts(folder) as contracts:
        broken = _imbalance(venue, engine.state_root(), contracts)
    return Aftermath(engine.log_number, engine.state_root(), engine.venue_digest(), venue, broken)


def _specification(domain: Domain, engine: _core.Engine) -> Venue:
    """Return the specification where an engine stands."""
    config = Config(*domain.parts)
    return Venue.from_snapshot(config, engine.snapshot(), recover=_core.recover_digest)


@contextmanager
def _contracts(folder: Path) -> Iterator[Contracts]:
    chain = EmbeddedChain.reopen(folder / CHAIN_FOLDER)
    try:
        yield find(chain)
    finally:
        chain.close()


def _imbalance(venue: Venue, state_root: bytes, contracts: Contracts) -> str:
    """Return what does not balance: within the state, and between the state and the Vault."""
    if venue.state_root() != state_root:
        return "the specification's state root is not the engine's"
    try:
        check_conservation(venue.settlement, JOURNAL)
        check_invariants(venue)
    except (EvidenceError, AssertionError) as error:
        return str(error) or repr(error)
    deposited = venue.settlement.globals_.deposited[SETTLEMENT_TOKEN]
    paid = sum(
        contracts.read("Vault", "paid", account, SETTLEMENT_TOKEN)
        for account in venue.settlement.accounts
    )
    held = contracts.read("TestToken", "balanceOf", contracts.addresses.vault)
    if held != deposited - paid:
        return f"the Vault holds {held}, but {deposited} came in and {paid} went out"
    return ""


def write(
    directory: Path,
    folder: Path,
    domain: Domain,
    found: Aftermath,
    *,
    sequencer: bytes,
    nodes: Sequence[bytes],
    receipts: Sequence[Receipt],
    liquidated: Collection[int],
) -> None:
    """Write the evidence folder for `merkat verify --evidence`.

    Args:
        liquidated: log numbers of the commands that liquidated; each is explained.

    Raises:
        FileExistsError: the folder is there and not empty.
    """
    with open_reading(folder / JOURNAL_FOLDER, domain) as reading:
        journal = journal_records(reading)
        explained = _explanations(domain, reading, liquidated)
    with _contracts(folder) as contracts:
        batches = [data for _, data in posted_batches(contracts)]
        chain = contracts.chain
        assert isinstance(chain, EmbeddedChain), "it has just been opened from its folder"
        blocks = dump_chain(chain)
        addresses = contracts.addresses
    state, last = found.venue.settlement, len(batches)
    write_evidence(
        directory,
        Sources(
            config=Config(*domain.parts),
            anchor=addresses.anchor,
            inbox=addresses.inbox,
            vault=addresses.vault,
            sequencer=sequencer,
            nodes=nodes,
            journal=journal,
            receipts=[EvidenceReceipt(*receipt) for receipt in receipts],
            chain=blocks,
            batches=batches,
            state_root=found.state_root,
            venue_digest=found.venue_digest,
            proofs=[prove_account(state, account, last) for account in sorted(state.accounts)],
            liquidations=explained,
            snapshot=snapshot_bytes(state, last),
        ),
    )


def _explanations(
    domain: Domain, reading: Reading, liquidated: Collection[int]
) -> list[dict[str, Any]]:
    """Return the explanations of these commands.

    The engine brings the state up to the first of them; from there the specification goes on.
    """
    if not liquidated:
        return []
    first, last = min(liquidated), max(liquidated)
    engine, _ = rebuild(domain, reading.directory, reading.journal, first - 1, from_snapshot=False)
    venue = _specification(domain, engine)
    told = []
    for record in reading.records(first, last):
        if record.log_number in liquidated:
            told.append(explain(venue, *record).to_dict())
        venue.apply(*record)
    return told

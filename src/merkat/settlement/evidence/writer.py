"""Writes an evidence folder from plain data (docs/spec/evidence.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merkat import _core
from merkat.settlement.evidence import kzg
from merkat.settlement.evidence.chain_dump import Block, encode_chain
from merkat.settlement.evidence.layout import (
    BATCHES,
    BLOBS,
    CHAIN,
    JOURNAL,
    LIQUIDATIONS,
    MANIFEST,
    PROOFS,
    RECEIPTS,
    SEAL,
    SNAPSHOT,
    JournalRecord,
    Manifest,
    Receipt,
    batch_file,
    encode_all,
    genesis_hash,
    seal_of,
)
from merkat.settlement.evidence.records import AccountProof, Sidecar, liquidation_line
from merkat.spec.typed_data import Config
from merkat.spec.values import keccak256


@dataclass(frozen=True)
class Sources:
    """All that a folder holds.

    Attributes:
        config: the venue's EIP-712 domain.
        anchor, inbox, vault: contract addresses.
        sequencer: address that signs receipts.
        nodes: every oracle node's address that a group ever had.
        journal: every record from log number 1 on.
        receipts: one for each record.
        chain: every block from the genesis on; its head lies behind the last batch and claim.
        batches: the bytes of every batch that the chain has, batch 1 first.
        state_root, venue_digest: after the last record.
        proofs: of accounts, against posted batches.
        sidecars: of every posted blob, in the order of posting (blob mode only).
        liquidations: `Explanation.to_dict()` of every command with an event of kind 15 to 20.
        snapshot: bytes of a snapshot batch, of any posted batch.
    """

    config: Config
    anchor: bytes
    inbox: bytes
    vault: bytes
    sequencer: bytes
    nodes: Iterable[bytes]
    journal: Sequence[JournalRecord]
    receipts: Sequence[Receipt]
    chain: Sequence[Block]
    batches: Sequence[bytes]
    state_root: bytes
    venue_digest: bytes
    proofs: Iterable[AccountProof] = ()
    sidecars: Iterable[Sidecar] = ()
    liquidations: Iterable[Mapping[str, Any]] = field(default_factory=tuple)
    snapshot: bytes | None = None


def write_evidence(directory: Path, sources: Sources) -> bytes:
    """Write a folder and return the keccak of its manifest.

    Nothing is checked here but that the folder is new: that is the verifier's part. The manifest
    and its seal are written last, so a folder that was cut short is none.

    Raises:
        FileExistsError: the folder is there and not empty.
        ValueError: there is no block.
        OSError: a file cannot be written.
    """
    if not sources.chain:
        raise ValueError("chain: no block, expected every block from the genesis on")
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(17, "expected a new or empty folder", str(directory))
    files = _files(sources)
    if sources.batches:
        (directory / BATCHES).mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)
    manifest = manifest_of(sources, files).encode()
    (directory / MANIFEST).write_bytes(manifest)
    (directory / SEAL).write_bytes(seal_of(manifest))
    return keccak256(manifest)


def sidecar_of(blob: bytes) -> Sidecar:
    """Return the sidecar of a blob, with Ethereum's trusted set-up."""
    commitment = _core.blob_sidecar(blob)[0]
    opening = _core.blob_opening(blob, kzg.challenge(blob, commitment).to_bytes(32, "big"))
    return Sidecar(commitment, opening[-kzg.POINT_BYTES :])


def manifest_of(sources: Sources, files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest of these files."""
    journal, head = sources.journal, sources.chain[-1]
    salt = sources.config.salt
    return Manifest(
        config=sources.config,
        anchor=sources.anchor,
        inbox=sources.inbox,
        vault=sources.vault,
        sequencer=sources.sequencer,
        nodes=tuple(sorted(set(sources.nodes))),
        head_number=head.number,
        head_hash=head.hash,
        log_number=len(journal),
        journal_hash=journal[-1].journal_hash if journal else genesis_hash(salt),
        state_root=sources.state_root,
        venue_digest=sources.venue_digest,
        files={name: (len(data), keccak256(data)) for name, data in files.items()},
    )


def _files(sources: Sources) -> dict[str, bytes]:
    """Every file's bytes by name, without manifest and seal."""
    proofs = sorted(sources.proofs, key=lambda proof: (proof.batch, proof.account))
    explained = sorted(sources.liquidations, key=lambda told: int(told["log_number"]))
    files = {
        JOURNAL: encode_all(sources.journal),
        RECEIPTS: encode_all(sources.receipts),
        CHAIN: encode_chain(sources.chain, sources.config.chain_id),
        PROOFS: b"".join(proof.encode() for proof in proofs),
        BLOBS: b"".join(sidecar.encode() for sidecar in sources.sidecars),
        LIQUIDATIONS: b"".join(liquidation_line(told) for told in explained),
    }
    for position, batch in enumerate(sources.batches):
        files[batch_file(position + 1)] = batch
    if sources.snapshot is not None:
        files[SNAPSHOT] = sources.snapshot
    return files

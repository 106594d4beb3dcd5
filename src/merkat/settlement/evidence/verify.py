"""`merkat verify --evidence DIR`: is the folder whole, and does all of it follow from its inputs?

Imports `merkat.spec` and the standard library only, beside its neighbours in this folder, which
do the same: nothing that made the evidence takes part in judging it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merkat.settlement.evidence import batch_bytes, kzg
from merkat.settlement.evidence.batch_bytes import Batch, blobs_of, calldata_hash, decode_batch
from merkat.settlement.evidence.chain_dump import Block, decode_chain
from merkat.settlement.evidence.events import MODE_BLOBS, ChainView, Posted, read_chain
from merkat.settlement.evidence.layout import (
    ALWAYS_THERE,
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
    EvidenceError,
    JournalRecord,
    Manifest,
    batch_file,
    decode_journal,
    decode_receipts,
    encode_all,
    genesis_hash,
    is_known,
    seal_of,
)
from merkat.settlement.evidence.records import (
    AccountProof,
    Sidecar,
    decode_liquidations,
    decode_proofs,
    decode_sidecars,
)
from merkat.settlement.evidence.replay import Progress, Replay, check_posted
from merkat.spec import secp256k1
from merkat.spec.codec import MalformedError
from merkat.spec.typed_data import NO_VAULT, receipt_digest
from merkat.spec.values import keccak256


@dataclass(frozen=True)
class Verdict:
    """What the verifier found.

    Attributes:
        broken: empty when everything holds.
        figures: counts and digests, to be compared with what one knows from elsewhere.
    """

    broken: list[EvidenceError]
    figures: dict[str, int | str | list[str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken


def _silent(what: str, done: int, total: int) -> None:
    """Report no progress."""


def verify_evidence(directory: Path, progress: Progress = _silent) -> Verdict:
    """Check a folder.

    Files and hashes are checked first, and everything that is wrong there is named; a folder that
    is whole is then replayed up to the first difference.

    Args:
        directory: the evidence folder.
        progress: told (what, how many are done, how many there are).

    Raises:
        NotADirectoryError: there is no such folder.
        OSError: a file cannot be read.
    """
    if not directory.is_dir():
        raise NotADirectoryError(20, "no such folder of evidence", str(directory))
    try:
        files = _read_folder(directory)
        manifest = _read_manifest(files)
        broken = _wrong_files(files, manifest)
        if broken:
            return Verdict(broken)
        return Verdict([], _Folder(files, manifest).verify(progress))
    except EvidenceError as error:
        return Verdict([error])


def proof_of(
    directory: Path, account: int, batch: int | None = None
) -> tuple[AccountProof, bytes] | None:
    """Return a proof of a folder that was found good, and the root that its chain dump has.

    The newest one of the account, or the one after `batch`; None where there is none.
    """
    files = _read_folder(directory)
    manifest = _read_manifest(files)
    chain = read_chain(decode_chain(files[CHAIN], manifest.config.chain_id), manifest)
    found = None
    for proof in decode_proofs(files[PROOFS]):
        if proof.account == account and batch in (None, proof.batch):
            found = proof, chain.posted[proof.batch - 1].state_root
    return found


# Files


def _read_folder(directory: Path) -> dict[str, bytes]:
    """Return every file by its name; EvidenceError V-01 for what is neither file nor `batches`."""
    files = {}
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name == BATCHES and entry.is_dir(follow_symlinks=False):
            with os.scandir(entry) as inner:
                for batch in sorted(inner, key=lambda one: one.name):
                    files[f"{BATCHES}/{batch.name}"] = _read_file(batch, f"{BATCHES}/{batch.name}")
            if not any(name.startswith(f"{BATCHES}/") for name in files):
                raise EvidenceError("V-01", BATCHES, "", "an empty folder")
        else:
            files[entry.name] = _read_file(entry, entry.name)
    return files


def _read_file(entry: os.DirEntry[str], name: str) -> bytes:
    if not entry.is_file(follow_symlinks=False):
        raise EvidenceError("V-01", name, "", "no regular file")
    return Path(entry.path).read_bytes()


def _read_manifest(files: Mapping[str, bytes]) -> Manifest:
    """Return the manifest, to which the seal belongs."""
    for name in (SEAL, MANIFEST):
        if name not in files:
            raise EvidenceError("V-01", name, "", "the file is missing")
    seal = seal_of(files[MANIFEST])
    if files[SEAL] != seal:
        at = _first_difference(files[SEAL], seal)
        text = f"it is not the keccak of {MANIFEST}, or {MANIFEST} was changed"
        raise EvidenceError("V-02", SEAL, f"byte {at}", text)
    manifest = Manifest.decode(files[MANIFEST])
    if manifest.config.verifying_contract not in (manifest.vault, NO_VAULT):
        text = "verifying_contract is neither the vault nor what stands for none"
        raise EvidenceError("V-04", MANIFEST, "domain", text)
    return manifest


def _first_difference(found: bytes, expected: bytes) -> int:
    pairs = enumerate(zip(found, expected, strict=False))
    shorter = min(len(found), len(expected))
    return next((at for at, (one, other) in pairs if one != other), shorter)


def _wrong_files(files: Mapping[str, bytes], manifest: Manifest) -> list[EvidenceError]:
    """Everything that is wrong with the files themselves, each with its place where it has one."""
    broken = []
    present = files.keys() - {SEAL, MANIFEST}
    broken += [
        EvidenceError("V-01", name, "", "the folder has no such file, or the manifest names none")
        for name in sorted(present | manifest.files.keys())
        if not (is_known(name) and name in manifest.files)
    ]
    broken += [
        EvidenceError("V-01", name, "", "the file is missing")
        for name in sorted((manifest.files.keys() | set(ALWAYS_THERE)) - present)
    ]
    for name in sorted(present & manifest.files.keys()):
        length, digest = manifest.files[name]
        data = files[name]
        if len(data) != length:
            text = f"{len(data)} bytes, the manifest says {length}"
            broken.append(EvidenceError("V-05", name, f"byte {min(len(data), length)}", text))
        elif keccak256(data) != digest:
            text = "its keccak is not the one in the manifest"
            broken.append(EvidenceError("V-05", name, "", text))
        else:
            continue
        try:
            _look_into(name, data, files, manifest)
        except EvidenceError as error:
            broken.append(error)
    return broken


def _look_into(name: str, data: bytes, files: Mapping[str, bytes], manifest: Manifest) -> None:
    """Find the place where a file that was changed is wrong by itself, if there is one."""
    if name == JOURNAL:
        decode_journal(data, manifest.config.salt)
    elif name == RECEIPTS and JOURNAL in files:
        journal = decode_journal(files[JOURNAL], manifest.config.salt)
        _check_receipts(data, journal, manifest, _silent)
    elif name == CHAIN:
        decode_chain(data, manifest.config.chain_id)
    elif name == PROOFS:
        for proof in decode_proofs(data):
            _root_of_proof(proof)
    elif name == LIQUIDATIONS:
        decode_liquidations(data)
    elif name == BLOBS:
        decode_sidecars(data)
    elif name.startswith(f"{BATCHES}/") or name == SNAPSHOT:
        _decode_batch(name, data)


def _decode_batch(name: str, data: bytes) -> Batch:
    try:
        batch = decode_batch(data)
    except MalformedError as error:
        raise EvidenceError("V-03", name, "", str(error)) from None
    if batch.encode() != data:
        raise EvidenceError("V-03", name, "", "encodes to other bytes")
    return batch


def _check_receipts(
    data: bytes, journal: Sequence[JournalRecord], manifest: Manifest, progress: Progress
) -> None:
    """One receipt for each record, with its hashes, signed by the sequencer."""
    receipts = decode_receipts(data)
    if len(receipts) != len(journal):
        text = f"{len(receipts)} receipts for {len(journal)} records"
        raise EvidenceError("V-11", RECEIPTS, "", text)
    for done, (receipt, record) in enumerate(zip(receipts, journal, strict=True)):
        progress("receipts", done, len(journal))
        where = f"receipt {done + 1} at byte {done * len(receipt.encode())}"
        hashes = (record.log_number, keccak256(record.command), record.journal_hash)
        if (receipt.log_number, receipt.command_hash, receipt.journal_hash) != hashes:
            text = "number or hashes are not those of the journal's record"
            raise EvidenceError("V-11", RECEIPTS, where, text)
        digest = receipt_digest(manifest.config, *hashes)
        if secp256k1.recover(digest, receipt.signature) != manifest.sequencer:
            raise EvidenceError("V-12", RECEIPTS, where, "not signed by the sequencer")
    if encode_all(receipts) != data:
        raise EvidenceError("V-03", RECEIPTS, "", "encodes to other bytes")


def _root_of_proof(proof: AccountProof) -> bytes:
    try:
        return proof.root()
    except MalformedError as error:
        where = f"account {proof.account}, batch {proof.batch}"
        raise EvidenceError("V-60", PROOFS, where, str(error)) from None


# The whole folder


class _Folder:
    """A folder whose files are those that the manifest names."""

    def __init__(self, files: Mapping[str, bytes], manifest: Manifest) -> None:
        self.files = files
        self.manifest = manifest

    def verify(self, progress: Progress) -> dict[str, int | str | list[str]]:
        """Return the figures; EvidenceError at the first thing that does not hold."""
        manifest, files = self.manifest, self.files
        journal = self._journal()
        _check_receipts(files[RECEIPTS], journal, manifest, progress)
        blocks = self._chain()
        chain = read_chain(blocks, manifest)
        batches = self._batches(chain, progress)
        snapshot = self._snapshot(chain)
        proofs = self._proofs(chain)
        liquidations = decode_liquidations(files[LIQUIDATIONS])
        replay = Replay(manifest, chain, batches, liquidations, snapshot)
        replay.run(journal, progress)
        claimed = _check_claims(chain, replay)
        posted = sum(len(batch.inputs) for batch in batches)
        return {
            "manifest": "0x" + keccak256(files[MANIFEST]).hex(),
            "sequencer": "0x" + manifest.sequencer.hex(),
            "head_number": manifest.head_number,
            "head_hash": "0x" + manifest.head_hash.hex(),
            "log_number": manifest.log_number,
            "journal_hash": "0x" + manifest.journal_hash.hex(),
            "state_root": "0x" + manifest.state_root.hex(),
            "venue_digest": "0x" + manifest.venue_digest.hex(),
            "batches": len(batches),
            "final_batches": chain.last_final,
            "anchored_root": "0x" + chain.posted[-1].state_root.hex() if chain.posted else "",
            "micro_ops": replay.micro_ops,
            "micro_ops_not_posted": replay.micro_ops - posted,
            "inbox_items": len(chain.items),
            "liquidations": len(liquidations),
            "proofs": proofs,
            "claims": len(chain.claims),
            "claimed": [str(amount) for amount in claimed],
            "withdrawn": [str(total) for total in replay.state.globals_.claimable],
        }

    def _journal(self) -> list[JournalRecord]:
        manifest, data = self.manifest, self.files[JOURNAL]
        journal = decode_journal(data, manifest.config.salt)
        if encode_all(journal) != data:
            raise EvidenceError("V-03", JOURNAL, "", "encodes to other bytes")
        salt = manifest.config.salt
        end = (len(journal), journal[-1].journal_hash if journal else genesis_hash(salt))
        if end != (manifest.log_number, manifest.journal_hash):
            text = "log_number or journal_hash are not those of the journal's last record"
            raise EvidenceError("V-43", MANIFEST, "end", text)
        return journal

    def _chain(self) -> list[Block]:
        manifest = self.manifest
        blocks = decode_chain(self.files[CHAIN], manifest.config.chain_id)
        if (blocks[-1].number, blocks[-1].hash) != (manifest.head_number, manifest.head_hash):
            text = f"its last block is {blocks[-1].number}, 0x{blocks[-1].hash.hex()}"
            raise EvidenceError("V-22", CHAIN, "", f"{text}: not the head of the manifest")
        return blocks

    def _batches(self, chain: ChainView, progress: Progress) -> list[Batch]:
        """One file for each posted batch, with the data that the chain names."""
        expected = {batch_file(posted.index) for posted in chain.posted}
        present = {name for name in self.files if name.startswith(f"{BATCHES}/")}
        for name in sorted(expected ^ present):
            text = "was posted and is missing" if name in expected else "was never posted"
            raise EvidenceError("V-30", name, "", text)
        sidecars = decode_sidecars(self.files[BLOBS])
        batches, taken = [], 0
        for done, posted in enumerate(chain.posted):
            progress("batches", done, len(chain.posted))
            name = batch_file(posted.index)
            data = self.files[name]
            batch = _decode_batch(name, data)
            if posted.mode == MODE_BLOBS:
                count = len(posted.data_hashes)
                _check_blobs(name, data, posted, sidecars[taken : taken + count])
                taken += count
            elif posted.data_hashes != (calldata_hash(data),):
                raise EvidenceError("V-30", name, "", "its data hash is not the posted one")
            check_posted(batch, posted)
            batches.append(batch)
        if taken != len(sidecars):
            text = "a sidecar of a blob that was not posted"
            raise EvidenceError("V-30", BLOBS, f"line {taken + 1}", text)
        return batches

    def _snapshot(self, chain: ChainView) -> Batch | None:
        data = self.files.get(SNAPSHOT)
        if data is None:
            return None
        batch = _decode_batch(SNAPSHOT, data)
        if batch.header.kind != batch_bytes.SNAPSHOT:
            text = f"kind is {batch.header.kind}, expected 1 (snapshot)"
            raise EvidenceError("V-35", SNAPSHOT, "header", text)
        if not 1 <= batch.header.index <= len(chain.posted):
            text = f"batch {batch.header.index} was not posted"
            raise EvidenceError("V-35", SNAPSHOT, "header", text)
        return batch

    def _proofs(self, chain: ChainView) -> int:
        """Every proof leads to the root that the chain has of its batch."""
        proofs = decode_proofs(self.files[PROOFS])
        for proof in proofs:
            where = f"account {proof.account}, batch {proof.batch}"
            if not 1 <= proof.batch <= len(chain.posted):
                raise EvidenceError("V-60", PROOFS, where, "the batch was not posted")
            if _root_of_proof(proof) != chain.posted[proof.batch - 1].state_root:
                raise EvidenceError("V-60", PROOFS, where, "leads to another root")
        if b"".join(proof.encode() for proof in proofs) != self.files[PROOFS]:
            raise EvidenceError("V-03", PROOFS, "", "encodes to other bytes")
        return len(proofs)


def _check_blobs(name: str, data: bytes, posted: Posted, sidecars: Sequence[Sidecar]) -> None:
    """The blobs that carry a batch have the versioned hashes that were posted."""
    blobs = blobs_of(data)
    if not len(blobs) == len(posted.data_hashes) == len(sidecars):
        text = f"{len(blobs)} blobs, {len(posted.data_hashes)} posted, {len(sidecars)} sidecars"
        raise EvidenceError("V-30", name, "", text)
    for position, blob in enumerate(blobs):
        sidecar, where = sidecars[position], f"blob {position}"
        if kzg.versioned_hash(sidecar.commitment) != posted.data_hashes[position]:
            text = f"batch {posted.index}, {where}: the commitment is not the posted one"
            raise EvidenceError("V-30", BLOBS, "", text)
        if not kzg.is_commitment_of(blob, sidecar.commitment, sidecar.proof):
            text = "the data are not those of the commitment, or its proof is wrong"
            raise EvidenceError("V-30", name, where, text)


def _check_claims(chain: ChainView, replay: Replay) -> list[int]:
    """Each claim paid what the state after its batch allows; the sums paid, one a token."""
    paid: dict[tuple[int, int], int] = {}
    sums = [0] * len(replay.state.globals_.claimable)
    for claim in chain.claims:
        account = replay.claimed_at.get((claim.batch, claim.account))
        what = f"claim of account {claim.account} against batch {claim.batch}"
        if account is None or claim.token >= len(account.claimable):
            raise EvidenceError("V-70", CHAIN, claim.where, f"{what}: no such account or token")
        before = paid.get((claim.account, claim.token), 0)
        expected = (account.owner, account.claimable[claim.token])
        if (claim.owner, claim.total) != expected or claim.amount != claim.total - before:
            text = f"{what}: {claim.amount} to 0x{claim.owner.hex()}, {claim.total} in total; the "
            text += f"state says 0x{expected[0].hex()}, {expected[1]} in total, {before} were paid"
            raise EvidenceError("V-70", CHAIN, claim.where, text)
        paid[claim.account, claim.token] = claim.total
        sums[claim.token] += claim.amount
    return sums

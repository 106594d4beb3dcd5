"""Blob mode: packing, KZG commitments, and a folder whose batches were posted as blobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from merkat.settlement.evidence import kzg, layout
from merkat.settlement.evidence.batch_bytes import blobs_of
from merkat.settlement.evidence.verify import verify_evidence
from merkat.settlement.evidence.writer import write_evidence
from tests.support.evidence_builder import Story, toy_tau_g2

# Made with c-kzg and Ethereum's trusted set-up, from `batch` packed as batches.md section 2 says.
BATCH = b"merkat" * 100
COMMITMENT = bytes.fromhex(
    "b6bdeb8643463ac73d9eb1840bb7d225a03533d7fafb86eb"
    "86920137c985c45c5d65975fd5af37217a6edfcebdbd006a"
)
PROOF = bytes.fromhex(
    "b29dd9e9b7d1caec44ceff2a845573d99dbf4f5134e991f9"
    "15d40e9ea3ac5d7fcf1eb19c5e73768f483fc72bc2760998"
)


def test_a_commitment_of_the_real_setup_is_recognised() -> None:
    (blob,) = blobs_of(BATCH)
    assert kzg.is_commitment_of(blob, COMMITMENT, PROOF)


def test_other_data_commitments_and_proofs_are_not() -> None:
    (blob,) = blobs_of(BATCH)
    other = blob[:40] + bytes([blob[40] ^ 1]) + blob[41:]
    assert not kzg.is_commitment_of(other, COMMITMENT, PROOF), "one bit of the data"
    assert not kzg.is_commitment_of(blob, PROOF, PROOF), "the commitment of something else"
    assert not kzg.is_commitment_of(blob, COMMITMENT, COMMITMENT), "no proof"
    assert not kzg.is_commitment_of(blob, COMMITMENT, kzg.G1), "the generator is no proof"
    assert not kzg.is_commitment_of(blob[:-32], COMMITMENT, PROOF), "not a whole blob"
    large = b"\xff" * 32 + blob[32:]
    assert not kzg.is_commitment_of(large, COMMITMENT, PROOF), "a number not below the modulus"


@pytest.mark.parametrize(
    "data",
    [
        bytes(48),
        b"\xc0" + bytes(46) + b"\1",
        b"\xe0" + bytes(47),
        b"\x80" + bytes(47),  # x = 0: on the curve, not in the subgroup
        b"\x9f" + b"\xff" * 47,
        kzg.G1[:-1],
    ],
    ids=["flag", "infinity", "sign", "subgroup", "field", "short"],
)
def test_what_is_no_point_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="point"):
        kzg.decode_point(data)


def test_long_batches_fill_several_blobs() -> None:
    room = 31 * 4096
    blobs = blobs_of(b"\7" * (room - 3))
    assert [len(blob) for blob in blobs] == [131_072, 131_072]
    assert blobs[1][:3] == b"\0\7\0", "what did not fit begins the second blob"
    assert len(blobs_of(b"\7" * (room - 4))) == 1


def test_a_folder_of_blob_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a set-up whose tau is 2, because only a set-up's makers can make its proofs quickly."""
    monkeypatch.setattr(kzg, "TAU_G2", toy_tau_g2())
    story = Story(rounds=1, blobs=True)
    sources = story.sources()
    write_evidence(tmp_path / "good", sources)
    verdict = verify_evidence(tmp_path / "good")
    assert verdict.good, [str(error) for error in verdict.broken]

    batch = bytearray(sources.batches[0])
    batch[-1] ^= 1
    sidecars = list(sources.sidecars)
    forgeries = {
        "data": replace(sources, batches=[bytes(batch), *sources.batches[1:]]),
        "order": replace(sources, sidecars=[sidecars[1], sidecars[0], *sidecars[2:]]),
        "proof": replace(sources, sidecars=[replace(sidecars[0], proof=kzg.G1), *sidecars[1:]]),
        "missing": replace(sources, sidecars=sidecars[:-1]),
        "more": replace(sources, sidecars=[*sidecars, sidecars[0]]),
    }
    for name, forged in forgeries.items():
        write_evidence(tmp_path / name, forged)
        broken = verify_evidence(tmp_path / name).broken
        assert [error.rule for error in broken] == ["V-30"], name

    path = tmp_path / "good" / layout.BLOBS
    data = path.read_bytes()
    path.write_bytes(data.replace(b"0x", b"0X", 1))
    assert {error.rule for error in verify_evidence(tmp_path / "good").broken} == {"V-03", "V-05"}

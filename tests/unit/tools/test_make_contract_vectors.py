"""The corpus of the contracts' tests is what the specification gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import make_contract_vectors
from tools.make_contract_vectors import FOLDER, chunk_bytes, chunk_hash, main


def test_the_corpus_is_what_the_specification_gives() -> None:
    assert main(["--check"]) == 0, "run tools/make_contract_vectors.py and look at the change"


def test_a_changed_corpus_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(make_contract_vectors, "FOLDER", tmp_path)
    assert main(["--check"]) == 0
    leaves = tmp_path / "leaves.json"
    leaves.write_text(leaves.read_text().replace("a", "b", 1))
    assert main(["--check"]) == 1


def test_the_hash_of_calldata_tells_lengths_apart() -> None:
    assert chunk_hash(bytes(1)) != chunk_hash(bytes(2))
    assert chunk_hash(chunk_bytes(3_000)) == chunk_hash(chunk_bytes(3_000))

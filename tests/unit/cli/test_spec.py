"""`merkat spec`: the rules with their case counts, and the check of the vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from merkat.cli import spec

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


def test_rules_are_listed_with_ids_names_and_case_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert spec.list_rules(directory=VECTORS, json=True) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert listed["count"] == len(listed["rules"]) > 100
    by_id = {rule["id"]: rule for rule in listed["rules"]}
    assert by_id["O-19"]["name"] == "band"
    assert by_id["O-19"]["code"] == 919
    without = [
        rule["id"]
        for rule in listed["rules"]
        if not (rule["accepting_cases"] and rule["refusing_cases"])
    ]
    assert not without, f"rules without an accepting and a refusing case: {without}"
    assert spec.list_rules(directory=VECTORS) == 0
    assert f"{listed['count']} rules" in capsys.readouterr().out


def test_one_of_check_and_write_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert spec.check_vectors(directory=VECTORS) == 2
    assert spec.check_vectors(check=True, write=True, directory=VECTORS) == 2
    assert "--check and --write" in capsys.readouterr().err


def test_a_changed_vector_is_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(VECTORS, tmp_path / "vectors"))
    path = min(folder.glob("*.json"), key=lambda file: file.stat().st_size)
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    assert spec.check_vectors(check=True, directory=folder, json=True) == 1
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["agrees"] is False
    assert len(result["differences"]) == 1
    assert path.name in result["differences"][0]


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    assert spec.check_vectors(check=True, directory=tmp_path / "absent") == 3

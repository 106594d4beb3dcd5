"""The contracts' tool fails when forge fails, ran nothing, or built something else than ships."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import contracts
from tools.contracts import (
    ContractsError,
    artifact,
    compare_gas,
    differing,
    forge_path,
    judge_tests,
    run,
)

PASSED = "Ran 2 test suites in 1s (1s CPU time): 7 tests passed, 0 failed, 0 skipped (7 total)"


def built(code_bytes: int = 10, initcode_bytes: int = 20) -> dict[str, Any]:
    """Return what forge writes about a contract, as far as the tool reads it."""
    return {
        "abi": [],
        "bytecode": {"object": "0x" + "00" * initcode_bytes},
        "deployedBytecode": {"object": "0x" + "00" * code_bytes},
        "metadata": {
            "compiler": {"version": "0.8.37"},
            "settings": {"evmVersion": "prague", "optimizer": {}, "metadata": {}},
            "sources": {"src/B.sol": {"keccak256": "0x2"}, "src/A.sol": {"keccak256": "0x1"}},
        },
    }


def test_a_passed_run_is_accepted() -> None:
    judge_tests(PASSED)


@pytest.mark.parametrize(
    "output",
    [
        PASSED.replace("0 failed", "1 failed"),
        PASSED.replace("0 skipped", "1 skipped"),
        PASSED.replace("7 tests passed", "0 tests passed"),
        "No tests found in project!",
    ],
)
def test_a_run_that_failed_skipped_or_ran_nothing_is_refused(output: str) -> None:
    with pytest.raises(ContractsError, match="expected"):
        judge_tests(output)


def test_gas_that_differs_is_refused() -> None:
    compare_gas('{"deposit": "1", "claim": "2"}', '{"claim": "2", "deposit": "1"}', whole=True)
    compare_gas('{"deposit": "1", "claim": "2"}', '{"claim": "2"}', whole=False)
    with pytest.raises(ContractsError, match="claim: 2 -> 3"):
        compare_gas('{"claim": "2"}', '{"claim": "3"}', whole=False)
    with pytest.raises(ContractsError, match="deposit: 1 -> None"):
        compare_gas('{"deposit": "1", "claim": "2"}', '{"claim": "2"}', whole=True)


def test_the_exit_status_of_a_program_is_honoured() -> None:
    assert run((sys.executable, "-c", "print('fine')")) == "fine\n"
    with pytest.raises(ContractsError, match="exited with 3"):
        run((sys.executable, "-c", "raise SystemExit(3)"))


def test_a_failed_step_makes_the_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_forge() -> Path:
        return Path(sys.executable)  # it does not know forge's arguments

    monkeypatch.setattr(contracts, "forge_path", no_forge)
    assert contracts.main(["test"]) == 1
    assert contracts.main(["artifacts", "--check"]) == 1


def test_forge_that_is_not_installed_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ContractsError, match=r"contracts\.py install"):
        forge_path(tmp_path)


def test_an_artifact_has_its_sources_in_order() -> None:
    assert list(artifact(built(), "Vault")["sources"]) == ["src/A.sol", "src/B.sol"]


def test_an_artifact_fits_the_chain() -> None:
    artifact(built(code_bytes=24_575, initcode_bytes=49_151), "Vault")
    with pytest.raises(ContractsError, match="Vault: code of 24576 bytes"):
        artifact(built(code_bytes=24_576), "Vault")
    with pytest.raises(ContractsError, match="Vault: initcode of 49152 bytes"):
        artifact(built(initcode_bytes=49_152), "Vault")


def test_a_changed_missing_or_extra_artifact_differs(tmp_path: Path) -> None:
    files = {"A.json": "1", "B.json": "2"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert differing(files, tmp_path) == []
    (tmp_path / "A.json").write_text("changed")
    (tmp_path / "B.json").unlink()
    (tmp_path / "C.json").write_text("3")
    assert differing(files, tmp_path) == ["A.json", "B.json", "C.json"]


def test_the_shipped_artifacts_are_whole() -> None:
    names = {path.stem for path in contracts.ARTIFACTS.glob("*.json")}
    assert names == set(contracts.SHIPPED)
    for name in names:
        shipped = json.loads((contracts.ARTIFACTS / f"{name}.json").read_text())
        assert shipped["contract"] == name
        assert shipped["abi"], f"{name} has no ABI"
        assert shipped["bytecode"].startswith("0x6"), f"{name} has no code"
        assert shipped["compiler"].startswith("solc 0.8.37"), f"{name}: another compiler"

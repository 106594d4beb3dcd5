"""`merkat bench --short`: every figure is there with its control and the machine's facts."""

from __future__ import annotations

import json

import pytest

from merkat.cli import bench


def test_every_figure_has_a_control_and_a_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command(short=True, json=True) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["machine"]["cores"] >= 1
    assert set(result["figures"]) == {
        "engine",
        "specification",
        "journal",
        "recover",
        "sign",
        "matching_EC",
        "matching_ITCH",
        "matching_DEEP",
    }
    for name, figure in result["figures"].items():
        assert figure["rate"] > 0, name
        assert figure["control"], f"{name} has no control probe"
        assert figure["control_rate"] > 0, name
        assert abs(figure["ratio"] * figure["control_rate"] / figure["rate"] - 1) < 0.01, name


def test_every_figure_of_settlement_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command("settlement", short=True, json=True) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    stated = {"gas_deposit", "gas_claim", "gas_finalise", "gas_post_blob_largest"}
    stated |= {"gas_post_calldata_largest", "bytes_per_fill_1", "bytes_per_fill_2", "code_vault"}
    assert stated <= figures.keys(), f"{stated - figures.keys()} are not stated"
    for name in ("rebuild", "rebuild_compiled", "root_1000_touched", "account_proof"):
        assert figures[name]["ratio"] > 0, f"{name} has no control"
    assert figures["bytes_per_fill_1"]["value"] > figures["bytes_per_fill_3"]["value"]
    assert all(figures[name]["value"] < 24_576 for name in figures if name.startswith("code_"))
    assert figures["gas_claim"]["value"] < figures["gas_claim"]["goal"]

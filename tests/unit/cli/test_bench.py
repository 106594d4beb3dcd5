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


def test_the_api_is_measured_through_real_children(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command("api", short=True, json=True) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    for name in ("order_ack_1_in_flight", "order_ack_64_in_flight"):
        assert 0 < figures[name]["p50_ms"] <= figures[name]["p99_ms"], name
        assert figures[name]["ratio"] > 0, "the echo stands beside it"
    assert figures["orders"]["rate"] > 0
    assert figures["orders"]["control_rate"] > 0
    assert figures["cpu_gateway_64_in_flight"]["value"] > 0
    probes = {"fdatasync_before", "fdatasync_after"}
    assert probes <= figures.keys(), "the disk is probed before and after"

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

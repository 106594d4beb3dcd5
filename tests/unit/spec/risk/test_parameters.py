"""The risk set: its bytes, its bounds (I-30), its scenarios (I-31)."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from merkat.spec.codec import MalformedError
from merkat.spec.risk.parameters import (
    BOUNDS,
    DEFAULT_SCENARIOS,
    DEFAULT_SET,
    RiskSet,
    Scalars,
    Scenario,
    bad_scalar,
    scenarios_fit,
)
from merkat.spec.values import cut, keccak256
from tests.conftest import ROOT

PLAIN = Scenario(0, 1)


def with_scalar(number: int, value: int) -> Scalars:
    return replace(Scalars(), **{BOUNDS[number][0]: value})


def test_a_risk_set_is_count_scalars_scenarios() -> None:
    data = DEFAULT_SET.encode()
    assert len(data) == 1 + 53 * 8 + 57 * 9
    assert data[0] == 57
    assert data[1:9] == (800_000_000).to_bytes(8, "big"), "scalar 0 comes first"
    assert data[-9:] == bytes(4) + b"\x04" + (1_000_000).to_bytes(4, "big")
    assert RiskSet.decode(data) == DEFAULT_SET
    assert DEFAULT_SET.hash == cut(keccak256(data))


@pytest.mark.parametrize("data", [b"", DEFAULT_SET.encode()[:-1], DEFAULT_SET.encode() + b"\0"])
def test_a_length_that_does_not_fit_its_count_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        RiskSet.decode(data)


def test_the_scalars_are_those_of_the_text() -> None:
    text = (ROOT / "docs" / "spec" / "risk.md").read_text()
    for number, field in enumerate(fields(Scalars)):
        line = next(line for line in text.splitlines() if line.startswith(f"| {number} | "))
        _, _, name, default, *_ = (cell.strip() for cell in line.split("|"))
        assert name.split(" ")[0] == field.name
        assert int(default.replace(",", "")) == field.default


def test_the_default_scenarios_are_those_of_the_text() -> None:
    assert len(DEFAULT_SCENARIOS) == 57
    assert DEFAULT_SCENARIOS[0] == Scenario(-180_000, 1)
    assert DEFAULT_SCENARIOS[1:4] == tuple(Scenario(-157_500, vol) for vol in (1, 0, 2))
    assert DEFAULT_SCENARIOS[22:25] == tuple(Scenario(0, vol) for vol in (1, 0, 2))
    assert DEFAULT_SCENARIOS[46] == Scenario(180_000, 1)
    assert DEFAULT_SCENARIOS[47] == Scenario(-660_000, 1, 210_000)
    assert DEFAULT_SCENARIOS[54] == Scenario(5_000_000, 1, 28_000)
    assert DEFAULT_SCENARIOS[55:] == (Scenario(0, 3), Scenario(0, 4))
    assert scenarios_fit(DEFAULT_SCENARIOS)
    assert bad_scalar(Scalars()) is None


def limit(scalars: Scalars, bound: int | str) -> int:
    return getattr(scalars, bound) if isinstance(bound, str) else bound


@pytest.mark.parametrize("number", range(53))
def test_i_30_each_scalar_is_refused_just_outside_its_bounds(number: int) -> None:
    name, least, most = BOUNDS[number]
    for bound, outside in ((least, -1), (most, 1)):
        at_bound = limit(Scalars(), bound)
        refused = bad_scalar(with_scalar(number, at_bound + outside))
        assert refused is not None, f"{name} is accepted outside its bounds"
        assert refused <= number, f"{name} is not the first scalar that fails"
        accepted = bad_scalar(with_scalar(number, at_bound))
        assert accepted != number, f"{name} is refused at its bound"


def test_i_30_names_the_first_scalar_that_fails() -> None:
    assert bad_scalar(replace(Scalars(), skew_base=10**9 + 1, samples_least=0)) == 8
    # A bound that names another scalar means that scalar's value.
    assert bad_scalar(replace(Scalars(), initial_factor=800_000_000)) is None
    assert bad_scalar(replace(Scalars(), initial_factor=799_999_999)) == 1


@pytest.mark.parametrize(
    ("scenarios", "fit"),
    [
        ((PLAIN,), True),
        ((), False),
        ((PLAIN,) * 64, True),
        ((PLAIN,) * 65, False),
        ((Scenario(0, 1, 999_999),), False),
        ((Scenario(0, 3),), False),
        ((Scenario(0, 1, 999_999), PLAIN), True),
        ((PLAIN, Scenario(0, 1, 1_000_001)), False),
        ((PLAIN, Scenario(0, 4)), True),
        ((PLAIN, Scenario(1, 4)), False),
        ((PLAIN, Scenario(0, 3, 999_999)), False),
        ((PLAIN, Scenario(0, 5)), False),
        ((PLAIN, Scenario(-990_000, 0)), True),
        ((PLAIN, Scenario(-990_001, 0)), False),
        ((PLAIN, Scenario(20_000_000, 0)), True),
        ((PLAIN, Scenario(20_000_001, 0)), False),
    ],
)
def test_i_31_scenarios(scenarios: tuple[Scenario, ...], fit: bool) -> None:
    assert scenarios_fit(scenarios) is fit

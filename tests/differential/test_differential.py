"""The specification and the engine agree on random markets, to the byte."""

from __future__ import annotations

import pytest

from merkat.spec.settle import margin
from tests.differential.coverage import REQUIRED_OF_OPTIONS, Coverage
from tests.differential.inputs import Tally, run_inputs
from tests.differential.option_walk import OptionWalk
from tests.differential.run import plan, run
from tests.differential.seeds import COMMANDS_PER_SEED, run_seed
from tests.differential.walk import Walk

COMMANDS = 100_000
OPTION_COMMANDS = 40_000
FIRST_SEED = 1
INPUT_SEEDS = (1, 2, 3)
INPUT_COMMANDS = 250


def test_the_readers_agree_on_a_hundred_thousand_commands() -> None:
    coverage, applied, wrong = run(FIRST_SEED, COMMANDS, workers=2)
    print("\n".join(coverage.report()))
    print(f"{applied} commands")
    assert not wrong, "\n".join(wrong)
    assert applied > 0.9 * COMMANDS, f"only {applied} commands of {COMMANDS} were applied"


def test_the_readers_agree_on_markets_of_dated_contracts() -> None:
    coverage, applied, wrong = run(FIRST_SEED, OPTION_COMMANDS, workers=2, options=True)
    print("\n".join(coverage.report()))
    print(f"{applied} commands")
    assert not wrong, "\n".join(wrong)
    assert applied > 0.9 * OPTION_COMMANDS, f"{applied} of {OPTION_COMMANDS} commands were applied"


@pytest.mark.parametrize(
    ("make_walk", "refused_letters"),
    [(Walk, {1, 2, 3, 4, 5, 6, 7, 14}), (OptionWalk, {1, 2, 3, 4, 5, 6, 14})],
    ids=["perpetuals", "options"],
)
def test_the_settlement_machines_agree_on_mutated_inputs(
    make_walk: type[Walk], refused_letters: set[int]
) -> None:
    tally = Tally()
    inputs = sum(run_inputs(seed, INPUT_COMMANDS, tally, make_walk) for seed in INPUT_SEEDS)
    assert inputs > 1_000, f"only {inputs} inputs were given"
    letters = {code // 100 for code in tally.codes}
    assert letters >= refused_letters, f"whole families were never refused: {tally.codes}"
    assert tally.codes[0] > 450, f"hardly an input was accepted: {tally.codes}"


def test_a_seed_gives_the_same_market_every_time() -> None:
    first, second = run_seed(3, 300), run_seed(3, 300)
    assert first.coverage.seen == second.coverage.seen
    assert not first.difference, first.difference


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    assert plan(7, 3 * COMMANDS_PER_SEED)[0] == (7, COMMANDS_PER_SEED)
    assert plan(7, 100) == [(7, 100)], "the command that runs a seed again gives only that seed"


def test_canary_a_fee_that_rounds_the_other_way_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin, "fee", lambda rate, notional: rate * notional // 10**9)
    outcome = run_seed(1, 1_000, shrink_seconds=20.0)
    lines = outcome.difference.splitlines()
    assert lines, "a wrong rounding of fees was not found in 1,000 commands"
    shown = [line for line in lines if line.startswith("  1")]
    assert 2 <= len(shown) <= 60, f"the scenario was not made short: {len(shown)} lines"
    assert lines[-1].startswith("run again: python tests/differential/run.py --seed 1 --commands ")


def test_canary_a_transition_that_is_never_reached_is_named() -> None:
    assert "event expired" in Coverage().missing(REQUIRED_OF_OPTIONS)
    missing = Coverage().missing()
    assert "held jump accepted after three" in missing
    assert "event write_off" in missing

"""Canary of the corpus: planted faults must be killed by it, in both readers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.mutants.faults import ENGINE_FAST, ENGINE_MORE, SPECIFICATION_FAST, SPECIFICATION_MORE
from tests.mutants.harness import Mutant, judge_engine, judge_specification, mutated

SPECIFICATION_COUNT = 8
ENGINE_COUNT = 2
ALL_COUNT = 20


def by_name(mutant: Mutant) -> str:
    """Return the id of a parametrised test."""
    return mutant.name.replace(" ", "-")


def test_a_specification_without_a_fault_passes() -> None:
    verdict = judge_specification(None)
    assert not verdict.broken, verdict.broken
    assert not verdict.killed, f"the corpus refuses the specification as it is: {verdict.by}"


@pytest.mark.parametrize("mutant", SPECIFICATION_FAST, ids=by_name)
def test_the_corpus_kills_a_fault_of_the_specification(mutant: Mutant) -> None:
    verdict = judge_specification(mutant)
    assert not verdict.broken, verdict.broken
    assert verdict.killed, f"no case notices that {mutant.name} ({mutant.rule})"


@pytest.fixture(scope="module")
def engine_without_a_fault() -> None:
    """Build the copy of the workspace once and see that the corpus accepts it."""
    verdict = judge_engine(None)
    assert not verdict.broken, verdict.broken
    assert not verdict.killed, f"the corpus refuses the engine as it is: {verdict.by}"


@pytest.mark.usefixtures("engine_without_a_fault")
@pytest.mark.parametrize("mutant", ENGINE_FAST, ids=by_name)
def test_the_corpus_kills_a_fault_of_the_engine(mutant: Mutant) -> None:
    verdict = judge_engine(mutant)
    assert not verdict.broken, verdict.broken
    assert verdict.killed, f"no case notices that {mutant.name} ({mutant.rule})"


def test_there_are_enough_mutants_and_each_is_one_of_its_kind() -> None:
    specification = SPECIFICATION_FAST + SPECIFICATION_MORE
    assert len(SPECIFICATION_FAST) >= SPECIFICATION_COUNT
    assert len(ENGINE_FAST) >= ENGINE_COUNT
    assert len(specification) >= ALL_COUNT
    for mutants in (specification, ENGINE_FAST + ENGINE_MORE):
        names = [mutant.name for mutant in mutants]
        assert len(set(names)) == len(names), "two mutants have the same name"


def test_canary_a_change_that_is_no_fault_survives() -> None:
    harmless = replace(SPECIFICATION_FAST[0], new=f"{SPECIFICATION_FAST[0].old}  # as it was")
    verdict = judge_specification(harmless)
    assert not verdict.killed, "a comment is no fault: the verdict would be worth nothing"
    assert not verdict.broken, verdict.broken


def test_canary_a_mutant_that_cannot_be_imported_is_not_killed() -> None:
    nonsense = replace(SPECIFICATION_FAST[0], new="return (")
    verdict = judge_specification(nonsense)
    assert verdict.broken, "source that no Python accepts must not count as killed"
    assert not verdict.killed


def test_canary_a_mutant_whose_place_is_gone_is_named() -> None:
    with pytest.raises(ValueError, match="the source has moved on"):
        mutated("nothing of the kind", SPECIFICATION_FAST[0])

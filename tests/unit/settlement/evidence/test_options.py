"""A venue with options, collateral, a hedge and a delivery: evidence, snapshot, rebuilding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from merkat.sdk.rows import risk_records
from merkat.settlement.batch import Batch, decode
from merkat.settlement.decode import Divergence, Rebuilder
from merkat.settlement.evidence.layout import EvidenceError
from merkat.settlement.evidence.replay import check_conservation
from merkat.settlement.evidence.verify import verify_evidence
from merkat.settlement.evidence.writer import write_evidence
from merkat.settlement.snapshot import snapshot_of, state_of
from merkat.spec.settle.put import PutError, Rebuilding
from merkat.spec.settle.state import State
from merkat.spec.venue.machine import Venue
from tests.support.evidence_builder import Story
from tests.support.keys import CurveKeys
from tests.support.option_story import play_options
from tests.support.venue_builder import CONFIG

RISK_PART, ROW_PART = 6, 7


@pytest.fixture(scope="module")
def options() -> Story:
    return Story(played=play_options(CurveKeys()))


@pytest.fixture(scope="module")
def rebuilt(options: Story) -> Rebuilder:
    """The settlement state that the batches alone lead to."""
    rebuilder = Rebuilder(CONFIG)
    for sealed in options.sealed:
        rebuilder.take(None, sealed.data)
    return rebuilder


def test_the_story_has_everything_that_is_new(options: Story) -> None:
    venue = Venue(CONFIG)
    kinds = {
        event[0]
        for log_number, time_ns, command in options.market.commands
        for event in venue.apply(log_number, time_ns, command).events
    }
    missing = set(range(32, 41)) - kinds
    assert not missing, f"no event of the kinds {sorted(missing)}: the tests below test little"


def test_a_folder_with_options_is_good(options: Story, tmp_path: Path) -> None:
    write_evidence(tmp_path / "evidence", options.sources())
    verdict = verify_evidence(tmp_path / "evidence")
    assert verdict.good, [str(error) for error in verdict.broken]
    assert verdict.figures["liquidations"]


def test_batches_lead_to_the_same_state(options: Story, rebuilt: Rebuilder) -> None:
    assert rebuilt.root == options.sealed[-1].root
    assert {"MarginMode", "Hedge", "Deliver", "Expire"} <= set(rebuilt.kinds), rebuilt.kinds


def test_a_wrong_chunk_hash_is_an_epoch_that_is_refused(options: Story) -> None:
    rebuilder = Rebuilder(CONFIG)
    batch = decode(options.sealed[0].data)
    number = next(
        number for number, op in enumerate(batch.inputs) if op[0] == 8 and op[-31:] != bytes(31)
    )
    op = batch.inputs[number]
    inputs = [*batch.inputs]
    inputs[number] = op[:-1] + bytes([op[-1] ^ 1])
    with pytest.raises(Divergence, match="E-15") as caught:
        rebuilder.take(None, Batch(batch.header, inputs, batch.checkpoints).encode())
    assert caught.value.input_number == number


def test_a_snapshot_has_the_rows_and_gives_the_state_back(
    options: Story, rebuilt: Rebuilder
) -> None:
    index = len(options.sealed)
    batch = snapshot_of(rebuilt.state, index)
    parts = [put[1] for put in batch.inputs]
    assert parts.count(RISK_PART) == 1
    (record,) = risk_records(rebuilt.state.encode())
    assert parts.count(ROW_PART) == len(record.rows) > 0, "a step for each row"
    assert parts[-1] == 5, "the globals come last"
    state = state_of(CONFIG, batch.encode(), index, rebuilt.root)
    assert state.encode() == rebuilt.state.encode(), "risk records and rows must come back whole"
    assert batch.encode() == options.sealed[-1].snapshot, "two readers of one text"


def test_a_snapshot_with_another_row_is_refused(options: Story, rebuilt: Rebuilder) -> None:
    """Rows are no leaves: only their hashes in the group's leaf bind them."""
    index = len(options.sealed)
    batch = snapshot_of(rebuilt.state, index)
    for number, put in enumerate(batch.inputs):
        if put[1] not in (RISK_PART, ROW_PART):
            continue
        inputs = [*batch.inputs]
        inputs[number] = put[:-1] + bytes([put[-1] ^ 1])
        forged = replace(batch, inputs=inputs)
        with pytest.raises(Divergence, match="put"):
            state_of(CONFIG, forged.encode(), index, rebuilt.root)
    without = Rebuilding(CONFIG)
    with pytest.raises(PutError):  # noqa: PT012 - whichever step notices it first
        for put in batch.inputs:
            if put[1] != ROW_PART:
                without.put(put)
        without.finish()


def test_coins_are_conserved(rebuilt: Rebuilder) -> None:
    def copy() -> State:
        return State.decode(CONFIG, rebuilt.state.encode())

    check_conservation(copy(), "journal.bin")
    state = copy()
    state.globals_.deposited[1] += 1
    with pytest.raises(EvidenceError, match="token 1: 250000 is owned, 250001 was deposited"):
        check_conservation(state, "journal.bin")
    state = copy()
    account = next(one for one in state.accounts.values() if one.claimable[1])
    account.claimable[1] -= 1
    with pytest.raises(EvidenceError, match="token 1: claims of"):
        check_conservation(state, "journal.bin")

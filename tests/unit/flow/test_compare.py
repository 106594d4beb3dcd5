"""The comparison: it agrees where both readers do, and notices a single wrong bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from merkat.flow.compare import Comparer, SpecificationProcess
from merkat.flow.generated import GeneratedFlow
from merkat.flow.oracle import OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import scripted_items
from merkat.flow.tally import Tally
from merkat.flow.wallets import Wallets
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sequencer.pipeline import Digests, Released, Sequencer

DOMAIN = demo_domain(3, "compare")


class Recording:
    """Keeps what a comparison is offered."""

    open_for = 10**9

    def __init__(self) -> None:
        self.offers: list[tuple[Released, Digests | None]] = []

    def offer(self, released: Released, digests: Digests | None) -> None:
        self.offers.append((released, digests))


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Released, Digests | None]]:
    """A short generated flow: its released batches and digests."""
    folder = tmp_path_factory.mktemp("compare") / "venue"
    sequencer = Sequencer.create(folder, DOMAIN, derive_secret(3, "sequencer"))
    flow, recording = GeneratedFlow(3, limit=300), Recording()
    player = Player(sequencer, Tally(flow.tick), recording)
    wallets, oracle = Wallets(3, len(flow.cash)), OracleNodes(DOMAIN, 3)
    for item in scripted_items(flow.scene(), wallets, oracle):
        player.inbox(flow.start_ns(), item)
    for _ in flow.play(player, wallets, oracle):
        pass
    sequencer.close()
    return recording.offers


def compared(offers: list[tuple[Released, Digests | None]]) -> Comparer:
    comparer = Comparer(DOMAIN)
    for released, digests in offers:
        both = digests.state_root + digests.venue_digest if digests else b""
        if not comparer.compare(released.batch, released.outputs, both):
            break
    return comparer


def test_the_readers_agree(offers: list[tuple[Released, Digests | None]]) -> None:
    verdict = compared(offers).verdict()
    assert verdict.agrees, verdict.difference
    assert verdict.commands == sum(released.count for released, _ in offers)
    assert verdict.digests == verdict.commands // 64


def test_canary_a_wrong_bit_in_an_output_is_the_first_difference(
    offers: list[tuple[Released, Digests | None]],
) -> None:
    place = len(offers) // 2
    released, digests = offers[place]
    outputs = bytearray(released.outputs)
    outputs[-5] ^= 1
    broken = [*offers[:place], (replace(released, outputs=bytes(outputs)), digests)]
    verdict = compared(broken).verdict()
    assert not verdict.agrees, "a wrong bit in the engine's output went unnoticed"
    numbers = range(released.first_log_number, released.first_log_number + released.count)
    assert verdict.difference["log_number"] in numbers
    assert {"command", "specification", "engine"} <= set(verdict.difference)


@pytest.mark.parametrize("name", ["state_root", "venue_digest"])
def test_canary_a_wrong_digest_is_noticed(
    offers: list[tuple[Released, Digests | None]], name: str
) -> None:
    place = next(at for at, (_, digests) in enumerate(offers) if digests is not None)
    released, digests = offers[place]
    assert digests is not None
    root, digest = digests.state_root, digests.venue_digest
    wrong = digests._replace(
        state_root=bytes(32) if name == "state_root" else root,
        venue_digest=bytes(32) if name == "venue_digest" else digest,
    )
    verdict = compared([*offers[:place], (released, wrong)]).verdict()
    assert verdict.difference.get("what") == name, f"a wrong {name} went unnoticed"


@pytest.mark.parametrize("broken", [False, True])
def test_the_process_comes_to_the_same_verdict(
    offers: list[tuple[Released, Digests | None]], broken: bool
) -> None:
    process = SpecificationProcess(DOMAIN)
    for released, digests in offers:
        wrong = digests._replace(state_root=bytes(32)) if digests and broken else digests
        process.offer(released, wrong)
    verdict = process.finish()
    assert verdict.agrees is not broken
    assert (verdict.commands == sum(released.count for released, _ in offers)) is not broken


def test_no_more_is_taken_than_was_asked_for(
    offers: list[tuple[Released, Digests | None]], tmp_path: Path
) -> None:
    process = SpecificationProcess(DOMAIN, commands_max=100)
    for released, digests in offers:
        process.offer(released, digests)
    verdict = process.finish()
    total = sum(released.count for released, _ in offers)
    assert verdict.agrees
    assert 100 <= verdict.commands < total

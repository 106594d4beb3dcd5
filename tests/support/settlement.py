"""Batches for the tests: a short generated flow, committed once in a process."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from merkat import _core
from merkat.flow.generated import GeneratedFlow
from merkat.flow.player import Player
from merkat.flow.run import play
from merkat.flow.tally import Tally
from merkat.sdk.keys import Domain, demo_domain, derive_secret
from merkat.sdk.layouts import micro_ops_of
from merkat.sequencer.pipeline import Released, Sequencer
from merkat.settlement import committer
from merkat.settlement.committer import Committer, Limits, Sealed

DOMAIN: Domain = demo_domain(1, "settlement tests")
ROWS = 700


class Listener:
    """Stands where a chain would: keeps the micro-ops, and its clock never asks for time."""

    next_ns = 1 << 63

    def __init__(self) -> None:
        self.micro_ops: list[bytes] = []

    def released(self, released: Released) -> None:
        self.micro_ops.append(micro_ops_of(released.outputs))

    def deposit(self, item: bytes) -> None:
        raise AssertionError("this short flow has no deposits on the way")

    def advance(self, time_ns: int) -> list[bytes]:
        raise AssertionError("the clock of this listener never comes")


@cache
def micro_ops(rows: int = ROWS) -> tuple[bytes, ...]:
    """Return the framed micro-ops of each released batch of a generated flow."""
    listener = Listener()

    with tempfile.TemporaryDirectory() as folder:
        flow = GeneratedFlow(1, rows)
        sequencer = Sequencer.create(
            Path(folder) / "venue", DOMAIN, derive_secret(1, "sequencer"), 1 << 20
        )
        player = Player(sequencer, Tally(flow.tick), chain=listener)
        play(flow, player, 1, lambda time_ns, tally: None)
        sequencer.close()
    return tuple(listener.micro_ops)


def machine() -> _core.Settlement:
    """Return a settlement machine at genesis."""
    return _core.Settlement(*DOMAIN.parts, committer.genesis(DOMAIN)[0])


@cache
def sealed_batches(rows: int = ROWS) -> tuple[Sealed, ...]:
    """Return the batches of a generated flow, sealed every ten seconds of it."""
    writer = Committer(machine(), Limits())
    sealed = [batch for ops in micro_ops(rows) for batch in writer.add(ops)]
    return (*sealed, *writer.seal())

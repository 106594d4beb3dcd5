"""Settlement states within a command: just before one of the steps that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from merkat.spec import signatures
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.ops import MicroOp, decode_op
from merkat.spec.settle.state import State
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.script import CONFIG, Script
from merkat.spec.vectors.wallets import CurveSigner
from merkat.spec.venue.machine import Venue


@dataclass(frozen=True)
class Moment:
    """A named settlement state, and the step that the venue takes next."""

    world: World
    op: MicroOp
    time_delta_ns: int
    log_delta: int
    script: Script
    """The script that led here and beyond; it signs further bodies."""


def moment_before(
    corpus: Corpus,
    name: str,
    world: World,
    run: Callable[[Script], None],
    op_type: type[MicroOp],
    skip: int = 0,
    change: Callable[[State], None] | None = None,
) -> Moment:
    """Run commands on a world and name the state before the first step of a type.

    `skip` passes over that many steps of the type; `change` may alter the state before it is named.
    """
    venue = Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover)
    script = Script(venue, CurveSigner(), world.log_number, world.time_ns)
    script.nonces = dict(world.nonces)
    run(script)
    state = State.decode(CONFIG, world.settlement)
    for sent in script.sent:
        for encoded in sent.output.micro_ops:
            op, time_delta_ns, log_delta = decode_op(encoded)
            if isinstance(op, op_type):
                if skip == 0:
                    if change is not None:
                        change(state)
                    kept = corpus.keep_settlement(name, world, state)
                    return Moment(kept, op, time_delta_ns, log_delta, script)
                skip -= 1
            assert apply_input(state, encoded).code == 0, f"{name}: the venue's steps are accepted"
    raise AssertionError(f"{name}: no {op_type.__name__} among the steps")

"""One seed: a random market through both readers, and what to do when they differ."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from merkat.spec.messages import decode_command
from tests.differential.coverage import Coverage
from tests.differential.crowd import crowd
from tests.differential.moves import step
from tests.differential.option_walk import OptionWalk
from tests.differential.readers import DifferenceError, PairScript, Step, replay
from tests.differential.walk import Walk

COMMANDS_PER_SEED = 2_500
EXCHANGE_EVERY = 600
CROWD_EVERY = 20
SHRINK_SECONDS = 60.0
STEPS_SHOWN = 40


@dataclass
class Outcome:
    """What one seed gave: how far it came, what it reached, and how the readers differed."""

    seed: int
    commands: int
    coverage: Coverage = field(default_factory=Coverage)
    difference: str = ""


def run_seed(
    seed: int, commands: int, shrink_seconds: float = SHRINK_SECONDS, options: bool = False
) -> Outcome:
    """Run a random market of `commands` commands; the crowd's crash for every twentieth seed.

    `options`: a market with dated contracts, coins and surfaces.
    """
    outcome = Outcome(seed, 0)
    script = PairScript(outcome.coverage)
    try:
        if options:
            _walk(script, OptionWalk(script, seed), commands)
        elif seed % CROWD_EVERY == 0:
            crowd(script, seed)
        else:
            _walk(script, Walk(script, seed), commands)
        script.exchange()
    except DifferenceError as difference:
        outcome.difference = _told(seed, script.log, difference.what, shrink_seconds, options)
    outcome.commands = len(script.log)
    return outcome


def _walk(script: PairScript, walk: Walk, commands: int) -> None:
    walk.open()
    exchanged = 0
    while len(script.log) < commands:
        step(walk)
        if len(script.log) // EXCHANGE_EVERY > exchanged:
            exchanged = len(script.log) // EXCHANGE_EVERY
            script.exchange()


def shrink(log: list[Step], seconds: float) -> list[Step]:
    """Leave out commands while the readers still differ; stop when the time is over.

    Chunks of half the log first, then smaller ones, down to single commands.
    """
    deadline = time.monotonic() + seconds
    kept, size = list(log), max(1, len(log) // 2)
    while size >= 1:
        start, dropped = 0, False
        while start < len(kept):
            shorter = kept[:start] + kept[start + size :]
            if time.monotonic() > deadline:
                return kept
            if shorter and replay(shorter) is not None:
                kept, dropped = shorter, True
            else:
                start += size
        if size == 1 and not dropped:
            break
        size = max(1, size // 2) if not dropped or size > 1 else 1
    return kept


def _told(seed: int, log: list[Step], what: str, seconds: float, options: bool) -> str:
    """Return the difference, the shortest scenario found, and the command that runs it again."""
    again = replay(log)
    kept = shrink(log, seconds) if again is not None else log
    shown = kept if len(kept) <= STEPS_SHOWN else kept[-STEPS_SHOWN:]
    lines = [f"seed {seed} differs at log number {len(log)}:", what]
    if again is None:
        lines.append("a plain replay does not differ: it needs the exchange of snapshots")
    lines.append(f"{len(kept)} of {len(log)} commands give a difference: {replay(kept)}")
    lines += [f"  {each.time_ns} {_described(each.command)}" for each in shown]
    lines += [f"  {each.time_ns} {each.command.hex()}" for each in shown]
    again_by = f"--seed {seed} --commands {len(log)}{' --options' if options else ''}"
    lines.append(f"run again: python tests/differential/run.py {again_by}")
    return "\n".join(lines)


def _described(command: bytes) -> str:
    try:
        return str(decode_command(command))
    except ValueError:
        return f"malformed: {command.hex()}"

"""Random markets through the specification and the engine, seed after seed.

python tests/differential/run.py --seed 1 --commands 100000 --workers 2
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.differential.coverage import REQUIRED, REQUIRED_OF_OPTIONS, Coverage
from tests.differential.seeds import COMMANDS_PER_SEED, Outcome, run_seed

COMPLETE_FROM = 50_000
OPTIONS_COMPLETE_FROM = 4_000
"""A run of so many commands must have reached every required transition."""
OPTION_COMMANDS_PER_SEED = 800


def plan(seed: int, commands: int, each: int = COMMANDS_PER_SEED) -> list[tuple[int, int]]:
    """Return (seed, commands) of each market; a market of its own every `each` commands."""
    return [
        (seed + number, min(each, commands - start))
        for number, start in enumerate(range(0, commands, each))
    ]


def outcomes(
    planned: list[tuple[int, int]], workers: int, options: bool = False
) -> Iterator[Outcome]:
    """Yield what each market gave, in order."""
    seeded = partial(run_seed, options=options)
    if workers == 1:
        yield from (seeded(*each) for each in planned)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(seeded, *zip(*planned, strict=True))


def run(
    seed: int, commands: int, workers: int, options: bool = False
) -> tuple[Coverage, int, list[str]]:
    """Run the markets; return coverage, commands applied, and what went wrong."""
    coverage, applied, wrong = Coverage(), 0, []
    planned = plan(seed, commands, OPTION_COMMANDS_PER_SEED if options else COMMANDS_PER_SEED)
    for outcome in outcomes(planned, workers, options):
        coverage.add(outcome.coverage)
        applied += outcome.commands
        if outcome.difference:
            wrong.append(outcome.difference)
            break
    complete_from = OPTIONS_COMPLETE_FROM if options else COMPLETE_FROM
    required = REQUIRED_OF_OPTIONS if options else REQUIRED
    if not wrong and commands >= complete_from:
        wrong += [f"never reached: {name}" for name in coverage.missing(required)]
    return coverage, applied, wrong


def main() -> int:
    """Run as the command line says; 0 if the readers agree and everything was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--options", action="store_true", help="markets of dated contracts")
    arguments = parser.parse_args()
    start = time.monotonic()
    coverage, applied, wrong = run(
        arguments.seed, arguments.commands, arguments.workers, arguments.options
    )
    seconds = time.monotonic() - start
    print("\n".join(coverage.report()))
    print("\n".join(wrong))
    print(f"{applied} commands in {seconds:.1f} s, {len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

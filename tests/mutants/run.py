"""Plants faults in the specification and the engine; the corpus must kill every one.

python tests/mutants/run.py --all
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.mutants.faults import (
    ENGINE_FAST,
    ENGINE_MORE,
    SPECIFICATION_FAST,
    SPECIFICATION_MORE,
)
from tests.mutants.harness import Mutant, Verdict, judge_engine, judge_specification

Judge = Callable[[Mutant | None], Verdict]


def judged(name: str, judge: Judge, mutants: tuple[Mutant, ...]) -> list[str]:
    """Judge the copy without a fault and with each; print a line each, return what is wrong."""
    wrong = []
    for mutant in (None, *mutants):
        start = time.monotonic()
        verdict = judge(mutant)
        called = f"{name}: {mutant.name} ({mutant.rule})" if mutant else f"{name}: no fault"
        if verdict.broken:
            outcome = f"BROKEN: {verdict.broken}"
        elif mutant is None:
            outcome = f"REFUSED by {verdict.by}" if verdict.killed else "passes"
        else:
            outcome = f"killed by {verdict.by[:60]}" if verdict.killed else "SURVIVED"
        print(f"{time.monotonic() - start:6.1f} s  {called}: {outcome}", flush=True)
        if verdict.broken or verdict.killed == (mutant is None):
            wrong.append(called)
    return wrong


def main() -> int:
    """Run as the command line says; 0 if every mutant was killed and no control was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="every mutant, not only those of make test"
    )
    everything = parser.parse_args().all
    specification = SPECIFICATION_FAST + (SPECIFICATION_MORE if everything else ())
    engine = ENGINE_FAST + (ENGINE_MORE if everything else ())
    wrong = judged("specification", judge_specification, specification)
    wrong += judged("engine", judge_engine, engine)
    print(f"{len(specification) + len(engine)} mutants, {len(wrong)} not as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

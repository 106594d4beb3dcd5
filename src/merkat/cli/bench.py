"""Measure the venue's figures, each beside a control probe of the same run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from merkat.cli import _common


def command(
    *,
    short: bool = False,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Measure the venue's figures, each beside a control probe of the same run.

    Rates depend on the machine; the ratio of a figure to its control travels better. Goals are
    stated, they are no gates.

    Example: merkat bench --json

    Parameters
    ----------
    short
        Small samples: shows that everything runs, its rates mean little.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        from merkat.bench.figure import machine_facts
        from merkat.bench.measure import FULL, SHORT, measure

        facts = machine_facts()
        figures = {}
        for figure in measure(SHORT if short else FULL):
            figures[figure.name] = figure.described()
            if not json:
                goal = f"{figure.goal:,.0f}" if figure.goal else "-"
                print(
                    f"{figure.name:<14} {figure.rate:>14,.0f} {figure.unit:<34} goal {goal:>11}  "
                    f"{figure.rate / figure.control_rate:>10,.4f} x {figure.control}",
                    flush=True,
                )
        if json:
            _common.print_json({"machine": facts, "short": short, "figures": figures})
        else:
            print(", ".join(f"{name} {value}" for name, value in facts.items()))
        return _common.GOOD

    return _common.guarded(body)

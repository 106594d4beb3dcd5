"""Measure the venue's figures, each beside a control probe of the same run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.bench.figure import Figure
    from merkat.bench.settlement import Stated


def command(
    part: Literal["venue", "settlement", "risk"] = "venue",
    /,
    *,
    short: bool = False,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Measure the venue's figures, each beside a control probe of the same run.

    Rates depend on the machine; the ratio of a figure to its control travels better. Goals are
    stated, they are no gates.

    Example: merkat bench settlement --json

    Parameters
    ----------
    part
        The venue (engine, journal, signatures, matching), settlement (gas, roots, proofs,
        rebuilding, bytes a fill), or risk (rows, portfolio margin, orders under it, prices) beside
        QuantLib and numpy, of the dependency group dev.
    short
        Small samples: shows that everything runs, its rates mean little.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        from merkat.bench.figure import machine_facts

        facts = machine_facts()
        figures = {}
        for figure in _figures(part, short):
            figures[figure.name] = figure.described()
            if not json:
                print(_line(figure), flush=True)
        if json:
            _common.print_json({"machine": facts, "short": short, "figures": figures})
        else:
            print(", ".join(f"{name} {value}" for name, value in facts.items()))
        return _common.GOOD

    return _common.guarded(body)


def _figures(part: str, short: bool) -> Iterator[Figure | Stated]:
    if part == "settlement":
        from merkat.bench import settlement

        return settlement.measure(settlement.SHORT if short else settlement.FULL)
    if part == "risk":
        return _risk(short)
    from merkat.bench import measure

    return measure.measure(measure.SHORT if short else measure.FULL)


def _risk(short: bool) -> Iterator[Figure]:
    """Yield the figures of risk; peers that are missing or disagree are errors with a code."""
    from merkat.bench import risk

    try:
        risk.require_peers()
    except risk.MissingPeerError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    from merkat.bench.risk_peers import DisagreementError

    try:
        yield from risk.measure(risk.SHORT if short else risk.FULL)
    except DisagreementError as error:
        raise _common.CommandError(_common.CHECK_SAID_NO, str(error)) from error


def _line(figure: Figure | Stated) -> str:
    from merkat.bench.figure import Figure

    goal = f"{figure.goal:,.0f}" if figure.goal else "-"
    if isinstance(figure, Figure):
        control = f"{figure.rate / figure.control_rate:>10,.4f} x {figure.control}"
        return (
            f"{figure.name:<26} {figure.rate:>14,.0f} {figure.unit:<42} goal {goal:>11}  {control}"
        )
    return (
        f"{figure.name:<26} {figure.value:>14,.1f} {figure.unit:<42} goal {goal:>11}  {figure.note}"
    )

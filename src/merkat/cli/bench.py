"""Measure the venue's figures, each beside a control probe of the same run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.bench.api import Latency
    from merkat.bench.figure import Figure
    from merkat.bench.settlement import Stated


def command(
    part: Literal["venue", "settlement", "risk", "api"] = "venue",
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
        rebuilding, bytes a fill), risk (rows, portfolio margin, orders under it, prices) beside
        QuantLib and numpy, or api (order to durable acknowledgement, orders a second, through a
        gateway) beside an echo of picows; the peers are of the dependency group dev.
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


def _figures(part: str, short: bool) -> Iterator[Figure | Latency | Stated]:
    if part == "settlement":
        from merkat.bench import settlement

        return settlement.measure(settlement.SHORT if short else settlement.FULL)
    if part == "risk":
        return _risk(short)
    if part == "api":
        return _api(short)
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


def _api(short: bool) -> Iterator[Figure | Latency | Stated]:
    """Yield the figures of the API; children that do not start and refusals are errors."""
    from merkat.bench import api

    try:
        api.require_peers()
    except api.MissingPeerError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    from merkat.bench.served import ServedError

    try:
        yield from api.measure(api.SHORT if short else api.FULL)
    except ServedError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    except api.VoidError as error:
        raise _common.CommandError(_common.CHECK_SAID_NO, str(error)) from error


def _line(figure: Figure | Latency | Stated) -> str:
    from merkat.bench.api import Latency
    from merkat.bench.figure import Figure

    if isinstance(figure, Latency):
        goal = f"{figure.goal:.1f}" if figure.goal else "-"
        times = f"p50 {figure.percentile(50):.3f}  p99 {figure.percentile(99):.3f}"
        return (
            f"{figure.name:<26} {times:>26} {figure.unit:<30} goal {goal:>11}  "
            f"{figure.ratio:>10,.2f} x {figure.control}"
        )
    goal = f"{figure.goal:,.0f}" if figure.goal else "-"
    if isinstance(figure, Figure):
        control = f"{figure.rate / figure.control_rate:>10,.4f} x {figure.control}"
        return (
            f"{figure.name:<26} {figure.rate:>14,.0f} {figure.unit:<42} goal {goal:>11}  {control}"
        )
    return (
        f"{figure.name:<26} {figure.value:>14,.1f} {figure.unit:<42} goal {goal:>11}  {figure.note}"
    )

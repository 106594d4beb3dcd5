"""Margin and Greeks of a portfolio file, without a venue."""

from __future__ import annotations

import json as json_lines
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from merkat.cli import _common
from merkat.risk import Case, DocumentError, Report, evaluate, read_cases
from merkat.risk.evaluate import EvaluationError
from merkat.risk.portfolio import PORTFOLIO, STANDARD
from merkat.risk.report import decimal

MODELS = {"merkat-pm": PORTFOLIO, "merkat-sm": STANDARD}

command = App(name="risk", help="Margin and Greeks of a portfolio file, without a venue.")


@command.command(name="evaluate")
def evaluate_files(
    *files: Path,
    model: str = "merkat-pm",
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Value every case of portfolio documents (docs/reference/portfolio.md).

    Example: merkat risk evaluate --model merkat-pm docs/examples/portfolio.json --json

    Parameters
    ----------
    files
        Portfolio documents, one case or many in each.
    model
        merkat-pm (portfolio margin) or merkat-sm (standard margin).
    json
        Print one JSON object a case.
    """

    def body() -> int:
        if model not in MODELS:
            raise _common.usage(f"--model is {model!r}; expected one of {', '.join(MODELS)}")
        if not files:
            raise _common.usage("name at least one portfolio document")
        for file in files:
            for case in _cases(file, MODELS[model]):
                report = _evaluated(file, case)
                if json:
                    line = {"file": str(file), "case": case.name} | report.as_json()
                    sys.stdout.write(json_lines.dumps(line) + "\n")
                else:
                    _show(case, report)
        return _common.GOOD

    return _common.guarded(body)


def _cases(file: Path, mode: int) -> list[Case]:
    try:
        return read_cases(file, mode=mode)
    except DocumentError as error:
        raise _common.refused(str(error)) from None


def _evaluated(file: Path, case: Case) -> Report:
    try:
        return evaluate(case.portfolio, case.market, case.parameters)
    except EvaluationError as error:
        raise _common.refused(f"{file}: case {case.name!r}: {error}") from None


def _show(case: Case, report: Report) -> None:
    """Print a case as a table for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=case.name, show_header=False)
    for name, amount in (
        ("equity", report.equity),
        ("maintenance margin", report.maintenance),
        ("initial margin", report.initial),
        ("maintenance excess", report.maintenance_excess),
        ("initial excess", report.initial_excess),
    ):
        table.add_row(name, f"{decimal(amount)} USD")
    for group in report.groups:
        table.add_row(f"{group.name} binding", group.binding)
        for name, text in group.greeks.items():
            table.add_row(f"{group.name} {name}", text)
    console.print(table)

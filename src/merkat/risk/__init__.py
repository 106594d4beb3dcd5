"""Margin and Greeks of a portfolio, without a venue: merkat's own model, integer for integer.

`evaluate(portfolio, market, parameters)` gives a `Report`; `read_cases` reads the documented JSON
(docs/reference/portfolio.md). Nothing here needs the compiled core or a running venue.
"""

from merkat.risk.document import Case, DocumentError, read_cases
from merkat.risk.evaluate import evaluate
from merkat.risk.market import Market, Parameters, Quote, Underlying
from merkat.risk.portfolio import Order, Portfolio, Position
from merkat.risk.report import GroupReport, Report, ScenarioLoss
from merkat.risk.surface import pnl_surface

__all__ = [
    "Case",
    "DocumentError",
    "GroupReport",
    "Market",
    "Order",
    "Parameters",
    "Portfolio",
    "Position",
    "Quote",
    "Report",
    "ScenarioLoss",
    "Underlying",
    "evaluate",
    "pnl_surface",
    "read_cases",
]

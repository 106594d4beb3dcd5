"""Fits one expiry's raw SVI to quoted vols, within the machine's bounds of admission.

First without bounds from a few starts (a trust region in a box), then, where the result would be
refused, by sequential quadratic programming with the bounds of risk.md section 2 as inequalities,
each with a margin that the rounding to 1e-12 cannot use up. Everything is in a slice's own scale
(`merkat.oracle.svi`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import least_squares, minimize

from merkat.oracle.svi import (
    BUTTERFLY_NODES,
    CALENDAR_NODES,
    Array,
    clamped_variance,
    density,
    rescaled,
    wing,
)

# What each bound keeps in hand: far above 1e-12, far below a hundredth of a vol point.
DENSITY_MARGIN: Final = 2e-3
VARIANCE_MARGIN: Final = 1e-3
SLOPE_MAX: Final = 2.0
SLOPE_MARGIN: Final = 1e-6
CALENDAR_MARGIN: Final = 2e-6

_LOWEST: Final = (-5.0, 0.0, -0.999, -10.0, 1e-3)
_HIGHEST: Final = (5.0, 50.0, 0.999, 10.0, 30.0)
_STARTS: Final = (
    (0.5, 0.5, -0.2, 0.0, 1.0),
    (0.9, 0.1, -0.1, 0.0, 0.5),
    (0.0, 0.3, -0.3, 0.0, 3.0),
)
_BOUND_STARTS: Final = ((0.5, 0.4, -0.2, 0.0, 1.0), (1.0, 0.05, 0.0, 0.0, 1.0))
_STEP: Final = 1e-6
_EVALUATIONS: Final = 60
_ITERATIONS: Final = 120
_SLACK: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Points:
    """What is fitted: log moneyness, vol (1.00) and weight of each quote, and the years left."""

    moneyness: Array
    vol: Array
    weight: Array
    years: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A slice as plain SVI parameters and weighted errors in vol points.

    Attributes:
        error: of the slice; free_error: of the best one without any bound.
        how: "free" where no bound binds, "bounded", or "flat" where nothing else was found.
    """

    parameters: Array
    error: float
    free_error: float
    how: str


def fit(points: Points, before: Array | None, margin: float = 1.0) -> Fitted:
    """Return the best slice that would be admitted after `before` (the expiry in front of it).

    `margin` multiplies what each bound keeps in hand: larger after a refusal of the rounded slice.
    """
    problem = _Problem(points, before, margin)
    free = min(
        (
            least_squares(
                problem.residuals,
                start,
                jac=problem.residual_slopes,
                bounds=(_LOWEST, _HIGHEST),
                max_nfev=_EVALUATIONS,
            )
            for start in _STARTS
        ),
        key=lambda found: float(found.cost),
    )
    free_error = problem.error(free.x)
    if problem.bounds(free.x).min() >= 0:
        return Fitted(rescaled(free.x, problem.scale), free_error, free_error, "free")
    bounded = [
        found
        for start in (free.x, *(np.array(one) for one in _BOUND_STARTS))
        if (found := problem.solve_bounded(start)) is not None
    ]
    if bounded:
        best = min(bounded, key=problem.error)
        return Fitted(rescaled(best, problem.scale), problem.error(best), free_error, "bounded")
    flat = problem.flat()
    return Fitted(rescaled(flat, problem.scale), problem.error(flat), free_error, "flat")


class _Problem:
    """Residuals and bounds of one expiry; parameters in units of its scale."""

    def __init__(self, points: Points, before: Array | None, margin: float) -> None:
        order = np.argsort(points.moneyness)
        money_vol = float(np.interp(0.0, points.moneyness[order], points.vol[order]))
        self.scale = money_vol * float(np.sqrt(points.years))
        self.money_vol = money_vol
        self.margin = margin
        self._moneyness = points.moneyness / self.scale
        self._vol = points.vol
        self._weight = points.weight / float(np.sqrt((points.weight**2).sum()))
        self._nodes: Array | None = None
        if before is not None:
            nodes = CALENDAR_NODES * wing(before)
            self._nodes = nodes / self.scale
            self._least = clamped_variance(before, nodes) / self.scale**2

    def residuals(self, parameters: Array) -> Array:
        """Return the weighted errors in vol points; their squares sum to the mean square."""
        w = np.maximum(clamped_variance(parameters, self._moneyness), 1e-8)
        found: Array = self._weight * (np.sqrt(w) * self.money_vol - self._vol) * 100
        return found

    def residual_slopes(self, parameters: Array) -> Array:
        """Return the derivatives of the residuals, one column a parameter."""
        return _slopes(self.residuals, parameters)

    def error(self, parameters: Array) -> float:
        """Return the weighted root mean square error in vol points."""
        return float(np.sqrt((self.residuals(parameters) ** 2).sum()))

    def bounds(self, parameters: Array) -> Array:
        """Return the numbers that must not be negative: E-08, E-09 and E-10 with their margins."""
        a, b, rho, _, sigma = (parameters[..., place, None] for place in range(5))
        lowest = a + b * sigma * np.sqrt(np.maximum(1 - rho * rho, 0))
        nodes = BUTTERFLY_NODES * wing(parameters)
        parts = [
            density(parameters, nodes, self.scale) - DENSITY_MARGIN * self.margin,
            lowest - VARIANCE_MARGIN * self.margin,
            SLOPE_MAX - SLOPE_MARGIN - b * self.scale * (1 + np.abs(rho)),
        ]
        if self._nodes is not None:
            over = clamped_variance(parameters, self._nodes) - self._least
            parts.append(over - CALENDAR_MARGIN * self.margin * (1 + self._least))
        return np.concatenate(parts, axis=-1)

    def solve_bounded(self, start: Array) -> Array | None:
        """Return the best parameters within the bounds, None where the search ends outside."""

        def square(parameters: Array) -> float:
            return float((self.residuals(parameters) ** 2).sum())

        def slope(parameters: Array) -> Array:
            found: Array = 2 * self.residual_slopes(parameters).T @ self.residuals(parameters)
            return found

        found = minimize(
            square,
            start,
            jac=slope,
            method="SLSQP",
            bounds=list(zip(_LOWEST, _HIGHEST, strict=True)),
            constraints={
                "type": "ineq",
                "fun": self.bounds,
                "jac": lambda parameters: _slopes(self.bounds, parameters),
            },
            options={"maxiter": _ITERATIONS, "ftol": 1e-9},
        )
        best: Array = found.x
        return best if self.bounds(best).min() >= -_SLACK else None

    def flat(self) -> Array:
        """Return a slice of one vol that lies above the expiry in front: always admitted."""
        level = 1.0
        if self._nodes is not None:
            level = max(level, float(self._least.max()) * (1 + 1e-4) + 1e-6)
        return np.array([level, 0.0, 0.0, 0.0, 1.0])


def _slopes(function: Callable[[Array], Array], parameters: Array) -> Array:
    """Return the derivatives of a function of stacked parameters: all differences in one call."""
    stacked = np.repeat(np.asarray(parameters, dtype=np.float64)[None], 6, axis=0)
    stacked[1:] += np.eye(5) * _STEP
    values = function(stacked)
    found: Array = ((values[1:] - values[0]) / _STEP).T
    return found

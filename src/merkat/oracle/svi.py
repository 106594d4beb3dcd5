"""Raw SVI in floats, for whole arrays of parameters at once (risk.md section 2 in integers).

Parameters are arrays whose last axis is a, b, rho, m, sigma; moneyness arrays have the points of a
slice as their last axis. All are in units of a slice's own scale: k = x s and w = y s^2 with s^2
the at-the-money total variance, so that every slice, of an hour or of years, looks alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

WING: Final = 4.0
BUTTERFLY_NODES: Final[Array] = np.arange(-8, 9) / 8
CALENDAR_NODES: Final[Array] = np.arange(-4, 5) / 4
_LEAST: Final = 1e-12


def _parts(parameters: Array) -> tuple[Array, Array, Array, Array, Array]:
    a, b, rho, m, sigma = (parameters[..., place, None] for place in range(5))
    return a, b, rho, m, sigma


def wing(parameters: Array) -> Array:
    """Return c = 4 sqrt(a + b sigma), with an axis of length 1 at the end."""
    a, b, _, _, sigma = _parts(parameters)
    return WING * np.sqrt(np.maximum(a + b * sigma, _LEAST))


def variance(parameters: Array, moneyness: Array) -> Array:
    """Return w(k), without a clamp."""
    a, b, rho, m, sigma = _parts(parameters)
    d = moneyness - m
    total: Array = a + b * (rho * d + np.sqrt(d * d + sigma * sigma))
    return total


def clamped_variance(parameters: Array, moneyness: Array) -> Array:
    """Return w(k), flat beyond the wings."""
    end = wing(parameters)
    return variance(parameters, np.clip(moneyness, -end, end))


def density(parameters: Array, moneyness: Array, scale: float) -> Array:
    """Return g(k) of slices in units of `scale` (s above). Gatheral and Jacquier, 2014, (2.1)."""
    _, b, rho, m, sigma = _parts(parameters)
    d = moneyness - m
    root = np.sqrt(d * d + sigma * sigma)
    w = np.maximum(variance(parameters, moneyness), _LEAST)
    slope = b * (rho + d / root)
    curvature = b * sigma * sigma / root**3
    u = 1 - moneyness * slope / (2 * w)
    g: Array = u * u - slope * slope / 4 * (1 / w + scale * scale / 4) + curvature / 2
    return g


def rescaled(parameters: Array, scale: float) -> Array:
    """Return parameters in units of `scale` as plain SVI parameters."""
    a, b, rho, m, sigma = parameters
    return np.array([a * scale * scale, b * scale, rho, m * scale, sigma * scale])

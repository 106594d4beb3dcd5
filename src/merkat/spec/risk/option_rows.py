"""Option prices in every scenario of a risk set (risk.md section 3).

Call and put of a strike share one price; a scenario's forward, and with it its logarithm, serves
all its volatilities; what depends on the expiry alone is computed once for all strikes.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.pricing import shocks
from merkat.spec.pricing.black76 import deviation, greeks, log_moneyness, pair_of
from merkat.spec.pricing.q64 import from_micro, from_rate, sqrt, to_micro, to_units
from merkat.spec.risk.parameters import (
    SKEW_ABSOLUTE,
    SKEW_LINEAR,
    VOL_DOWN,
    VOL_SAME,
    VOL_UP,
    RiskSet,
    Scalars,
)
from merkat.spec.risk.surface import strike_volatility
from merkat.spec.risk.terms import CALL
from merkat.spec.risk.vector import ExpiryQuote, SurfaceVector
from merkat.spec.risk.window import WINDOW_SECONDS, Samples, Window, window_of
from merkat.spec.values import ONE as RATE_ONE

RATE_PER_SHOCK = 1_000
"""How many 1e-9 are one unit of a scenario's price shock."""
SHORT_SECONDS = 2_592_000
"""Below 30 days the volatility shock grows by the power for short expiries."""
GAMMA_UNITS = 10**12


@dataclass(frozen=True, slots=True)
class OptionValues:
    """The columns of an option that prices decide: 1e-6 USD per coin, Greeks in their units."""

    forward: int
    price: int
    up: int
    down: int
    scenarios: tuple[int, ...]
    delta: int
    gamma: int
    vega: int
    theta: int


@dataclass(frozen=True, slots=True)
class _Expiry:
    """What all strikes of an expiry share, Q64.64 where not said otherwise."""

    quote: ExpiryQuote
    window: Window
    time: int
    root_years: int
    forward: int
    basis_up: int
    basis_down: int
    forwards: tuple[int, ...]
    """One for each scenario."""
    factor_up: int
    factor_down: int
    vol_floor: int
    skew: shocks.Skew


@dataclass(frozen=True, slots=True)
class _Strike:
    """A strike's effective volatility (Q64.64) and its (call, put) prices in 1e-6 USD."""

    volatility: int
    at_forward: tuple[int, int]
    up: tuple[int, int]
    down: tuple[int, int]
    scenarios: tuple[tuple[int, int], ...]


class OptionRows:
    """Prices the options of one vector, each strike once."""

    def __init__(self, vector: SurfaceVector, risk_set: RiskSet, samples: Samples) -> None:
        self._vector = vector
        self._risk_set = risk_set
        self._samples = samples
        self._expiries: dict[int, _Expiry] = {}
        self._strikes: dict[tuple[int, int], _Strike] = {}

    def values(self, kind: int, strike: int, expiry: int) -> OptionValues:
        """Return the columns of a call or put; strike in 1e-6 USD, expiry in ns."""
        if expiry not in self._expiries:
            self._expiries[expiry] = self._expiry(expiry)
        shared = self._expiries[expiry]
        if (expiry, strike) not in self._strikes:
            self._strikes[expiry, strike] = self._strike(shared, from_micro(strike))
        prices = self._strikes[expiry, strike]
        side = 0 if kind == CALL else 1
        sensitivity = greeks(
            shared.forward,
            from_micro(strike),
            shared.time,
            prices.volatility,
            is_call=kind == CALL,
        )
        free = shared.window.free
        gamma = to_units(sensitivity.gamma, GAMMA_UNITS)
        return OptionValues(
            forward=shared.quote.forward,
            price=prices.at_forward[side],
            up=prices.up[side],
            down=prices.down[side],
            scenarios=tuple(entry[side] for entry in prices.scenarios),
            delta=shared.window.free_share(to_units(sensitivity.delta, RATE_ONE)),
            gamma=gamma * free**2 // WINDOW_SECONDS**2,
            vega=shared.window.free_share(to_micro(sensitivity.vega)),
            theta=to_micro(sensitivity.theta),
        )

    def _expiry(self, expiry: int) -> _Expiry:
        vector, scalars = self._vector, self._risk_set.scalars
        quote = vector.quote(expiry)
        assert quote is not None, "E-11 admits no vector without the expiry of a live option"
        window = window_of(vector.time, expiry, self._samples)
        time = vector.years_to(expiry)
        root_years = sqrt(time)
        is_short = vector.seconds_to(expiry) < SHORT_SECONDS
        power = from_rate(scalars.vol_power_short if is_short else scalars.vol_power_long)
        vol_down = scalars.vol_down_high if vector.vol > vector.vol_mean else scalars.vol_down
        return _Expiry(
            quote=quote,
            window=window,
            time=time,
            root_years=root_years,
            forward=from_micro(window.blend(quote.forward)),
            basis_up=_moved(quote.forward, window, scalars.basis_shock),
            basis_down=_moved(quote.forward, window, -scalars.basis_shock),
            forwards=tuple(
                _moved(quote.forward, window, scenario.price * RATE_PER_SHOCK)
                for scenario in self._risk_set.scenarios
            ),
            factor_up=shocks.volatility_factor(from_rate(scalars.vol_up), time, power),
            factor_down=shocks.volatility_factor(-from_rate(vol_down), time, power),
            vol_floor=from_rate(scalars.vol_floor),
            skew=shocks.skew_of(_skew_parameters(scalars), root_years),
        )

    def _strike(self, shared: _Expiry, strike: int) -> _Strike:
        """Price a strike (Q64.64) everywhere; equal scenarios are priced once."""
        volatilities = self._volatilities(shared, strike)
        deviations = [deviation(vol, shared.root_years) for vol in volatilities]
        logs: dict[int, int] = {}
        known: dict[tuple[int, int], tuple[int, int]] = {}

        def entries(forward: int, vol: int) -> tuple[int, int]:
            if (forward, vol) not in known:
                if forward not in logs:
                    logs[forward] = log_moneyness(forward, strike) if forward else 0
                call, put = pair_of(forward, strike, logs[forward], deviations[vol])
                known[forward, vol] = to_micro(call), to_micro(put)
            return known[forward, vol]

        scenarios = zip(shared.forwards, self._risk_set.scenarios, strict=True)
        return _Strike(
            volatility=volatilities[VOL_SAME],
            at_forward=entries(shared.forward, VOL_SAME),
            up=entries(shared.basis_up, VOL_SAME),
            down=entries(shared.basis_down, VOL_SAME),
            scenarios=tuple(entries(forward, scenario.vol) for forward, scenario in scenarios),
        )

    def _volatilities(self, shared: _Expiry, strike: int) -> tuple[int, ...]:
        """Return a strike's volatility under each kind of vol move, by the number of the kind.

        The strike's own volatility and its skew are those at the vector's forward; what is fixed
        of the forward that is priced with has no volatility.
        """
        own = strike_volatility(self._vector, shared.quote, strike)
        moneyness = log_moneyness(from_micro(shared.quote.forward), strike)
        moved = {
            VOL_SAME: own,
            VOL_UP: shocks.shocked_volatility(own, shared.factor_up, shared.vol_floor),
            VOL_DOWN: shocks.shocked_volatility(own, shared.factor_down),
        }
        for kind in (SKEW_LINEAR, SKEW_ABSOLUTE):
            bend = shocks.skew_factor(shared.skew, moneyness, absolute=kind == SKEW_ABSOLUTE)
            moved[kind] = shocks.skewed_volatility(own, bend)
        return tuple(shared.window.free_share(moved[kind]) for kind in sorted(moved))


def _moved(forward: int, window: Window, shock: int) -> int:
    """Return the Q64.64 forward under a shock (1e-9); what is fixed of it is not shocked."""
    if not window.is_open:
        return shocks.shocked_forward(from_micro(forward), shock)
    return from_micro(window.blend(shocks.shocked_forward(forward, shock)))


def _skew_parameters(scalars: Scalars) -> shocks.SkewParameters:
    return shocks.SkewParameters(
        c_base=from_rate(scalars.skew_base),
        c_scale=from_rate(scalars.skew_scale),
        width=from_rate(scalars.skew_width),
        v_static=from_rate(scalars.skew_vol_static),
        v_scale=from_rate(scalars.skew_vol_scale),
        k_min=from_rate(scalars.skew_k_least),
    )

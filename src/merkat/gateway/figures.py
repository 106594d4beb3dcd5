"""What an account has and must have: equity and margins as the engine computes them.

Equity, balance, margins, loan are exact. Greeks are those of the newest rows. The margin of one
position and its liquidation price are explanations: margin belongs to the account as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from merkat.api.numbers import coins, decimal, usd
from merkat.api.public.service import kind_of
from merkat.gateway.mapping import MS_NS
from merkat.gateway.shapes import ZERO, PositionShape
from merkat.market import Replica, View
from merkat.market.positions import average_price
from merkat.market.types import Group, Instrument, Position
from merkat.sdk.commands import KIND_SPOT

INITIAL_RATE: Final = 0
MAINTENANCE_RATE: Final = 1
DELTA_RATE: Final = 12
NANO: Final = 10**9
PICO: Final = 10**12
YEAR_DAYS: Final = 365
VOL_POINTS: Final = 100
_PLACES: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of an account, 1e-6 USD.

    Attributes:
        conservative: equity with each position at its worse mark; initial margin compares with it.
        initial: of positions and open orders. initial_held: of positions alone.
        linear_unrealized: profit of open perpetuals and futures. option_value: of options at mark.
        withdrawable: what a withdrawal of USDC may take now.
    """

    equity: int
    conservative: int
    maintenance: int
    initial_held: int
    initial: int
    loan: int
    loan_limit: int
    debt_line: int
    linear_unrealized: int
    option_value: int
    withdrawable: int

    @property
    def balance(self) -> int:
        """Return the money: a premium has left it, the profit of open positions is not in it."""
        return self.equity - self.linear_unrealized - self.option_value

    @property
    def available(self) -> int:
        """Return what new orders may bind."""
        return max(0, self.conservative - self.initial)


NOTHING: Final = Figures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Greeks:
    """Display figures: delta in coins, gamma per USD, vega a vol point, theta a day, in USD."""

    delta: Fraction = Fraction(0)
    gamma: Fraction = Fraction(0)
    vega: Fraction = Fraction(0)
    theta: Fraction = Fraction(0)

    def plus(self, other: Greeks) -> Greeks:
        """Return the sum of two."""
        return Greeks(
            self.delta + other.delta,
            self.gamma + other.gamma,
            self.vega + other.vega,
            self.theta + other.theta,
        )


def shown(value: Fraction) -> Decimal:
    """Return a display figure with six places."""
    number = Decimal(value.numerator) / Decimal(value.denominator)
    rounded = number.quantize(_PLACES, rounding=ROUND_HALF_EVEN)
    return decimal(int(rounded.scaleb(6)), 6)


def figures_of(replica: Replica, account: int) -> Figures:
    """Return the figures of an account; zeros before its first deposit."""
    found = replica.engine.account_figures(account)
    if found is None:
        return NOTHING
    equity, conservative, maintenance, initial, with_orders, loan, limit, line = found
    view = replica.view
    known = view.accounts.get(account)
    held = known.positions if known is not None else {}
    derivatives = {
        listing: position
        for listing, position in held.items()
        if view.instruments[listing].kind != KIND_SPOT
    }
    linear_unrealized = option_value = 0
    for listing, one in derivatives.items():
        instrument = view.instruments[listing]
        if instrument.is_option:
            option_value += one.size * view.marks.get(listing, 0) // instrument.coin
        else:
            linear_unrealized += view.unrealized(listing, one)
    required = max(with_orders, _delta_charge(replica, account, derivatives))
    withdrawable = max(0, conservative - required)
    if len(derivatives) != len(held):  # collateral: what is drawn beyond the cash is a loan
        withdrawable = max(0, min(withdrawable, _cash_value(replica, account, derivatives) + limit))
    if known is not None and known.stage:
        withdrawable = 0
    return Figures(
        equity,
        conservative,
        maintenance,
        initial,
        with_orders,
        loan,
        limit,
        line,
        linear_unrealized,
        option_value,
        withdrawable,
    )


def _cash_value(replica: Replica, account: int, held: dict[int, Position]) -> int:
    """Return cash and what positions other than spot are worth, 1e-6 USD."""
    found = replica.engine.account(account)
    assert found is not None, "an account with figures exists"
    view = replica.view
    worth = found[3]
    for listing, position in held.items():
        instrument = view.instruments[listing]
        price = view.marks.get(listing, 0) - view.funding.get(listing, 0)
        worth += position.size * price // instrument.coin
    return worth


def _delta_charge(replica: Replica, account: int, held: dict[int, Position]) -> int:
    """Return what a withdrawal must leave for delta (D of rules.md W-06), 1e-6 USD."""
    view = replica.view
    charge = 0
    for number, group in view.groups.items():
        in_group = {
            listing: one
            for listing, one in held.items()
            if view.instruments[listing].group == number
        }
        if not in_group:
            continue
        rate = group.parameters[DELTA_RATE]
        charge += -(-rate * abs(_delta_value(replica, account, group, in_group)) // NANO)
    return charge


def _delta_value(replica: Replica, account: int, group: Group, held: dict[int, Position]) -> int:
    view = replica.view
    if group.has_rows:
        greeks = replica.engine.account_greeks(account, group.group)
        coin = view.instruments[next(iter(held))].coin
        return greeks[0] * group.index // coin if greeks is not None else 0
    return sum(
        one.size * view.marks.get(listing, 0) // view.instruments[listing].coin
        for listing, one in held.items()
    )


# --- Greeks ---


def position_greeks(view: View, instrument: Instrument, position: Position) -> Greeks:
    """Return the Greeks of a position: of its row, or of a linear contract without one."""
    size = Fraction(position.size, instrument.coin)
    row = view.rows.get(instrument.listing)
    if row is None:
        return Greeks() if instrument.kind == KIND_SPOT else Greeks(delta=size)
    micro = 10**6
    return Greeks(
        size * row.delta / NANO,
        size * row.gamma / PICO,
        size * row.vega / (micro * VOL_POINTS),
        size * row.theta / (micro * YEAR_DAYS),
    )


def group_greeks(view: View, account: int, group: int, *, options_only: bool = False) -> Greeks:
    """Return the Greeks of an account in a group."""
    total = Greeks()
    known = view.accounts.get(account)
    for listing, position in known.positions.items() if known is not None else ():
        instrument = view.instruments[listing]
        if instrument.group == group and (instrument.is_option or not options_only):
            total = total.plus(position_greeks(view, instrument, position))
    return total


# --- positions ---


def position_shape(
    replica: Replica, account: int, instrument: Instrument, figures: Figures | None = None
) -> PositionShape:
    """Return a position, flat where there is none."""
    view = replica.view
    known = view.accounts.get(account)
    held = known.positions.get(instrument.listing) if known is not None else None
    position = held if held is not None else Position(0, 0)
    mark, index = view.marks.get(instrument.listing, 0), view.index_of(instrument.listing)
    floating = view.unrealized(instrument.listing, position)
    realized = position.realized // instrument.coin
    greeks = position_greeks(view, instrument, position)
    found = figures if figures is not None else figures_of(replica, account)
    initial, maintenance = _margins(replica, account, instrument, position, found)
    size = coins(position.size, instrument.size_decimals)
    rate = view.groups[instrument.group].parameters[INITIAL_RATE]
    return PositionShape(
        instrument_name=instrument.name,
        kind=kind_of(instrument),
        direction="buy" if position.size > 0 else "sell" if position.size < 0 else "zero",
        size=size,
        size_currency=size,
        average_price=usd(average_price(position)) if position.size else ZERO,
        mark_price=usd(mark),
        index_price=usd(index),
        settlement_price=usd(instrument.delivery_price or mark),
        initial_margin=usd(initial),
        maintenance_margin=usd(maintenance),
        open_orders_margin=usd(max(0, found.initial - found.initial_held)) if held else ZERO,
        floating_profit_loss=usd(floating),
        realized_profit_loss=usd(realized),
        realized_funding=usd(-view.funding_due(instrument.listing, position)),
        total_profit_loss=usd(floating + realized),
        delta=shown(greeks.delta),
        gamma=shown(greeks.gamma),
        vega=shown(greeks.vega),
        theta=shown(greeks.theta),
        leverage=NANO // rate if rate else 0,
        estimated_liquidation_price=_liquidation_price(replica, account, instrument, found),
        creation_timestamp=position.opened_ns // MS_NS,
    )


def _weight(instrument: Instrument, position: Position, mark: int, index: int) -> int:
    """Return the weight with which a position bears the account's margin."""
    if instrument.kind == KIND_SPOT:
        return 0
    return abs(position.size) * max(mark, index if position.size < 0 else 0)


def _margins(
    replica: Replica, account: int, instrument: Instrument, position: Position, figures: Figures
) -> tuple[int, int]:
    """Return a position's share of initial and maintenance margin, 1e-6 USD.

    Margin is the account's: the share is by value, a short option counting with its index. The
    shares of all positions add up to the account's.
    """
    if not position.size:
        return 0, 0
    view = replica.view
    total = own = 0
    for listing, one in view.accounts[account].positions.items():
        other = view.instruments[listing]
        weight = _weight(other, one, view.marks.get(listing, 0), view.index_of(listing))
        total += weight
        if listing == instrument.listing:
            own = weight
    if not total:
        return 0, 0
    return figures.initial_held * own // total, figures.maintenance * own // total


def _liquidation_price(
    replica: Replica, account: int, instrument: Instrument, figures: Figures
) -> Decimal | None:
    """Return the price of a linear contract at which equity would meet maintenance margin.

    Everything else of the account is taken to stand still except what moves one for one with it:
    the delta of its group. None where no such price exists.
    """
    view = replica.view
    mark = view.marks.get(instrument.listing, 0)
    if instrument.is_option or instrument.kind == KIND_SPOT or not mark:
        return None
    group = view.groups[instrument.group]
    delta = group_greeks(view, account, instrument.group).delta
    held = view.accounts[account].positions if account in view.accounts else {}
    linear = sum(
        abs(Fraction(one.size, view.instruments[listing].coin))
        for listing, one in held.items()
        if view.instruments[listing].group == group.group
        and not view.instruments[listing].is_option
        and view.instruments[listing].kind != KIND_SPOT
    )
    slope = delta - linear * Fraction(group.parameters[MAINTENANCE_RATE], NANO)
    if not slope:
        return None
    price = mark - Fraction(figures.equity - figures.maintenance) / slope
    # Only a price that is reached by losing: below the mark for a long, above it for a short.
    if price <= 0 or (price - mark) * delta > 0:
        return None
    return usd(int(price))

"""Inbox items about listings and their risk: list, instrument, risk, deliver.

Sources: rules.md section 2.1, derivatives.md section 2.
"""

from __future__ import annotations

from merkat.spec.messages import FROM_TIMELOCK, Deliver, List, ListDated, SetInstrument, SetRisk
from merkat.spec.risk.parameters import bad_scalar, scenarios_fit
from merkat.spec.risk.rows import ROWS_MAX
from merkat.spec.risk.terms import CALL, FUTURE, PERPETUAL, PUT, SPOT
from merkat.spec.rules import rule
from merkat.spec.settle.leaves import (
    DELIVERED,
    LISTING_OPEN,
    REDUCTIONS_ONLY,
    Instrument,
    quantum,
)
from merkat.spec.settle.orders import PRICE_MAX
from merkat.spec.settle.outcomes import Listed, Outcome
from merkat.spec.settle.risks import GroupRecord
from merkat.spec.settle.shared import I_02, I_08, known_listing
from merkat.spec.settle.state import State
from merkat.spec.values import DAY_NS, HOUR_NS, SETTLEMENT_TOKEN, TOKENS

LISTINGS_END = 2**32 - 1
TICK_MAX = 2**40
FEE_MAX = 10_000_000
SIZE_DECIMALS_MAX = 18
DELIVERY_HOUR_NS = 8 * HOUR_NS  # of the day, UTC
EXPIRY_AHEAD_MAX_NS = 16 * 365 * DAY_NS
LISTED_BY_DATE = (FUTURE, CALL, PUT, SPOT)

I_11 = rule("I-11", "bad_kind", "kind", "the kind is 1, a perpetual (list_dated: 2 to 5)")
I_12 = rule("I-12", "bad_size_decimals", "size_decimals", "size_decimals <= 18")
I_13 = rule("I-13", "bad_lot", "lot", "lot > 0 and lot divides 10^size_decimals")
I_14 = rule("I-14", "bad_tick", "tick", "0 < tick <= 2^40 and tick is a multiple of quantum")
I_15 = rule(
    "I-15",
    "bad_fee",
    "taker_fee",
    "0 <= taker_fee <= 10,000,000 and -taker_fee <= maker_fee <= 10,000,000",
)
I_16 = rule(
    "I-16",
    "listings_full",
    "listing",
    "next_listing < 2^32 - 1, and the group has fewer than 8,192 live listings",
)
I_17 = rule("I-17", "unknown_listing", "listing", "1 <= listing < next_listing")
I_18 = rule("I-18", "bad_state", "state", "the state is 1 or 2")
I_22 = rule("I-22", "no_risk_set", "group", "the group has a risk set")
I_23 = rule(
    "I-23", "bad_strike", "strike", "an option's is 1 to 2^52 and a multiple of quantum; others 0"
)
I_24 = rule(
    "I-24",
    "bad_expiry",
    "expiry",
    "08:00:00 UTC of a day after t, at most 16 years ahead; of a spot listing 0",
)
I_25 = rule(
    "I-25",
    "bad_coarse",
    "coarse_tick",
    "coarse_tick is a multiple of tick up to 2^40, coarse_from one of coarse_tick up to 2^52",
)
I_26 = rule("I-26", "bad_delivery_fee", "delivery_fee", "0 to 10,000,000; of a spot listing 0")
I_27 = rule(
    "I-27", "bad_token", "token", "a spot listing's is 1 to 3 and no other listing's; others 0"
)
I_28 = rule(
    "I-28",
    "duplicate_listing",
    "strike",
    "no live listing of the group has the same kind, strike and expiry",
)
I_29 = rule(
    "I-29",
    "mixed_decimals",
    "size_decimals",
    "all listings of a group with a risk set have one size_decimals",
)
I_30 = rule("I-30", "bad_scalar", "scalar_0", "every scalar is within its bounds")
I_31 = rule("I-31", "bad_scenario", "scenarios", "1 to 64 scenarios within bounds, one undamped")
I_32 = rule(
    "I-32",
    "no_delivery",
    "expiry",
    "a listing of the group waits for the price of that expiry, which has come",
)
I_33 = rule("I-33", "bad_delivery_price", "price", "1 <= price <= 2^52")
I_34 = rule("I-34", "settled_listing", "listing", "the listing is not delivered")


def list_(state: State, item: List) -> Outcome:
    """Open the next listing, a perpetual."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_08.require(item.group < state.globals_.next_group)
    I_11.require(item.kind == PERPETUAL)
    _check_listing(state, item)
    mixes = state.groups[item.group].has_risk_set and not _has_decimals(state, item)
    I_29.require(not mixes)

    # EFFECT
    listing = _open_listing(
        state,
        Instrument(
            kind=item.kind,
            state=LISTING_OPEN,
            group=item.group,
            size_decimals=item.size_decimals,
            lot=item.lot,
            tick=item.tick,
            maker_fee=item.maker_fee,
            taker_fee=item.taker_fee,
            coarse_tick=item.tick,
        ),
    )

    # RESULT
    return Listed(listing)


def list_dated(state: State, item: ListDated, time_ns: int) -> Outcome:
    """Open the next listing: a future, an option, or a market in a token."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_08.require(item.group < state.globals_.next_group)
    I_11.require(item.kind in LISTED_BY_DATE)
    _check_listing(state, item)
    I_22.require(state.groups[item.group].has_risk_set)
    I_23.require(_strike_fits(item))
    I_24.require(_expiry_fits(item, time_ns))
    I_25.require(_coarse_tick_fits(item), "coarse_tick")
    I_25.require(_coarse_from_fits(item), "coarse_from")
    I_26.require(0 <= item.delivery_fee <= (0 if item.kind == SPOT else FEE_MAX))
    I_27.require(_token_fits(state, item))
    I_28.require(not _is_listed(state, item))
    I_29.require(_has_decimals(state, item))

    # EFFECT
    listing = _open_listing(
        state,
        Instrument(
            kind=item.kind,
            state=LISTING_OPEN,
            group=item.group,
            size_decimals=item.size_decimals,
            lot=item.lot,
            tick=item.tick,
            maker_fee=item.maker_fee,
            taker_fee=item.taker_fee,
            strike=item.strike,
            expiry=item.expiry,
            coarse_tick=item.coarse_tick,
            coarse_from=item.coarse_from,
            delivery_fee=item.delivery_fee,
            token=item.token,
        ),
    )

    # RESULT
    return Listed(listing)


def set_instrument(state: State, item: SetInstrument) -> Outcome:
    """Change a listing's state and fees."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    _check_fees(item.maker_fee, item.taker_fee)
    I_17.require(known_listing(state, item.listing))
    I_34.require(state.instruments[item.listing].state < DELIVERED)
    I_18.require(item.state in (LISTING_OPEN, REDUCTIONS_ONLY))

    # EFFECT
    instrument = state.change_instrument(item.listing)
    instrument.state = item.state
    instrument.maker_fee = item.maker_fee
    instrument.taker_fee = item.taker_fee

    # RESULT: nothing besides.
    return None


def set_risk(state: State, item: SetRisk) -> Outcome:
    """Give a group a risk set, from its next rows on."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_08.require(item.group < state.globals_.next_group)
    I_29.require(len(_decimals(state, item.group)) <= 1)
    bad = bad_scalar(item.risk_set.scalars)
    I_30.require(bad is None, f"scalar_{0 if bad is None else bad}")
    I_31.require(scenarios_fit(item.risk_set.scenarios))

    # EFFECT
    standing = state.risks.get(item.group)
    built = None if standing is None else standing.built
    state.set_risk(item.group, GroupRecord(item.risk_set, built))

    # RESULT: nothing besides.
    return None


def set_delivery(state: State, item: Deliver, time_ns: int) -> Outcome:
    """Fix the delivery price of an expiry whose window had too few samples."""
    # AUTHORITY
    I_02.require(item.source == FROM_TIMELOCK)

    # CHECKS
    I_08.require(item.group < state.globals_.next_group)
    I_22.require(state.groups[item.group].has_risk_set)
    I_32.require(_awaits_price(state, item, time_ns))
    I_33.require(1 <= item.price <= PRICE_MAX)

    # EFFECT
    group = state.change_group(item.group)
    group.fixed_expiry, group.fixed_price = item.expiry, item.price

    # RESULT: nothing besides.
    return None


def _check_listing(state: State, item: List | ListDated) -> None:
    """Make the checks I-12 to I-16, of every new listing."""
    I_12.require(item.size_decimals <= SIZE_DECIMALS_MAX)
    I_13.require(item.lot > 0 and 10**item.size_decimals % item.lot == 0)
    step = quantum(item.size_decimals, item.lot)
    I_14.require(0 < item.tick <= TICK_MAX and item.tick % step == 0)
    _check_fees(item.maker_fee, item.taker_fee)
    I_16.require(state.globals_.next_listing < LISTINGS_END)
    I_16.require(len(_live(state, item.group)) < ROWS_MAX)


def _check_fees(maker_fee: int, taker_fee: int) -> None:
    I_15.require(0 <= taker_fee <= FEE_MAX, "taker_fee")
    I_15.require(-taker_fee <= maker_fee <= FEE_MAX, "maker_fee")


def _open_listing(state: State, instrument: Instrument) -> int:
    """Write the next listing and return its number."""
    listing = state.globals_.next_listing
    state.globals_.next_listing += 1
    state.add_instrument(listing, instrument)
    return listing


def _of_group(state: State, group: int) -> list[Instrument]:
    return [each for each in state.instruments.values() if each.group == group]


def _live(state: State, group: int) -> list[Instrument]:
    return [each for each in _of_group(state, group) if each.is_live]


def _decimals(state: State, group: int) -> set[int]:
    return {each.size_decimals for each in _of_group(state, group)}


def _has_decimals(state: State, item: List | ListDated) -> bool:
    """Return whether a new listing has the size_decimals of all others of its group."""
    return _decimals(state, item.group) <= {item.size_decimals}


def _strike_fits(item: ListDated) -> bool:
    if item.kind not in (CALL, PUT):
        return item.strike == 0
    return (
        1 <= item.strike <= PRICE_MAX and item.strike % quantum(item.size_decimals, item.lot) == 0
    )


def _expiry_fits(item: ListDated, time_ns: int) -> bool:
    if item.kind == SPOT:
        return item.expiry == 0
    ahead_ns = item.expiry - time_ns
    return item.expiry % DAY_NS == DELIVERY_HOUR_NS and 0 < ahead_ns <= EXPIRY_AHEAD_MAX_NS


def _coarse_tick_fits(item: ListDated) -> bool:
    return item.tick <= item.coarse_tick <= TICK_MAX and item.coarse_tick % item.tick == 0


def _coarse_from_fits(item: ListDated) -> bool:
    return 0 <= item.coarse_from <= PRICE_MAX and item.coarse_from % item.coarse_tick == 0


def _token_fits(state: State, item: ListDated) -> bool:
    if item.kind != SPOT:
        return item.token == SETTLEMENT_TOKEN
    others = (each.token for each in state.instruments.values() if each.is_spot)
    return SETTLEMENT_TOKEN < item.token < TOKENS and item.token not in others


def _is_listed(state: State, item: ListDated) -> bool:
    terms = (item.kind, item.strike, item.expiry)
    return any((each.kind, each.strike, each.expiry) == terms for each in _live(state, item.group))


def _awaits_price(state: State, item: Deliver, time_ns: int) -> bool:
    waits = any(
        each.is_dated and each.state < DELIVERED and each.expiry == item.expiry
        for each in _of_group(state, item.group)
    )
    unfixed = state.groups[item.group].fixed_expiry != item.expiry
    return waits and unfixed and item.expiry <= time_ns

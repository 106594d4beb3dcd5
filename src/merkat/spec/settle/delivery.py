"""Delivery: samples of the index fix a price, listings take it, positions are paid out.

Sources: derivatives.md sections 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.risk.terms import payoff
from merkat.spec.risk.window import WINDOW_NS, Samples
from merkat.spec.rules import rule
from merkat.spec.settle.leaves import DELIVERED, LISTING_CLOSED, Group, Instrument
from merkat.spec.settle.margin import fee_capped, value_of
from merkat.spec.settle.ops import Deliver, Expire
from merkat.spec.settle.outcomes import Delivered, DeliveryFixed, Expired
from merkat.spec.settle.shared import S_02, known_account, known_listing
from merkat.spec.settle.state import State
from merkat.spec.values import DAY_NS, HOUR_NS, ceil_div, day_of

SECOND_NS = 1_000_000_000
SAMPLE_AGE_NS = 5 * SECOND_NS
"""A vector stands for the seconds up to this age, and no later ones."""
DELIVERY_HOUR_NS = 8 * HOUR_NS

D_01 = rule(
    "D-01", "deliver_listing", "listing", "the listing is a future or option, not yet delivered"
)
D_02 = rule("D-02", "deliver_price", "expiry", "the price of the listing's expiry is fixed")
D_03 = rule("D-03", "expire_position", "slot", "the slot holds a position of a delivered listing")


@dataclass(frozen=True, slots=True)
class Sampling:
    """The samples of a group after a step, and the delivery price that they fix now."""

    samples: Samples
    fixed: DeliveryFixed | None


def sampling(group: Group, samples_least: int, signed_time_ns: int) -> Sampling:
    """Return what a step with a signed time makes of a group's samples.

    The group is as it stood before the step: its index counts for the seconds since its last one.
    """
    day, count, total = group.sample_day, group.sample_count, group.sample_sum
    sampled = _seconds_sampled(group, signed_time_ns)
    if sampled > 0:
        if day != day_of(group.epoch_time):
            day, count, total = day_of(group.epoch_time), 0, 0
        count, total = count + sampled, total + sampled * group.index
    expiry = day * DAY_NS + DELIVERY_HOUR_NS
    fixed = None
    if signed_time_ns >= expiry > group.fixed_expiry and count >= samples_least:
        fixed = DeliveryFixed(expiry, total // count, count)
    return Sampling(Samples(day, count, total), fixed)


def _seconds_sampled(group: Group, signed_time_ns: int) -> int:
    """Return how many whole seconds of the delivery window the standing vector was the last of."""
    if not group.has_vector or group.held_count > 0:
        return 0
    window_end = day_of(group.epoch_time) * DAY_NS + DELIVERY_HOUR_NS
    first = max(group.epoch_time, window_end - WINDOW_NS)
    end = min(signed_time_ns, group.epoch_time + SAMPLE_AGE_NS + 1, window_end)
    return max(0, ceil_div(end, SECOND_NS) - ceil_div(first, SECOND_NS))


def write_samples(group: Group, after: Sampling) -> None:
    """Write the samples into the group's leaf, and the delivery price where they fix one."""
    samples = after.samples
    group.sample_day, group.sample_count = samples.day, samples.count
    group.sample_sum = samples.total
    if after.fixed is not None:
        group.fixed_expiry, group.fixed_price = after.fixed.expiry, after.fixed.price


def deliver(state: State, op: Deliver) -> Delivered:
    """Give a listing the delivery price of its expiry."""
    # AUTHORITY: anyone's; the oracle or the timelock fixed the price.
    # CHECKS
    D_01.require(deliverable(state, op.listing))
    instrument = state.instruments[op.listing]
    group = state.groups[instrument.group]
    D_02.require(group.fixed_expiry == instrument.expiry)

    # EFFECT: from now on open interest counts the short positions too.
    instrument = state.change_instrument(op.listing)
    instrument.delivery_price = group.fixed_price
    instrument.state = LISTING_CLOSED if instrument.open_interest == 0 else DELIVERED
    instrument.open_interest *= 2

    # RESULT
    return Delivered(instrument.delivery_price)


def expire(state: State, op: Expire) -> Expired:
    """Pay out a position in a delivered listing."""
    # AUTHORITY: anyone's; the price is fixed.
    S_02.require(known_account(state, op.account))

    # CHECKS
    D_03.require(_has_expired(state, op))
    position = state.accounts[op.account].positions[op.slot]
    listing, size = position.listing, position.size
    instrument = state.instruments[listing]
    price = paid_price(instrument)
    fee = delivery_fee(state, listing, size)

    # EFFECT
    account = state.change_account(op.account)
    account.cash += value_of(instrument, size, price) - fee
    state.globals_.fees += fee
    state.remove_expired(op.account, op.slot)

    # RESULT
    return Expired(listing, size, price, fee)


def deliverable(state: State, listing: int) -> bool:
    """Return whether a listing may be delivered once its price is fixed (D-01)."""
    if not known_listing(state, listing):
        return False
    instrument = state.instruments[listing]
    return instrument.is_dated and instrument.state < DELIVERED


def paid_price(instrument: Instrument) -> int:
    """Return what a coin of a delivered listing pays, in whole quanta."""
    pays = payoff(instrument.kind, instrument.strike, instrument.delivery_price)
    return pays // instrument.quantum * instrument.quantum


def delivery_fee(state: State, listing: int, size: int) -> int:
    """Return the fee of a position's payment: of an option never more than a part of it."""
    instrument = state.instruments[listing]
    product = instrument.delivery_fee * abs(size) * instrument.delivery_price
    return fee_capped(state, listing, product, abs(size), paid_price(instrument))


def _has_expired(state: State, op: Expire) -> bool:
    position = state.accounts[op.account].positions.get(op.slot)
    return position is not None and state.instruments[position.listing].state == DELIVERED

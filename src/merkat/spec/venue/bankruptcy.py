"""Stage 3: the fund pays its part, opposite holders take the positions (rules.md section 3.7)."""

from __future__ import annotations

from fractions import Fraction

from merkat.spec.settle import limits, margin
from merkat.spec.settle.ops import Bankrupt, TearUp, WriteOff
from merkat.spec.settle.outcomes import TornUp, WentBankrupt, WrittenOff
from merkat.spec.venue import events
from merkat.spec.venue.decisions import decide
from merkat.spec.venue.slices import cancel_all
from merkat.spec.venue.state import VenueState

HOLDERS_MAX = 64
"""How many opposite holders share one round."""


def bankrupt(venue: VenueState, group: int, number: int) -> None:
    """Stage 3: the orders go, and a fund pays: that of the largest group, else this one's."""
    cancel_all(venue, number)
    largest = margin.largest_group(venue.settlement, number)
    named = group if largest is None else largest
    went = venue.emit(Bankrupt(number, named))
    assert isinstance(went, WentBankrupt)
    venue.event(events.Bankrupt(number, named, went.equity, went.payment))


def tear_up_all(venue: VenueState, number: int) -> bool:
    """Close every position against opposite holders, then write off what is still owed.

    Collateral, which has no opposite holder, stays. Tells whether a position was torn up.
    """
    torn_up = False
    for listing in sorted(margin.sizes_of(venue.account(number))):
        if venue.instrument(listing).is_spot:
            continue
        while venue.account(number).size_of(listing) != 0:
            for other, size in _parts(venue, number, listing):
                decide(venue)
                _tear_up(venue, number, other, listing, size)
                torn_up = True
    if venue.account(number).cash < 0 and not venue.account(number).positions:
        decide(venue)
        _write_off(venue, number)
    return torn_up


def _opposite_holders(venue: VenueState, number: int, listing: int) -> list[tuple[int, int]]:
    """(account, size) of the first holders of the other side: those who gained most with least."""
    state = venue.settlement
    size = venue.account(number).size_of(listing)
    ranked = []
    for other, account in state.accounts.items():
        held = account.size_of(listing)
        if other == number or held * size >= 0:
            continue
        equity = margin.figures(state, other).equity
        if equity <= 0:
            ranked.append((0, Fraction(0), other, abs(held)))
        else:
            ranked.append((1, -Fraction(_gross_notional(venue, other), equity), other, abs(held)))
    return [(other, held) for _, _, other, held in sorted(ranked)[:HOLDERS_MAX]]


def _gross_notional(venue: VenueState, number: int) -> int:
    state = venue.settlement
    return sum(
        margin.value_of(venue.instrument(listing), abs(size), margin.mark(state, listing))
        for listing, size in margin.sizes_of(venue.account(number)).items()
    )


def _parts(venue: VenueState, number: int, listing: int) -> list[tuple[int, int]]:
    """(account, base units) that each holder takes in this round, in order of rank.

    They share pro rata to size, in whole lots, by largest remainder (ties: lowest account).
    """
    lot = venue.instrument(listing).lot
    lots = abs(venue.account(number).size_of(listing)) // lot
    holders = [(other, held // lot) for other, held in _opposite_holders(venue, number, listing)]
    total = sum(held for _, held in holders)
    assert total > 0, "positions of a listing sum to zero, so there is an opposite holder"
    if lots >= total:
        return [(other, held * lot) for other, held in holders]
    shares = {other: lots * held // total for other, held in holders}
    left_over = lots - sum(shares.values())
    by_remainder = sorted(holders, key=lambda holder: (-(lots * holder[1] % total), holder[0]))
    for other, _ in by_remainder[:left_over]:
        shares[other] += 1
    return [(other, shares[other] * lot) for other, _ in holders if shares[other] > 0]


def _tear_up(venue: VenueState, number: int, other: int, listing: int, size: int) -> None:
    """Close `size` of both positions at the price that shares the missing equity."""
    state = venue.settlement
    slot, other_slot = venue.account(number).slot_of(listing), venue.account(other).slot_of(listing)
    assert slot is not None, "a torn-up position is held"
    assert other_slot is not None, "an opposite holder holds"
    price = limits.tear_price(state, number, slot, margin.figures(state, number))
    torn = venue.emit(TearUp(number, slot, other, other_slot, price, size))
    assert isinstance(torn, TornUp)
    venue.event(events.TearUp(number, other, listing, price, size, torn.surplus))


def _write_off(venue: VenueState, number: int) -> None:
    """What is owed without any position left: the fund pays what it may, the rest is bad debt."""
    group = venue.account(number).stage_group
    written = venue.emit(WriteOff(number))
    assert isinstance(written, WrittenOff)
    venue.event(events.WriteOff(number, group, written.payment, written.bad_debt))

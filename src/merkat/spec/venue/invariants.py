"""What is true after every command. Tests assert it; runs do not.

Sources: docs/spec/rules.md section 4, docs/spec/derivatives.md section 8, docs/spec/sessions.md 3.
"""

from __future__ import annotations

from collections.abc import Iterator

from merkat.spec.settle.delivery import paid_price
from merkat.spec.settle.leaves import DELIVERED, SESSION_OPEN, STANDARD
from merkat.spec.settle.risks import check_record
from merkat.spec.settle.sessions import session_key
from merkat.spec.values import (
    BUY,
    SELL,
    SESSION_SLOT_MAX,
    SETTLEMENT_TOKEN,
    WALLET_SLOT,
    exact_value,
)
from merkat.spec.venue.open_orders import OpenOrders
from merkat.spec.venue.state import NONCES_KEPT, VenueState


def check_invariants(venue: VenueState) -> None:
    """Assert every invariant; the message says which one is broken, and by how much."""
    _check_conservation(venue)
    _check_positions(venue)
    _check_rows(venue)
    _check_books(venue)
    _check_sessions(venue)
    _check_accounts(venue)


def _check_conservation(venue: VenueState) -> None:
    """No step makes or destroys money, in any token.

    What positions of delivered listings have yet to be paid counts as cash: it is nothing once
    all of a listing are paid.
    """
    state, totals = venue.settlement, venue.settlement.globals_
    cash = sum(account.cash for account in state.accounts.values()) + _to_be_paid(venue)
    funds = sum(group.fund for group in state.groups.values())
    counters = totals.fees + totals.rebates + totals.interest
    owned = cash + counters + funds + totals.claimable[SETTLEMENT_TOKEN] - totals.bad_debt
    deposited = totals.deposited[SETTLEMENT_TOKEN]
    assert owned == deposited, f"money: {owned} is owned, {deposited} was deposited"
    assert totals.bad_debt >= 0, f"bad debt is {totals.bad_debt}"
    for number, group in state.groups.items():
        assert group.fund >= 0, f"the fund of group {number} is {group.fund}"
    for token, total in enumerate(totals.claimable):
        claims = sum(account.claimable[token] for account in state.accounts.values())
        assert claims == total, f"token {token}: claims of {claims}, total {total}"
        if token != SETTLEMENT_TOKEN:
            held = _collateral(venue, token)
            kept = totals.deposited[token]
            assert held + total == kept, f"token {token}: {held} + {total} of {kept} deposited"


def _to_be_paid(venue: VenueState) -> int:
    """What the positions of delivered listings pay, in 1e-6 USD."""
    total = 0
    for listing, size in _positions(venue):
        instrument = venue.instrument(listing)
        if instrument.state == DELIVERED:
            total += exact_value(size, paid_price(instrument), instrument.size_decimals)
    return total


def _collateral(venue: VenueState, token: int) -> int:
    """What is held of a token as positions, in base units."""
    return sum(
        size
        for listing, size in _positions(venue)
        if venue.instrument(listing).is_spot and venue.instrument(listing).token == token
    )


def _positions(venue: VenueState) -> Iterator[tuple[int, int]]:
    """(listing, signed size) of every position."""
    for account in venue.settlement.accounts.values():
        for position in account.positions.values():
            yield position.listing, position.size


def _check_positions(venue: VenueState) -> None:
    """Longs and shorts of a listing match, and open interest is the longs.

    Collateral is held by no one else; of a delivered listing open interest is what is yet unpaid,
    longs and shorts.
    """
    state = venue.settlement
    sums = dict.fromkeys(state.instruments, 0)
    longs = dict.fromkeys(state.instruments, 0)
    for number, account in state.accounts.items():
        held = [position.listing for position in account.positions.values()]
        assert len(held) == len(set(held)), f"account {number} holds a listing in two slots"
    for listing, size in _positions(venue):
        assert size != 0, f"an empty position in listing {listing}"
        sums[listing] += size
        longs[listing] += max(size, 0)
    for listing, instrument in state.instruments.items():
        total, open_interest = sums[listing], longs[listing]
        if instrument.is_spot:
            assert total == open_interest, f"collateral of listing {listing} is sold short"
        elif instrument.state == DELIVERED:
            open_interest += open_interest - total
        else:
            assert total == 0, f"positions of listing {listing} sum to {total}"
        assert open_interest == instrument.open_interest, f"open interest of listing {listing}"


def _check_rows(venue: VenueState) -> None:
    """The hashes in the group leaves are those of the risk records; only such groups wait."""
    state = venue.settlement
    for number, group in state.groups.items():
        check_record(number, group, state.risks.get(number))
    for number, pending in venue.pending_vectors.items():
        assert pending.vector.group == number, f"a vector of another group waits in {number}"
        assert state.groups[number].has_risk_set, f"a vector waits in group {number}"


def _check_books(venue: VenueState) -> None:
    """Queues are in order and not crossed; every order rests in every index, with something left.

    A book cannot be crossed even outside the band: an order that crosses trades, or one of the two
    is cancelled.
    """
    assert set(venue.books) == set(venue.settlement.instruments)
    noted, open_orders = [], {number: OpenOrders() for number in venue.accounts}
    for listing, book in venue.books.items():
        for side, queue in enumerate(book.sides):
            priorities = [resting.priority for resting in queue]
            assert priorities == sorted(priorities), f"listing {listing}, side {side}: order"
            for resting in queue:
                assert resting.remaining > 0, f"nothing is left of {resting.order}"
                assert (resting.order.listing, resting.order.side) == (listing, side)
                assert resting.key == resting.order.key
                open_orders[resting.order.account].add(resting)
                noted.append((resting.order.expiry, resting.key))
        bid, ask = book.best(BUY), book.best(SELL)
        if bid is not None and ask is not None:
            bid_price, ask_price = bid.order.limit_price, ask.order.limit_price
            assert bid_price < ask_price, f"listing {listing} is crossed: {bid_price}, {ask_price}"
    assert sorted(noted) == venue.expiries, "every resting order has its expiry noted once"
    for number, expected in open_orders.items():
        _check_open_orders(number, venue.accounts[number].open_orders, expected)


def _check_open_orders(number: int, kept: OpenOrders, expected: OpenOrders) -> None:
    """The sums that are kept up to date are those that a recount gives."""
    assert kept.by_key == expected.by_key, f"orders of account {number}"
    assert set(kept.by_listing) == set(expected.by_listing), f"listings of account {number}"
    for listing, orders in kept.by_listing.items():
        recounted = expected.by_listing[listing]
        assert orders.left == recounted.left, f"account {number}, listing {listing}: what is left"
        if orders.terms is not None:
            kept_need, need = orders.need(orders.terms), recounted.need(orders.terms)
            assert kept_need == need, f"account {number}, listing {listing}: need"


def _check_sessions(venue: VenueState) -> None:
    """Every resting order of a session has its leaf, open, and does not outlive it."""
    for record in venue.accounts.values():
        for resting in record.open_orders.by_key.values():
            order = resting.order
            if order.slot == WALLET_SLOT:
                continue
            session = venue.settlement.sessions.get(session_key(order.account, order.slot))
            assert session is not None, f"no session for {order}"
            assert session.state == SESSION_OPEN, f"a revoked session has {order}"
            assert session.expiry >= order.expiry, f"{order} outlives its session"


def _check_accounts(venue: VenueState) -> None:
    """Every account has its record, and only those in stage 0 have resting orders."""
    assert set(venue.accounts) == set(venue.settlement.accounts)
    for number, record in venue.accounts.items():
        leaf = venue.account(number)
        for slot, nonces in record.windows.items():
            assert 0 <= slot <= SESSION_SLOT_MAX, f"a window of slot {slot} in account {number}"
            assert nonces == sorted(set(nonces)), f"nonces of account {number}, slot {slot}"
            assert 1 <= len(nonces) <= NONCES_KEPT, f"{len(nonces)} nonces in account {number}"
        assert record.strict_nonce >= leaf.nonce, f"strict nonce of account {number}"
        if len(record.open_orders):
            assert leaf.stage == STANDARD, f"account {number} in stage {leaf.stage} has orders"

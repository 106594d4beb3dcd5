"""The view of a venue with options: rows, expiries, liquidations, tickers and the band."""

from __future__ import annotations

from functools import cache

from merkat.market import Replica
from merkat.market.types import Forced, Session
from merkat.products.names import Contract
from merkat.products.terms import BTC
from merkat.sdk import commands
from merkat.sdk.layouts import split_outputs
from merkat.sequencer.pipeline import Released
from tests.unit.market.feeding import give
from tests.unit.market.option_venue import (
    DOMAIN,
    EXPIRIES,
    INDEX,
    NAMES,
    USD,
    OptionVenue,
)
from tests.unit.market.test_replica import check_against_engine, check_cash


@cache
def life() -> tuple[bytes, list[Released]]:
    """Return the sequencer's address and all batches of one whole life."""
    released: list[Released] = []
    with OptionVenue(released.append) as venue:
        venue.whole_life(150)
        return venue.sequencer.address, released


def test_the_view_is_what_the_engine_says_after_every_batch() -> None:
    sequencer, released = life()
    replica = Replica(DOMAIN, sequencer)
    for batch in released:
        give(replica, batch)
        check_against_engine(replica)
    forced = {one.forced for one in replica.history.trades()}
    assert Forced.LIQUIDATION in forced, "the reckless account is liquidated"
    kinds = {one.kind for account in range(1, 8) for one in replica.history.settlements(account)}
    assert {"deposit", "delivery"} <= kinds
    states = {name: replica.view.by_name[name].state for name in NAMES}
    assert states["BTC_USDC-20NOV26-60000-C"] == 4, "nobody holds what was delivered"
    assert states["BTC_USDC-PERPETUAL"] == 1


def test_what_an_account_made_explains_its_cash() -> None:
    sequencer, released = life()
    replica = Replica(DOMAIN, sequencer)
    for batch in released:
        give(replica, batch)
    check_cash(replica)


def test_tickers_of_options_have_greeks_and_volatilities() -> None:
    with OptionVenue(lambda released: None) as venue:
        venue.surface(INDEX)
        listing = NAMES.index("BTC_USDC-25DEC26-60000-C") + 1
        replica = venue.observer
        empty = replica.ticker(listing)
        assert empty.option is not None
        assert empty.option.bid_iv is None
        assert empty.option.mark_iv is not None
        assert 0.4 < empty.option.mark_iv < 0.7, "the surface has about 55 %"
        assert empty.row is not None
        assert 0 < empty.row.delta < 10**9
        assert empty.option.rho < 0, "a call on a forward loses with the rate"
        assert empty.mark is not None
        tick = BTC.option.coarse_tick
        bid, ask = empty.mark // tick * tick - 2 * tick, empty.mark // tick * tick + 3 * tick
        venue.place(1, listing, commands.BUY, bid, 10_000_000)
        venue.place(2, listing, commands.SELL, ask, 20_000_000)
        ticker = replica.ticker(listing)
        assert (ticker.best_bid, ticker.best_ask) == ((bid, 10_000_000), (ask, 20_000_000))
        assert ticker.option is not None
        assert ticker.option.bid_iv is not None
        assert ticker.option.ask_iv is not None
        assert ticker.option.mark_iv is not None
        assert ticker.option.bid_iv < ticker.option.mark_iv < ticker.option.ask_iv
        assert ticker.forward == INDEX + 20 * USD
        perpetual = replica.ticker(1)
        assert perpetual.option is None
        assert perpetual.current_funding is not None


def refused(venue: OptionVenue) -> str | None:
    outcome = venue.observer.view.outcome(venue.observer.log_number)
    assert outcome is not None
    return outcome.refused.name if outcome.refused is not None else None


def test_the_price_band_is_the_venues() -> None:
    with OptionVenue(lambda released: None) as venue:
        venue.surface(INDEX)
        for listing in range(1, len(NAMES) + 1):
            band = venue.observer.view.price_band(listing)
            assert band is not None
            low, high = band
            instrument = venue.observer.view.instruments[listing]
            lot = instrument.lot
            for side, good, bad in (
                (commands.BUY, high, high + instrument.tick(high)),
                (commands.SELL, low, low - instrument.tick(low - 1)),
            ):
                venue.place(3, listing, side, good, lot, commands.IMMEDIATE)
                assert refused(venue) is None, f"{NAMES[listing - 1]} takes its last price"
                if bad > 0:
                    venue.place(3, listing, side, bad, lot, commands.IMMEDIATE)
                    assert refused(venue) in ("band", "off_tick"), NAMES[listing - 1]


def test_an_expired_listing_is_not_active() -> None:
    with OptionVenue(lambda released: None) as venue:
        venue.surface(INDEX)
        instrument = venue.observer.view.by_name["BTC_USDC-20NOV26-60000-C"]
        assert instrument.active(EXPIRIES[0] - 1)
        assert not instrument.active(EXPIRIES[0])
        venue.expire()
        assert not instrument.active(venue.time_ns)
        assert instrument.delivery_price == INDEX


def test_every_command_has_an_outcome_as_the_venue_released_it() -> None:
    sequencer, released = life()
    replica = Replica(DOMAIN, sequencer)
    for batch in released:
        give(replica, batch)
    for batch in released:
        for number, encoded in split_outputs(batch.outputs):
            outcome = replica.view.outcome(number)
            assert outcome is not None
            assert encoded[12 : 12 + len(outcome.encoded)] == outcome.encoded


def test_sessions_and_margin_modes_are_known() -> None:
    with OptionVenue(lambda released: None) as venue:
        venue.surface(INDEX)
        view = venue.observer.view
        key, expiry_ns = bytes(range(1, 21)), venue.time_ns + 3_600 * 10**9
        opened = commands.session_open(
            1, 3, commands.SECP256K1, key, 5, commands.ALL_KINDS, 10**12, expiry_ns, 10
        )
        venue.send(venue.signed(1, opened))
        session = view.accounts[1].sessions[3]
        assert session == Session(
            3, commands.SECP256K1, key, 5, commands.ALL_KINDS, 10**12, expiry_ns
        )
        venue.send(venue.signed(1, commands.session_revoke(1, 3, 77, 11)))
        assert not view.accounts[1].sessions[3].open
        assert view.accounts[1].sessions[3].key == key
        assert view.accounts[1].floor == 77
        venue.send(venue.signed(1, commands.margin_mode(1, commands.PORTFOLIO, 12)))
        assert view.accounts[1].mode == commands.PORTFOLIO
        check_against_engine(venue.observer)


def test_collateral_is_a_position_without_profit() -> None:
    with OptionVenue(lambda released: None) as venue:
        spot = Contract("BTC", commands.KIND_SPOT)
        venue.item(BTC.item(spot, 0, token=1))
        venue.surface(INDEX)
        view = venue.observer.view
        listing = view.by_name["BTC_USDC"].listing
        owner = venue.wallets.addresses[0]
        venue.item(commands.deposit(owner, 3 * 10**8 + 5, 1, token=1))
        position = view.accounts[1].positions[listing]
        assert position.size == 3 * 10**8, "whole lots; the rest can be claimed"
        check_against_engine(venue.observer)
        venue.send(venue.signed(1, commands.withdraw(1, 10**8, 10, token=1)))
        assert view.accounts[1].positions[listing].size == 2 * 10**8
        assert view.accounts[1].positions[listing].realized == 0
        check_against_engine(venue.observer)
        kinds = [one.kind for one in venue.observer.history.settlements(1)]
        assert kinds[:2] == ["withdrawal", "deposit"]
        assert venue.observer.ticker(listing).forward is None

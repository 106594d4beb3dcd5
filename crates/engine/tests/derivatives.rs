//! Sections 3, 5 and 6 of derivatives.md: listings with rows, vectors of version 2, margin modes, expiry and delivery.

mod common;

use common::derivatives::*;
use common::*;
use merkat_pricing::{RiskSet, kind};
use merkat_values::codec::Writer;

/// The perpetual, and of the first expiry the future and the call and put at 100,000 USD; the coins.
const PERPETUAL: u32 = 1;
const FUTURE: u32 = 2;
const CALL: u32 = 5;
const PUT: u32 = 6;
const COINS: u32 = 16;

/// A price near the mark of a listing, on tick.
fn near(venue: &Venue, listing: u32, share: i64) -> i64 {
    let instrument = venue.engine.state().instrument(listing);
    let instrument = instrument.expect("it is listed");
    instrument.floor_to_tick(venue.mark(listing) * share / 100)
}

#[test]
fn a_listing_trades_from_its_first_row_to_its_expiry() {
    let mut venue = Venue::new();
    venue.group(0, PARAMETERS);
    venue.list(0, 0, 500_000);
    venue.deposit(1, 1_000_000);
    venue.epoch(0, 100_000);
    let accepted = venue.limit(1, BUY, 99_000, LOT);
    assert_eq!(
        accepted.refusal(),
        None,
        "a group without a risk set needs no rows"
    );
    venue.risk(0, &RiskSet::default());
    let refused = venue.limit(1, BUY, 99_000, LOT);
    assert_eq!(
        refused.refusal(),
        Some((923, 2)),
        "O-23: the set has no rows yet"
    );
    let expiry_ns = eight(venue.time_ns, 2);
    venue.list_dated(0, &Dated::call(100_000, expiry_ns));
    venue.wait(SECOND_NS).surface(0, 100_000);
    let price = near(&venue, 2, 90);
    let order = venue.order_in(1, 2, BUY, price, LOT);
    assert_eq!(venue.place(&order).refusal(), None, "the option has a row");
    venue.list_dated(0, &Dated::put(100_000, expiry_ns));
    let order = venue.order_in(1, 3, BUY, price, LOT);
    assert_eq!(
        venue.place(&order).refusal(),
        Some((923, 2)),
        "listed after the rows were made"
    );
    venue.restart();
}

#[test]
fn amend_and_renew_ask_for_the_row_too() {
    let (mut venue, expiries) = Venue::with_options(1);
    let price = near(&venue, CALL, 80);
    let mut order = venue.order_in(1, CALL, BUY, price, LOT);
    assert_eq!(venue.place(&order).refusal(), None);
    venue.time_ns = expiries[0];
    (order.version, order.nonce) = (2, venue.nonce(1));
    assert_eq!(
        venue.amend(&order).refusal(),
        Some((923, 2)),
        "O-23 of an amend"
    );
    let mut renewal = venue.order_in(1, CALL, BUY, price, LOT);
    renewal.renews_hour = (order.expiry_ns / HOUR_NS) as u32;
    renewal.renews_counter = order.counter;
    assert_eq!(
        venue.renew(&renewal).refusal(),
        Some((923, 2)),
        "O-23 of a renewal"
    );
}

#[test]
fn prices_have_two_ticks_and_market_orders_are_moved_onto_them() {
    let (mut venue, _) = Venue::with_options(2);
    assert!(
        venue.mark(CALL) > COARSE_FROM,
        "the mark is where ticks are coarse"
    );
    let off = COARSE_FROM + TICK;
    let order = venue.order_in(1, CALL, BUY, off, LOT);
    assert_eq!(
        venue.place(&order).refusal(),
        Some((904, 5)),
        "O-04: the coarse tick"
    );
    let order = venue.order_in(1, CALL, BUY, COARSE_FROM - TICK, LOT);
    let refused = venue.place(&order).refusal();
    assert_ne!(refused, Some((904, 5)), "below it the fine tick holds");
    let sell = venue.order_in(2, CALL, SELL, near(&venue, CALL, 100) + COARSE_TICK, LOT);
    assert_eq!(venue.place(&sell).refusal(), None);
    let mut market = venue.order_in(1, CALL, BUY, 50_000 * USD, LOT);
    (market.flags, market.expiry_ns) = (5, venue.time_ns + 10 * SECOND_NS);
    let output = venue.place(&market);
    assert_eq!(output.trades(), [(sell.limit_price, LOT)], "{output:?}");
}

#[test]
fn nobody_sells_coins_that_he_has_not() {
    let (mut venue, _) = Venue::with_options(2);
    venue.deposit_coins(1, 10 * LOT as u64 + 7);
    assert_eq!(
        venue.size_in(1, COINS),
        10 * LOT,
        "whole lots; the rest is claimable"
    );
    let sell = |venue: &mut Venue, lots: i64| {
        let order = venue.order_in(1, COINS, SELL, 100_000 * USD, lots * LOT);
        venue.place(&order).refusal()
    };
    assert_eq!(
        sell(&mut venue, 11),
        Some((924, 6)),
        "O-24: more than is held"
    );
    assert_eq!(sell(&mut venue, 6), None);
    assert_eq!(
        sell(&mut venue, 5),
        Some((924, 6)),
        "O-24: with what rests already"
    );
    assert_eq!(sell(&mut venue, 4), None);
    // A withdrawal may still take coins from under the orders: what they lack is cancelled at the fill (F-17).
    let nonce = venue.nonce(1);
    let amount = 6 * LOT as u128;
    assert_eq!(venue.withdraw(1, 1, amount, nonce).refusal(), None);
    let buy = venue.order_in(2, COINS, BUY, 100_000 * USD, 10 * LOT);
    let output = venue.place(&buy);
    assert_eq!(
        output.cancels(),
        [(8, 6 * LOT)],
        "the first order is more than is left"
    );
    assert_eq!(
        output.trades(),
        [(100_000 * USD, 4 * LOT)],
        "the second is covered"
    );
    assert_eq!(venue.size_in(2, COINS), 4 * LOT);
    venue.restart();
}

#[test]
fn coins_leave_in_lots_and_while_margin_holds() {
    let (mut venue, _) = Venue::with_options(2);
    venue.deposit_coins(1, 100 * COIN as u64);
    let mut take = |token: u8, amount: u128| {
        let nonce = venue.nonce(1);
        venue.withdraw(1, token, amount, nonce).refusal()
    };
    assert_eq!(
        take(2, LOT as u128),
        Some((301, 15)),
        "W-01: no listing has token 2"
    );
    assert_eq!(take(1, 1), Some((302, 14)), "W-02: a part of a lot");
    assert_eq!(
        take(1, 101 * COIN as u128),
        Some((302, 14)),
        "W-02: more than is held"
    );
    // A million and 90 % of the coins' worth carry 300 coins short.
    venue.deposit(2, 50_000_000);
    venue.limit(2, BUY, 99_900, 300 * COIN);
    venue.limit(1, SELL, 99_900, 300 * COIN);
    assert_eq!(venue.size_in(1, PERPETUAL), -300 * COIN);
    venue.limit(1, SELL, 101_000, 10 * COIN);
    let figures = venue.engine.account_figures(1).expect("it was opened");
    let free = figures.equity_conservative - figures.initial_with_orders;
    assert!(
        free > 0 && figures.initial_with_orders > figures.initial,
        "{figures:?}"
    );
    let coins = (free / 90_000 / i128::from(USD) + 1) as u128 * COIN as u128;
    assert!(coins < 100 * COIN as u128, "not all of them are free");
    let nonce = venue.nonce(1);
    let refused = venue.withdraw(1, 1, coins, nonce).refusal();
    assert_eq!(refused, Some((306, 14)), "W-06 with the open order");
    let nonce = venue.nonce(1);
    let output = venue.withdraw(1, 1, 10 * COIN as u128, nonce);
    assert_eq!(output.kinds(), [9], "{output:?}");
    assert_eq!(venue.size_in(1, COINS), 90 * COIN);
}

#[test]
fn a_margin_mode_is_chosen_with_a_strict_nonce_and_must_hold() {
    let (mut venue, _) = Venue::with_options(2);
    assert_eq!(
        venue.mode(1, 2).refusal(),
        Some((307, 59)),
        "W-07: no such mode"
    );
    assert_eq!(
        venue.mode(1, 0).refusal(),
        Some((307, 59)),
        "W-07: the present one"
    );
    let nonce = venue.nonce(1);
    let output = venue.mode_at(1, 1, nonce);
    assert_eq!(
        (output.kinds(), output.ops()),
        (vec![39], vec![17]),
        "{output:?}"
    );
    assert_eq!(
        venue.mode_at(1, 0, nonce).refusal(),
        Some((804, 11)),
        "C-04"
    );
    let mut stolen = vec![1, 8];
    stolen.put_u32(1);
    stolen.put_u8(0);
    stolen.put_u64(99);
    stolen.put(&[27; 65]);
    assert_eq!(
        venue.raw(&stolen, owner_of(2)).refusal(),
        Some((803, 13)),
        "C-03: another wallet"
    );
    venue.deposit(2, 50_000_000);
    // Account 1 sells a future against a bought one of the other expiry: in portfolio margin they net.
    venue.deposit(1, 2_000_000);
    venue.cross(2, 1, 9, BUY, 100_000 * USD, 100 * COIN);
    venue.cross(2, 1, FUTURE, SELL, 100_000 * USD, 100 * COIN);
    assert_eq!(venue.size_in(1, FUTURE), -100 * COIN, "both legs stand");
    let nonce = venue.nonce(1);
    let output = venue.withdraw(1, 0, 2_000_000 * USD as u128, nonce);
    assert_eq!(output.refusal(), None, "two million are free");
    let figures = venue.engine.account_figures(1).expect("it was opened");
    assert!(
        figures.initial < 700_000 * i128::from(USD),
        "they net: {figures:?}"
    );
    assert_eq!(
        venue.mode(1, 0).refusal(),
        Some((310, 59)),
        "W-10: apart they need more"
    );
    venue.wait(6 * SECOND_NS);
    assert_eq!(
        venue.mode(1, 0).refusal(),
        Some((309, 18)),
        "W-09: the group is stale"
    );
    venue.restart();
}

#[test]
fn orders_count_in_the_new_mode() {
    let (mut venue, _) = Venue::with_options(2);
    // A bid for 80 coins needs 6.5 % in standard margin, what the worst scenario takes in portfolio margin.
    let order = venue.order(1, BUY, 99_000, 80 * COIN);
    assert_eq!(venue.place(&order).refusal(), None);
    assert_eq!(
        venue.mode(1, 1).refusal(),
        Some((310, 59)),
        "W-10 with the order"
    );
    assert_eq!(venue.cancel(&order).cancels().len(), 1);
    assert_eq!(
        venue.mode(1, 1).refusal(),
        None,
        "without it the mode holds"
    );
    let refused = venue.limit(1, BUY, 99_000, 80 * COIN);
    assert_eq!(refused.refusal(), Some((922, 6)), "O-22 says the same");
}

#[test]
fn a_vector_is_received_and_then_taken_up() {
    let (mut venue, _) = Venue::with_options(2);
    venue.cross(2, 1, CALL, BUY, near(&venue, CALL, 100), COIN);
    let before = venue.engine.state_root();
    let vector = venue.wait(SECOND_NS).flat_vector(0, 101_000, VOL);
    let output = venue.receive(&vector);
    assert_eq!(
        (output.kinds(), output.ops()),
        (vec![32], vec![]),
        "{output:?}"
    );
    assert_eq!(
        venue.engine.state_root(),
        before,
        "settlement knows nothing of it"
    );
    venue.restart();
    let rows = venue.engine.row_job(0).expect("it is pending").build();
    let root = rows.expect("its rows fit").root();
    let number = vector.number;
    assert_eq!(
        venue.activate_with(0, number + 1, &root).refusal(),
        Some((1201, 19)),
        "A-01: another number"
    );
    assert_eq!(
        venue.activate_with(1, number, &root).refusal(),
        Some((1201, 19)),
        "A-01: another group"
    );
    assert_eq!(
        venue.activate_with(0, number, &[1; 31]).refusal(),
        Some((1202, 49)),
        "A-02: other rows"
    );
    let output = venue.activate_with(0, number, &root);
    let mut expected = vec![11];
    expected.extend([33; 16]);
    expected.extend([34; 2]);
    assert_eq!(output.kinds(), expected, "epoch, rows, Greeks: {output:?}");
    assert_eq!(output.ops(), [8], "one step");
    let op = &output.micro_ops[0];
    let chunks = u16::from_be_bytes([op[op.len() - 33], op[op.len() - 32]]);
    assert_eq!(chunks, 1, "16 rows are one chunk");
    assert_eq!(
        venue.activate_with(0, number, &root).refusal(),
        Some((1201, 19)),
        "A-01: it is used up"
    );
    venue.restart();
}

#[test]
fn a_newer_vector_replaces_the_pending_one_and_old_rows_are_not_used() {
    let (mut venue, _) = Venue::with_options(1);
    let first = venue.wait(SECOND_NS).flat_vector(0, 101_000, VOL);
    venue.receive(&first);
    let stale = venue.engine.row_job(0).expect("it is pending");
    let second = venue.wait(SECOND_NS).flat_vector(0, 102_000, VOL);
    assert_eq!(venue.receive(&second).kinds(), [32]);
    venue
        .engine
        .offer_rows(stale.build().expect("its rows fit"));
    let job = venue.engine.row_job(0).expect("it is pending");
    let root = job.build().expect("its rows fit").root();
    let output = venue.activate_with(0, second.number, &root);
    assert_eq!(
        output.refusal(),
        None,
        "the rows are built anew: {output:?}"
    );
    assert_eq!(venue.mark(PERPETUAL), 102_000 * USD);
}

#[test]
fn versions_of_vectors_follow_the_risk_set() {
    let (mut venue, _) = Venue::with_options(1);
    let output = venue.wait(SECOND_NS).epoch(0, 100_000);
    assert_eq!(
        output.refusal(),
        Some((614, 10)),
        "E-14: version 1 with a set"
    );
    venue.group(1, PARAMETERS);
    let vector = venue.flat_vector(1, 100_000, VOL);
    assert_eq!(
        venue.receive(&vector).refusal(),
        Some((614, 10)),
        "E-14: version 2 without"
    );
    let vector = venue.flat_vector(9, 100_000, VOL);
    assert_eq!(
        venue.receive(&vector).refusal(),
        Some((601, 18)),
        "E-01 comes first"
    );
}

#[test]
fn a_vector_without_a_quorum_or_with_a_bad_surface_is_not_received() {
    let (mut venue, _) = Venue::with_options(1);
    let vector = venue.wait(SECOND_NS).flat_vector(0, 100_000, VOL);
    let command = [&[1, 16], &vector.bytes()[..], &Venue::signatures(1)].concat();
    let output = venue.send(&command, &[node(0)]);
    assert_eq!(output.refusal(), Some((606, 25)), "E-06: one of two");
    let mut wrong = vector.clone();
    wrong.confidence = -1;
    assert_eq!(venue.receive(&wrong).refusal(), Some((607, 50)), "E-07");
    let mut wrong = vector.clone();
    wrong.expiries.remove(0);
    assert_eq!(venue.receive(&wrong).refusal(), Some((611, 8)), "E-11");
    assert!(venue.engine.row_job(0).is_none(), "nothing is pending");
    let mut short = command;
    short.pop();
    assert_eq!(venue.raw(&short, node(0)).refusal(), Some((801, 0)), "C-01");
}

#[test]
fn an_epoch_that_no_longer_holds_is_dropped() {
    let (mut venue, _) = Venue::with_options(1);
    let vector = venue.wait(SECOND_NS).flat_vector(0, 101_000, VOL);
    venue.receive(&vector);
    assert_eq!(venue.wait(SECOND_NS).heartbeat(0).refusal(), None);
    let output = venue.activate(&vector);
    assert_eq!(
        output.refusal(),
        Some((604, 21)),
        "E-04: a later heartbeat stands"
    );
    assert!(
        venue.engine.row_job(0).is_none(),
        "it is dropped all the same"
    );

    let vector = venue.wait(SECOND_NS).flat_vector(0, 101_000, VOL);
    venue.receive(&vector);
    let mut item = vec![2, 1];
    item.put_u16(0);
    item.put_u8(2);
    for index in 0..8_u8 {
        item.put(&if index < 3 {
            [200 + index; 20]
        } else {
            [0; 20]
        });
    }
    for value in PARAMETERS {
        item.put_i64(value);
    }
    assert_eq!(venue.item(&item).kinds(), [22], "other nodes");
    assert_eq!(
        venue.activate(&vector).refusal(),
        Some((606, 25)),
        "E-06 by the nodes of now"
    );
}

#[test]
fn a_leap_is_held_and_makes_no_rows() {
    let (mut venue, _) = Venue::with_options(1);
    let vector = venue.wait(SECOND_NS).flat_vector(0, 120_000, VOL);
    venue.receive(&vector);
    assert_eq!(
        venue.activate_with(0, vector.number, &[1; 31]).refusal(),
        Some((1202, 49)),
        "A-02: a held vector has no rows"
    );
    let output = venue.activate(&vector);
    assert_eq!(output.kinds(), [11], "no rows, no Greeks: {output:?}");
    let held = output.events[0].last();
    assert_eq!(held, Some(&1), "the first of a run");
    assert_eq!(venue.mark(PERPETUAL), 100_000 * USD, "the rows stand");
    for number in 2..=3 {
        let vector = venue.wait(SECOND_NS).flat_vector(0, 120_000, VOL);
        let output = venue.take(&vector);
        assert_eq!(
            output.refusal(),
            None,
            "vector {number} of the run: {output:?}"
        );
    }
    assert_eq!(venue.mark(PERPETUAL), 120_000 * USD, "three agree");
    venue.restart();
}

#[test]
fn orders_of_an_expiry_are_swept_by_tick_activate_and_heartbeat() {
    for kind in 0..3 {
        let (mut venue, expiries) = Venue::with_options(2);
        venue.time_ns = expiries[0] - 2 * SECOND_NS;
        assert_eq!(venue.surface(0, 100_000).refusal(), None);
        for (listing, side) in [(FUTURE, SELL), (CALL, BUY), (PERPETUAL, BUY), (FUTURE, BUY)] {
            let share = if side == BUY { 98 } else { 102 };
            let order = venue.order_in(1, listing, side, near(&venue, listing, share), LOT);
            assert_eq!(venue.place(&order).refusal(), None, "listing {listing}");
        }
        venue.time_ns = expiries[0];
        let output = match kind {
            0 => venue.tick(),
            1 => venue.heartbeat(0),
            _ => venue.surface(0, 100_000),
        };
        assert_eq!(output.refusal(), None, "{output:?}");
        let cancels: Vec<_> = output.events.iter().filter(|event| event[0] == 5).collect();
        let reasons: Vec<u8> = cancels.iter().map(|event| event[13]).collect();
        assert_eq!(reasons, [12; 3], "delivered: {output:?}");
        assert_eq!(output.kinds()[..3], [5; 3], "before the step's own events");
        let left = venue.floor(1, 1 << 39);
        assert_eq!(left.cancels().len(), 1, "the perpetual's order stays");
    }
}

#[test]
fn a_refused_heartbeat_sweeps_nothing() {
    let (mut venue, expiries) = Venue::with_options(1);
    venue.time_ns = expiries[0] - SECOND_NS;
    venue.surface(0, 100_000);
    let order = venue.order_in(1, FUTURE, BUY, 99_000 * USD, LOT);
    venue.place(&order);
    venue.time_ns = expiries[0];
    let known = venue.vectors[&0];
    venue.vectors.insert(0, (known.0, [9; 31]));
    assert_eq!(venue.heartbeat(0).kinds(), [1], "E-03");
    venue.vectors.insert(0, known);
    assert_eq!(
        venue.heartbeat(0).cancels(),
        [(12, LOT)],
        "the next one sweeps"
    );
}

/// Vectors or heartbeats every 5 s from 07:29:55 to a second after 08:00:00, at this index.
fn last_half_hour(venue: &mut Venue, expiry_ns: u64, usd: i64) -> Output {
    venue.time_ns = expiry_ns - 1_805 * SECOND_NS;
    let output = venue.surface(0, usd);
    assert_eq!(output.refusal(), None, "{output:?}");
    for _ in 0..360 {
        venue.wait(5 * SECOND_NS);
        let output = venue.heartbeat(0);
        assert_eq!(output.events_of(35).len(), 0, "not before the expiry");
    }
    assert_eq!(venue.time_ns, expiry_ns - 5 * SECOND_NS);
    venue.wait(6 * SECOND_NS).heartbeat(0)
}

#[test]
fn the_mean_of_the_last_half_hour_is_the_delivery_price() {
    let (mut venue, expiries) = Venue::with_options(3);
    venue.cross(2, 1, CALL, BUY, near(&venue, CALL, 100), COIN);
    venue.cross(1, 3, FUTURE, BUY, 100_000 * USD, COIN);
    let output = last_half_hour(&mut venue, expiries[0], 103_000);
    let fixed = output.events_of(35);
    assert_eq!(fixed.len(), 1, "{:?}", output.kinds());
    assert_eq!(i64_at(fixed[0], 11), 103_000 * USD, "the mean of one value");
    assert_eq!(fixed[0][19..], 1_800_u32.to_be_bytes(), "every second");
    // The hour of the last half hour closes too.
    let mut expected = vec![14, 12, 35];
    expected.extend([36; 7]);
    expected.extend([37; 4]);
    assert_eq!(
        output.kinds(),
        expected,
        "fixed, delivered, expired: {output:?}"
    );
    let paid: Vec<_> = output
        .events_of(37)
        .iter()
        .map(|event| {
            let account = u32::from_be_bytes(event[1..5].try_into().expect("four bytes"));
            let listing = u32::from_be_bytes(event[5..9].try_into().expect("four bytes"));
            (account, listing, i64_at(event, 9), i64_at(event, 17) / USD)
        })
        .collect();
    assert_eq!(
        paid,
        [
            (1, FUTURE, -COIN, 103_000),
            (3, FUTURE, COIN, 103_000),
            (1, CALL, COIN, 3_000),
            (2, CALL, -COIN, 3_000)
        ],
        "listings, then accounts"
    );
    let state = venue.engine.state();
    for listing in 2..=8 {
        let instrument = state.instrument(listing).expect("it is listed");
        assert_eq!(instrument.state, 4, "listing {listing} is over");
    }
    venue.restart();
    let output = venue.wait(SECOND_NS).surface(0, 103_000);
    assert_eq!(output.events_of(33).len(), 9, "closed listings have no row");
    venue.restart();
}

#[test]
fn the_timelock_names_a_price_where_samples_are_missing() {
    let (mut venue, expiries) = Venue::with_options(2);
    venue.cross(2, 1, PUT, BUY, near(&venue, PUT, 100), COIN);
    venue.time_ns = expiries[0] + 5 * SECOND_NS;
    let output = venue.surface(0, 95_000);
    assert_eq!(
        output.events_of(35).len(),
        0,
        "no samples, no price: {output:?}"
    );
    let output = venue.deliver(0, expiries[0], 95_000);
    let mut expected = vec![35];
    expected.extend([36; 7]);
    expected.extend([37; 2]);
    assert_eq!(output.kinds(), expected, "{output:?}");
    assert_eq!(
        output.events[0][19..],
        [0; 4],
        "no samples: by the timelock"
    );
    assert_eq!(
        i64_at(output.events_of(37)[0], 17),
        5_000 * USD,
        "the put pays"
    );
    venue.restart();
}

#[test]
fn an_expiry_of_many_positions_is_paid_over_several_commands() {
    const HOLDERS: u32 = 4_200;
    let (mut venue, expiries) = Venue::with_options(1);
    venue.check = false;
    venue.deposit(1, 1_000_000_000);
    for account in 2..=HOLDERS {
        venue.deposit(account, 10_000);
    }
    let price = near(&venue, CALL, 100);
    for account in 2..=HOLDERS {
        let output = venue.cross(1, account, CALL, BUY, price, LOT);
        assert_eq!(output.trades().len(), 1, "account {account}: {output:?}");
    }
    venue.time_ns = expiries[0] + SECOND_NS;
    venue.surface(0, 100_500);
    let output = venue.deliver(0, expiries[0], 100_500);
    assert_eq!(output.ops().len(), 4_096, "the limit of a command");
    venue.restart();
    venue.check = true;
    let output = venue.wait(SECOND_NS).tick();
    assert_eq!(output.ops().len(), HOLDERS as usize + 8 - 4_096, "the rest");
    assert_eq!(venue.tick().ops(), Vec::<u8>::new(), "nothing is left");
    let instrument = venue.engine.state().instrument(CALL).expect("it is listed");
    assert_eq!(instrument.state, 4);
}

#[test]
fn a_dated_listing_and_a_risk_set_have_their_events() {
    let (mut venue, expiries) = Venue::with_options(1);
    let refused = venue.list_dated(0, &Dated::call(100_000, expiries[0]));
    assert_eq!(refused.kinds(), [28], "I-28: it is listed already");
    let listed = venue.list_dated(0, &Dated::option(kind::CALL, 120_000, expiries[0]));
    assert_eq!(listed.kinds(), [23]);
    assert_eq!(venue.risk(0, &RiskSet::default()).kinds(), [40]);
    let refused = venue.deliver(0, expiries[0], 100_000);
    assert_eq!(refused.kinds(), [28], "I-32: the expiry has not come");
}

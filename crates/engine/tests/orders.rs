//! Rules C, O, X and M: each with what it lets pass and what it refuses.

mod common;

use common::*;

/// Asserts that a command was refused by this rule and field.
#[track_caller]
fn refused(output: &Output, code: u16, field: u8) {
    assert_eq!(
        output.refusal(),
        Some((code, field)),
        "refused by another rule: {output:?}"
    );
    assert_eq!(
        (output.events.len(), output.micro_ops.len()),
        (1, 0),
        "a refusal stands alone"
    );
}

#[track_caller]
fn accepted(output: &Output) {
    assert_eq!(output.refusal(), None, "refused: {output:?}");
}

#[test]
fn c_01_only_known_commands_of_exact_length() {
    let mut venue = Venue::open(1);
    for bytes in [
        &[][..],
        &[1],
        &[2, 24],
        &[1, 24, 0],
        &[1, 1, 0],
        &[1, 99],
        &[1, 32, 0],
    ] {
        let output = venue.raw(bytes, [1; 20]);
        refused(&output, 801, 0);
    }
    accepted(&venue.tick());
}

#[test]
fn c_02_c_03_the_signer_owns_the_account() {
    let mut venue = Venue::open(1);
    let mut order = venue.order(1, BUY, 99_000, COIN);
    order.account = 2;
    refused(&venue.place(&order), 802, 1);
    order.account = 1;
    let mut command = vec![1, 1];
    order.write(&mut command);
    command.extend([27; 65]);
    refused(&venue.raw(&command, [0; 20]), 803, 13);
    refused(&venue.raw(&command, owner_of(2)), 803, 13);
    accepted(&venue.raw(&command, owner_of(1)));
}

#[test]
fn c_04_a_nonce_is_used_once_and_lies_in_the_window() {
    let mut venue = Venue::open(1);
    let mut order = venue.order(1, BUY, 99_000, COIN);
    accepted(&venue.place(&order));
    refused(&venue.place(&order), 804, 11);
    order.nonce = START_NS / 1_000_000 + 86_400_001;
    refused(&venue.place(&order), 804, 11);
    // A refused command has used its nonce.
    order = venue.order(1, BUY, 99_000, 1);
    refused(&venue.place(&order), 905, 6);
    refused(&venue.place(&order), 804, 11);
    // With 100 nonces only larger ones than the smallest may be used.
    for _ in 0..99 {
        venue.limit(1, BUY, 1, 1);
    }
    order.nonce = 1;
    refused(&venue.place(&order), 804, 11);
}

#[test]
fn o_01_to_o_12_the_terms_of_an_order() {
    let mut venue = Venue::open(1);
    let check =
        |venue: &mut Venue, code: u16, field: u8, change: &dyn Fn(&mut merkat_settle::Order)| {
            let mut order = venue.order(1, BUY, 99_000, COIN);
            change(&mut order);
            refused(&venue.place(&order), code, field);
        };
    check(&mut venue, 901, 2, &|order| order.listing = 2);
    check(&mut venue, 902, 3, &|order| order.side = 2);
    check(&mut venue, 903, 4, &|order| order.flags = 3);
    check(&mut venue, 904, 5, &|order| order.limit_price += 1);
    check(&mut venue, 904, 5, &|order| order.limit_price = 0);
    check(&mut venue, 904, 5, &|order| {
        order.limit_price = ((1 << 52) / TICK + 1) * TICK
    });
    check(&mut venue, 905, 6, &|order| order.size = 1);
    check(&mut venue, 905, 6, &|order| order.size = 0);
    check(&mut venue, 905, 6, &|order| {
        order.size = (1 << 56) / LOT * LOT + LOT
    });
    check(&mut venue, 906, 8, &|order| order.expiry_ns = START_NS);
    check(&mut venue, 907, 8, &|order| {
        order.expiry_ns = START_NS + 7 * DAY_NS + 1
    });
    check(&mut venue, 907, 8, &|order| order.flags = 1);
    check(&mut venue, 908, 10, &|order| order.version = 2);
    check(&mut venue, 909, 9, &|order| order.counter += 1);
    check(&mut venue, 910, 12, &|order| order.renews_counter = 1);
    check(&mut venue, 912, 7, &|order| order.fee_cap = 499_999);
    let mut order = venue.order(1, BUY, 99_000, COIN);
    (order.fee_cap, order.expiry_ns) = (500_000, START_NS + 7 * DAY_NS);
    accepted(&venue.place(&order));
}

#[test]
fn o_11_x_06_a_floor_voids_orders_and_only_rises() {
    let mut venue = Venue::open(1);
    let order = venue.order(1, BUY, 99_000, COIN);
    accepted(&venue.place(&order));
    let output = venue.floor(1, order.counter);
    assert_eq!(
        (output.kinds(), output.ops()),
        (vec![5, 8], vec![7]),
        "{output:?}"
    );
    assert_eq!(output.cancels(), [(2, COIN)], "the order left by the floor");
    refused(&venue.floor(1, order.counter), 1006, 17);
    let mut below = venue.order(1, BUY, 99_000, COIN);
    (below.counter, below.nonce) = (1, 1);
    refused(&venue.place(&below), 911, 9);
}

#[test]
fn o_14_o_20_an_old_vector_lets_only_reductions_through_then_nothing() {
    let mut venue = Venue::open(2);
    venue.limit(1, SELL, 100_000, COIN);
    venue.limit(2, BUY, 100_000, COIN);
    assert_eq!(venue.size_of(2), COIN, "the trade came about");
    venue.wait(5 * SECOND_NS + 1);
    let more = venue.order(2, BUY, 99_000, COIN);
    refused(&venue.place(&more), 920, 18);
    let too_much = venue.order(2, SELL, 101_000, COIN + LOT);
    refused(&venue.place(&too_much), 920, 18);
    let less = venue.order(2, SELL, 101_000, COIN);
    accepted(&venue.place(&less));
    let again = venue.order(2, SELL, 101_000, LOT);
    refused(&venue.place(&again), 920, 18);
    venue.wait(25 * SECOND_NS);
    let halted = venue.order(2, SELL, 101_000, LOT);
    refused(&venue.place(&halted), 914, 18);
}

#[test]
fn o_15_o_16_one_key_and_bounded_numbers_of_orders() {
    let mut venue = Venue::open(1);
    let mut order = venue.order(1, BUY, 99_000, LOT);
    accepted(&venue.place(&order));
    order.nonce += 1 << 40; // The same counter.
    refused(&venue.place(&order), 915, 9);
    venue.limits(128, 3, 2);
    venue.limit(1, BUY, 99_000, LOT);
    let third = venue.order(1, BUY, 99_000, LOT);
    refused(&venue.place(&third), 916, 2);
    venue.limits(128, 2, 2);
    let third = venue.order(1, BUY, 99_000, LOT);
    refused(&venue.place(&third), 916, 1);
}

#[test]
fn o_17_o_18_bounded_listings_and_groups() {
    let mut venue = Venue::open(1);
    for group in 1..9 {
        venue.group(group, PARAMETERS);
        venue.list(group, 0, 500_000);
        venue.epoch(group, 100_000);
    }
    for listing in 1..=9 {
        let mut order = venue.order(1, BUY, 99_000, LOT);
        order.listing = listing;
        let output = venue.place(&order);
        if listing <= 8 {
            accepted(&output)
        } else {
            refused(&output, 918, 18)
        }
    }
    venue.limits(7, 100, 100);
    let order = venue.order(1, BUY, 99_000, LOT);
    refused(&venue.place(&order), 917, 2);
}

#[test]
fn o_19_the_band_refuses_limits_and_tightens_market_orders() {
    let mut venue = Venue::open(2);
    let far = venue.order(1, BUY, 103_001, LOT);
    refused(&venue.place(&far), 919, 5);
    let low = venue.order(1, SELL, 96_999, LOT);
    refused(&venue.place(&low), 919, 5);
    let edge = venue.order(1, SELL, 103_000, LOT);
    accepted(&venue.place(&edge));
    let mut market = venue.order(2, BUY, 200_000, 2 * LOT);
    (market.flags, market.expiry_ns) = (5, START_NS + SECOND_NS);
    let output = venue.place(&market);
    assert_eq!(
        output.trades(),
        [(103_000 * USD, LOT)],
        "the band's edge still trades"
    );
    assert_eq!(
        output.cancels(),
        [(3, LOT)],
        "what is left of a market order goes"
    );
}

#[test]
fn o_21_post_only_never_takes() {
    let mut venue = Venue::open(2);
    venue.limit(1, SELL, 100_000, LOT);
    let mut post = venue.order(2, BUY, 100_000, LOT);
    post.flags = 2;
    refused(&venue.place(&post), 921, 4);
    let mut post = venue.order(2, BUY, 99_999, LOT);
    post.flags = 2;
    accepted(&venue.place(&post));
}

#[test]
fn o_22_open_orders_need_margin_too() {
    let mut venue = Venue::open(2);
    // 1,000,000 USD of equity hold at most some 151 coins at 6.5 % and the fee of 0.05 %.
    let much = venue.order(1, BUY, 100_000, 153 * COIN);
    refused(&venue.place(&much), 922, 6);
    accepted(&venue.limit(1, BUY, 100_000, 100 * COIN));
    let more = venue.order(1, BUY, 100_000, 53 * COIN);
    refused(&venue.place(&more), 922, 6);
    // The other side is not added to it, only the larger one counts (and its fees).
    accepted(&venue.limit(1, SELL, 101_000, 40 * COIN));
}

#[test]
fn trades_follow_price_then_time_and_open_both_orders_first() {
    let mut venue = Venue::open(4);
    venue.limit(1, SELL, 100_010, LOT);
    venue.limit(2, SELL, 100_000, LOT);
    venue.limit(3, SELL, 100_000, LOT);
    let output = venue.limit(4, BUY, 100_010, 4 * LOT);
    let prices = [
        (100_000 * USD, LOT),
        (100_000 * USD, LOT),
        (100_010 * USD, LOT),
    ];
    assert_eq!(output.trades(), prices, "best price first");
    // The account's lowest four bits are the high half of the key's seventh byte.
    let makers: Vec<u8> = output
        .events_of(4)
        .iter()
        .map(|event| event[11] >> 4)
        .collect();
    assert_eq!(
        makers,
        [2, 3, 1],
        "at one price the first come trades first"
    );
    assert_eq!(
        output.ops(),
        [4, 4, 5, 4, 5, 4, 5],
        "the taker is opened once, makers each"
    );
    assert_eq!(output.kinds(), [2, 4, 4, 4, 3], "accepted, trades, rested");
    assert_eq!(
        [1, 2, 3, 4].map(|account| venue.size_of(account)),
        [-LOT, -LOT, -LOT, 3 * LOT]
    );
}

#[test]
fn m_01_m_02_makers_that_expired_or_are_the_takers_own_leave() {
    let mut venue = Venue::open(2);
    let mut short = venue.order(1, SELL, 100_000, LOT);
    short.expiry_ns = START_NS + SECOND_NS;
    accepted(&venue.place(&short));
    venue.limit(2, SELL, 100_000, LOT);
    venue.wait(SECOND_NS);
    let output = venue.limit(2, BUY, 100_000, LOT);
    assert_eq!(
        output.cancels(),
        [(4, LOT), (5, LOT)],
        "expired, then the taker's own"
    );
    assert_eq!(output.kinds().last(), Some(&3), "the taker rests");
}

#[test]
fn m_03_m_08_makers_outside_the_band_or_below_the_fee_leave() {
    let mut venue = Venue::open(2);
    let mut cheap = venue.order(1, SELL, 99_000, LOT);
    cheap.fee_cap = 500_000;
    accepted(&venue.place(&cheap));
    venue.limit(1, SELL, 97_000, LOT);
    venue.wait(SECOND_NS).epoch(0, 101_000);
    venue.instrument(1, 1, 600_000, 600_000);
    let output = venue.limit(2, BUY, 101_000, LOT);
    assert_eq!(
        output.cancels(),
        [(6, LOT), (10, LOT)],
        "97,000 lies below the band, then the fee"
    );
}

#[test]
fn m_04_a_restricted_maker_may_only_reduce() {
    let mut venue = Venue::open(3);
    venue.group(1, PARAMETERS);
    venue.list(1, 0, 500_000);
    venue.epoch(1, 100_000);
    // Account 1 holds a position in group 1, whose vector then becomes old.
    let mut order = venue.order(1, BUY, 100_000, LOT);
    order.listing = 2;
    venue.place(&order);
    let mut other = venue.order(2, SELL, 100_000, LOT);
    other.listing = 2;
    venue.place(&other);
    venue.limit(1, SELL, 100_000, LOT);
    venue.wait(5 * SECOND_NS + 1);
    venue.epoch(0, 100_000);
    let output = venue.limit(3, BUY, 100_000, LOT);
    assert_eq!(
        output.cancels(),
        [(7, LOT)],
        "the maker holds a stale group"
    );
    assert!(output.trades().is_empty(), "nothing traded");
}

#[test]
fn m_06_a_maker_whose_equity_fell_leaves_unless_it_improves() {
    let mut venue = Venue::open(3);
    // Account 1 is long 140 coins with orders on both sides; then the price falls.
    venue.limit(1, BUY, 100_000, 140 * COIN);
    venue.deposit(2, 10_000_000);
    venue.deposit(3, 10_000_000);
    venue.limit(2, SELL, 100_000, 140 * COIN);
    venue.limit(1, BUY, 99_000, COIN);
    venue.limit(1, SELL, 99_500, COIN);
    venue.wait(SECOND_NS);
    venue.epoch(0, 98_500);
    let output = venue.limit(3, BUY, 99_500, COIN);
    assert_eq!(
        output.trades(),
        [(99_500 * USD, COIN)],
        "a reduction improves"
    );
    let fill = output.micro_ops.last().unwrap();
    assert_eq!(fill.last(), Some(&1), "the maker's rule is `improves`");
    let output = venue.limit(3, SELL, 99_000, COIN);
    assert_eq!(output.cancels(), [(8, COIN)], "an increase does not");
}

#[test]
fn m_07_a_taker_that_pays_too_far_from_mark_is_stopped() {
    let mut venue = Venue::open(3);
    venue.limit(1, SELL, 100_000, 70 * COIN);
    venue.limit(1, SELL, 101_000, 70 * COIN);
    let output = venue.limit(2, BUY, 101_000, 125 * COIN);
    // O-22 counted the worst price already, so a taker that was let in trades to its end.
    assert_eq!(output.trades().len(), 2, "{:?}", output.refusal());
}

#[test]
fn x_01_x_02_x_03_x_04_amend_needs_its_order_and_its_terms() {
    let mut venue = Venue::open(2);
    let mut order = venue.order(1, BUY, 99_000, 3 * LOT);
    refused(&venue.amend(&order), 1001, 9);
    order.nonce = venue.nonce(1);
    order.counter = order.nonce;
    accepted(&venue.place(&order));
    let amended = |venue: &mut Venue, change: &dyn Fn(&mut merkat_settle::Order)| {
        let mut new = order;
        (new.version, new.nonce) = (2, venue.nonce(1));
        change(&mut new);
        venue.amend(&new)
    };
    refused(&amended(&mut venue, &|new| new.listing = 2), 1002, 2);
    refused(&amended(&mut venue, &|new| new.side = SELL), 1002, 3);
    refused(&amended(&mut venue, &|new| new.flags = 2), 1002, 4);
    refused(&amended(&mut venue, &|new| new.version = 1), 1003, 10);
    refused(&amended(&mut venue, &|new| new.renews_hour = 1), 910, 12);
    venue.limit(2, SELL, 99_000, 2 * LOT);
    refused(&amended(&mut venue, &|new| new.size = 2 * LOT), 1004, 6);
    let output = amended(&mut venue, &|new| new.size = 5 * LOT);
    assert_eq!(
        output.kinds(),
        [6, 3],
        "amended without priority, rested: {output:?}"
    );
    let output = venue.limit(2, SELL, 99_000, 3 * LOT);
    assert_eq!(
        output.trades(),
        [(99_000 * USD, 3 * LOT)],
        "2 of 5 lots were filled before"
    );
    assert_eq!(
        output.ops(),
        [4, 4, 5],
        "settlement sees the new version first"
    );
}

#[test]
fn an_amendment_keeps_priority_only_at_its_price_and_not_larger() {
    for (change, first) in [(0, 1), (LOT, 2)] {
        let mut venue = Venue::open(3);
        let mut order = venue.order(1, BUY, 99_000, 2 * LOT);
        venue.place(&order);
        venue.limit(2, BUY, 99_000, 2 * LOT);
        (order.version, order.nonce) = (2, venue.nonce(1));
        order.size += change;
        accepted(&venue.amend(&order));
        venue.restart();
        venue.limit(3, SELL, 99_000, LOT);
        assert_eq!(
            venue.size_of(first),
            LOT,
            "account {first} comes first after +{change}"
        );
    }
}

#[test]
fn x_05_x_07_a_renewal_takes_the_place_in_the_queue() {
    let mut venue = Venue::open(3);
    let mut order = venue.order(1, BUY, 99_000, 2 * LOT);
    order.expiry_ns = START_NS + HOUR_NS;
    venue.place(&order);
    venue.limit(2, BUY, 99_000, 2 * LOT);
    let renewal = |venue: &mut Venue| {
        let mut new = venue.order(1, BUY, 99_000, 2 * LOT);
        (new.renews_hour, new.renews_counter) = ((order.expiry_ns / HOUR_NS) as u32, order.counter);
        new
    };
    let mut wrong = renewal(&mut venue);
    wrong.limit_price += TICK;
    refused(&venue.renew(&wrong), 1005, 5);
    let mut wrong = renewal(&mut venue);
    wrong.size = LOT;
    refused(&venue.renew(&wrong), 1005, 6);
    let mut wrong = renewal(&mut venue);
    wrong.renews_counter += 99;
    refused(&venue.renew(&wrong), 1001, 9);
    let right = renewal(&mut venue);
    let output = venue.renew(&right);
    assert_eq!(
        (output.kinds(), output.ops()),
        (vec![7], vec![4]),
        "{output:?}"
    );
    venue.restart();
    let output = venue.limit(3, SELL, 99_000, LOT);
    assert_eq!(venue.size_of(1), LOT, "the renewed order still comes first");
    assert_eq!(output.ops(), [4, 5], "it was opened when it was renewed");
    venue.wait(HOUR_NS);
    venue.epoch(0, 100_000);
    let mut late = renewal(&mut venue);
    late.renews_counter = order.counter;
    refused(&venue.renew(&late), 1001, 9);
}

#[test]
fn x_07_an_expired_order_is_not_renewed() {
    let mut venue = Venue::open(1);
    let mut order = venue.order(1, BUY, 99_000, LOT);
    order.expiry_ns = START_NS + SECOND_NS;
    venue.place(&order);
    venue.wait(SECOND_NS);
    let mut new = venue.order(1, BUY, 99_000, LOT);
    (new.renews_hour, new.renews_counter) = ((order.expiry_ns / HOUR_NS) as u32, order.counter);
    refused(&venue.renew(&new), 1007, 12);
}

#[test]
fn a_cancelled_order_that_settlement_has_seen_is_closed_there() {
    let mut venue = Venue::open(2);
    let seen = venue.order(1, BUY, 99_000, 2 * LOT);
    let unseen = venue.order(1, BUY, 98_000, 2 * LOT);
    venue.place(&seen);
    venue.place(&unseen);
    venue.limit(2, SELL, 99_000, LOT);
    assert_eq!(venue.cancel(&seen).ops(), [6], "order_close follows");
    assert_eq!(
        venue.cancel(&unseen).ops(),
        Vec::<u8>::new(),
        "settlement never saw it"
    );
    refused(&venue.cancel(&seen), 1001, 9);
}

#[test]
fn w_rules_of_withdraw_and_transfer() {
    let mut venue = Venue::open(2);
    refused(&venue.withdraw(1, 1, 1, 1), 301, 15);
    refused(&venue.withdraw(1, 0, 1, 1), 804, 11);
    refused(&venue.withdraw(1, 0, 0, 2), 302, 14);
    refused(&venue.transfer(1, 3, 1, 3), 102, 16);
    refused(&venue.transfer(1, 1, 1, 4), 303, 16);
    let million = 1_000_000 * USD as u128;
    refused(&venue.withdraw(1, 0, million + 1, 5), 306, 14);
    venue.limit(1, BUY, 99_000, COIN);
    refused(&venue.withdraw(1, 0, million, 6), 306, 14);
    accepted(&venue.withdraw(1, 0, million / 2, 7));
    accepted(&venue.transfer(2, 1, million / 2, 1));
    venue.limit(2, SELL, 99_000, COIN);
    venue.wait(5 * SECOND_NS + 1);
    refused(&venue.withdraw(1, 0, 1, 8), 305, 18);
}

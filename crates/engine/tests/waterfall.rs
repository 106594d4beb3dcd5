//! Rules 3.5 to 3.7: gaps, ticks, liquidations, bankruptcies, tear-ups.

mod common;

use common::*;

/// Account 1 is long 100 coins against account 2, with 1,000,000 USD: 10 % of the position.
fn long_account() -> Venue {
    let mut venue = Venue::open(3);
    venue.deposit(2, 20_000_000);
    venue.deposit(3, 20_000_000);
    venue.limit(1, BUY, 100_000, 100 * COIN);
    venue.limit(2, SELL, 100_000, 100 * COIN);
    assert_eq!(venue.size_of(1), 100 * COIN, "the position stands");
    venue
}

fn stage(venue: &Venue, account: u32) -> u8 {
    venue
        .engine
        .state()
        .account(account)
        .expect("it was opened")
        .stage
}

#[test]
fn a_healthy_account_is_left_alone_and_a_broken_one_enters_stage_1() {
    let mut venue = long_account();
    venue.limit(1, BUY, 90_000, LOT);
    let output = venue.wait(SECOND_NS).epoch(0, 95_000);
    assert_eq!(output.kinds(), [11], "E is above MM");
    let output = venue.wait(SECOND_NS).epoch(0, 94_500);
    assert_eq!(
        output.kinds(),
        [11, 5, 15, 17],
        "orders cancelled, stage 1, a slice: {output:?}"
    );
    assert_eq!(output.cancels(), [(9, LOT)], "the reason is liquidation");
    assert_eq!(output.ops(), [8, 10], "the slice found nobody");
    let refused = venue.limit(1, SELL, 94_500, LOT);
    assert_eq!(
        refused.refusal(),
        Some((913, 46)),
        "O-13: no orders in liquidation"
    );
    venue.restart();
}

#[test]
fn a_slice_takes_a_fifth_of_the_size_within_the_limit_and_ends_the_stage_at_stop() {
    let mut venue = long_account();
    venue.limit(3, BUY, 94_000, 100 * COIN);
    let output = venue.wait(SECOND_NS).epoch(0, 94_500);
    assert_eq!(
        output.events_of(16).len(),
        0,
        "94,000 is more than 25 bp from mark"
    );
    venue.limit(3, BUY, 94_400, 100 * COIN);
    let output = venue.wait(2 * SECOND_NS).epoch(0, 94_500);
    let filled = output.events_of(16);
    assert_eq!(filled.len(), 1, "one slice: {output:?}");
    assert_eq!(
        i64_at(filled[0], 30),
        20 * COIN,
        "20 % of the size at stage entry"
    );
    assert_eq!(
        output.ops(),
        [8, 4, 11, 10],
        "order_open, liquidate, and the stage is left"
    );
    assert_eq!(stage(&venue, 1), 0, "E reached 1.15 MM");
    assert_eq!(
        venue.size_of(1),
        80 * COIN,
        "what is left stays the owner's"
    );
    assert!(
        venue.engine.state().groups()[0].fund > 0,
        "the liquidation fee went to the fund"
    );
}

#[test]
fn a_second_slice_waits_for_the_next_epoch() {
    let mut venue = long_account();
    venue.limit(3, BUY, 94_400, 5 * COIN);
    let output = venue.wait(SECOND_NS).epoch(0, 94_400);
    assert_eq!(output.events_of(17).len(), 1, "{output:?}");
    venue.limit(3, BUY, 94_400, 5 * COIN);
    let output = venue.wait(SECOND_NS).tick();
    assert_eq!(output.kinds(), Vec::<u8>::new(), "nothing is pending");
    let output = venue.wait(SECOND_NS).heartbeat(0);
    assert_eq!(
        output.events_of(16).len(),
        1,
        "a heartbeat is a new epoch time"
    );
}

#[test]
fn negative_equity_is_torn_up_against_the_other_side_and_the_fund_pays_first() {
    let mut venue = long_account();
    venue.fund(0, 100_000);
    // What came in today does not pay today: the day's share is of the fund at its beginning.
    venue.wait(DAY_NS).epoch(0, 95_000);
    let output = venue.wait(SECOND_NS).epoch(0, 89_000);
    assert_eq!(output.refusal(), None, "the vector is within 10 %");
    assert_eq!(
        output.ops(),
        [8, 12, 13],
        "bankrupt, one tear-up: {output:?}"
    );
    assert_eq!(
        output.kinds(),
        [11, 18, 19],
        "no write-off: the tear-up price covers the rest"
    );
    assert_eq!(
        (stage(&venue, 1), venue.size_of(1), venue.size_of(2)),
        (3, 0, 0)
    );
    let leaf = venue.engine.state().account(1).unwrap();
    assert!(leaf.cash >= 0, "nobody owes anything");
    let fund = venue.engine.state().groups()[0].fund;
    assert_eq!(
        fund,
        75_000 * USD as i128,
        "an event takes at most a quarter of the fund"
    );
    assert_eq!(venue.limit(1, BUY, 89_000, LOT).refusal(), Some((913, 46)));
    venue.restart();
}

#[test]
fn a_stage_that_lasts_too_long_ends_in_tear_up_and_the_owner_keeps_the_rest() {
    let mut venue = long_account();
    venue.wait(SECOND_NS).epoch(0, 94_500);
    for _ in 0..60 {
        venue.wait(2 * SECOND_NS).heartbeat(0);
    }
    assert_eq!(stage(&venue, 1), 3, "two minutes are over");
    let leaf = venue.engine.state().account(1).unwrap();
    assert!(
        leaf.positions.is_empty() && leaf.cash > 0,
        "the owner keeps E: {leaf:?}"
    );
    let cash = leaf.cash as u128;
    assert_eq!(
        venue.withdraw(1, 0, cash, 1).refusal(),
        None,
        "and may withdraw it"
    );
}

#[test]
fn tear_ups_share_among_holders_by_size() {
    let mut venue = Venue::open(6);
    for account in 2..=6 {
        venue.deposit(account, 20_000_000);
    }
    for (account, coins) in [(2, 50), (3, 30), (4, 20)] {
        venue.limit(account, SELL, 100_000, coins * COIN);
    }
    venue.limit(5, SELL, 100_000, 100 * COIN);
    venue.limit(1, BUY, 100_000, 100 * COIN);
    venue.limit(6, BUY, 100_000, 100 * COIN);
    venue.wait(SECOND_NS).epoch(0, 95_000);
    let output = venue.wait(SECOND_NS).epoch(0, 89_000);
    let given: i64 = output
        .events_of(19)
        .iter()
        .map(|event| i64_at(event, 29))
        .sum();
    assert_eq!(
        output.events_of(19).len(),
        4,
        "every opposite holder shares: {output:?}"
    );
    assert_eq!(given, 100 * COIN, "the whole position was torn up");
    let sizes = [2, 3, 4, 5].map(|account| venue.size_of(account) / COIN);
    assert_eq!(sizes, [-25, -15, -10, -50], "pro rata to size");
}

#[test]
fn no_liquidation_while_a_vector_is_held() {
    let mut venue = long_account();
    let output = venue.wait(SECOND_NS).epoch(0, 89_000);
    assert_eq!(output.kinds(), [11], "11 % at once is held: {output:?}");
    assert_eq!(
        output.events[0].last(),
        Some(&1),
        "the first of the held run"
    );
    venue.wait(SECOND_NS).epoch(0, 89_100);
    let output = venue.wait(SECOND_NS).epoch(0, 89_000);
    assert_eq!(output.events[0].last(), Some(&0), "the third is accepted");
    assert_eq!(
        output.events_of(18).len(),
        1,
        "and then the account is bankrupt"
    );
}

#[test]
fn a_gap_ends_with_orders_outside_the_band_cancelled() {
    let mut venue = Venue::open(1);
    venue.limit(1, BUY, 99_000, LOT);
    venue.limit(1, SELL, 102_000, LOT);
    venue.wait(31 * SECOND_NS);
    let output = venue.epoch(0, 95_000);
    assert_eq!(output.kinds(), [11, 13, 5], "{output:?}");
    assert_eq!(
        output.cancels(),
        [(6, LOT)],
        "a buy at 99,000 lies above 97,850"
    );
    venue.wait(30 * SECOND_NS);
    assert_eq!(
        venue.epoch(0, 90_000).kinds(),
        [11],
        "a gap of 30 s is none"
    );
}

#[test]
fn e_01_to_e_06_vectors_of_nobody_are_refused() {
    let mut venue = Venue::open(1);
    venue.wait(SECOND_NS);
    let mut command = vec![1, 16];
    command.extend(venue.vector(0, 100_000 * USD, 0));
    command.push(2);
    for index in [0u8, 1] {
        command.push(index);
        command.extend([27; 65]);
    }
    let check =
        |venue: &mut Venue, signers: [[u8; 20]; 2]| venue.send(&command, &signers).refusal();
    assert_eq!(
        check(&mut venue, [node(0), node(2)]),
        Some((606, 25)),
        "signed by another node"
    );
    assert_eq!(
        check(&mut venue, [node(0), [0; 20]]),
        Some((606, 25)),
        "signed by nobody"
    );
    let mut early = command.clone();
    early[13..21].copy_from_slice(&START_NS.to_be_bytes());
    let output = venue.send(&early, &[[0; 20]; 2]);
    assert_eq!(
        output.refusal(),
        Some((604, 21)),
        "E-04 is tested before E-06"
    );
    assert_eq!(
        check(&mut venue, [node(0), node(1)]),
        None,
        "the quorum is accepted"
    );
}

#[test]
fn funding_is_paid_at_the_hour() {
    let mut venue = long_account();
    venue.epoch_micro(0, 100_000 * USD, 1_000_000);
    let mut paid = Vec::new();
    for _ in 0..2_000 {
        let output = venue
            .wait(2 * SECOND_NS)
            .epoch_micro(0, 100_000 * USD, 1_000_000);
        paid.extend(output.events_of(14).into_iter().cloned());
    }
    assert_eq!(paid.len(), 1, "one hour ended");
    let short = venue.engine.state().account(2).unwrap();
    let equity = venue.engine.state().figures(short).equity;
    assert!(equity > 0 && venue.engine.state().groups()[0].cumulative_funding >= 0);
}

#[test]
fn a_tick_cancels_expired_orders_by_expiry_and_drops_old_hours() {
    let mut venue = Venue::open(2);
    for (index, hours) in [(1, 3), (2, 1), (3, 2)] {
        let mut order = venue.order(1, BUY, 99_000, index * LOT);
        order.expiry_ns = START_NS + hours * HOUR_NS;
        venue.place(&order);
    }
    venue.limit(2, SELL, 99_000, LOT);
    let output = venue.wait(2 * HOUR_NS).tick();
    assert_eq!(
        output.cancels(),
        [(4, 2 * LOT), (4, 3 * LOT)],
        "by expiry: {output:?}"
    );
    assert_eq!(
        venue.wait(8 * DAY_NS).tick().events_of(29).len(),
        1,
        "the filled order's hour"
    );
    assert!(venue.engine.state().orders().is_empty() || venue.tick().ops().is_empty());
}

/// 100 bankrupt accounts with 64 holders each need more than 4,096 micro-ops.
#[test]
fn a_waterfall_stops_at_4096_micro_ops_and_the_next_tick_goes_on() {
    const ACCOUNTS: u32 = 100;
    let mut venue = Venue::open(0);
    venue.check = false;
    for account in 1..=2 * ACCOUNTS {
        venue.deposit(
            account,
            if account <= ACCOUNTS {
                10_000
            } else {
                1_000_000
            },
        );
    }
    venue.wait(SECOND_NS).epoch(0, 100_000);
    for account in 1..=ACCOUNTS {
        venue.limit(account, BUY, 100_000, COIN);
        venue.limit(account + ACCOUNTS, SELL, 100_000, COIN);
        assert_eq!(venue.size_of(account), COIN);
    }
    venue.wait(SECOND_NS).epoch(0, 95_000);
    let output = venue.wait(SECOND_NS).epoch(0, 89_000);
    assert_eq!(output.micro_ops.len(), 4_096, "the limit of a command");
    assert_eq!(
        output.events.last().unwrap()[0],
        30,
        "waterfall_pending ends it"
    );
    venue.restart();
    let mut ticks = 0;
    while !venue.tick().ops().is_empty() {
        ticks += 1;
        venue.assert_invariants();
        assert!(ticks < 20, "the waterfall comes to its end");
    }
    assert!(ticks >= 1, "the tick took it up");
    assert!(
        (1..=ACCOUNTS).all(|account| venue.size_of(account) == 0),
        "all were torn up"
    );
}

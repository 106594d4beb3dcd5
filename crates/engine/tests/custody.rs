//! Forced withdrawals: item 8 of the inbox, event 31 (rules 2.1 and 3.4).

mod common;

use common::*;

/// The fields of event 31: account, token, asked, amount, claimable.
fn forced_withdrawn(output: &Output) -> (u32, u8, u128, u128, u128) {
    let event = match &output.events[..] {
        [event] if event[0] == 31 => event,
        _ => panic!("one event of kind 31, not {output:?}"),
    };
    assert_eq!(event.len(), 1 + 4 + 1 + 3 * 16, "the event's length");
    assert_eq!(output.ops(), [1], "the item is the only micro-op");
    let u128_at = |at: usize| {
        let bytes = event[at..at + 16].try_into();
        u128::from_be_bytes(bytes.expect("the slice has this length"))
    };
    let account = u32::from_be_bytes([event[1], event[2], event[3], event[4]]);
    (account, event[5], u128_at(6), u128_at(22), u128_at(38))
}

#[test]
fn i21_a_forced_withdrawal_pays_and_tells_what_it_paid() {
    const MILLION: u128 = 1_000_000 * USD as u128;
    let mut venue = Venue::open(2);
    // Resting orders hold back what the owner asks the venue for, never what is forced.
    venue.limit(1, BUY, 99_000, 50 * LOT);
    let output = venue.force(1, MILLION / 4);
    assert_eq!(
        forced_withdrawn(&output),
        (1, 0, MILLION / 4, MILLION / 4, MILLION / 4)
    );
    venue.restart();
    let output = venue.force(1, 5 * MILLION);
    assert_eq!(
        forced_withdrawn(&output),
        (1, 0, 5 * MILLION, MILLION / 4 * 3, MILLION),
        "all that is left"
    );
    let output = venue.force(1, 1);
    assert_eq!(forced_withdrawn(&output), (1, 0, 1, 0, MILLION), "nothing");
    assert_eq!(
        venue.withdraw(1, 0, 1, 1).refusal(),
        Some((306, 14)),
        "W-06: the cash is gone"
    );
    // The order that rests without margin leaves when it is met (M-06).
    let output = venue.limit(2, SELL, 99_000, LOT);
    assert_eq!(
        output.cancels(),
        [(8, 50 * LOT)],
        "reason margin: {output:?}"
    );
}

#[test]
fn i21_a_position_holds_its_margin_back_at_a_vector_of_any_age() {
    let mut venue = Venue::open(2);
    venue.limit(1, BUY, 100_000, COIN);
    venue.limit(2, SELL, 100_000, COIN);
    venue.wait(HOUR_NS);
    assert_eq!(
        venue.withdraw(1, 0, 1, 1).refusal(),
        Some((305, 18)),
        "W-05: the venue pays at a fresh vector only"
    );
    let state = venue.engine.state();
    let equity = state.figures(state.account(1).expect("it is open")).equity;
    let free = equity as u128 - 10_000 * USD as u128;
    let (_, _, _, amount, _) = forced_withdrawn(&venue.force(1, u128::MAX >> 40));
    assert_eq!(amount, free, "equity over a delta requirement of 10 %");
}

#[test]
fn i21_refused_items_give_inbox_refused() {
    let mut venue = Venue::open(1);
    let refusal = |output: &Output| match &output.events[..] {
        [event] if event[0] == 28 => (u16::from_be_bytes([event[9], event[10]]), event[11]),
        _ => panic!("one event of kind 28, not {output:?}"),
    };
    assert_eq!(refusal(&venue.force(2, 1)), (221, 1), "no such account");
    assert_eq!(refusal(&venue.force(1, 0)), (204, 14), "nothing is asked");
    let mut item = vec![8, 0, 0, 0, 0, 1];
    item.extend(owner_of(2));
    item.push(0);
    item.extend(1_u128.to_be_bytes());
    assert_eq!(refusal(&venue.item(&item)), (221, 27), "another's account");
    item[26] = 1;
    assert_eq!(refusal(&venue.item(&item)), (203, 15), "another token");
}

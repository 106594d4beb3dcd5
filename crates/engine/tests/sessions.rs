//! Sessions in the venue (sessions.md section 3): who may sign, what a session's orders keep to, how it ends.

mod common;

use common::*;
use merkat_settle::{Order, Session};
use merkat_values::codec::Writer;
use merkat_values::constants::{P256, SECP256K1};

const SLOT: u8 = 3;
const DOLLARS: u64 = USD as u64;

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

type Change = fn(&mut Session);

/// Account 1 has the session SLOT with the given changes; the strict nonce 1 is used.
fn venue_with(change: impl FnOnce(&mut Session)) -> Venue {
    let mut venue = Venue::open(3);
    let mut session = venue.session(1, SLOT);
    change(&mut session);
    accepted(&venue.open_session(1, SLOT, session, 1));
    venue
}

/// An order of the session of account 1.
fn order(venue: &mut Venue) -> Order {
    venue.session_order(1, SLOT, BUY, 99_000, COIN)
}

#[test]
fn session_open_is_announced_and_settled() {
    let mut venue = Venue::open(1);
    let session = Session {
        scheme: P256,
        groups: 5,
        kinds: 6,
        notional: 7,
        ..venue.session(1, SLOT)
    };
    let output = venue.open_session(1, SLOT, session, 1);
    let mut event = vec![41];
    event.put_u32(1);
    event.extend([SLOT, P256]);
    event.put(&session.key);
    event.put_u64(5);
    event.put_u8(6);
    event.put_u64(7);
    event.put_u64(session.expiry_ns);
    assert_eq!(output.events, [event]);
    assert_eq!(output.ops(), [21]);
    let leaf = venue.engine.state().sessions().get(1, SLOT).copied();
    assert_eq!(
        leaf,
        Some(Session {
            state: 1,
            ..session
        })
    );
    venue.restart();
}

#[test]
fn session_open_c_02_to_c_04_and_its_rules() {
    let mut venue = venue_with(|_| {});
    let good = venue.session(1, 4);
    refused(&venue.open_session(9, 4, good, 2), 802, 1);
    let open = |signer: [u8; 20], v: u8, venue: &mut Venue| {
        let open = merkat_settle::ops::SessionOpen {
            account: 1,
            slot: 4,
            session: good,
            nonce: 2,
            signature: [v; 65],
        };
        let mut command = vec![1, 9];
        open.write(&mut command);
        venue.send(&command, &[signer])
    };
    for (signer, v) in [
        (key_of(1, SLOT), 27),
        (owner_of(2), 27),
        (owner_of(1), 29),
        (owner_of(1), 9),
    ] {
        refused(&open(signer, v, &mut venue), 803, 13);
    }
    refused(&venue.open_session(1, 4, good, 1), 804, 11);
    refused(&venue.open_session(1, 0, good, 2), 1401, 60);
    // What is refused has used its nonce.
    refused(&venue.open_session(1, 4, good, 2), 804, 11);
    let changed: [(u16, u8, Change); 5] = [
        (1402, 61, |session| session.scheme = 3),
        (1403, 62, |session| session.key = owner_of(1)),
        (1404, 63, |session| session.kinds = 0),
        (1405, 8, |session| session.expiry_ns = START_NS),
        (1403, 62, |session| session.key = key_of(1, SLOT)),
    ];
    for (nonce, (code, field, change)) in (3..).zip(changed) {
        let mut session = good;
        change(&mut session);
        refused(&venue.open_session(1, 4, session, nonce), code, field);
    }
    refused(&venue.open_session(1, SLOT, good, 8), 1406, 60);
    accepted(&venue.open_session(1, 4, good, 9));
    // Withdrawals count with the same nonces.
    refused(&venue.withdraw(1, 0, 1, 9), 804, 11);
    accepted(&venue.withdraw(1, 0, 1, 10));
}

#[test]
fn c_07_c_08_c_03_the_key_of_the_slot_signs() {
    let mut venue = venue_with(|_| {});
    let mut bad = order(&mut venue);
    let key = key_of(1, SLOT);
    for kind in 1..=3 {
        let send = |venue: &mut Venue, order: &Order, key, scheme| {
            venue.send_signed(kind, order, key, scheme)
        };
        bad.slot = 16;
        refused(&send(&mut venue, &bad, key, 1), 807, 60);
        bad.slot = 4;
        refused(&send(&mut venue, &bad, key, 1), 808, 60);
        bad.slot = SLOT;
        refused(&send(&mut venue, &bad, key, P256), 803, 13);
        refused(&send(&mut venue, &bad, owner_of(1), SECP256K1), 803, 13);
        refused(&send(&mut venue, &bad, [0; 20], 3), 803, 13);
        bad.slot = 0;
        refused(&send(&mut venue, &bad, key, SECP256K1), 803, 13);
        refused(&send(&mut venue, &bad, owner_of(1), P256), 803, 13);
        bad.account = 9;
        bad.slot = 16;
        refused(&send(&mut venue, &bad, key, SECP256K1), 802, 1);
        bad.account = 1;
    }
    let good = order(&mut venue);
    let output = venue.place(&good);
    accepted(&output);
    assert_eq!(
        output.events[0][1..13],
        good.key().expect("a key").to_bytes()
    );
    // The same hour and counter of the wallet is another order.
    let wallets = Order { slot: 0, ..good };
    accepted(&venue.place(&wallets));
    // 30 days later the session is over, before its expiry it was not.
    let last = START_NS + 30 * DAY_NS - 1;
    venue.time_ns = last;
    venue.epoch(0, 100_000);
    let mut late = order(&mut venue);
    late.expiry_ns = last + 1;
    accepted(&venue.place(&late));
    venue.time_ns += 1;
    let mut late = order(&mut venue);
    late.expiry_ns = last + 2;
    refused(&venue.place(&late), 808, 60);
}

#[test]
fn what_is_the_wallets_no_session_signs() {
    let mut venue = venue_with(|_| {});
    let key = key_of(1, SLOT);
    let commands: [(u8, usize); 6] = [(5, 17), (6, 29), (7, 32), (8, 13), (9, 59), (10, 18)];
    for (kind, bytes) in commands {
        let mut command = vec![1, kind];
        command.put_u32(1);
        command.extend(vec![1; bytes - 4]);
        command.put(&[27; 65]);
        refused(&venue.raw(&command, key), 803, 13);
    }
}

#[test]
fn c_04_every_slot_has_its_window() {
    let mut venue = venue_with(|_| {});
    let other = venue.session(1, 9);
    accepted(&venue.open_session(1, 9, other, 2));
    let first = order(&mut venue);
    let digest = venue.engine.venue_digest();
    for slot in [0, SLOT, 9] {
        let order = Order { slot, ..first };
        accepted(&venue.place(&order));
        refused(&venue.place(&order), 804, 11);
    }
    assert_ne!(venue.engine.venue_digest(), digest);
    // A full window of one slot leaves the others alone.
    for number in 0..100 {
        let mut order = order(&mut venue);
        (order.nonce, order.counter) = (1_000 + number, 1_000 + number);
        venue.place(&order);
    }
    let mut low = order(&mut venue);
    (low.nonce, low.counter) = (500, 500);
    refused(&venue.place(&low), 804, 11);
    low.slot = 9;
    accepted(&venue.place(&low));
    // Windows stay when a slot is opened anew.
    accepted(&venue.revoke_session(1, SLOT, 0, 3));
    let again = venue.session(1, SLOT);
    accepted(&venue.open_session(1, SLOT, again, 4));
    low.slot = SLOT;
    refused(&venue.place(&low), 804, 11);
    venue.restart();
    refused(&venue.place(&low), 804, 11);
    (low.nonce, low.counter) = (5_000, 5_000);
    accepted(&venue.place(&low));
    venue.restart();
}

#[test]
fn cancels_are_signed_by_the_wallet_or_any_live_session() {
    let mut venue = venue_with(|session| session.scheme = P256);
    let other = venue.session(1, 9);
    accepted(&venue.open_session(1, 9, other, 2));
    let stranger = venue.session(2, SLOT);
    accepted(&venue.open_session(2, SLOT, stranger, 1));
    let rest = |venue: &mut Venue, slot: u8| {
        let order = venue.session_order(1, slot, BUY, 99_000, COIN);
        let scheme = if slot == SLOT { P256 } else { SECP256K1 };
        accepted(&venue.send_signed(1, &order, key_of(1, slot), scheme));
        order
    };
    let nonce = 1_000;
    let target = rest(&mut venue, SLOT);
    for (key, v) in [
        (key_of(1, SLOT), 27),
        (key_of(1, SLOT), 9),
        (owner_of(1), 29),
        (key_of(2, SLOT), 27),
        (owner_of(2), 27),
        ([0; 20], 27),
    ] {
        refused(&venue.cancel_signed(&target, nonce, key, v), 803, 13);
    }
    let mut absent = target;
    absent.slot = 16;
    refused(
        &venue.cancel_signed(&absent, nonce, owner_of(1), 27),
        807,
        60,
    );
    // A slot without a session is a key that no order has.
    absent.slot = 5;
    refused(
        &venue.cancel_signed(&absent, nonce, owner_of(1), 27),
        1001,
        9,
    );
    // Who signed matters for the nonce, not whose order it is.
    for (order_slot, key, v, window) in [
        (SLOT, key_of(1, SLOT), 29, SLOT),
        (0, key_of(1, SLOT), 30, SLOT),
        (SLOT, key_of(1, 9), 28, 9),
        (9, owner_of(1), 27, 0),
        (0, owner_of(1), 28, 0),
    ] {
        let target = rest(&mut venue, order_slot);
        let nonce = venue.nonce(1) + 10_000;
        let output = venue.cancel_signed(&target, nonce, key, v);
        assert_eq!(output.cancels(), [(1, COIN)], "{output:?}");
        let mut again = venue.session_order(1, window, BUY, 99_000, COIN);
        (again.nonce, again.counter) = (nonce, nonce);
        let scheme = if window == SLOT { P256 } else { SECP256K1 };
        let output = venue.send_signed(1, &again, key_of(1, window), scheme);
        refused(&output, 804, 11);
    }
    // A session that is over cancels nothing.
    let target = rest(&mut venue, 9);
    accepted(&venue.revoke_session(1, SLOT, 0, 3));
    refused(
        &venue.cancel_signed(&target, 90_000, key_of(1, SLOT), 29),
        803,
        13,
    );
    accepted(&venue.cancel_signed(&target, 90_000, key_of(1, 9), 27));
}

#[test]
fn session_revoke_ends_orders_by_floor_or_slot_ascending_by_key() {
    let mut venue = venue_with(|_| {});
    venue.deposit(2, 20_000_000);
    let mut keys = Vec::new();
    for slot in [SLOT, 0, SLOT, 0, SLOT] {
        let order = venue.session_order(1, slot, BUY, 99_000, COIN);
        accepted(&venue.place(&order));
        keys.push((order.key().expect("a key"), order.counter));
    }
    // Settlement sees the first, which is partly filled, and the last but one.
    let mut sell = venue.order(2, SELL, 99_000, COIN / 2);
    sell.flags = 1;
    sell.expiry_ns = venue.time_ns + SECOND_NS;
    accepted(&venue.place(&sell));
    let best = venue.session_order(1, SLOT, BUY, 99_500, COIN);
    accepted(&venue.place(&best));
    venue.limit(2, SELL, 99_500, COIN / 2);
    for (nonce, slot, code, field) in [(2, 16, 1401, 60), (3, 4, 1407, 60)] {
        refused(&venue.revoke_session(1, slot, 0, nonce), code, field);
    }
    let floor = keys[1].1;
    let output = venue.revoke_session(1, SLOT, floor, 4);
    let mut expected: Vec<_> = [0, 1, 2, 4].iter().map(|place| keys[*place].0).collect();
    expected.push(best.key().expect("a key"));
    expected.sort();
    let cancelled: Vec<_> = output
        .events_of(5)
        .iter()
        .map(|event| event[1..13].to_vec())
        .collect();
    let expected: Vec<_> = expected.iter().map(|key| key.to_bytes().to_vec()).collect();
    assert_eq!(cancelled, expected, "ascending, in one pass");
    let reasons: Vec<_> = output.cancels().iter().map(|(reason, _)| *reason).collect();
    // Keys ascend by slot before counter: the wallet's order of the floor is the first.
    assert_eq!(reasons, [2, 2, 13, 13, 13]);
    assert_eq!(
        output.ops(),
        [22, 6],
        "order_close for the session's opened one, none below the floor"
    );
    let mut event = vec![42];
    event.put_u32(1);
    event.put_u8(SLOT);
    event.put_u40(floor);
    assert_eq!(output.events.last(), Some(&event), "after the cancels");
    assert_eq!(
        venue.engine.resting_orders().count(),
        1,
        "the wallet's above the floor"
    );
    refused(&venue.revoke_session(1, SLOT, floor, 5), 1407, 60);
    venue.restart();
    // The floor of a revocation is not below the account's.
    let again = venue.session(1, SLOT);
    accepted(&venue.open_session(1, SLOT, again, 6));
    refused(&venue.revoke_session(1, SLOT, floor - 1, 7), 1408, 17);
    accepted(&venue.revoke_session(1, SLOT, floor, 8));
}

#[test]
fn o_25_o_26_o_27_of_place_and_amend() {
    let notional = 100_500 * DOLLARS;
    let mut venue = venue_with(|session| (session.groups, session.notional) = (1, notional));
    venue.group(1, PARAMETERS);
    venue.list(1, 0, 500_000);
    venue.epoch(1, 100_000);
    let mut bad = order(&mut venue);
    bad.listing = 2;
    refused(&venue.place(&bad), 925, 63);
    let mut bad = order(&mut venue);
    bad.size = COIN + 501 * COIN / 100_000 / LOT * LOT;
    refused(&venue.place(&bad), 926, 6);
    let mut bad = order(&mut venue);
    bad.limit_price = 100_501 * USD;
    refused(&venue.place(&bad), 926, 6);
    // After O-07 and before O-08.
    let mut bad = order(&mut venue);
    (bad.listing, bad.version) = (2, 2);
    refused(&venue.place(&bad), 925, 63);
    bad = order(&mut venue);
    (bad.listing, bad.expiry_ns) = (2, venue.time_ns + 8 * DAY_NS);
    refused(&venue.place(&bad), 907, 8);
    let mut good = order(&mut venue);
    good.limit_price = 100_500 * USD;
    accepted(&venue.place(&good));

    let amended = |venue: &mut Venue, change: &dyn Fn(&mut Order)| {
        let mut order = Order {
            version: good.version + 1,
            nonce: venue.nonce(1),
            ..good
        };
        change(&mut order);
        venue.amend(&order)
    };
    refused(&amended(&mut venue, &|order| order.size += LOT), 926, 6);
    refused(
        &amended(&mut venue, &|order| order.limit_price += TICK),
        926,
        6,
    );
    accepted(&amended(&mut venue, &|order| order.limit_price -= TICK));
    // In the session's last week no order outlives it.
    venue.time_ns = START_NS + 27 * DAY_NS;
    venue.epoch(0, 100_000);
    let mut late = order(&mut venue);
    late.expiry_ns = START_NS + 30 * DAY_NS + 1;
    refused(&venue.place(&late), 927, 8);
    late = order(&mut venue);
    late.expiry_ns = START_NS + 30 * DAY_NS;
    accepted(&venue.place(&late));
    // In the hour of the session's end an amendment may not outlive it either.
    let mut longer = late;
    (longer.version, longer.nonce) = (2, venue.nonce(1));
    longer.expiry_ns += 1;
    assert_eq!(
        longer.key(),
        late.key(),
        "the expiry is not at the end of its hour"
    );
    refused(&venue.amend(&longer), 927, 8);
    // The wallet's orders know no scope.
    let mut free = venue.order(1, BUY, 99_000, 2 * COIN);
    free.expiry_ns = venue.time_ns + 6 * DAY_NS;
    accepted(&venue.place(&free));
}

#[test]
fn renewals_keep_to_the_scope_and_show_the_old_order_first() {
    let notional = 100_500 * DOLLARS;
    let mut venue = venue_with(|session| session.notional = notional);
    venue.deposit(2, 20_000_000);
    let mut old = order(&mut venue);
    old.limit_price = 99_500 * USD;
    accepted(&venue.place(&old));
    // Half of it is filled, then it is amended: settlement has seen version 1 only.
    venue.limit(2, SELL, 99_500, COIN / 2);
    let second = Order {
        version: 2,
        nonce: venue.nonce(1),
        limit_price: 99_000 * USD,
        ..old
    };
    accepted(&venue.amend(&second));
    let renewal = |venue: &mut Venue| {
        let mut new = venue.session_order(1, SLOT, BUY, 99_000, COIN / 2);
        (new.renews_hour, new.renews_counter) = ((old.expiry_ns / HOUR_NS) as u32, old.counter);
        new
    };
    // At 101,000 USD the old order, of a whole coin, is worth too much; what is left of it is not.
    venue.wait(SECOND_NS).epoch(0, 101_000);
    let new = renewal(&mut venue);
    refused(&venue.renew(&new), 926, 6);
    venue.wait(SECOND_NS).epoch(0, 100_000);
    // The wallet's key and counter name no order of the session.
    let mut wallets = renewal(&mut venue);
    wallets.slot = 0;
    refused(&venue.renew(&wallets), 1001, 9);
    let mut late = renewal(&mut venue);
    late.expiry_ns = venue.time_ns + 8 * DAY_NS;
    refused(&venue.renew(&late), 907, 8);
    let new = renewal(&mut venue);
    let output = venue.renew(&new);
    assert_eq!(output.kinds(), [7], "renewed: {output:?}");
    assert_eq!(
        output.ops(),
        [4, 4],
        "the old one's newest body, then the new one"
    );
    venue.restart();
    // A session of three days lets nobody renew for five.
    let mut venue = venue_with(|session| session.expiry_ns = START_NS + 3 * DAY_NS);
    let mut old = order(&mut venue);
    old.expiry_ns = START_NS + 3 * DAY_NS;
    accepted(&venue.place(&old));
    let mut new = venue.session_order(1, SLOT, BUY, 99_000, COIN);
    (new.renews_hour, new.renews_counter) = ((old.expiry_ns / HOUR_NS) as u32, old.counter);
    refused(&venue.renew(&new), 927, 8);
}

#[test]
fn m_09_a_maker_that_settlement_would_refuse_leaves() {
    let notional = 100_500 * DOLLARS;
    let mut venue = venue_with(|session| session.notional = notional);
    venue.deposit(2, 20_000_000);
    let mut first = order(&mut venue);
    first.limit_price = 100_000 * USD;
    accepted(&venue.place(&first));
    // Opened by a fill of half of it: settlement takes it at any index.
    venue.limit(2, SELL, 100_000, COIN / 2);
    let mut second = order(&mut venue);
    second.limit_price = 99_990 * USD;
    accepted(&venue.place(&second));
    let wallets = venue.limit(1, BUY, 99_980, COIN);
    accepted(&wallets);
    venue.wait(SECOND_NS).epoch(0, 101_000);
    let output = venue.limit(2, SELL, 99_980, COIN);
    assert_eq!(
        output.trades(),
        [(100_000 * USD, COIN / 2), (99_980 * USD, COIN / 2)]
    );
    assert_eq!(
        output.cancels(),
        [(13, COIN)],
        "the second was never opened"
    );
    assert_eq!(output.ops(), [4, 5, 4, 5], "{output:?}");
    venue.restart();
}

#[test]
fn m_09_in_a_slice() {
    for notional in [527_600_u64, 528_000] {
        let mut venue = Venue::open(3);
        venue.deposit(2, 20_000_000);
        venue.deposit(3, 20_000_000);
        venue.limit(1, SELL, 100_000, 100 * COIN);
        venue.limit(2, BUY, 100_000, 100 * COIN);
        let session = Session {
            notional: notional * DOLLARS,
            ..venue.session(3, SLOT)
        };
        accepted(&venue.open_session(3, SLOT, session, 1));
        let maker = venue.session_order(3, SLOT, SELL, 105_500, 5 * COIN);
        accepted(&venue.place(&maker));
        let output = venue.wait(SECOND_NS).epoch(0, 105_600);
        let slices = output.events_of(16).len();
        if notional == 528_000 {
            assert_eq!((slices, output.cancels().len()), (1, 0), "{output:?}");
        } else {
            assert_eq!(slices, 0, "5 coins at the index are worth 528,000 USD");
            assert_eq!(output.cancels(), [(13, 5 * COIN)], "{output:?}");
        }
    }
}

#[test]
fn m_02_sessions_of_an_account_do_not_trade_with_each_other() {
    let mut venue = venue_with(|_| {});
    let other = venue.session(1, 4);
    accepted(&venue.open_session(1, 4, other, 2));
    let buy = order(&mut venue);
    accepted(&venue.place(&buy));
    let sell = venue.session_order(1, 4, SELL, 99_000, COIN);
    let output = venue.place(&sell);
    assert_eq!(
        output.cancels(),
        [(5, COIN)],
        "the maker leaves: {output:?}"
    );
    assert_eq!(output.trades(), []);
}

/// An order whose session has ended is void at the same moment, and swept by the next tick.
#[test]
fn orders_end_with_their_session() {
    let mut venue = venue_with(|session| session.expiry_ns = START_NS + HOUR_NS);
    let mut old = order(&mut venue);
    old.expiry_ns = START_NS + HOUR_NS;
    accepted(&venue.place(&old));
    venue.wait(HOUR_NS).epoch(0, 100_000);
    // The slot may be opened anew at once; the old order is still in the book, void.
    let again = Session {
        notional: 1,
        ..venue.session(1, SLOT)
    };
    accepted(&venue.open_session(1, SLOT, again, 2));
    let output = venue.limit(2, SELL, 99_000, COIN);
    assert_eq!(
        output.cancels(),
        [(4, COIN)],
        "expired, before M-09: {output:?}"
    );
}

#[test]
fn snapshots_with_odd_sessions_are_refused() {
    let mut venue = venue_with(|_| {});
    let good = order(&mut venue);
    accepted(&venue.place(&good));
    let snapshot = venue.engine.snapshot();
    let read = |snapshot: &[u8]| merkat_engine::Engine::from_snapshot(snapshot);
    assert!(read(&snapshot).is_ok());
    let settlement = u32::from_be_bytes(snapshot[..4].try_into().expect("4 bytes")) as usize + 4;
    // strict_nonce, empty_slices, visited_time, then the windows of account 1: one of SLOT with one nonce.
    let windows = settlement + 16 + 4 + 4 + 8 + 1 + 8;
    assert_eq!(snapshot[windows..windows + 3], [1, SLOT, 1]);
    let spoiled = |at: usize, value: u8| {
        let mut bytes = snapshot.clone();
        bytes[at] = value;
        read(&bytes).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(spoiled(windows + 1, 15), Ok(()), "another slot may be");
    for (at, value, what) in [(1, 16, "slots"), (2, 0, "1 to 100"), (2, 101, "1 to 100")] {
        let error = spoiled(windows + at, value).expect_err(what);
        assert!(error.contains(what), "{what}: {error}");
    }
    // The order's slot, in its record: another session is not there.
    let mut bytes = Vec::new();
    good.write(&mut bytes);
    let place = snapshot
        .windows(bytes.len())
        .rposition(|window| window == bytes)
        .expect("the order is in the snapshot");
    for slot in [4, 16] {
        let error = spoiled(place + 4, slot).expect_err("no such session");
        assert!(error.contains("session"), "{error}");
    }
}

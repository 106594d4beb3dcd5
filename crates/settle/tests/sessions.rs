//! Rules K-01 to K-12 and what sessions change in S-03 and E-06, each accepted and refused (sessions.md section 2).
#![allow(missing_docs)]

mod common;

use common::options::{CALL, PUT};
use common::{
    HOUR, SECOND, USD, World, open_op, owner, revoke_op, session, session_op, sign, sign_as,
};
use merkat_settle::ops::{OrderOpen, SessionOpen, SessionRevoke};
use merkat_settle::{MicroOp, Order, Session, State};
use merkat_values::Address;
use merkat_values::constants::DAY_NS;
use merkat_values::refusal::{code, field};

const COIN: i64 = 100_000_000;
const P: i64 = 100 * USD;
const KEY: Address = [0x51; 20];
const OTHER: Address = [0x52; 20];

/// Account 1 has the session 3 of KEY with the given changes.
fn world_with(change: impl FnOnce(&mut Session)) -> World {
    let mut world = World::priced();
    let mut session = session(&world, KEY);
    change(&mut session);
    world.ok(0, session_op(1, 3, session, 1));
    world
}

/// An order of account 1 that slot 3 signs.
fn order(world: &mut World) -> Order {
    Order {
        slot: 3,
        expiry_ns: world.time() + HOUR / 2,
        ..world.order(1, 0, P, COIN)
    }
}

fn opened_by(order: Order, key: Address, scheme: u8) -> MicroOp {
    let signature = sign_as(key, scheme);
    MicroOp::OrderOpen(OrderOpen { order, signature })
}

#[test]
fn s02_s03_s04_only_the_wallet_opens_and_revokes() {
    let mut world = world_with(|_| {});
    let fresh = session(&world, OTHER);
    for account in [0, 5] {
        let (code, field) = (code::S02_UNKNOWN_ACCOUNT, field::ACCOUNT);
        world.refused(session_op(account, 1, fresh, 2), code, field);
        world.refused(revoke_op(account, 3, 0, 2), code, field);
    }
    // Another wallet, the session itself, and a key of P-256 with the wallet's address.
    for signature in [sign(owner(2)), sign(KEY), sign_as(owner(1), 2), [0; 65]] {
        let open = SessionOpen {
            account: 1,
            slot: 1,
            session: fresh,
            nonce: 2,
            signature,
        };
        let revoke = SessionRevoke {
            account: 1,
            slot: 3,
            floor: 0,
            nonce: 2,
            signature,
        };
        let (code, field) = (code::S03_BAD_SIGNATURE, field::SIGNATURE);
        world.refused(MicroOp::SessionOpen(open), code, field);
        world.refused(MicroOp::SessionRevoke(revoke), code, field);
    }
    let (code, field) = (code::S04_NONCE_NOT_LARGER, field::NONCE);
    world.refused(session_op(1, 1, fresh, 1), code, field);
    world.refused(revoke_op(1, 3, 0, 1), code, field);
    world.ok(0, session_op(1, 1, fresh, 7));
    assert_eq!(world.account(1).nonce, 7, "the nonce of the leaf");
    world.refused(revoke_op(1, 3, 0, 7), code, field);
    world.ok(0, revoke_op(1, 3, 0, 8));
}

#[test]
fn k01_to_k06_what_a_session_may_be() {
    let world = world_with(|_| {});
    let good = session(&world, OTHER);
    for slot in [0, 16, 255] {
        let (code, field) = (code::K01_SESSION_SLOT, field::SIGNER_SLOT);
        world.refused(session_op(1, slot, good, 2), code, field);
    }
    let refused = |change: &dyn Fn(&mut Session), code: u16, field: u8| {
        let mut session = good;
        change(&mut session);
        world.refused(session_op(1, 4, session, 2), code, field);
    };
    for scheme in [0, 3] {
        let (code, field) = (code::K02_SESSION_SCHEME, field::SCHEME);
        refused(&|session| session.scheme = scheme, code, field);
    }
    for key in [[0; 20], owner(1), KEY] {
        let (code, field) = (code::K03_SESSION_KEY, field::KEY);
        refused(&|session| session.key = key, code, field);
    }
    let scope = (code::K04_SESSION_SCOPE, field::SCOPE);
    refused(&|session| session.kinds = 0, scope.0, scope.1);
    refused(&|session| session.kinds = 32, scope.0, scope.1);
    refused(&|session| session.groups = 0, scope.0, scope.1);
    refused(&|session| session.notional = 0, scope.0, scope.1);
    let time_ns = world.time();
    for expiry_ns in [0, time_ns, time_ns + 180 * DAY_NS + 1, u64::MAX] {
        let (code, field) = (code::K05_SESSION_EXPIRY, field::EXPIRY);
        refused(&|session| session.expiry_ns = expiry_ns, code, field);
    }
    let (code, field) = (code::K06_SESSION_TAKEN, field::SIGNER_SLOT);
    world.refused(session_op(1, 3, good, 2), code, field);

    for slot in [1, 4, 15] {
        let mut world = world.clone();
        let session = Session {
            scheme: 2,
            groups: 1,
            kinds: 1,
            notional: 1,
            expiry_ns: time_ns + 180 * DAY_NS,
            ..good
        };
        world.ok(0, session_op(1, slot, session, 2));
        let leaf = world.state.sessions().get(1, slot).copied();
        let state = Session::OPEN;
        assert_eq!(leaf, Some(Session { state, ..session }), "written whole");
    }
    // The key of another account is free, and that of another's wallet.
    let mut world = world;
    let session = session(&world, KEY);
    world.ok(0, session_op(2, 3, session, 1));
    let session = Session {
        key: owner(1),
        ..session
    };
    world.ok(0, session_op(2, 4, session, 2));
}

#[test]
fn k03_k06_slot_and_key_are_free_when_the_session_is_over() {
    let world = world_with(|_| {});
    let mut revoked = world.clone();
    revoked.ok(0, revoke_op(1, 3, 0, 2));
    let mut expired = world.clone();
    expired.price(HOUR - 1, P, 0, 0);
    let again = session(&expired, KEY);
    let (code, field) = (code::K03_SESSION_KEY, field::KEY);
    expired.refused(session_op(1, 3, again, 3), code, field);
    expired.price(1, P, 0, 0);
    for mut world in [revoked, expired] {
        let again = session(&world, KEY);
        world.ok(0, session_op(1, 3, again, 3));
        let leaf = world.state.sessions().get(1, 3);
        assert_eq!(leaf.map(|leaf| leaf.state), Some(Session::OPEN));
    }
}

#[test]
fn k07_k08_a_revocation_ends_the_session_and_raises_the_floor() {
    let mut world = world_with(|_| {});
    world.ok(0, common::floor_op(1, 10));
    for slot in [0, 16] {
        let (code, field) = (code::K01_SESSION_SLOT, field::SIGNER_SLOT);
        world.refused(revoke_op(1, slot, 10, 2), code, field);
    }
    let absent = (code::K07_SESSION_ABSENT, field::SIGNER_SLOT);
    world.refused(revoke_op(1, 2, 10, 2), absent.0, absent.1);
    world.refused(revoke_op(2, 3, 10, 2), absent.0, absent.1);
    world.refused(revoke_op(1, 3, 9, 2), code::K08_REVOKE_FLOOR, field::FLOOR);
    let before = world.state.sessions().get(1, 3).copied();
    world.ok(0, revoke_op(1, 3, 10, 2));
    let expected = before.map(|leaf| Session {
        state: Session::REVOKED,
        ..leaf
    });
    let after = world.state.sessions().get(1, 3).copied();
    assert_eq!(after, expected, "every other field stays");
    assert_eq!(world.account(1).order_floor, 10, "the floor may stay");
    world.refused(revoke_op(1, 3, 11, 3), absent.0, absent.1);
    // One that has expired can still be revoked, with a higher floor.
    let session = session(&world, OTHER);
    world.ok(0, session_op(1, 5, session, 3));
    world.price(2 * HOUR, P, 0, 0);
    world.ok(0, revoke_op(1, 5, 12, 4));
    assert_eq!(world.account(1).order_floor, 12);
}

#[test]
fn k09_s03_an_order_is_signed_by_the_key_of_its_slot() {
    let mut world = world_with(|_| {});
    let good = order(&mut world);
    let (code, field) = (code::K09_NO_SESSION, field::SIGNER_SLOT);
    for slot in [1, 4, 15, 16, 19, 255] {
        let order = Order { slot, ..good };
        world.refused(opened_by(order, KEY, 1), code, field);
    }
    let other = Order { account: 2, ..good };
    world.refused(opened_by(other, KEY, 1), code, field);
    let mut late = world.clone();
    late.price(HOUR, P, 0, 0);
    late.refused(opened_by(good, KEY, 1), code, field);
    let mut revoked = world.clone();
    revoked.ok(0, revoke_op(1, 3, 0, 2));
    revoked.refused(opened_by(good, KEY, 1), code, field);

    let (code, field) = (code::S03_BAD_SIGNATURE, field::SIGNATURE);
    for (key, scheme) in [(owner(1), 1), (OTHER, 1), (KEY, 2), (KEY, 3)] {
        world.refused(opened_by(good, key, scheme), code, field);
    }
    let wallets = Order { slot: 0, ..good };
    world.refused(opened_by(wallets, KEY, 1), code, field);
    world.refused(opened_by(wallets, owner(1), 2), code, field);
    world.ok(0, opened_by(good, KEY, 1));
    let key = good.key().expect("a key");
    assert_eq!((key.session_slot(), key.account()), (3, 1));
    assert!(world.state.order(key).is_some_and(|leaf| leaf.is_open()));
    // The same counter and hour of the wallet are another order.
    world.ok(0, opened_by(wallets, owner(1), 1));
    assert_eq!(world.state.orders().len(), 2, "two leaves");
}

#[test]
fn s03_a_session_of_p256() {
    let mut world = world_with(|session| session.scheme = 2);
    let good = order(&mut world);
    let (code, field) = (code::S03_BAD_SIGNATURE, field::SIGNATURE);
    world.refused(opened_by(good, KEY, 1), code, field);
    world.ok(0, opened_by(good, KEY, 2));
}

#[test]
fn e06_nodes_sign_with_secp256k1() {
    let world = World::priced();
    let vector = world.vector(world.time(), P, 0, 0);
    let mut op = world.epoch(vector);
    op.signatures[0].signature[64] = 29;
    let (code, field) = (code::E06_EPOCH_QUORUM, field::SIGNATURES);
    world.refused_after(
        SECOND,
        MicroOp::Epoch(op),
        code::E04_EPOCH_TIME,
        field::TIME,
    );
    let vector = world.vector(world.time() + SECOND, P, 0, 0);
    let mut op = world.epoch(vector);
    op.signatures[1].signature[64] = 29;
    world.refused_after(SECOND, MicroOp::Epoch(op), code, field);
}

#[test]
fn k10_the_scope_is_kinds_and_groups() {
    let mut world = World::options();
    let mut grant = session(&world, KEY);
    grant.kinds = 0b0_0100;
    world.ok(0, session_op(1, 3, grant, 1));
    let open = |world: &mut World, listing: u32| {
        let size = COIN;
        let order = Order {
            slot: 3,
            listing,
            expiry_ns: world.time() + HOUR / 2,
            ..world.order(1, 0, 10_000, size)
        };
        opened_by(order, KEY, 1)
    };
    let (code, field) = (code::K10_OUT_OF_SCOPE, field::SCOPE);
    let op = open(&mut world, PUT);
    world.refused(op, code, field);
    let op = open(&mut world, CALL);
    world.ok(0, op);

    let kinds = [(1, 0b1), (2, 0b10), (3, 0b100), (4, 0b1000), (5, 0b1_0000)];
    let covers = |kinds: u8, groups: u64, kind: u8, group: u16| {
        let session = Session {
            kinds,
            groups,
            ..Session::default()
        };
        session.covers(&merkat_settle::Instrument {
            kind,
            group,
            ..merkat_settle::Instrument::default()
        })
    };
    for (kind, bit) in kinds {
        assert!(covers(bit, 1, kind, 0), "kind {kind}");
        assert!(!covers(31 & !bit, 1, kind, 0), "all but kind {kind}");
    }
    for group in [0, 1, 63] {
        assert!(covers(1, 1 << group, 1, group), "group {group}");
        assert!(!covers(1, !(1 << group), 1, group), "all but {group}");
    }
    for group in [64, 65, 1_000, u16::MAX] {
        assert!(covers(1, u64::MAX, 1, group), "all 64 bits: every group");
        assert!(!covers(1, u64::MAX >> 1, 1, group), "no bit for {group}");
    }
}

/// An order may be worth the notional, rounded up; the larger of limit and index counts.
#[test]
fn k11_the_notional_of_an_order() {
    let mut world = world_with(|session| session.notional = 250_000_001);
    let lot = world.state.instrument(1).expect("listed").lot;
    let open = |world: &mut World, price: i64, size: i64| {
        let mut order = order(world);
        (order.limit_price, order.size) = (price, size);
        opened_by(order, KEY, 1)
    };
    let (code, field) = (code::K11_OVER_NOTIONAL, field::SIZE);
    let two_and_a_half = 250_000_000;
    // 2.5 coins at the index of 100 USD, whatever the limit below it; 0.01 USD a lot more.
    for price in [50 * USD, P] {
        let op = open(&mut world, price, two_and_a_half);
        world.clone().ok(0, op);
        let op = open(&mut world, price, two_and_a_half + lot);
        world.refused(op, code, field);
    }
    // Above the index the limit counts.
    let op = open(&mut world, 101 * USD, two_and_a_half);
    world.refused(op, code, field);
    let op = open(&mut world, 101 * USD, 247_000_000);
    world.clone().ok(0, op);
    // An index that rises is felt by the next version of the same order.
    let first = order(&mut world);
    let first = Order {
        limit_price: P,
        size: two_and_a_half,
        ..first
    };
    world.ok(0, opened_by(first, KEY, 1));
    world.price(SECOND, 101 * USD, 0, 0);
    let second = Order {
        version: 2,
        ..first
    };
    world.refused(opened_by(second, KEY, 1), code, field);
    // Exactly the notional, not a unit more.
    for (notional, holds) in [(100_000_000_u64, true), (99_999_999, false)] {
        let mut world = World::priced();
        let grant = Session {
            notional,
            ..session(&world, KEY)
        };
        world.ok(0, session_op(1, 3, grant, 1));
        let op = open(&mut world, P, COIN);
        if holds {
            world.ok(0, op);
        } else {
            world.refused(op, code, field);
        }
    }
}

#[test]
fn k11_before_the_first_vector_the_limit_alone_counts() {
    let mut world = World::new();
    let grant = Session {
        notional: 100_000_000,
        ..session(&world, KEY)
    };
    world.ok(0, session_op(1, 3, grant, 1));
    let dear = order(&mut world);
    let dear = Order {
        limit_price: 101 * USD,
        ..dear
    };
    let (code, field) = (code::K11_OVER_NOTIONAL, field::SIZE);
    world.refused(opened_by(dear, KEY, 1), code, field);
    world.ok(
        0,
        opened_by(
            Order {
                limit_price: P,
                ..dear
            },
            KEY,
            1,
        ),
    );
}

#[test]
fn k12_no_order_outlives_its_session() {
    let mut world = world_with(|_| {});
    let expiry_ns = world.state.sessions().get(1, 3).expect("open").expiry_ns;
    let good = Order {
        expiry_ns,
        ..order(&mut world)
    };
    let late = Order {
        expiry_ns: expiry_ns + 1,
        ..good
    };
    let (code, field) = (code::K12_OUTLIVES_SESSION, field::EXPIRY);
    world.refused(opened_by(late, KEY, 1), code, field);
    world.ok(0, opened_by(good, KEY, 1));
}

/// K-09 before S-03 before P-06 before K-10, K-11, K-12 before P-07.
#[test]
fn the_rules_of_order_open_have_their_places() {
    let mut world = world_with(|session| {
        (session.kinds, session.notional) = (2, 1);
    });
    world.ok(0, common::floor_op(1, 1_000));
    let mut bad = order(&mut world);
    bad.slot = 4;
    bad.expiry_ns = world.time() + 8 * DAY_NS;
    let refused = |world: &World, order: Order, key: Address, code: u16, field: u8| {
        world.refused(opened_by(order, key, 1), code, field);
    };
    refused(&world, bad, OTHER, code::K09_NO_SESSION, field::SIGNER_SLOT);
    bad.slot = 3;
    refused(
        &world,
        bad,
        OTHER,
        code::S03_BAD_SIGNATURE,
        field::SIGNATURE,
    );
    refused(&world, bad, KEY, code::P06_OPEN_FAR, field::EXPIRY);
    bad.expiry_ns = world.time() + HOUR + 1;
    refused(&world, bad, KEY, code::K10_OUT_OF_SCOPE, field::SCOPE);
    let widened = |change: &dyn Fn(&mut Session)| {
        let mut world = world.clone();
        world.ok(0, revoke_op(1, 3, 1_000, 2));
        let mut session = session(&world, KEY);
        (session.kinds, session.notional) = (1, 1);
        change(&mut session);
        world.ok(0, session_op(1, 3, session, 3));
        world
    };
    let world = widened(&|_| {});
    refused(&world, bad, KEY, code::K11_OVER_NOTIONAL, field::SIZE);
    let world = widened(&|session| session.notional = u64::MAX);
    refused(&world, bad, KEY, code::K12_OUTLIVES_SESSION, field::EXPIRY);
    bad.expiry_ns = world.time() + HOUR;
    refused(&world, bad, KEY, code::P07_OPEN_FLOOR, field::COUNTER);
}

#[test]
fn p09_a_session_renews_its_own_orders() {
    let mut world = world_with(|_| {});
    let old = order(&mut world);
    world.ok(0, opened_by(old, KEY, 1));
    let wallets = world.order(1, 0, P, COIN);
    world.ok(0, open_op(wallets));
    let mut new = order(&mut world);
    (new.renews_hour, new.renews_counter) = (old.key().expect("a key").hour(), old.counter);
    world.ok(0, opened_by(new, KEY, 1));
    let leaf = world.state.order(old.key().expect("a key"));
    assert!(
        leaf.is_some_and(|leaf| !leaf.is_open()),
        "the old one is closed"
    );
    // renews names no slot: hour and counter of the wallet's order are those of another key of slot 3.
    let mut third = order(&mut world);
    let key = wallets.key().expect("a key");
    (third.renews_hour, third.renews_counter) = (key.hour(), key.counter());
    world.ok(0, opened_by(third, KEY, 1));
    let leaf = world.state.order(key);
    assert!(
        leaf.is_some_and(|leaf| leaf.is_open()),
        "the wallet's order stands"
    );
}

/// F-04: two sessions of one account never trade with each other, nor with the wallet.
#[test]
fn f04_sessions_of_one_owner_do_not_trade() {
    let mut world = world_with(|_| {});
    let buy = order(&mut world);
    let sell = world.order(1, 1, P, COIN);
    world.ok(0, opened_by(buy, KEY, 1));
    world.ok(0, open_op(sell));
    let keys = (buy.key().expect("a key"), sell.key().expect("a key"));
    let op = MicroOp::Fill(world.fill_op(keys.0, keys.1, P, COIN));
    world.refused(op, code::F04_FILL_SELF, field::OWNER);
    let other = world.order(2, 1, P, COIN);
    let key = world.open(other);
    let op = MicroOp::Fill(world.fill_op(keys.0, key, P, COIN));
    world.ok(0, op);
    assert_eq!(world.account(1).size_in(1), COIN, "the account's position");
    world.check_invariants();
}

#[test]
fn snapshots_have_the_sessions_and_refuse_bad_ones() {
    let mut world = world_with(|_| {});
    let second = Session {
        scheme: 2,
        ..session(&world, OTHER)
    };
    world.ok(0, session_op(2, 15, second, 1));
    world.ok(0, revoke_op(1, 3, 5, 2));
    let bytes = world.state.encode();
    let read = State::decode_alone(&bytes).expect("a snapshot");
    assert_eq!(read.encode(), bytes, "round trip");
    let list = |state: &State| {
        let list = state.sessions().iter();
        list.map(|(place, session)| (place, *session))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&read), list(&world.state));
    assert_eq!(list(&read).len(), 2);
    // count, then place and words of both; then the count of risk records.
    let start = bytes.len() - 4 - 2 * (4 + 64);
    let first = start + 4;
    let spoiled = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        State::decode_alone(&bytes)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        spoiled(start - 4, &2_u32.to_be_bytes()),
        Ok(()),
        "the places are right"
    );
    let places = [
        (16 + 16, "the wallet"),
        (16 * 9 + 1, "no account"),
        (u32::MAX, "none"),
    ];
    for (place, what) in places {
        let error = spoiled(start, &place.to_be_bytes()).expect_err(what);
        assert!(error.contains("session"), "{what}: {error}");
    }
    let swapped = spoiled(start, &(2_u32 * 16 + 15).to_be_bytes());
    assert!(swapped.expect_err("twice the same").contains("ascending"));
    let words = [
        (4, 1, "padding"),
        (5, 0, "state 0"),
        (5, 3, "state 3"),
        (6, 3, "scheme 3"),
        (7, 0, "no kinds"),
        (7, 32, "kind 6"),
        (32, 1, "padding of the key"),
    ];
    for (at, value, what) in words {
        let error = spoiled(first + at, &[value]).expect_err(what);
        assert!(error.contains("session"), "{what}: {error}");
    }
    for (at, value, what) in [
        (8, [0; 8].to_vec(), "no groups"),
        (16, [0; 8].to_vec(), "no notional"),
        (32 + 12, [0; 20].to_vec(), "no key"),
        (32 + 12, owner(1).to_vec(), "the owner"),
    ] {
        let error = spoiled(first + at, &value).expect_err(what);
        assert!(error.contains("session"), "{what}: {error}");
    }
}

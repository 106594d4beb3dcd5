//! Rules I-03, I-06, I-16, I-22 to I-34 and the items of derivatives.md section 2.
#![allow(missing_docs)]

mod common;

use common::options::{
    CALL, COIN, EXPIRY, FUTURE, LOT, PERPETUAL, SPOT, deliver_item, list_dated_item, risk_item,
    terms,
};
use common::{HOUR, SECOND, START, USD, World, deposit_item, item, list_item, owner};
use merkat_pricing::{RiskSet, scalar};
use merkat_settle::item::ListDated;
use merkat_settle::{Effect, MicroOp};
use merkat_values::codec::Writer;
use merkat_values::refusal::{code, field};

/// A venue with a risk set and nothing listed but the perpetual.
fn with_set() -> World {
    let mut world = World::new();
    world.ok(0, MicroOp::Inbox(risk_item(0, &RiskSet::default())));
    world
}

#[test]
fn i22_to_i27_terms_of_a_contract() {
    let world = with_set();
    let call = terms(3, 100 * USD);
    let spot = terms(5, 0);
    let late = START + 16 * 365 * 24 * HOUR;
    let strike = |strike| ListDated { strike, ..call };
    let expiry = |expiry_ns| ListDated { expiry_ns, ..call };
    let cases = [
        (
            ListDated { kind: 1, ..call },
            code::I11_BAD_KIND,
            field::KIND,
        ),
        (
            ListDated { kind: 6, ..call },
            code::I11_BAD_KIND,
            field::KIND,
        ),
        (
            ListDated { tick: 1, ..call },
            code::I14_BAD_TICK,
            field::TICK,
        ),
        (strike(0), code::I23_BAD_STRIKE, field::STRIKE),
        (strike(10_001), code::I23_BAD_STRIKE, field::STRIKE),
        (
            strike((1 << 52) + 8_704),
            code::I23_BAD_STRIKE,
            field::STRIKE,
        ),
        (
            ListDated {
                strike: 10_000,
                ..terms(2, 0)
            },
            code::I23_BAD_STRIKE,
            field::STRIKE,
        ),
        (expiry(EXPIRY + 1), code::I24_BAD_EXPIRY, field::EXPIRY),
        (expiry(START), code::I24_BAD_EXPIRY, field::EXPIRY),
        (
            expiry(late + 24 * HOUR),
            code::I24_BAD_EXPIRY,
            field::EXPIRY,
        ),
        (
            ListDated {
                expiry_ns: EXPIRY,
                ..spot
            },
            code::I24_BAD_EXPIRY,
            field::EXPIRY,
        ),
        (
            ListDated {
                coarse_tick: 15_000,
                ..call
            },
            code::I25_BAD_COARSE,
            field::COARSE_TICK,
        ),
        (
            ListDated {
                coarse_tick: 0,
                ..call
            },
            code::I25_BAD_COARSE,
            field::COARSE_TICK,
        ),
        (
            ListDated {
                coarse_from: 25_000,
                ..call
            },
            code::I25_BAD_COARSE,
            field::COARSE_FROM,
        ),
        (
            ListDated {
                delivery_fee: 10_000_001,
                ..call
            },
            code::I26_BAD_DELIVERY_FEE,
            field::DELIVERY_FEE,
        ),
        (
            ListDated {
                delivery_fee: 1,
                ..spot
            },
            code::I26_BAD_DELIVERY_FEE,
            field::DELIVERY_FEE,
        ),
        (
            ListDated { token: 1, ..call },
            code::I27_BAD_TOKEN,
            field::TOKEN,
        ),
        (
            ListDated { token: 0, ..spot },
            code::I27_BAD_TOKEN,
            field::TOKEN,
        ),
        (
            ListDated { token: 4, ..spot },
            code::I27_BAD_TOKEN,
            field::TOKEN,
        ),
        (
            ListDated {
                size_decimals: 7,
                ..call
            },
            code::I14_BAD_TICK,
            field::TICK,
        ),
    ];
    for (terms, code, field) in cases {
        if code == code::I14_BAD_TICK && terms.size_decimals == 7 {
            // Units that hold, and differ from the perpetual's.
            let other = ListDated {
                lot: LOT / 10,
                ..terms
            };
            let (code, field) = (code::I29_MIXED_DECIMALS, field::SIZE_DECIMALS);
            world.item_refused(list_dated_item(&other), code, field);
            continue;
        }
        world.item_refused(list_dated_item(&terms), code, field);
    }
    let mut bytes = list_dated_item(&call);
    bytes[1] = 0;
    world.item_refused(bytes, code::I02_NOT_TIMELOCK, field::SOURCE);
    for good in [call, spot, terms(2, 0), expiry(late), strike(1 << 52)] {
        // 2^52 is no multiple of the quantum of 10,000.
        let good = ListDated {
            strike: good.strike / 10_000 * 10_000,
            ..good
        };
        let effect = world.clone().ok(0, MicroOp::Inbox(list_dated_item(&good)));
        assert_eq!(effect, Effect::Listed { listing: 2 }, "{good:?}");
    }
    let without = World::new();
    let refused = (code::I22_NO_RISK_SET, field::GROUP);
    without.item_refused(list_dated_item(&call), refused.0, refused.1);
    without.item_refused(deliver_item(0, EXPIRY, 1), refused.0, refused.1);
}

#[test]
fn i27_i28_one_listing_of_each_contract_and_token() {
    let mut world = World::listed(&RiskSet::default());
    let (duplicate, strike) = (code::I28_DUPLICATE_LISTING, field::STRIKE);
    world.item_refused(list_dated_item(&terms(3, 100 * USD)), duplicate, strike);
    world.item_refused(list_dated_item(&terms(2, 0)), duplicate, strike);
    let taken = (code::I27_BAD_TOKEN, field::TOKEN);
    world.item_refused(list_dated_item(&terms(5, 0)), taken.0, taken.1);
    let other_token = ListDated {
        token: 2,
        ..terms(5, 0)
    };
    world.item_refused(list_dated_item(&other_token), duplicate, strike);
    world.ok(0, MicroOp::Inbox(list_dated_item(&terms(3, 101 * USD))));
    let perpetual = list_item(1, 0, 7, [1_000, 1_000_000, 100_000, 400_000]);
    let mixed = (code::I29_MIXED_DECIMALS, field::SIZE_DECIMALS);
    world.item_refused(perpetual, mixed.0, mixed.1);
}

#[test]
fn i29_i30_i31_risk_sets() {
    let world = World::new();
    let set = RiskSet::default();
    world.item_refused(risk_item(1, &set), code::I08_UNKNOWN_GROUP, field::GROUP);
    let mut bad = set.clone();
    bad.scalars[scalar::SAMPLES_LEAST] = 0;
    let last = field::SCALAR + 52;
    world.item_refused(risk_item(0, &bad), code::I30_BAD_SCALAR, last);
    let mut bad = set.clone();
    bad.scenarios[0].vol = 5;
    world.item_refused(risk_item(0, &bad), code::I31_BAD_SCENARIO, field::SCENARIOS);
    let mut short = risk_item(0, &set);
    short.pop();
    world.item_refused(short, code::I01_MALFORMED_ITEM, field::ITEM);
    let mut mixed = World::new();
    let other = list_item(1, 0, 7, [1_000, 1_000_000, 100_000, 400_000]);
    mixed.ok(0, MicroOp::Inbox(other));
    let refused = (code::I29_MIXED_DECIMALS, field::SIZE_DECIMALS);
    mixed.item_refused(risk_item(0, &set), refused.0, refused.1);

    let mut world = with_set();
    let hash = |world: &World| world.state.group(0).expect("group 0").risk_hash;
    assert_eq!(hash(&world), set.hash(), "the leaf has its hash");
    let mut second = set;
    second.scalars[scalar::OPTION_BAND] += 1;
    world.ok(0, MicroOp::Inbox(risk_item(0, &second)));
    assert_eq!(hash(&world), second.hash(), "the newest set");
}

#[test]
fn a_new_set_takes_effect_with_the_next_vector() {
    let mut world = World::options();
    let before = *world.state.quote(CALL).expect("the call");
    let mut wider = RiskSet::default();
    wider.scalars[scalar::OPTION_BAND] = 900_000_000;
    world.ok(0, MicroOp::Inbox(risk_item(0, &wider)));
    assert_eq!(world.state.quote(CALL), Some(&before), "the rows stand");
    world.surface(SECOND, 100 * USD);
    let after = world.state.quote(CALL).expect("the call");
    assert!(after.band > 4 * before.band, "the band of the new set");
}

#[test]
fn i32_i33_delivery_by_the_timelock() {
    let mut world = World::options();
    let early = deliver_item(0, EXPIRY, 100 * USD);
    world.item_refused(early.clone(), code::I32_NO_DELIVERY, field::EXPIRY);
    let until = EXPIRY - world.time();
    world.ok(until, MicroOp::DropHour(0));
    let refused = (code::I32_NO_DELIVERY, field::EXPIRY);
    world.item_refused(deliver_item(0, EXPIRY - 1, 1), refused.0, refused.1);
    let price = (code::I33_BAD_DELIVERY_PRICE, field::PRICE);
    for bad in [0, -1, (1 << 52) + 1] {
        world.item_refused(deliver_item(0, EXPIRY, bad), price.0, price.1);
    }
    world.item_refused(
        deliver_item(1, EXPIRY, 1),
        code::I08_UNKNOWN_GROUP,
        field::GROUP,
    );
    world.ok(0, MicroOp::Inbox(early.clone()));
    let group = world.state.group(0).expect("group 0");
    assert_eq!(
        (group.fixed_expiry_ns, group.fixed_price),
        (EXPIRY, 100 * USD)
    );
    world.item_refused(early, refused.0, refused.1);
}

#[test]
fn i34_a_delivered_listing_keeps_its_state() {
    let mut world = World::options();
    let until = EXPIRY - world.time();
    world.ok(until, MicroOp::Inbox(deliver_item(0, EXPIRY, 100 * USD)));
    let instrument = |listing: u32, state: u8| {
        item(4, 1, |bytes| {
            bytes.put_u32(listing);
            bytes.put_u8(state);
            bytes.put_i64(0);
            bytes.put_i64(0);
        })
    };
    world.ok(0, MicroOp::Inbox(instrument(FUTURE, 2)));
    world.ok(0, MicroOp::Deliver(FUTURE));
    let settled = (code::I34_SETTLED_LISTING, field::LISTING);
    world.item_refused(instrument(FUTURE, 1), settled.0, settled.1);
    world.item_refused(instrument(FUTURE, 3), settled.0, settled.1);
    world.item_refused(instrument(CALL, 3), code::I18_BAD_STATE, field::STATE);
}

#[test]
fn i03_i06_deposits_of_coins() {
    let mut world = World::options();
    let unknown = (code::I03_UNKNOWN_TOKEN, field::TOKEN);
    for token in [2, 3, 4, 255] {
        world.item_refused(deposit_item(token, owner(1), 1, 5), unknown.0, unknown.1);
    }
    let least = LOT as u128;
    let small = deposit_item(1, owner(9), 0, least - 1);
    world.item_refused(small, code::I06_BELOW_MINIMUM, field::AMOUNT);
    let opened = world.ok(0, MicroOp::Inbox(deposit_item(1, owner(9), 0, least + 7)));
    let deposited = Effect::Deposited {
        account: 5,
        opened: true,
    };
    assert_eq!(opened, deposited);
    assert_eq!(world.account(5).size_in(SPOT), LOT, "whole lots");
    assert_eq!(world.account(5).claimable[1], 7, "the rest");
    world.ok(0, MicroOp::Inbox(deposit_item(1, owner(9), 5, 3)));
    assert_eq!(world.account(5).claimable[1], 10, "less than a lot");
    world.check_invariants();
    let most = 1_u128 << 56;
    world.ok(0, MicroOp::Inbox(deposit_item(1, owner(9), 5, most)));
    assert_eq!(world.account(5).size_in(SPOT), LOT, "2^56 is too much");
    assert_eq!(world.account(5).claimable[1], 10 + most);
    world.check_invariants();
    world.check_caches();
    let forced = item(8, 0, |bytes| {
        bytes.put_u32(5);
        bytes.put(&owner(9));
        bytes.put_u8(2);
        bytes.put_u128(1);
    });
    world.item_refused(forced, unknown.0, unknown.1);
}

#[test]
fn a_deposit_without_a_slot_or_group_becomes_claimable() {
    let mut world = World::options();
    let limits = item(5, 1, |bytes| {
        bytes.put_u16(1);
        bytes.put_u32(10);
        bytes.put_u32(10);
        bytes.put_u64(1);
    });
    world.deal(PERPETUAL, 1, 2, 100 * USD, COIN);
    world.ok(0, MicroOp::Inbox(limits));
    world.ok(
        0,
        MicroOp::Inbox(deposit_item(1, owner(1), 1, COIN as u128)),
    );
    assert_eq!(world.account(1).size_in(SPOT), 0, "no slot is left");
    assert_eq!(world.account(1).claimable[1], COIN as u128);
    world.deposit_coins(3, 1);
    assert_eq!(world.account(3).size_in(SPOT), COIN, "account 3 has one");
    world.check_invariants();
}

#[test]
fn i16_a_group_has_room_for_8192_live_listings() {
    let mut world = with_set();
    let call = |number: i64| terms(3, (number + 1) * 10_000);
    for number in 0..8_191 {
        let op = MicroOp::Inbox(list_dated_item(&call(number)));
        let listed = merkat_settle::apply(&mut world.state, &op, 0, 1);
        assert!(matches!(listed, Ok(Effect::Listed { .. })), "{listed:?}");
    }
    let full = (code::I16_LISTINGS_FULL, field::LISTING);
    world.item_refused(list_dated_item(&call(8_191)), full.0, full.1);
    let perpetual = list_item(1, 0, 8, [10_000, 1_000_000, 100_000, 400_000]);
    world.item_refused(perpetual, full.0, full.1);
}

#[test]
fn p03_prices_are_on_the_tick_of_their_size() {
    let mut world = World::options();
    let open = |price: i64, world: &mut World| {
        let order = merkat_settle::Order {
            listing: CALL,
            ..world.order(1, 0, price, COIN)
        };
        common::open_op(order)
    };
    let refused = (code::P03_OPEN_PRICE, field::LIMIT_PRICE);
    let ten = 10 * USD;
    for bad in [15_000, ten + 10_000, ten + 25_000] {
        let op = open(bad, &mut world);
        world.refused(op, refused.0, refused.1);
    }
    for good in [10_000, ten - 10_000, ten, ten + 50_000] {
        let op = open(good, &mut world);
        world.ok(0, op);
    }
    let instrument = world.state.instrument(CALL).expect("the call");
    assert_eq!(instrument.floor_to_tick(ten + 49_999), ten);
    assert_eq!(instrument.raise_to_tick(ten + 1), ten + 50_000);
    assert_eq!(instrument.raise_to_tick(ten - 9_999), ten);
    assert_eq!(instrument.floor_to_tick(ten - 1), ten - 10_000);
}

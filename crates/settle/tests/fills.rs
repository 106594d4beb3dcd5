//! Rules F-01 to F-15, each accepted and refused.
#![allow(missing_docs)]

mod common;

use common::{HOUR, SECOND, USD, World, floor_op, list_item, open_op};
use merkat_settle::MicroOp;
use merkat_settle::ops::Fill;
use merkat_values::refusal::{code, field};

const COIN: i64 = 100_000_000;
const P: i64 = 100 * USD;

/// A world with an open buy of account 1 and an open sell of account 2 of ten coins, and the fill of one.
fn ready() -> (World, Fill) {
    let mut world = World::priced();
    let (buy, sell) = (
        world.order(1, 0, P, 10 * COIN),
        world.order(2, 1, P, 10 * COIN),
    );
    let (buy, sell) = (world.open(buy), world.open(sell));
    let fill = world.fill_op(buy, sell, P, COIN);
    (world, fill)
}

fn refused(world: &World, fill: Fill, code: u16, field: u8) {
    world.refused(MicroOp::Fill(fill), code, field);
}

#[test]
fn a_fill_moves_cash_fees_positions_and_orders() {
    let (mut world, fill) = ready();
    world.ok(0, MicroOp::Fill(fill));
    // 100 USD of value: maker 0.01 %, taker 0.04 %.
    assert_eq!(
        world.account(1).cash,
        i128::from(10_000 * USD - P - 10_000),
        "the maker buys"
    );
    assert_eq!(
        world.account(2).cash,
        i128::from(10_000 * USD + P - 40_000),
        "the taker sells"
    );
    assert_eq!(world.account(1).size_in(1), COIN, "long");
    assert_eq!(world.account(2).size_in(1), -COIN, "short");
    assert_eq!(
        world.state.order(fill.maker).map(|leaf| leaf.filled),
        Some(COIN),
        "maker filled"
    );
    assert_eq!(
        world.state.order(fill.taker).map(|leaf| leaf.filled),
        Some(COIN),
        "taker filled"
    );
    assert_eq!(world.state.globals().fees, 50_000, "both fees");
    world.check_invariants();
}

#[test]
fn s02_f01_names_accounts_and_orders() {
    let (mut world, fill) = ready();
    let other = world.order(9, 0, P, COIN).key().expect("a key");
    refused(
        &world,
        Fill {
            maker: other,
            ..fill
        },
        code::S02_UNKNOWN_ACCOUNT,
        field::ACCOUNT,
    );
    let absent = world.order(1, 0, P, COIN).key().expect("a key");
    refused(
        &world,
        Fill {
            maker: absent,
            ..fill
        },
        code::F01_FILL_ORDER,
        field::COUNTER,
    );
    refused(
        &world,
        Fill {
            taker: fill.maker,
            ..fill
        },
        code::F01_FILL_ORDER,
        field::SIDE,
    );
    world.ok(
        0,
        MicroOp::Inbox(list_item(1, 0, 8, [10_000, 1_000_000, 0, 0])),
    );
    let mut elsewhere = world.order(2, 1, P, COIN);
    elsewhere.listing = 2;
    let elsewhere = world.open(elsewhere);
    refused(
        &world,
        Fill {
            taker: elsewhere,
            ..fill
        },
        code::F01_FILL_ORDER,
        field::LISTING,
    );
    world.ok(0, MicroOp::OrderClose(fill.maker));
    refused(&world, fill, code::F01_FILL_ORDER, field::COUNTER);
}

#[test]
fn f02_floor_f03_expiry_f04_owner() {
    let (world, fill) = ready();
    let mut floored = world.clone();
    floored.ok(0, floor_op(2, fill.taker.counter()));
    refused(&floored, fill, code::F02_FILL_FLOOR, field::COUNTER);
    let op = MicroOp::Fill(fill);
    world.refused_after(24 * HOUR, op, code::F03_FILL_EXPIRED, field::EXPIRY);
    let mut own = world.clone();
    let item = common::deposit_item(0, common::owner(1), 0, 5_000 * USD as u128);
    own.ok(0, MicroOp::Inbox(item));
    let mut order = own.order(5, 1, P, COIN);
    order.account = 5;
    let signature = common::sign(common::owner(1));
    own.ok(
        0,
        MicroOp::OrderOpen(merkat_settle::ops::OrderOpen { order, signature }),
    );
    let taker = order.key().expect("a key");
    refused(
        &own,
        Fill { taker, ..fill },
        code::F04_FILL_SELF,
        field::OWNER,
    );
}

#[test]
fn f05_price_f06_size_f07_fee_f08_oracle_f09_band() {
    let (world, fill) = ready();
    for price in [0, -P, P + 1, P + USD, P - USD] {
        refused(
            &world,
            Fill { price, ..fill },
            code::F05_FILL_PRICE,
            field::PRICE,
        );
    }
    for size in [0, -COIN, COIN + 1, 11 * COIN] {
        refused(
            &world,
            Fill { size, ..fill },
            code::F06_FILL_SIZE,
            field::SIZE,
        );
    }
    let mut capped = world.clone();
    let mut order = capped.order(2, 1, P, COIN);
    order.fee_cap = 399_999;
    let taker = capped.open(order);
    refused(
        &capped,
        Fill { taker, ..fill },
        code::F07_FILL_FEE_CAP,
        field::FEE_CAP,
    );

    let mut blind = World::new();
    let (buy, sell) = (blind.order(1, 0, P, COIN), blind.order(2, 1, P, COIN));
    let (buy, sell) = (blind.open(buy), blind.open(sell));
    let fill = blind.fill_op(buy, sell, P, COIN);
    refused(&blind, fill, code::F08_FILL_ORACLE, field::GROUP);
    let mut far = blind.clone();
    far.price(SECOND, 103 * USD, 0, 0);
    far.ok(0, MicroOp::Fill(fill)); // 100 is within 3 % of 103 (99.91).
    blind.price(SECOND, 104 * USD, 0, 0);
    refused(&blind, fill, code::F09_FILL_BAND, field::PRICE);
}

#[test]
fn f10_stage_and_f14_restricted() {
    let (world, fill) = ready();
    world.refused_after(
        5 * SECOND + 1,
        MicroOp::Fill(fill),
        code::F14_FILL_RESTRICTED,
        field::GROUP,
    );
    // Both shrink what they hold: accepted although the vector is stale.
    let mut held = World::priced();
    held.trade(2, 1, P, 2 * COIN);
    let (buy, sell) = (held.order(1, 0, P, COIN), held.order(2, 1, P, COIN));
    let (buy, sell) = (held.open(buy), held.open(sell));
    let fill = held.fill_op(buy, sell, P, COIN);
    held.ok(20 * SECOND, MicroOp::Fill(fill));
    assert_eq!(held.account(2).size_in(1), COIN, "reduced");

    let mut staged = World::priced();
    staged.trade(1, 2, P, 1_000 * COIN);
    staged.price(SECOND, 91 * USD, 0, 0);
    let stage = merkat_settle::ops::Stage {
        account: 1,
        group: 0,
        stage: 1,
    };
    staged.ok(0, MicroOp::Stage(stage));
    let (buy, sell) = (
        staged.order(3, 0, 91 * USD, COIN),
        staged.order(1, 1, 91 * USD, COIN),
    );
    let (buy, sell) = (staged.open(buy), staged.open(sell));
    let fill = staged.fill_op(buy, sell, 91 * USD, COIN);
    refused(&staged, fill, code::F10_FILL_STAGE, field::STAGE);
}

#[test]
fn f11_slot_names_the_one_that_holds_or_an_empty_one() {
    let (mut world, fill) = ready();
    refused(
        &world,
        Fill {
            maker_slot: 1_024,
            ..fill
        },
        code::F11_FILL_SLOT,
        field::SLOT,
    );
    world.ok(
        0,
        MicroOp::Fill(Fill {
            taker_slot: 1_023,
            ..fill
        }),
    );
    refused(
        &world,
        Fill {
            maker_slot: 1,
            taker_slot: 1_023,
            ..fill
        },
        code::F11_FILL_SLOT,
        field::SLOT,
    );
    world.ok(
        0,
        MicroOp::Fill(Fill {
            taker_slot: 1_023,
            ..fill
        }),
    );
}

#[test]
fn f13_bound_f15_margin() {
    let (mut world, fill) = ready();
    let (buy, sell) = (
        world.order(1, 0, P, 2_000 * COIN),
        world.order(2, 1, P, 2_000 * COIN),
    );
    let (maker, taker) = (world.open(buy), world.open(sell));
    let size = 1_600 * COIN;
    let large = Fill {
        maker,
        taker,
        size,
        ..fill
    };
    // 160,000 USD need 10,400 of initial margin.
    refused(&world, large, code::F15_FILL_MARGIN, field::MARGIN_RULE);
    refused(
        &world,
        Fill {
            margin_rules: 3,
            ..large
        },
        code::F15_FILL_MARGIN,
        field::MARGIN_RULE,
    );
    world.ok(
        0,
        MicroOp::Fill(Fill {
            size: 1_500 * COIN,
            ..large
        }),
    );
    // Below the initial margin, above maintenance: `improves` lets it shrink, `holds` does not.
    world.price(SECOND, 98 * USD, 0, 0);
    let q = 98 * USD;
    let (sell, buy) = (world.order(1, 1, q, COIN), world.order(3, 0, q, COIN));
    let (maker, taker) = (world.open(sell), world.open(buy));
    let reduce = world.fill_op(maker, taker, q, COIN);
    refused(&world, reduce, code::F15_FILL_MARGIN, field::MARGIN_RULE);
    world.ok(
        0,
        MicroOp::Fill(Fill {
            margin_rules: 1,
            ..reduce
        }),
    );
    world.check_invariants();

    // Cheap coins: a position of 2^56 base units is refused although its margin would hold.
    let mut cheap = World::new();
    let item = list_item(1, 0, 18, [1_000_000_000_000_000_000, 1, 0, 0]);
    cheap.ok(0, MicroOp::Inbox(item));
    let _ = open_op; // listing 2 has a lot above 2^56: no size fits it.
    let mut order = cheap.order(1, 0, 1, 1_000_000_000_000_000_000);
    order.listing = 2;
    cheap.refused(open_op(order), code::P04_OPEN_SIZE, field::SIZE);
}

#[test]
fn f11_position_limit_f12_eight_groups() {
    let mut world = World::new();
    for group in 1..9 {
        let item = common::group_item(group, 2, &common::NODES, common::DEFAULTS);
        world.ok(0, MicroOp::Inbox(item));
        world.ok(
            0,
            MicroOp::Inbox(list_item(1, group, 8, [10_000, 1_000_000, 0, 0])),
        );
    }
    let delta = SECOND;
    for group in 0..9 {
        let mut vector = world.vector(world.time() + delta * u64::from(group == 0), P, 0, 0);
        (vector.group, vector.number, vector.previous) = (group, 1, [0; 31]);
        let op = MicroOp::Epoch(world.epoch(vector));
        world.ok(if group == 0 { delta } else { 0 }, op);
    }
    let mut last = None;
    for listing in 1..10 {
        let (mut buy, mut sell) = (world.order(1, 0, P, COIN), world.order(2, 1, P, COIN));
        (buy.listing, sell.listing) = (listing, listing);
        let (maker, taker) = (world.open(buy), world.open(sell));
        let slot = listing as u16 - 1;
        let fill = Fill {
            maker_slot: slot,
            taker_slot: slot,
            ..world.fill_op(maker, taker, P, COIN)
        };
        if listing == 9 {
            last = Some(fill);
        } else {
            world.ok(0, MicroOp::Fill(fill));
        }
    }
    let ninth = last.expect("the ninth fill");
    refused(&world, ninth, code::F12_FILL_GROUPS, field::GROUP);
    let limits = common::item(5, 1, |bytes| {
        use merkat_values::codec::Writer;
        bytes.put_u16(8);
        bytes.put_u32(1);
        bytes.put_u32(1);
        bytes.put_u64(1);
    });
    world.ok(0, MicroOp::Inbox(limits));
    refused(&world, ninth, code::F11_FILL_SLOT, field::SLOT);
}

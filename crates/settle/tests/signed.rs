//! Rules S-02 to S-04, W-01 to W-06 and P-01 to P-12, each accepted and refused.
#![allow(missing_docs)]

mod common;

use common::{HOUR, SECOND, USD, World, floor_op, open_op, owner, sign};
use merkat_settle::ops::{OrderOpen, Transfer, Withdraw};
use merkat_settle::{MicroOp, Order};
use merkat_values::refusal::{code, field};

const COIN: i64 = 100_000_000;
const P: i64 = 100 * USD;
const DOLLARS: u128 = USD as u128;

fn withdraw(account: u32, token: u8, amount: u128, nonce: u64) -> MicroOp {
    let signature = sign(owner(account as u8));
    MicroOp::Withdraw(Withdraw {
        account,
        token,
        amount,
        nonce,
        signature,
    })
}

fn transfer(account: u32, to_account: u32, amount: u128, nonce: u64) -> MicroOp {
    let signature = sign(owner(account as u8));
    MicroOp::Transfer(Transfer {
        account,
        to_account,
        amount,
        nonce,
        signature,
    })
}

#[test]
fn s02_s03_s04_authority() {
    let mut world = World::priced();
    for account in [0, 5] {
        world.refused(
            withdraw(account, 0, 1, 1),
            code::S02_UNKNOWN_ACCOUNT,
            field::ACCOUNT,
        );
        world.refused(
            floor_op(account, 1),
            code::S02_UNKNOWN_ACCOUNT,
            field::ACCOUNT,
        );
    }
    let signature = sign(owner(2));
    let stolen = MicroOp::Withdraw(Withdraw {
        account: 1,
        token: 0,
        amount: 1,
        nonce: 1,
        signature,
    });
    world.refused(stolen, code::S03_BAD_SIGNATURE, field::SIGNATURE);
    let order = world.order(1, 0, P, COIN);
    let stolen = MicroOp::OrderOpen(OrderOpen { order, signature });
    world.refused(stolen, code::S03_BAD_SIGNATURE, field::SIGNATURE);
    world.refused(
        withdraw(1, 0, 1, 0),
        code::S04_NONCE_NOT_LARGER,
        field::NONCE,
    );
    world.ok(0, withdraw(1, 0, 1, 7));
    world.refused(
        transfer(1, 2, 1, 7),
        code::S04_NONCE_NOT_LARGER,
        field::NONCE,
    );
    world.ok(0, transfer(1, 2, 1, 8));
    world.check_invariants();
}

#[test]
fn w01_to_w06_cash() {
    let mut world = World::priced();
    world.refused(withdraw(1, 1, 1, 1), code::W01_WITHDRAW_TOKEN, field::TOKEN);
    for amount in [0, 1 << 96] {
        world.refused(
            withdraw(1, 0, amount, 1),
            code::W02_WITHDRAW_AMOUNT,
            field::AMOUNT,
        );
        world.refused(
            transfer(1, 9, amount, 1),
            code::W02_WITHDRAW_AMOUNT,
            field::AMOUNT,
        );
    }
    world.refused(
        transfer(1, 9, 1, 1),
        code::S02_UNKNOWN_ACCOUNT,
        field::TO_ACCOUNT,
    );
    world.refused(
        transfer(1, 1, 1, 1),
        code::W03_TRANSFER_TARGET,
        field::TO_ACCOUNT,
    );
    world.trade(1, 2, P, 100 * COIN);
    world.refused_after(
        6 * SECOND,
        withdraw(1, 0, 1, 1),
        code::W05_WITHDRAW_STALE,
        field::GROUP,
    );
    // E = 9,999 USD; IM = 650, D = 10 % of 10,000 = 1,000.
    world.refused(
        withdraw(1, 0, 8_999 * DOLLARS + 1, 1),
        code::W06_WITHDRAW_MARGIN,
        field::AMOUNT,
    );
    world.ok(0, withdraw(1, 0, 8_999 * DOLLARS, 1));
    world.check_invariants();
}

#[test]
fn w04_in_liquidation() {
    let mut world = World::priced();
    world.trade(1, 2, P, 1_000 * COIN);
    world.price(SECOND, 91 * USD, 0, 0);
    let staged = merkat_settle::ops::Stage {
        account: 1,
        group: 0,
        stage: 1,
    };
    world.ok(0, MicroOp::Stage(staged));
    world.refused(withdraw(1, 0, 1, 1), code::W04_WITHDRAW_STAGE, field::STAGE);
}

#[test]
fn p01_to_p07_orders() {
    let mut world = World::priced();
    let good = world.order(1, 0, P, COIN);
    let late = world.time() + 7 * 24 * HOUR;
    world.clone().ok(
        0,
        open_op(Order {
            expiry_ns: late,
            ..good
        }),
    );
    let now = world.time();
    let cases = [
        (
            Order { listing: 2, ..good },
            code::P01_OPEN_LISTING,
            field::LISTING,
        ),
        (
            Order { listing: 0, ..good },
            code::P01_OPEN_LISTING,
            field::LISTING,
        ),
        (Order { side: 2, ..good }, code::P02_OPEN_SIDE, field::SIDE),
        (
            Order { flags: 3, ..good },
            code::P02_OPEN_SIDE,
            field::FLAGS,
        ),
        (
            Order {
                limit_price: 0,
                ..good
            },
            code::P03_OPEN_PRICE,
            field::LIMIT_PRICE,
        ),
        (
            Order {
                limit_price: -P,
                ..good
            },
            code::P03_OPEN_PRICE,
            field::LIMIT_PRICE,
        ),
        (
            Order {
                limit_price: P + 10_000,
                ..good
            },
            code::P03_OPEN_PRICE,
            field::LIMIT_PRICE,
        ),
        (Order { size: 0, ..good }, code::P04_OPEN_SIZE, field::SIZE),
        (
            Order {
                size: -COIN,
                ..good
            },
            code::P04_OPEN_SIZE,
            field::SIZE,
        ),
        (
            Order {
                size: COIN + 1,
                ..good
            },
            code::P04_OPEN_SIZE,
            field::SIZE,
        ),
        (
            Order {
                size: i64::MAX - 5_807,
                ..good
            },
            code::P04_OPEN_SIZE,
            field::SIZE,
        ),
        (
            Order {
                expiry_ns: now,
                ..good
            },
            code::P05_OPEN_EXPIRED,
            field::EXPIRY,
        ),
        (
            Order {
                expiry_ns: late + 1,
                ..good
            },
            code::P06_OPEN_FAR,
            field::EXPIRY,
        ),
        (
            Order { flags: 1, ..good },
            code::P06_OPEN_FAR,
            field::EXPIRY,
        ),
        (
            Order {
                expiry_ns: u64::MAX,
                ..good
            },
            code::P06_OPEN_FAR,
            field::EXPIRY,
        ),
        (
            Order { counter: 0, ..good },
            code::P07_OPEN_FLOOR,
            field::COUNTER,
        ),
        (
            Order { version: 0, ..good },
            code::P08_OPEN_VERSION,
            field::VERSION,
        ),
    ];
    for (order, code, field) in cases {
        world.refused(open_op(order), code, field);
    }
    world.ok(0, open_op(good));
}

#[test]
fn p08_amendments() {
    let mut world = World::priced();
    let first = world.order(1, 0, P, COIN);
    let key = world.open(first);
    world.refused(open_op(first), code::P08_OPEN_VERSION, field::VERSION);
    let second = Order {
        version: 2,
        size: 2 * COIN,
        ..first
    };
    let changed = Order { side: 1, ..second };
    world.refused(open_op(changed), code::P08_OPEN_VERSION, field::VERSION);
    let sell = world.order(2, 1, P, COIN);
    let sell = world.open(sell);
    let fill = world.fill_op(key, sell, P, COIN);
    world.ok(0, MicroOp::Fill(fill));
    let filled_up = Order {
        size: COIN,
        ..second
    };
    world.refused(open_op(filled_up), code::P08_OPEN_VERSION, field::VERSION);
    world.ok(0, open_op(second));
    let leaf = world.state.order(key).copied().expect("a leaf");
    assert_eq!(
        (leaf.filled, leaf.size),
        (COIN, 2 * COIN),
        "what was filled stays"
    );
}

#[test]
fn p09_renewals() {
    let mut world = World::priced();
    let old = world.order(1, 0, P, 2 * COIN);
    let old_key = world.open(old);
    let mut new = world.order(1, 0, P, 2 * COIN);
    (new.renews_hour, new.renews_counter) = (old_key.hour(), old.counter);
    let cases = [
        Order {
            renews_hour: new.key().expect("a key").hour(),
            renews_counter: new.counter,
            ..new
        },
        Order {
            size: 3 * COIN,
            ..new
        },
        Order { side: 1, ..new },
        Order {
            renews_hour: 1 << 20,
            ..new
        },
    ];
    for order in cases {
        world.refused(open_op(order), code::P09_OPEN_RENEWS, field::RENEWS);
    }
    world.ok(0, open_op(new));
    assert_eq!(
        world.state.order(old_key).map(|leaf| leaf.state),
        Some(2),
        "the old is closed"
    );
    let again = Order {
        counter: new.counter + 5,
        ..new
    };
    world.refused(open_op(again), code::P09_OPEN_RENEWS, field::RENEWS);
    // One that settlement never saw is closed too.
    let unseen = Order {
        counter: 900,
        renews_counter: 899,
        ..new
    };
    world.ok(0, open_op(unseen));
    assert_eq!(world.state.orders().len(), 4, "two orders and two traces");
}

#[test]
fn p10_close_p11_floor_p12_drop() {
    let mut world = World::priced();
    let order = world.order(1, 0, P, COIN);
    let key = world.open(order);
    world.ok(0, MicroOp::OrderClose(key));
    world.refused(
        MicroOp::OrderClose(key),
        code::P10_CLOSE_ABSENT,
        field::COUNTER,
    );
    world.refused(floor_op(1, 0), code::P11_FLOOR_NOT_LARGER, field::FLOOR);
    world.ok(0, floor_op(1, 5));
    world.refused(floor_op(1, 5), code::P11_FLOOR_NOT_LARGER, field::FLOOR);
    let hour = key.hour();
    let over = (u64::from(hour) + 1) * HOUR + 7 * 24 * HOUR - world.time();
    world.refused_after(
        over - 1,
        MicroOp::DropHour(hour),
        code::P12_DROP_EARLY,
        field::HOUR,
    );
    world.refused(
        MicroOp::DropHour(1 << 20),
        code::P12_DROP_EARLY,
        field::HOUR,
    );
    world.ok(over, MicroOp::DropHour(hour));
    assert!(world.state.order(key).is_none(), "the leaf is gone");
}

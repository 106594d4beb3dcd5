//! Bounds that no venue comes near: F-13 at its edges, and amounts that would leave their words.
#![allow(missing_docs)]

mod common;

use common::{SECOND, USD, World, deposit_item, item, list_item, owner, sign};
use merkat_settle::ops::{Fill, OrderOpen, Transfer, Withdraw};
use merkat_settle::{MicroOp, OrderKey, State};
use merkat_values::codec::Writer;
use merkat_values::refusal::{code, field};

const DOLLARS: u128 = USD as u128;

/// 2^124: no amount is as large.
const LIMIT: i128 = 1 << 124;

const COIN: i64 = 100_000_000;

/// A lot of listing 2: 1e-6 of a coin of 18 decimals.
const LOT: i64 = 1_000_000_000_000;

/// The largest position of listing 2 in whole lots: below 2^56.
const LARGEST: i64 = (1 << 56) / LOT * LOT;

/// A venue at this index with listing 2, whose coin has 18 decimals: 2^56 base units are 0.072 coins.
fn fine(index: i64) -> World {
    let mut world = World::new();
    world.price(SECOND, index, 0, 0);
    world.ok(0, MicroOp::Inbox(list_item(1, 0, 18, [LOT, USD, 0, 0])));
    world
}

/// Opens an order of listing 2 that is signed by this owner.
fn open(world: &mut World, account: u32, signer: u8, side: u8, price: i64, size: i64) -> OrderKey {
    let mut order = world.order(account, side, price, size);
    order.listing = 2;
    let signature = sign(owner(signer));
    world.ok(0, MicroOp::OrderOpen(OrderOpen { order, signature }));
    order.key().expect("a key")
}

/// A fill of two new orders of listing 2, owned by owners 1 and 2.
fn fill(world: &mut World, buyer: u32, seller: u32, price: i64, size: i64) -> MicroOp {
    let maker = open(world, buyer, 1, 0, price, size);
    let taker = open(world, seller, 2, 1, price, size);
    MicroOp::Fill(Fill {
        maker,
        taker,
        maker_slot: 0,
        taker_slot: 0,
        price,
        size,
        margin_rules: 0,
        names: [None; 2],
    })
}

#[test]
fn f13_a_position_stays_below_2_to_the_56() {
    let price = 100 * USD;
    let mut world = fine(price);
    let first = fill(&mut world, 1, 2, price, LARGEST - LOT);
    world.ok(0, first);
    let beyond = fill(&mut world, 1, 2, price, 2 * LOT);
    world.refused(beyond, code::F13_FILL_BOUND, field::SIZE);
    let last = fill(&mut world, 1, 2, price, LOT);
    world.ok(0, last);
    assert_eq!(world.account(1).size_in(2), LARGEST, "all but a rest");
}

#[test]
fn f13_size_times_price_stays_below_2_to_the_88() {
    let price = 5_000 * USD;
    let mut world = fine(price);
    let largest = ((1_i128 << 88) / i128::from(price)) as i64 / LOT * LOT;
    assert!(largest < LARGEST, "the first bound is not met");
    let first = fill(&mut world, 1, 2, price, largest - LOT);
    world.ok(0, first);
    let beyond = fill(&mut world, 1, 2, price, 2 * LOT);
    world.refused(beyond, code::F13_FILL_BOUND, field::SIZE);
    let last = fill(&mut world, 1, 2, price, LOT);
    world.ok(0, last);
}

#[test]
fn f13_open_interest_stays_below_2_to_the_63() {
    let price = 100 * USD;
    let mut world = fine(price);
    let pairs = ((1_u64 << 63) / LARGEST as u64) as u32;
    for pair in 0..=pairs {
        for number in [1, 2] {
            let deposit = deposit_item(0, owner(number), 0, 100 * DOLLARS);
            world.ok(0, MicroOp::Inbox(deposit));
        }
        let (buyer, seller) = (5 + 2 * pair, 6 + 2 * pair);
        let op = fill(&mut world, buyer, seller, price, LARGEST);
        if pair < pairs {
            world.ok(0, op);
        } else {
            world.refused(op, code::F13_FILL_BOUND, field::SIZE);
        }
    }
    let left = ((1_u64 << 63) - u64::from(pairs) * LARGEST as u64) as i64;
    let (buyer, seller) = (5 + 2 * pairs, 6 + 2 * pairs);
    let op = fill(&mut world, buyer, seller, price, left / LOT * LOT);
    world.ok(0, op);
}

/// The bytes of account 4's cash, and of what it may claim, in a snapshot without orders.
const CASH: usize = 16;
const CLAIMABLE: usize = 48;

/// A priced venue in which an amount of account 4 was replaced.
fn with_amount(place: usize, amount: i128) -> World {
    let mut world = World::priced();
    let mut bytes = world.state.encode();
    // Behind the last account's cash: four words, the counts of positions, orders, sessions and risk records.
    let at = bytes.len() - 4 - 4 - 4 - 4 - 5 * 32 + place;
    bytes[at..at + 16].copy_from_slice(&amount.to_be_bytes());
    world.state = State::decode_alone(&bytes).expect("an amount below the limit");
    world
}

#[test]
fn no_snapshot_holds_an_amount_at_the_limit() {
    let bytes = with_amount(CASH, LIMIT - 1).state.encode();
    let at = bytes.len() - 4 - 4 - 4 - 4 - 5 * 32 + CASH;
    let mut beyond = bytes;
    beyond[at..at + 16].copy_from_slice(&LIMIT.to_be_bytes());
    assert!(State::decode_alone(&beyond).is_err(), "2^124 is refused");
}

#[test]
fn cash_that_would_reach_the_limit_refuses_what_adds_to_it() {
    let mut world = with_amount(CASH, LIMIT - 1);
    let deposit = deposit_item(0, owner(4), 4, 1);
    world.item_refused(deposit, code::I04_BAD_AMOUNT, field::AMOUNT);
    let transfer = |amount| {
        MicroOp::Transfer(Transfer {
            account: 1,
            to_account: 4,
            amount,
            nonce: 1,
            signature: sign(owner(1)),
        })
    };
    world.refused(transfer(1), code::W03_TRANSFER_TARGET, field::TO_ACCOUNT);
    let (sell, buy) = (
        world.order(4, 1, 100 * USD, COIN),
        world.order(1, 0, 100 * USD, COIN),
    );
    let (maker, taker) = (world.open(sell), world.open(buy));
    let op = MicroOp::Fill(world.fill_op(maker, taker, 100 * USD, COIN));
    world.refused(op, code::F13_FILL_BOUND, field::SIZE);

    let mut below = with_amount(CASH, LIMIT - 2);
    below.ok(0, transfer(1));
    assert_eq!(below.account(4).cash, LIMIT - 1, "the last unit");
}

#[test]
fn debt_that_would_reach_the_limit_refuses_a_buy() {
    let mut world = with_amount(CASH, 1 - LIMIT);
    let (sell, buy) = (
        world.order(1, 1, 100 * USD, COIN),
        world.order(4, 0, 100 * USD, COIN),
    );
    let (maker, taker) = (world.open(sell), world.open(buy));
    let op = MicroOp::Fill(world.fill_op(maker, taker, 100 * USD, COIN));
    world.refused(op.clone(), code::F13_FILL_BOUND, field::SIZE);
    // With room for the price it is the margin that refuses.
    let deposit = deposit_item(0, owner(4), 4, 200 * DOLLARS);
    world.ok(0, MicroOp::Inbox(deposit));
    world.refused(op, code::F15_FILL_MARGIN, field::MARGIN_RULE);
}

#[test]
fn claims_that_would_reach_the_limit_refuse_withdrawals() {
    let world = with_amount(CLAIMABLE, LIMIT - 1);
    let withdraw = MicroOp::Withdraw(Withdraw {
        account: 4,
        token: 0,
        amount: 1,
        nonce: 1,
        signature: sign(owner(4)),
    });
    world.refused(withdraw.clone(), code::W02_WITHDRAW_AMOUNT, field::AMOUNT);
    let forced = item(8, 0, |bytes| {
        bytes.put_u32(4);
        bytes.put(&owner(4));
        bytes.put_u8(0);
        bytes.put_u128(1);
    });
    world.item_refused(forced.clone(), code::I04_BAD_AMOUNT, field::AMOUNT);
    let mut below = with_amount(CLAIMABLE, LIMIT - 3);
    below.ok(0, withdraw);
    below.ok(0, MicroOp::Inbox(forced));
}

//! Rules I-01 to I-21, each accepted and refused.
#![allow(missing_docs)]

mod common;

use common::{
    DEFAULTS, NODES, SECOND, USD, World, deposit_item, group_item, item, list_item, owner,
    with_parameter,
};
use merkat_settle::{Effect, MicroOp, ops::Stage};
use merkat_values::codec::Writer;
use merkat_values::refusal::{code, field};

const DOLLARS: u128 = USD as u128;

fn instrument_item(listing: u32, state: u8, maker_fee: i64, taker_fee: i64) -> Vec<u8> {
    item(4, 1, |bytes| {
        bytes.put_u32(listing);
        bytes.put_u8(state);
        bytes.put_i64(maker_fee);
        bytes.put_i64(taker_fee);
    })
}

fn venue_item(positions: u16, account: u32, listing: u32, minimum: u64) -> Vec<u8> {
    item(5, 1, |bytes| {
        bytes.put_u16(positions);
        bytes.put_u32(account);
        bytes.put_u32(listing);
        bytes.put_u64(minimum);
    })
}

fn fund_item(group: u16, amount: u128) -> Vec<u8> {
    item(6, 1, |bytes| {
        bytes.put_u16(group);
        bytes.put_u128(amount);
    })
}

fn sweep_item(account: u32) -> Vec<u8> {
    item(7, 1, |bytes| bytes.put_u32(account))
}

fn forced_item(account: u32, owner: [u8; 20], token: u8, amount: u128) -> Vec<u8> {
    item(8, 0, |bytes| {
        bytes.put_u32(account);
        bytes.put(&owner);
        bytes.put_u8(token);
        bytes.put_u128(amount);
    })
}

#[test]
fn i01_i02_shape_and_source() {
    let world = World::new();
    let deposit = deposit_item(0, owner(1), 1, DOLLARS);
    for bad in [&deposit[..deposit.len() - 1], &[9, 0], &[1, 0], &[0, 1]] {
        world.item_refused(bad.to_vec(), code::I01_MALFORMED_ITEM, field::ITEM);
    }
    let mut source = deposit;
    source[1] = 2;
    world.item_refused(source, code::I01_MALFORMED_ITEM, field::ITEM);
    let items = [
        group_item(0, 2, &NODES, DEFAULTS),
        list_item(1, 0, 8, [10_000, 1_000_000, 0, 0]),
        instrument_item(1, 1, 0, 0),
        venue_item(1, 1, 1, 1),
        fund_item(0, 1),
        sweep_item(1),
    ];
    for mut user in items {
        world.clone().ok(0, MicroOp::Inbox(user.clone()));
        user[1] = 0;
        world.item_refused(user, code::I02_NOT_TIMELOCK, field::SOURCE);
    }
}

#[test]
fn i03_to_i06_deposits() {
    let mut world = World::new();
    let refused = |item, code, field| world.item_refused(item, code, field);
    refused(
        deposit_item(1, owner(1), 1, DOLLARS),
        code::I03_UNKNOWN_TOKEN,
        field::TOKEN,
    );
    for amount in [0, 1 << 96, u128::MAX] {
        refused(
            deposit_item(0, owner(1), 1, amount),
            code::I04_BAD_AMOUNT,
            field::AMOUNT,
        );
        refused(fund_item(0, amount), code::I04_BAD_AMOUNT, field::AMOUNT);
    }
    refused(
        deposit_item(0, [0; 20], 1, DOLLARS),
        code::I05_BAD_OWNER,
        field::OWNER,
    );
    refused(
        deposit_item(0, owner(1), 0, DOLLARS - 1),
        code::I06_BELOW_MINIMUM,
        field::AMOUNT,
    );
    let credited = world.ok(0, MicroOp::Inbox(deposit_item(0, owner(1), 1, 1)));
    assert_eq!(
        credited,
        Effect::Deposited {
            account: 1,
            opened: false
        },
        "below the minimum"
    );
    let opened = world.ok(0, MicroOp::Inbox(deposit_item(0, owner(1), 2, DOLLARS)));
    assert_eq!(
        opened,
        Effect::Deposited {
            account: 5,
            opened: true
        },
        "account 2 is another's"
    );
    world.check_invariants();
}

#[test]
fn i08_to_i10_groups() {
    let mut world = World::new();
    let bad = |item, code, field| world.item_refused(item, code, field);
    bad(
        group_item(2, 2, &NODES, DEFAULTS),
        code::I08_UNKNOWN_GROUP,
        field::GROUP,
    );
    bad(
        list_item(1, 1, 8, [1, 1, 0, 0]),
        code::I08_UNKNOWN_GROUP,
        field::GROUP,
    );
    bad(fund_item(1, 1), code::I08_UNKNOWN_GROUP, field::GROUP);
    let bounds = [
        (0, 49_999_999),
        (0, 1_000_000_001),
        (1, 999_999),
        (2, 999_999),
        (3, 20_000_001),
        (4, -1),
        (5, 9_999_999),
        (6, 10_000_001),
        (7, -1),
        (8, 100_000_001),
        (9, -1),
        (10, 999_999),
        (11, 1_000_000_001),
        (12, -1),
        (13, 1_000_000_001),
        (14, -1),
        (15, 999_999_999),
        (16, 99_999_999),
        (17, 3_600_000_000_001),
        (18, 4_999_999_999),
        (19, 999_999_999),
        (20, 1),
    ];
    for (number, value) in bounds {
        let item = group_item(0, 2, &NODES, with_parameter(number, value));
        bad(
            item,
            code::I09_BAD_PARAMETER,
            field::PARAMETER + number as u8,
        );
    }
    let nodes = |nodes: &[[u8; 20]], threshold| group_item(0, threshold, nodes, DEFAULTS);
    bad(nodes(&[], 1), code::I10_BAD_NODES, field::THRESHOLD);
    bad(
        nodes(&[[1; 20], [0; 20], [2; 20]], 1),
        code::I10_BAD_NODES,
        field::NODES,
    );
    bad(
        nodes(&[[1; 20], [1; 20]], 1),
        code::I10_BAD_NODES,
        field::NODES,
    );
    bad(nodes(&NODES, 0), code::I10_BAD_NODES, field::THRESHOLD);
    bad(nodes(&NODES, 4), code::I10_BAD_NODES, field::THRESHOLD);
    world.ok(0, MicroOp::Inbox(group_item(1, 3, &NODES, DEFAULTS)));
    assert_eq!(
        world.state.groups().len(),
        2,
        "the next number makes a group"
    );
}

#[test]
fn i11_to_i18_listings() {
    let world = World::new();
    let bad = |item, code, field| world.item_refused(item, code, field);
    let listing = |kind, decimals, lot, tick| list_item(kind, 0, decimals, [lot, tick, 0, 0]);
    bad(
        listing(2, 8, 10_000, 10_000),
        code::I11_BAD_KIND,
        field::KIND,
    );
    bad(
        listing(1, 19, 10_000, 10_000),
        code::I12_BAD_SIZE_DECIMALS,
        field::SIZE_DECIMALS,
    );
    for lot in [0, -1, 3, 1_000_000_000] {
        bad(listing(1, 8, lot, 10_000), code::I13_BAD_LOT, field::LOT);
    }
    for tick in [0, -10_000, 10_001, (1 << 40) + 10_000] {
        bad(listing(1, 8, 10_000, tick), code::I14_BAD_TICK, field::TICK);
    }
    for (maker, taker, name) in [
        (0, -1, field::TAKER_FEE),
        (0, 10_000_001, field::TAKER_FEE),
        (-2, 1, field::MAKER_FEE),
        (10_000_001, 1, field::MAKER_FEE),
    ] {
        bad(instrument_item(1, 1, maker, taker), code::I15_BAD_FEE, name);
        bad(
            list_item(1, 0, 8, [10_000, 10_000, maker, taker]),
            code::I15_BAD_FEE,
            name,
        );
    }
    for number in [0, 2] {
        bad(
            instrument_item(number, 1, 0, 0),
            code::I17_UNKNOWN_LISTING,
            field::LISTING,
        );
    }
    for state in [0, 3] {
        bad(
            instrument_item(1, state, 0, 0),
            code::I18_BAD_STATE,
            field::STATE,
        );
    }
    world
        .clone()
        .ok(0, MicroOp::Inbox(instrument_item(1, 2, -5, 5)));
}

#[test]
fn i07_i16_numbers_run_out() {
    let at_end = |place: usize, next: u32| {
        let mut world = World::new();
        let mut bytes = world.state.encode();
        // The second word of the globals ends with next_account u32, next_listing u32, next_group u16.
        let end = 4 + 64 - 10 + place;
        bytes[end..end + 4].copy_from_slice(&next.to_be_bytes());
        world.state = merkat_settle::State::decode_alone(&bytes).expect("gaps may be");
        world
    };
    let deposit = || deposit_item(0, owner(9), 0, DOLLARS);
    at_end(0, 1 << 28).item_refused(deposit(), code::I07_ACCOUNTS_FULL, field::ACCOUNT);
    at_end(0, (1 << 28) - 1).ok(0, MicroOp::Inbox(deposit()));
    let listing = || list_item(1, 0, 8, [10_000, 1_000_000, 0, 0]);
    at_end(4, u32::MAX).item_refused(listing(), code::I16_LISTINGS_FULL, field::LISTING);
    at_end(4, u32::MAX - 1).ok(0, MicroOp::Inbox(listing()));
}

#[test]
fn i19_limits_i20_sweeps() {
    let mut world = World::priced();
    let bad = |item, code, field| world.item_refused(item, code, field);
    for (item, name) in [
        (venue_item(0, 1, 1, 1), field::POSITION_LIMIT),
        (venue_item(1_025, 1, 1, 1), field::POSITION_LIMIT),
        (venue_item(1, 4_097, 1, 1), field::OPEN_ORDERS_ACCOUNT),
        (venue_item(1, 1, 0, 1), field::OPEN_ORDERS_LISTING),
        (venue_item(1, 1, 1, 0), field::NEW_ACCOUNT_MINIMUM),
    ] {
        bad(item, code::I19_BAD_LIMITS, name);
    }
    bad(sweep_item(0), code::I20_NO_SUCH_ACCOUNT, field::ACCOUNT);
    bad(sweep_item(5), code::I20_NO_SUCH_ACCOUNT, field::ACCOUNT);
    world.trade(1, 2, 100 * USD, 100_000_000);
    let fees = world.state.globals().fees;
    let swept = world.ok(0, MicroOp::Inbox(sweep_item(3)));
    assert_eq!(
        swept,
        Effect::FeesSwept {
            amount: fees,
            repaid: 0
        },
        "all fees, no bad debt"
    );
    world.check_invariants();
}

#[test]
fn i03_i04_i21_forced_withdrawals_are_refused_in_order() {
    let world = World::priced();
    let bad = |item, code, field| world.item_refused(item, code, field);
    // Each item breaks the rule it is refused by and every later one.
    let stranger = owner(9);
    bad(
        forced_item(9, stranger, 1, 0),
        code::I03_UNKNOWN_TOKEN,
        field::TOKEN,
    );
    for amount in [0, 1 << 96, u128::MAX] {
        bad(
            forced_item(9, stranger, 0, amount),
            code::I04_BAD_AMOUNT,
            field::AMOUNT,
        );
    }
    for account in [0, 5, 1 << 28] {
        bad(
            forced_item(account, stranger, 0, 1),
            code::I21_FORCED_OWNER,
            field::ACCOUNT,
        );
    }
    bad(
        forced_item(2, owner(1), 0, 1),
        code::I21_FORCED_OWNER,
        field::OWNER,
    );
    let whole = forced_item(1, owner(1), 0, 1);
    for bad_length in [&whole[..whole.len() - 1], &[&whole[..], &[0]].concat()] {
        bad(bad_length.to_vec(), code::I01_MALFORMED_ITEM, field::ITEM);
    }
}

/// Applies a forced withdrawal that is carried out; returns what it paid.
fn forced(world: &mut World, account: u32, amount: u128) -> u128 {
    let before = world.account(account).clone();
    let item = forced_item(account, owner(account as u8), 0, amount);
    let effect = world.ok(0, MicroOp::Inbox(item));
    let Effect::ForcedWithdrawn { amount, claimable } = effect else {
        panic!("a forced withdrawal has its effect, not {effect:?}");
    };
    let after = world.account(account);
    assert_eq!(after.cash, before.cash - amount as i128, "cash pays");
    assert_eq!(
        after.claimable[0],
        before.claimable[0] + amount,
        "the owner may claim it"
    );
    assert_eq!(after.claimable[0], claimable, "the effect tells the sum");
    assert_eq!(after.nonce, before.nonce, "no nonce is used");
    world.check_invariants();
    amount
}

#[test]
fn i21_a_forced_withdrawal_pays_what_margin_allows() {
    let mut world = World::priced();
    assert_eq!(forced(&mut world, 3, DOLLARS), DOLLARS, "all that is asked");
    let rest = world.account(3).cash as u128;
    assert_eq!(forced(&mut world, 3, u128::MAX >> 40), rest, "all it has");
    assert_eq!(forced(&mut world, 3, DOLLARS), 0, "nothing is left");

    // 500 coins at 100 USD: IM is 6.5 % and D is 10 % of 50,000 USD.
    world.trade(1, 2, 100 * USD, 500 * 100_000_000);
    let free = world.equity(1) - 5_000 * i128::from(USD);
    // An old vector does not keep the cash in.
    world.ok(
        common::HOUR,
        MicroOp::Inbox(deposit_item(0, owner(4), 4, 1)),
    );
    assert_eq!(
        forced(&mut world, 1, 9_900 * DOLLARS),
        free as u128,
        "equity over D"
    );
    assert_eq!(forced(&mut world, 1, DOLLARS), 0, "exactly at the margin");
    assert_eq!(world.equity(1), 5_000 * i128::from(USD), "E = D");
}

#[test]
fn i21_nothing_leaves_an_account_in_liquidation() {
    let mut world = World::priced();
    world.trade(1, 2, 100 * USD, 1_000 * 100_000_000);
    let stage = |account, stage| {
        MicroOp::Stage(Stage {
            account,
            group: 0,
            stage,
        })
    };
    // A loss of 6,000 USD of 10,000 with 94,000 USD of notional: below the maintenance of 5 %.
    world.price(SECOND, 94 * USD, 0, 0);
    world.ok(0, stage(1, 1));
    assert_eq!(forced(&mut world, 1, 1), 0, "below every margin");
    // Its cash grows so far that only the stage holds it back.
    let deposit = deposit_item(0, owner(1), 1, 10_000 * DOLLARS);
    world.ok(0, MicroOp::Inbox(deposit));
    assert_eq!(forced(&mut world, 1, 1), 0, "stage 1 pays nothing");
    world.ok(0, stage(1, 0));
    assert_eq!(forced(&mut world, 1, DOLLARS), DOLLARS, "stage 0 pays");
}

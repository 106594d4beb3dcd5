//! Rules, each accepted and refused.
#![allow(missing_docs)]

mod common;

use common::{HOUR, SECOND, USD, World, item};
use merkat_settle::ops::{Bankrupt, Liquidate, Stage, TearUp};
use merkat_settle::{Effect, MicroOp, State};
use merkat_values::codec::Writer;
use merkat_values::refusal::{code, field};

const COIN: i64 = 100_000_000;
const ENTER: Stage = Stage {
    account: 1,
    group: 0,
    stage: 1,
};
const RUIN: Bankrupt = Bankrupt {
    account: 1,
    group: 0,
};

/// Account 1 is long 1,000 coins bought at 100 USD from account 2, the fund has 1,000 USD since yesterday.
fn leveraged(index: i64) -> World {
    let mut world = World::new();
    let fund = item(6, 1, |bytes| {
        bytes.put_u16(0);
        bytes.put_u128(1_000 * USD as u128);
    });
    world.ok(0, MicroOp::Inbox(fund));
    world.price(24 * HOUR, 100 * USD, 0, 0);
    world.trade(1, 2, 100 * USD, 1_000 * COIN);
    world.price(SECOND, 91 * USD, 0, 0);
    if index != 91 {
        world.price(SECOND, index * USD, 0, 0);
    }
    world
}

#[test]
fn q01_to_q04_stage() {
    let mut world = leveraged(91); // E = 990, MM = 4,550 USD
    let bad = |op: Stage, code, field| world.refused(MicroOp::Stage(op), code, field);
    bad(
        Stage {
            account: 9,
            ..ENTER
        },
        code::S02_UNKNOWN_ACCOUNT,
        field::ACCOUNT,
    );
    bad(
        Stage { stage: 2, ..ENTER },
        code::Q01_STAGE_VALUE,
        field::STAGE,
    );
    bad(
        Stage {
            account: 2,
            ..ENTER
        },
        code::Q03_STAGE_ENTER,
        field::STAGE,
    );
    bad(
        Stage { group: 1, ..ENTER },
        code::Q03_STAGE_ENTER,
        field::GROUP,
    );
    bad(
        Stage { stage: 0, ..ENTER },
        code::Q04_STAGE_LEAVE,
        field::STAGE,
    );
    let stale = MicroOp::Stage(ENTER);
    world.refused_after(6 * SECOND, stale, code::Q02_STAGE_FRESH, field::GROUP);
    world.ok(0, MicroOp::Stage(ENTER));
    assert_eq!(
        world.account(1).positions[0].base_size,
        1_000 * COIN,
        "the base of slices"
    );
    let leave = Stage { stage: 0, ..ENTER };
    world.refused(MicroOp::Stage(leave), code::Q04_STAGE_LEAVE, field::STAGE);
    world.price(SECOND, 98 * USD, 0, 0);
    world.ok(0, MicroOp::Stage(leave));
    assert_eq!(
        world.account(1).positions[0].base_size,
        0,
        "no base any more"
    );
}

#[test]
fn q05_to_q12_liquidate() {
    let mut world = leveraged(91);
    world.ok(0, MicroOp::Stage(ENTER));
    let buy = world.order(3, 0, 91 * USD, 2_000 * COIN);
    let maker = world.open(buy);
    let op = Liquidate {
        account: 1,
        slot: 0,
        maker,
        maker_slot: 0,
        price: 91 * USD,
        size: 200 * COIN,
        margin_rules: 0,
        names: None,
    };
    let bad = |op: Liquidate, code, field| world.refused(MicroOp::Liquidate(op), code, field);
    bad(
        Liquidate { slot: 1, ..op },
        code::Q06_LIQUIDATE_POSITION,
        field::SLOT,
    );
    bad(
        Liquidate { account: 2, ..op },
        code::Q05_LIQUIDATE_STAGE,
        field::STAGE,
    );
    let stale = MicroOp::Liquidate(op);
    world.refused_after(6 * SECOND, stale, code::Q02_STAGE_FRESH, field::GROUP);
    let other = common::World::clone(&world)
        .order(1, 0, 91 * USD, COIN)
        .key()
        .expect("a key");
    bad(
        Liquidate { maker: other, ..op },
        code::Q07_LIQUIDATE_ORDER,
        field::COUNTER,
    );
    for size in [0, COIN + 1, 1_001 * COIN] {
        bad(
            Liquidate { size, ..op },
            code::Q08_LIQUIDATE_SIZE,
            field::SIZE,
        );
    }
    // 0.39 % below the mark at most: 90.644 USD.
    for price in [90 * USD, 91 * USD + 1, 92 * USD, 0] {
        bad(
            Liquidate { price, ..op },
            code::Q10_LIQUIDATE_PRICE,
            field::PRICE,
        );
    }
    bad(
        Liquidate {
            maker_slot: 1_024,
            ..op
        },
        code::Q12_LIQUIDATE_MAKER,
        field::SLOT,
    );
    world.ok(
        0,
        MicroOp::Liquidate(Liquidate {
            price: 90_650_000,
            ..op
        }),
    );
    let value = 200 * 90_650_000_i128;
    assert_eq!(
        world.state.group(0).map(|group| group.fund),
        Some(i128::from(1_000 * USD) + value / 200),
        "0.5 %"
    );
    assert_eq!(world.account(1).size_in(1), 800 * COIN, "a fifth is gone");
    world.check_invariants();

    // Near the maintenance margin a vector allows 20 % of the base and no more.
    let mut near = leveraged(94);
    near.ok(0, MicroOp::Stage(ENTER));
    let buy = near.order(3, 0, 94 * USD, 2_000 * COIN);
    let maker = near.open(buy);
    let op = Liquidate {
        maker,
        price: 94 * USD,
        size: 201 * COIN,
        ..op
    };
    near.refused(
        MicroOp::Liquidate(op),
        code::Q09_LIQUIDATE_SHARE,
        field::SIZE,
    );
    near.ok(
        0,
        MicroOp::Liquidate(Liquidate {
            size: 150 * COIN,
            ..op
        }),
    );
    let rest = Liquidate {
        size: 51 * COIN,
        ..op
    };
    near.refused(
        MicroOp::Liquidate(rest),
        code::Q09_LIQUIDATE_SHARE,
        field::SIZE,
    );
}

#[test]
fn q11_equity_may_not_suffer() {
    // E = 90 USD at 90.1: the fees of a large slice are more than that.
    let mut world = leveraged(91);
    world.price(SECOND, 90_100_000, 0, 0);
    world.ok(0, MicroOp::Stage(ENTER));
    let buy = world.order(3, 0, 90 * USD, 1_000 * COIN);
    let maker = world.open(buy);
    let op = Liquidate {
        account: 1,
        slot: 0,
        maker,
        maker_slot: 0,
        price: 90 * USD,
        size: 900 * COIN,
        margin_rules: 0,
        names: None,
    };
    world.refused(
        MicroOp::Liquidate(op),
        code::Q11_LIQUIDATE_EQUITY,
        field::MARGIN_RULE,
    );
    world.ok(
        0,
        MicroOp::Liquidate(Liquidate {
            size: 100 * COIN,
            ..op
        }),
    );
}

#[test]
fn q13_to_q17_bankruptcy() {
    let mut world = leveraged(89); // E = -1,010 USD
    let healthy = leveraged(91);
    healthy.refused(
        MicroOp::Bankrupt(RUIN),
        code::Q13_BANKRUPT_STATE,
        field::STAGE,
    );
    let elsewhere = Bankrupt { group: 1, ..RUIN };
    world.refused(
        MicroOp::Bankrupt(elsewhere),
        code::Q14_BANKRUPT_GROUP,
        field::GROUP,
    );
    let stale = MicroOp::Bankrupt(RUIN);
    world.refused_after(6 * SECOND, stale, code::Q02_STAGE_FRESH, field::GROUP);
    let early = TearUp {
        account: 1,
        slot: 0,
        other: 2,
        other_slot: 0,
        price: 0,
        size: COIN,
    };
    world.refused(MicroOp::TearUp(early), code::Q15_TEAR_STAGE, field::STAGE);
    let effect = world.ok(0, MicroOp::Bankrupt(RUIN));
    let (equity, payment) = (i128::from(-1_010 * USD), i128::from(250 * USD));
    assert_eq!(
        effect,
        Effect::Bankrupt { equity, payment },
        "a quarter of the fund"
    );
    world.refused(
        MicroOp::Bankrupt(RUIN),
        code::Q13_BANKRUPT_STATE,
        field::STAGE,
    );

    // 760 USD are missing over 1,000 coins.
    let tear = TearUp {
        price: 89_760_000,
        ..early
    };
    let bad = |op: TearUp, code, field| world.refused(MicroOp::TearUp(op), code, field);
    bad(
        TearUp { other: 9, ..tear },
        code::S02_UNKNOWN_ACCOUNT,
        field::TO_ACCOUNT,
    );
    bad(
        TearUp { other: 1, ..tear },
        code::Q15_TEAR_STAGE,
        field::STAGE,
    );
    bad(
        TearUp { other: 3, ..tear },
        code::Q16_TEAR_POSITION,
        field::SIZE,
    );
    bad(
        TearUp {
            size: 1_001 * COIN,
            ..tear
        },
        code::Q16_TEAR_POSITION,
        field::SIZE,
    );
    bad(
        TearUp { size: 0, ..tear },
        code::Q16_TEAR_POSITION,
        field::SIZE,
    );
    for price in [89_750_000, i128::MIN, i128::MAX] {
        bad(TearUp { price, ..tear }, code::Q17_TEAR_PRICE, field::PRICE);
    }
    world.ok(
        0,
        MicroOp::TearUp(TearUp {
            size: 400 * COIN,
            ..tear
        }),
    );
    world.ok(
        0,
        MicroOp::TearUp(TearUp {
            size: 600 * COIN,
            ..tear
        }),
    );
    assert_eq!(world.account(1).cash, 0, "exactly nothing is left");
    world.refused(
        MicroOp::WriteOff(1),
        code::Q18_WRITE_OFF_STATE,
        field::STAGE,
    );
    world.check_invariants();
}

#[test]
fn q13_a_stage_that_lasts_too_long() {
    let mut world = leveraged(91);
    world.ok(0, MicroOp::Stage(ENTER));
    world.price(119 * SECOND, 91 * USD, 0, 0);
    world.refused(
        MicroOp::Bankrupt(RUIN),
        code::Q13_BANKRUPT_STATE,
        field::STAGE,
    );
    world.price(SECOND, 91 * USD, 0, 0);
    let effect = world.ok(0, MicroOp::Bankrupt(RUIN));
    let equity = i128::from(990 * USD);
    assert_eq!(
        effect,
        Effect::Bankrupt { equity, payment: 0 },
        "the owner keeps E"
    );
}

#[test]
fn i21_a_bankrupt_account_pays_once_its_positions_are_gone() {
    let mut world = leveraged(91);
    world.ok(0, MicroOp::Stage(ENTER));
    world.price(120 * SECOND, 91 * USD, 0, 0);
    world.ok(0, MicroOp::Bankrupt(RUIN));
    let forced = |world: &mut World| {
        let whole = item(8, 0, |bytes| {
            bytes.put_u32(1);
            bytes.put(&common::owner(1));
            bytes.put_u8(0);
            bytes.put_u128(u128::MAX >> 40);
        });
        world.ok(0, MicroOp::Inbox(whole))
    };
    let nothing = Effect::ForcedWithdrawn {
        amount: 0,
        claimable: 0,
    };
    assert_eq!(forced(&mut world), nothing, "stage 3 with a position");
    let tear = TearUp {
        account: 1,
        slot: 0,
        other: 2,
        other_slot: 0,
        price: i128::from(91 * USD),
        size: 1_000 * COIN,
    };
    world.ok(0, MicroOp::TearUp(tear));
    let left = world.account(1).cash as u128;
    assert!(left > 0, "the owner kept the equity");
    let all = Effect::ForcedWithdrawn {
        amount: left,
        claimable: left,
    };
    assert_eq!(forced(&mut world), all, "stage 3 without positions");
    world.check_invariants();
}

#[test]
fn q18_a_debt_without_positions_is_written_off() {
    let mut world = leveraged(91);
    world.refused(
        MicroOp::WriteOff(4),
        code::Q18_WRITE_OFF_STATE,
        field::STAGE,
    );
    // No step leads here: the last account's cash is turned into a debt of 700 USD in a snapshot.
    let debt = i128::from(700 * USD);
    let mut bytes = world.state.encode();
    let orders = world.state.orders().len() * (12 + 96) + 4 + 4 + 4; // no session, no risk record
    let cash = bytes.len() - orders - 4 - 5 * 32 + 16;
    bytes[cash..cash + 16].copy_from_slice(&(-debt).to_be_bytes());
    world.state = State::decode_alone(&bytes).expect("a snapshot with a debt");
    assert_eq!(world.account(4).cash, -debt, "the place of cash");
    world.ok(
        0,
        MicroOp::Bankrupt(Bankrupt {
            account: 4,
            group: 0,
        }),
    );
    let effect = world.ok(0, MicroOp::WriteOff(4));
    // The event took 250 of the fund, the day allows 500 in all.
    let (payment, bad_debt) = (i128::from(250 * USD), i128::from(200 * USD));
    assert_eq!(
        effect,
        Effect::WrittenOff {
            group: 0,
            payment,
            bad_debt
        },
        "fund first, then bad debt"
    );
    assert_eq!(world.account(4).cash, 0, "nothing is owed");
}

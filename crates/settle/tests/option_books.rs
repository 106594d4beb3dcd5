//! Liquidation of option books, hedges, collateral that is sold, tear-ups (derivatives.md section 4).
#![allow(missing_docs)]

mod common;

use common::options::{
    CALL, COIN, EXPIRY, FAR_CALL, FUTURE, LOT, PERPETUAL, SPOT, deliver_item, mode_op, withdraw_op,
};
use common::{SECOND, USD, World};
use merkat_settle::ops::{Bankrupt, Liquidate, Stage, TearUp};
use merkat_settle::state::parameter;
use merkat_settle::{MicroOp, OrderKey, Position};
use merkat_values::refusal::{code, field};

const fn stage(account: u32, stage: u8) -> MicroOp {
    MicroOp::Stage(Stage {
        account,
        group: 0,
        stage,
    })
}

/// Account 1 in mode 1, short 350 calls of 100 USD at 121 USD: in liquidation.
fn liquidated() -> World {
    let mut world = World::options();
    world.ok(0, mode_op(1, 1, 1));
    world.deal(CALL, 2, 1, world.mark(CALL), 350 * COIN);
    for index in [109, 118, 122] {
        world.surface(SECOND, index * USD);
    }
    let figures = world.state.figures(world.account(1));
    assert!(figures.in_danger() && figures.equity > 0, "{figures:?}");
    world.ok(0, stage(1, 1));
    world
}

fn slice(
    world: &World,
    account: u32,
    listing: u32,
    maker: OrderKey,
    price: i64,
    size: i64,
) -> Liquidate {
    Liquidate {
        account,
        slot: world.account(account).slot_for(listing),
        maker,
        maker_slot: world.account(maker.account()).slot_for(listing),
        price,
        size,
        margin_rules: 0,
        names: None,
    }
}

#[test]
fn q03_q04_q05_danger_and_safety() {
    let mut world = liquidated();
    world.refused(stage(1, 0), code::Q04_STAGE_LEAVE, field::STAGE);
    let figures = world.state.figures(world.account(1));
    assert!(!world.state.safe(world.account(1), &figures));
    let refused = (code::Q03_STAGE_ENTER, field::STAGE);
    world.refused(stage(2, 1), refused.0, refused.1);
    for index in [115, 107] {
        world.surface(SECOND, index * USD);
    }
    let maker = world.open_in(CALL, 3, 1, world.mark(CALL), COIN);
    let op = slice(&world, 1, CALL, maker, world.mark(CALL), COIN);
    let safe = (code::Q05_LIQUIDATE_STAGE, field::STAGE);
    world.refused(MicroOp::Liquidate(op), safe.0, safe.1);
    world.ok(0, stage(1, 0));
}

#[test]
fn q10_q11_q12_a_slice_of_an_option() {
    let mut world = liquidated();
    let mark = world.mark(CALL);
    let account = world.account(1);
    let figures = world.state.figures(account);
    let limit = world.state.slippage_limit(CALL, false, &figures);
    let quote = world.state.quote(CALL).expect("the call");
    let spread = i128::from(quote.mark) * 50_000_000 / 1_000_000_000;
    assert!(
        limit >= i128::from(quote.mark) + spread - 10_000,
        "half a spread of 5 %"
    );
    let position = *account.position_in(CALL).expect("a short");
    let bounded = world
        .state
        .liquidation_limit(&position, &figures, 10 * COIN);
    assert!(
        bounded <= limit && bounded > i128::from(quote.mark),
        "{bounded}"
    );
    let beyond = (limit / 50_000 + 1) * 50_000;
    let maker = world.open_in(CALL, 3, 1, mark, 20 * COIN);
    let dear = world.open_in(CALL, 3, 1, beyond as i64, 20 * COIN);
    let op = slice(&world, 1, CALL, maker, mark, 20 * COIN);
    let price = (code::Q10_LIQUIDATE_PRICE, field::PRICE);
    let far = slice(&world, 1, CALL, dear, beyond as i64, COIN);
    world.refused(MicroOp::Liquidate(far), price.0, price.1);
    let odd = Liquidate {
        price: mark + 1,
        ..op
    };
    world.refused(MicroOp::Liquidate(odd), price.0, price.1);
    let named = Liquidate {
        names: Some([255; 8]),
        ..op
    };
    let names = (code::Q12_LIQUIDATE_MAKER, field::MARGIN_RULE);
    world.refused(MicroOp::Liquidate(named), names.0, names.1);
    let much = Liquidate {
        size: 71 * COIN,
        ..op
    };
    world.refused(
        MicroOp::Liquidate(much),
        code::Q08_LIQUIDATE_SIZE,
        field::SIZE,
    );
    let fee = world.state.liquidation_fee(CALL, 20 * COIN, mark);
    assert_eq!(fee, 20 * 122 * 2_000, "0.2 % of the index");
    let fund = world.state.group(0).expect("group 0").fund;
    world.ok(0, MicroOp::Liquidate(op));
    assert_eq!(world.state.group(0).expect("group 0").fund, fund + fee);
    assert_eq!(world.account(1).size_in(CALL), -330 * COIN);
    world.check_caches();
    world.check_invariants();
}

#[test]
fn q12_a_slice_of_what_has_expired_is_refused() {
    let mut world = liquidated();
    // The expiry comes; the group stays fresh by a heartbeat.
    let jump = EXPIRY - world.time() - SECOND;
    let vector = world.surface_vector(EXPIRY - SECOND, 122 * USD);
    let early = world.surface_op(vector);
    world.ok(jump, MicroOp::Epoch(early));
    let late = world.open_in(CALL, 3, 1, world.mark(CALL), COIN);
    let beat = world.heartbeat(EXPIRY);
    world.ok(SECOND, MicroOp::Heartbeat(beat));
    let op = slice(&world, 1, CALL, late, world.mark(CALL), COIN);
    let refused = (code::Q12_LIQUIDATE_MAKER, field::LISTING);
    world.refused(MicroOp::Liquidate(op), refused.0, refused.1);
}

/// The same account with an order that it can be hedged by: it is short delta, so it buys.
fn hedgeable() -> (World, OrderKey) {
    let mut world = liquidated();
    let maker = world.open_in(PERPETUAL, 3, 1, 122 * USD, 200 * COIN);
    (world, maker)
}

#[test]
fn q19_q20_hedges() {
    let (mut world, maker) = hedgeable();
    let account = world.account(1);
    let bound = world.state.hedge_bound(account, PERPETUAL).expect("a book");
    let delta = account.portfolio(0).expect("a portfolio").delta();
    assert!(
        delta < 0 && bound.side == 0,
        "short calls are hedged by buying"
    );
    let most = (-delta / 1_000_000_000) as i64 / LOT * LOT;
    assert_eq!(bound.most, most);
    assert!(
        world
            .state
            .hedge_bound(world.account(2), PERPETUAL)
            .is_none(),
        "mode 0"
    );
    assert!(
        world.state.hedge_bound(account, FUTURE).is_none(),
        "no perpetual"
    );
    let op = slice(&world, 1, PERPETUAL, maker, 122 * USD, 10 * COIN);
    assert_eq!(op.slot, 1, "an empty slot");
    let hedge = |change: &dyn Fn(&mut Liquidate)| {
        let mut op = op;
        change(&mut op);
        MicroOp::Hedge(op)
    };
    let listing = (code::Q19_HEDGE_LISTING, field::LISTING);
    let absent = OrderKey::new(1, 3, 0, 1).expect("a key");
    world.refused(hedge(&|op| op.maker = absent), listing.0, listing.1);
    let future = world.open_in(FUTURE, 3, 1, 122 * USD, COIN);
    world.refused(hedge(&|op| op.maker = future), listing.0, listing.1);
    let slot = (code::Q19_HEDGE_LISTING, field::SLOT);
    world.refused(hedge(&|op| op.slot = 0), slot.0, slot.1);
    world.refused(hedge(&|op| op.slot = 1_024), slot.0, slot.1);
    world.refused(hedge(&|op| op.size = i64::MAX), slot.0, slot.1);
    world.refused(hedge(&|op| op.size = i64::MIN), slot.0, slot.1);
    let bid = world.open_in(PERPETUAL, 3, 0, 122 * USD, COIN);
    let order = (code::Q07_LIQUIDATE_ORDER, field::COUNTER);
    world.refused(hedge(&|op| op.maker = bid), order.0, order.1);
    let size = (code::Q20_HEDGE_SIZE, field::SIZE);
    for bad in [0, -LOT, LOT + 1, 201 * COIN] {
        world.refused(hedge(&|op| op.size = bad), size.0, size.1);
    }
    let large = world.open_in(PERPETUAL, 4, 1, 122 * USD, 340 * COIN);
    let all = |op: &mut Liquidate| {
        op.maker = large;
        op.maker_slot = 0;
        op.size = most + LOT;
    };
    world.refused(hedge(&all), size.0, size.1);
    let price = (code::Q10_LIQUIDATE_PRICE, field::PRICE);
    world.refused(hedge(&|op| op.price += 1_000_000), price.0, price.1);
    let unknown = (code::S02_UNKNOWN_ACCOUNT, field::ACCOUNT);
    world.refused(hedge(&|op| op.account = 99), unknown.0, unknown.1);
    let stranger = OrderKey::new(1, 99, 0, 1).expect("a key");
    let other = (code::Q12_LIQUIDATE_MAKER, field::ACCOUNT);
    world.refused(hedge(&|op| op.maker = stranger), other.0, other.1);
    world.refused(
        hedge(&|op| op.account = 2),
        code::Q05_LIQUIDATE_STAGE,
        field::STAGE,
    );
    let before = world.state.figures(world.account(1));
    world.ok(0, hedge(&|_| {}));
    let after = world.state.figures(world.account(1));
    assert!(after.maintenance < before.maintenance, "a hedge lowers MM");
    let account = world.account(1);
    assert_eq!(account.size_in(PERPETUAL), 10 * COIN);
    assert_eq!(
        (account.slice_listing, account.slice_used),
        (PERPETUAL, 10 * COIN)
    );
    let position = account.position_in(PERPETUAL).expect("the hedge");
    assert_eq!(position.base_size, 0);
    world.check_caches();
    world.check_invariants();
    // One listing an epoch.
    let ask = world.open_in(CALL, 3, 1, world.mark(CALL), COIN);
    let op = slice(&world, 1, CALL, ask, world.mark(CALL), COIN);
    world.refused(
        MicroOp::Liquidate(op),
        code::Q09_LIQUIDATE_SHARE,
        field::SIZE,
    );
}

#[test]
fn q19_an_account_without_a_dated_contract_has_no_hedge() {
    let mut world = World::options();
    world.ok(0, mode_op(1, 1, 1));
    world.deal(PERPETUAL, 1, 2, 100 * USD, 100 * COIN);
    assert!(
        world
            .state
            .hedge_bound(world.account(1), PERPETUAL)
            .is_none()
    );
    world.deal(FAR_CALL, 1, 2, world.mark(FAR_CALL), COIN);
    let bound = world
        .state
        .hedge_bound(world.account(1), PERPETUAL)
        .expect("a book");
    assert_eq!(bound.side, 1, "a positive delta is sold");
}

/// Account 1 owes 4,000 USD against 100 coins worth 9,000 USD, then they fall to 60 USD: 5,400 after the haircut, a debt
/// line of 3,780.
fn owing() -> World {
    let mut world = World::options();
    world.deposit_coins(1, 100);
    world.ok(0, withdraw_op(1, 0, 14_000 * USD as u128, 1));
    for index in [91, 83, 76, 69, 63] {
        world.surface(SECOND, index * USD);
    }
    world
}

#[test]
fn q06_collateral_is_sold_while_there_is_a_loan() {
    let mut world = owing();
    let figures = world.state.figures(world.account(1));
    assert!(
        figures.in_danger() && figures.maintenance == 0,
        "{figures:?}"
    );
    world.ok(0, stage(1, 1));
    let bid = world.open_in(SPOT, 2, 0, 63 * USD, 80 * COIN);
    let position: Position = *world.account(1).position_in(SPOT).expect("coins");
    let share = world.state.spot_share(&position, &figures);
    // 4,000 USD at 63 USD: 63.4921 coins.
    assert_eq!(share, 6_349_210_000);
    let op = slice(&world, 1, SPOT, bid, 63 * USD, share);
    let more = Liquidate {
        size: share + LOT,
        ..op
    };
    world.refused(
        MicroOp::Liquidate(more),
        code::Q09_LIQUIDATE_SHARE,
        field::SIZE,
    );
    world.ok(0, MicroOp::Liquidate(op));
    let after = world.state.figures(world.account(1));
    assert!(
        after.loan() < i128::from(60 * USD),
        "fees are left: {after:?}"
    );
    world.ok(0, stage(1, 0));
    world.check_invariants();
    world.check_caches();

    // An account in liquidation without a loan keeps its coins.
    let mut world = liquidated();
    world.deposit_coins(1, 1);
    let bid = world.open_in(SPOT, 2, 0, 122 * USD, COIN);
    let op = slice(&world, 1, SPOT, bid, 122 * USD, LOT);
    world.refused(
        MicroOp::Liquidate(op),
        code::Q06_LIQUIDATE_POSITION,
        field::SLOT,
    );
}

#[test]
fn q11_q13_collateral_is_sold_even_while_equity_is_negative() {
    let mut world = owing();
    for index in [57, 52, 47, 43, 39] {
        world.surface(SECOND, index * USD);
    }
    let figures = world.state.figures(world.account(1));
    assert!(figures.equity < 0, "{figures:?}");
    let bankrupt = MicroOp::Bankrupt(Bankrupt {
        account: 1,
        group: 0,
    });
    world.refused(bankrupt.clone(), code::Q13_BANKRUPT_STATE, field::STAGE);
    world.ok(0, stage(1, 1));
    let bid = world.open_in(SPOT, 2, 0, 39 * USD, 100 * COIN);
    let op = slice(&world, 1, SPOT, bid, 39 * USD, 100 * COIN);
    world.ok(0, MicroOp::Liquidate(op));
    let after = world.state.figures(world.account(1));
    assert!(
        after.equity < 0 && after.equity > figures.equity,
        "{after:?}"
    );
    world.ok(0, bankrupt);
    world.check_invariants();
}

#[test]
fn q16_q17_tear_ups_weigh_what_a_coin_may_lose() {
    let mut world = liquidated();
    for index in [132, 144] {
        world.surface(SECOND, index * USD);
    }
    let figures = world.state.figures(world.account(1));
    assert!(figures.equity < 0, "{figures:?}");
    let bankrupt = MicroOp::Bankrupt(Bankrupt {
        account: 1,
        group: 0,
    });
    world.ok(0, bankrupt);
    let account = world.account(1);
    let figures = world.state.figures(account);
    let position = *account.position_in(CALL).expect("the short");
    let price = world
        .state
        .tear_price(account, &position, &figures)
        .expect("a price");
    let quote = world.state.quote(CALL).expect("the call");
    assert!(price <= i128::from(quote.mark), "the holder takes the loss");
    let op = TearUp {
        account: 1,
        slot: position.slot,
        other: 2,
        other_slot: 0,
        price,
        size: 350 * COIN,
    };
    let dearer = TearUp {
        price: price + 10_000,
        ..op
    };
    world.refused(MicroOp::TearUp(dearer), code::Q17_TEAR_PRICE, field::PRICE);
    let mut delivered = world.clone();
    world.ok(0, MicroOp::TearUp(op));
    assert_eq!(world.account(1).size_in(CALL), 0);
    assert!(world.state.figures(world.account(1)).equity >= 0);
    world.check_invariants();
    world.check_caches();

    delivered.surface(EXPIRY - delivered.time() - SECOND, 144 * USD);
    let item = deliver_item(0, EXPIRY, 144 * USD);
    delivered.ok(SECOND, MicroOp::Inbox(item));
    delivered.ok(0, MicroOp::Deliver(CALL));
    delivered.refused(MicroOp::TearUp(op), code::Q16_TEAR_POSITION, field::SIZE);
}

#[test]
fn a_fund_that_ran_dry_leaves_no_tear_price_below_zero_for_an_option() {
    let mut world = liquidated();
    world.with_group(parameter::FUND_EVENT_SHARE, 0);
    for index in [132, 144, 157, 171, 186] {
        world.surface(SECOND, index * USD);
    }
    world.ok(
        0,
        MicroOp::Bankrupt(Bankrupt {
            account: 1,
            group: 0,
        }),
    );
    let account = world.account(1);
    let figures = world.state.figures(account);
    let position = *account.position_in(CALL).expect("the short");
    let quote = world.state.quote(CALL).expect("the call");
    let price = world
        .state
        .tear_price(account, &position, &figures)
        .expect("a price");
    // N / n a coin below mark: the whole loss falls on one position.
    let missing = -figures.equity / 350;
    let exact = i128::from(quote.mark) - missing;
    assert!(
        (exact - 10_000..=exact).contains(&price),
        "{price} of {exact}"
    );
    let mut worse = figures;
    worse.equity = -i128::from(1_000_000 * USD);
    assert_eq!(
        world.state.tear_price(account, &position, &worse),
        Some(0),
        "not below 0"
    );
}

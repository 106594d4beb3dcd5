//! Rules F-15 to F-18 and W-01 to W-10 of accounts with options and collateral (derivatives.md section 4).
#![allow(missing_docs)]

mod common;

use common::options::{
    CALL, COIN, EXPIRY, FAR_CALL, FUTURE, LOT, PERPETUAL, PUT, SPOT, deliver_item, mode_op,
    withdraw_op,
};
use common::{SECOND, USD, World, item, owner};
use merkat_settle::ops::Transfer;
use merkat_settle::state::parameter;
use merkat_settle::{Account, Change, Effect, MicroOp};
use merkat_values::codec::Writer;
use merkat_values::refusal::{code, field};

#[test]
fn w07_to_w10_margin_modes() {
    let mut world = World::options();
    let value = (code::W07_MODE_VALUE, field::MODE);
    world.refused(mode_op(1, 0, 1), value.0, value.1);
    world.refused(mode_op(1, 2, 1), value.0, value.1);
    world.refused(mode_op(9, 1, 1), code::S02_UNKNOWN_ACCOUNT, field::ACCOUNT);
    let MicroOp::MarginMode(mut forged) = mode_op(1, 1, 1) else {
        unreachable!("a margin mode");
    };
    forged.account = 2;
    let forged = MicroOp::MarginMode(forged);
    world.refused(forged, code::S03_BAD_SIGNATURE, field::SIGNATURE);
    world.ok(0, mode_op(1, 1, 1));
    assert_eq!(world.account(1).margin_mode, 1);
    world.refused(mode_op(1, 0, 1), code::S04_NONCE_NOT_LARGER, field::NONCE);
    world.refused(mode_op(1, 1, 2), value.0, value.1);
    world.deal(CALL, 1, 2, world.mark(CALL), COIN);
    let stale = (code::W09_MODE_STALE, field::GROUP);
    world.refused_after(6 * SECOND, mode_op(1, 0, 2), stale.0, stale.1);
    world.ok(0, mode_op(1, 0, 2));
    world.ok(0, mode_op(2, 1, 1));
    world.check_caches();
    world.check_invariants();
}

#[test]
fn w08_an_account_in_liquidation_keeps_its_mode() {
    let mut world = World::options();
    world.deal(PERPETUAL, 1, 2, 100 * USD, 1_500 * COIN);
    world.surface(SECOND, 95 * USD);
    let stage = merkat_settle::ops::Stage {
        account: 1,
        group: 0,
        stage: 1,
    };
    world.ok(0, MicroOp::Stage(stage));
    world.refused(mode_op(1, 1, 1), code::W08_MODE_STAGE, field::STAGE);
}

#[test]
fn w10_a_mode_must_hold() {
    let mut world = World::options();
    // 1,000 perpetuals against 1,000 futures: standard margin takes 6.5 % of 200,000 USD.
    world.ok(0, mode_op(1, 1, 1));
    for _ in 0..4 {
        world.deal(PERPETUAL, 1, 2, 100 * USD, 250 * COIN);
        world.deal(FUTURE, 3, 1, 100 * USD, 250 * COIN);
    }
    let account = world.account(1);
    let standard = world.state.figures_in(account, 0);
    let portfolio = world.state.figures_in(account, 1);
    assert!(portfolio.holds() && !standard.holds(), "a hedged book");
    assert!(3 * portfolio.initial < 2 * standard.initial, "netted");
    world.refused(mode_op(1, 0, 2), code::W10_MODE_MARGIN, field::MODE);
    world.check_caches();
}

#[test]
fn f15_a_portfolio_is_margined_as_one() {
    let mut world = World::options();
    for account in [1, 2] {
        world.ok(0, mode_op(account, 1, 1));
    }
    let price = world.mark(CALL);
    world.deal(CALL, 1, 2, price, 300 * COIN);
    let alone = world.state.figures(world.account(2));
    let spread_price = world.mark(FAR_CALL).max(10_000);
    world.deal(FAR_CALL, 2, 1, spread_price, 300 * COIN);
    let spread = world.state.figures(world.account(2));
    assert!(
        spread.maintenance < alone.maintenance,
        "the far call caps the loss"
    );
    for number in 1..=2 {
        let account = world.account(number);
        let portfolio = account.portfolio(0).expect("it holds options");
        let market = world.state.market(0).expect("rows");
        let fund = world.state.group(0).expect("group 0").fund;
        let margin = portfolio.margin(market, fund);
        let figures = world.state.figures(account);
        assert_eq!(
            (figures.maintenance, figures.initial),
            (margin.maintenance, margin.initial)
        );
    }
    world.check_caches();
    world.check_invariants();
}

#[test]
fn f15_figures_after_are_the_figures_after() {
    let mut world = World::options();
    world.ok(0, mode_op(1, 1, 1));
    world.deposit_coins(3, 5);
    for (listing, size) in [(CALL, 3), (PUT, 5), (FUTURE, 2), (PERPETUAL, 4), (SPOT, -1)] {
        let (long, short) = if size > 0 { (1, 2) } else { (1, 3) };
        let price = world.mark(listing);
        let fee = world.state.fees(listing, COIN * i64::abs(size), price).0;
        let account = world.account(long);
        let before = world.state.figures(account);
        let after = account.size_in(listing) + i64::abs(size) * COIN;
        let quote = world.state.quote(listing).expect("a listing");
        let cash = -quote.cost(COIN * i64::abs(size), price) - fee;
        let change = Change {
            listing,
            size: after,
        };
        let expected = world.state.figures_after(account, &before, change, cash);
        world.deal(listing, long, short, price, COIN * i64::abs(size));
        assert_eq!(
            world.state.figures(world.account(long)),
            expected,
            "{listing}"
        );
    }
    world.check_caches();
    world.check_invariants();
}

/// Account 1 in mode 1, short calls beyond its margin after the price rose.
fn strained() -> World {
    let mut world = World::options();
    world.ok(0, mode_op(1, 1, 1));
    world.deal(CALL, 2, 1, world.mark(CALL), 350 * COIN);
    world.surface(SECOND, 109 * USD);
    world.surface(SECOND, 116 * USD);
    let figures = world.state.figures(world.account(1));
    assert!(!figures.holds() && figures.equity > 0, "{figures:?}");
    world
}

#[test]
fn f18_an_improving_portfolio_names_its_worst_terms() {
    let mut world = strained();
    let price = world.mark(CALL);
    let keys = (
        world.open_in(CALL, 1, 0, price, 10 * COIN),
        world.open_in(CALL, 2, 1, price, 10 * COIN),
    );
    let good = world.fill_in(CALL, keys, price, 10 * COIN, &[1]);
    let names = good.names[0].expect("names of the maker");
    assert_ne!(names[0], 255, "a scenario has a loss");
    assert_eq!(names[1..], [255; 7], "one group");
    let refused = (code::F18_FILL_NAMES, field::MARGIN_RULE);
    let with = |change: &dyn Fn(&mut merkat_settle::ops::Fill)| {
        let mut fill = good;
        change(&mut fill);
        MicroOp::Fill(fill)
    };
    let wrong = |fill: &mut merkat_settle::ops::Fill| {
        fill.names[0] = Some([255; 8]);
    };
    world.refused(with(&wrong), refused.0, refused.1);
    let missing = |fill: &mut merkat_settle::ops::Fill| fill.names[0] = None;
    world.refused(with(&missing), refused.0, refused.1);
    let standard = |fill: &mut merkat_settle::ops::Fill| fill.names[1] = Some(names);
    world.refused(with(&standard), refused.0, refused.1);
    let holds = |fill: &mut merkat_settle::ops::Fill| {
        fill.margin_rules = 0;
        fill.names[0] = None;
    };
    let margin = (code::F15_FILL_MARGIN, field::MARGIN_RULE);
    world.refused(with(&holds), margin.0, margin.1);
    world.ok(0, MicroOp::Fill(good));
    world.check_caches();
    world.check_invariants();
}

#[test]
fn f15_improves_never_with_more_naked_shorts() {
    let mut world = strained();
    // Selling far calls brings premium and is no better for the account.
    let account = world.account(1);
    let more = Change {
        listing: FAR_CALL,
        size: -COIN,
    };
    assert!(world.state.naked_grows(account, more));
    let fewer = Change {
        listing: CALL,
        size: -340 * COIN,
    };
    assert!(!world.state.naked_grows(account, fewer));
    let covered = Change {
        listing: PUT,
        size: COIN,
    };
    assert!(!world.state.naked_grows(account, covered), "a long covers");
    let perpetual = Change {
        listing: PERPETUAL,
        size: -COIN,
    };
    assert!(!world.state.naked_grows(account, perpetual));
    let price = world.mark(FAR_CALL).max(10_000);
    let keys = (
        world.open_in(FAR_CALL, 1, 1, price, COIN),
        world.open_in(FAR_CALL, 2, 0, price, COIN),
    );
    let fill = world.fill_in(FAR_CALL, keys, price, COIN, &[1]);
    let margin = (code::F15_FILL_MARGIN, field::MARGIN_RULE);
    world.refused(MicroOp::Fill(fill), margin.0, margin.1);
}

#[test]
fn f16_nothing_trades_from_its_expiry_on() {
    let mut world = World::options();
    let until = EXPIRY - world.time() - 2 * SECOND;
    world.surface(until, 100 * USD);
    let price = world.mark(FUTURE);
    let keys = (
        world.open_in(FUTURE, 1, 0, price, COIN),
        world.open_in(FUTURE, 2, 1, price, COIN),
    );
    let fill = world.fill_in(FUTURE, keys, price, COIN, &[]);
    let listing = (code::F16_FILL_LISTING, field::LISTING);
    world.refused_after(2 * SECOND, MicroOp::Fill(fill), listing.0, listing.1);
    world.clone().ok(SECOND, MicroOp::Fill(fill));
}

#[test]
fn f17_spot_is_never_short() {
    let mut world = World::options();
    world.deposit_coins(1, 2);
    let price = 100 * USD;
    let keys = (
        world.open_in(SPOT, 2, 0, price, 3 * COIN),
        world.open_in(SPOT, 1, 1, price, 3 * COIN),
    );
    let short = world.fill_in(SPOT, keys, price, 3 * COIN, &[]);
    world.refused(MicroOp::Fill(short), code::F17_FILL_SPOT, field::SIZE);
    let all = world.fill_in(SPOT, keys, price, 2 * COIN, &[]);
    world.ok(0, MicroOp::Fill(all));
    assert_eq!(world.account(1).size_in(SPOT), 0);
    assert_eq!(world.account(2).size_in(SPOT), 2 * COIN);
    world.check_caches();
    world.check_invariants();
}

#[test]
fn collateral_counts_after_its_haircut_and_carries_a_loan() {
    let mut world = World::options();
    let before = world.state.figures(world.account(1));
    world.deposit_coins(1, 10);
    let after = world.state.figures(world.account(1));
    // 1,000 USD less 10 %; half of it may be owed, 70 % is the debt line.
    let net = i128::from(900 * USD);
    assert_eq!(after.equity - before.equity, net);
    assert_eq!(after.outright, before.outright, "no cash");
    assert_eq!((after.loan_limit, after.debt_line), (net / 2, net * 7 / 10));
    assert_eq!(after.loan(), 0);
    let cash = 10_000 * USD as u128;
    let limit = (net / 2) as u128;
    let margin = (code::W06_WITHDRAW_MARGIN, field::AMOUNT);
    let too_much = withdraw_op(1, 0, cash + limit + 1, 1);
    world.refused(too_much, margin.0, margin.1);
    world.ok(0, withdraw_op(1, 0, cash + limit, 1));
    let owing = world.state.figures(world.account(1));
    assert_eq!(owing.loan(), net / 2, "cash is owed");
    assert!(owing.holds() && !owing.in_danger());
    // 71 USD: the debt line is 447 USD, the loan 450.
    world.surface(SECOND, 95 * USD);
    world.surface(SECOND, 88 * USD);
    world.surface(SECOND, 80 * USD);
    world.surface(SECOND, 73 * USD);
    world.surface(SECOND, 71 * USD);
    let danger = world.state.figures(world.account(1));
    assert!(danger.in_danger() && danger.maintenance == 0, "{danger:?}");
    assert!(!world.state.safe(world.account(1), &danger));
    world.check_invariants();
}

#[test]
fn w01_w02_w06_withdrawals_of_coins() {
    let mut world = World::options();
    world.deposit_coins(1, 10);
    let unknown = (code::W01_WITHDRAW_TOKEN, field::TOKEN);
    world.refused(withdraw_op(1, 2, 1, 1), unknown.0, unknown.1);
    world.refused(withdraw_op(1, 9, 1, 1), unknown.0, unknown.1);
    let amount = (code::W02_WITHDRAW_AMOUNT, field::AMOUNT);
    let ten = 10 * COIN as u128;
    for bad in [0, LOT as u128 - 1, ten + LOT as u128, 1 << 96] {
        world.refused(withdraw_op(1, 1, bad, 1), amount.0, amount.1);
    }
    world.refused(withdraw_op(2, 1, ten, 1), amount.0, amount.1);
    let borrowed = 10_300 * USD as u128;
    world.ok(0, withdraw_op(1, 0, borrowed, 1));
    let margin = (code::W06_WITHDRAW_MARGIN, field::AMOUNT);
    // A loan of 300 USD needs 6.67 coins of 90 USD at half.
    world.refused(withdraw_op(1, 1, 4 * COIN as u128, 2), margin.0, margin.1);
    let effect = world.ok(0, withdraw_op(1, 1, 3 * COIN as u128, 2));
    let claimable = 3 * COIN as u128;
    assert_eq!(effect, Effect::Withdrawn { claimable });
    assert_eq!(world.account(1).size_in(SPOT), 7 * COIN);
    assert_eq!(world.account(1).claimable[1], claimable);
    let transfer = Transfer {
        account: 1,
        to_account: 2,
        amount: 20 * USD as u128,
        nonce: 3,
        signature: common::sign(owner(1)),
    };
    world.refused(MicroOp::Transfer(transfer), margin.0, margin.1);
    let small = Transfer {
        amount: 10 * USD as u128,
        ..transfer
    };
    world.ok(0, MicroOp::Transfer(small));
    world.check_caches();
    world.check_invariants();
}

#[test]
fn forced_withdrawals_of_coins_take_what_margin_allows() {
    let mut world = World::options();
    world.deposit_coins(1, 10);
    world.ok(0, withdraw_op(1, 0, 10_300 * USD as u128, 1));
    let forced = |amount: u128| {
        MicroOp::Inbox(item(8, 0, |bytes| {
            bytes.put_u32(1);
            bytes.put(&owner(1));
            bytes.put_u8(1);
            bytes.put_u128(amount);
        }))
    };
    let effect = world.ok(0, forced(1 << 90));
    // floor(0.45 x held in USD) >= 300 USD: at least 666.666... USD, that is 6.6667 coins, are left.
    let left = world.account(1).size_in(SPOT);
    assert_eq!(left, 666_670_000, "in whole lots of 0.0001");
    let amount = (10 * COIN - left) as u128;
    let claimable = amount;
    assert_eq!(effect, Effect::ForcedWithdrawn { amount, claimable });
    let again = world.ok(0, forced(1 << 90));
    let amount = 0;
    assert_eq!(again, Effect::ForcedWithdrawn { amount, claimable });
    world.check_caches();
    world.check_invariants();
}

#[test]
fn d_of_a_group_with_rows_is_of_its_delta() {
    let mut world = World::options();
    world.ok(0, mode_op(1, 1, 1));
    world.deal(CALL, 1, 2, world.mark(CALL), 100 * COIN);
    let market = world.state.market(0).expect("rows");
    let account = world.account(1);
    let portfolio = account.portfolio(0).expect("a portfolio");
    let delta_usd = portfolio.margin(market, 0).delta_usd;
    let rate = world.state.group(0).expect("group 0").parameters[parameter::DELTA_RATE];
    let required = world.state.delta_requirement(account, None);
    let share = (delta_usd * i128::from(rate)) as u128;
    assert_eq!(required as u128, share.div_ceil(1_000_000_000));
    let none = Change {
        listing: CALL,
        size: 0,
    };
    assert_eq!(world.state.delta_requirement(account, Some(none)), 0);
}

#[test]
fn fees_of_options_are_of_the_index_and_capped_by_the_premium() {
    let world = World::options();
    let price = world.mark(CALL);
    // 0.04 % of 100 USD a coin.
    assert_eq!(world.state.fees(CALL, COIN, price), (10_000, 40_000));
    // 12.5 % of a premium of 0.01 USD.
    assert_eq!(world.state.fees(FAR_CALL, COIN, 10_000), (1_250, 1_250));
    assert_eq!(
        world.state.fee(CALL, -100_000, COIN, 10_000),
        -10_000,
        "a rebate"
    );
    assert_eq!(
        world.state.liquidation_fee(CALL, COIN, price),
        200_000,
        "0.2 %"
    );
    assert_eq!(world.state.fees(FUTURE, COIN, 100 * USD), (10_000, 40_000));
}

#[test]
fn d01_to_d03_delivery_pays_every_holder() {
    let mut world = World::options();
    world.ok(0, mode_op(1, 1, 1));
    world.deal(CALL, 1, 2, world.mark(CALL), 3 * COIN);
    world.deal(CALL, 1, 3, world.mark(CALL), COIN);
    world.deal(FUTURE, 2, 1, world.mark(FUTURE), 2 * COIN);
    let listing = (code::D01_DELIVER_LISTING, field::LISTING);
    for bad in [0, PERPETUAL, SPOT, 99] {
        world.refused(MicroOp::Deliver(bad), listing.0, listing.1);
    }
    world.refused(
        MicroOp::Deliver(CALL),
        code::D02_DELIVER_PRICE,
        field::EXPIRY,
    );
    let slot = |world: &World, account: u32, listing: u32| world.account(account).slot_for(listing);
    let expire = |world: &World, account: u32, listing: u32| MicroOp::Expire {
        account,
        slot: slot(world, account, listing),
    };
    let position = (code::D03_EXPIRE_POSITION, field::SLOT);
    world.refused(expire(&world, 1, CALL), position.0, position.1);
    world.surface(EXPIRY - world.time() - SECOND, 100 * USD);
    let item = deliver_item(0, EXPIRY, 107_005_000);
    world.ok(SECOND, MicroOp::Inbox(item));
    let effect = world.ok(0, MicroOp::Deliver(CALL));
    assert_eq!(effect, Effect::Delivered { price: 107_005_000 });
    world.refused(MicroOp::Deliver(CALL), listing.0, listing.1);
    world.ok(0, MicroOp::Deliver(FUTURE));
    world.ok(0, MicroOp::Deliver(PUT));
    assert_eq!(
        world.state.instrument(PUT).map(|one| one.state),
        Some(4),
        "nobody holds it"
    );
    world.check_invariants();
    world.check_caches();
    let nobody = MicroOp::Expire {
        account: 9,
        slot: 0,
    };
    world.refused(nobody, code::S02_UNKNOWN_ACCOUNT, field::ACCOUNT);
    let empty = MicroOp::Expire {
        account: 4,
        slot: 0,
    };
    world.refused(empty, position.0, position.1);
    let cash = world.account(1).cash;
    let effect = world.ok(0, expire(&world, 1, CALL));
    // 7.005 USD in whole quanta of 0.01; the fee is 0.015 % of 107.005 USD a coin.
    let fee = 4 * 150_000 * 107_005_000 / 1_000_000_000;
    let paid = Effect::Expired {
        listing: CALL,
        size: 4 * COIN,
        price: 7_000_000,
        fee,
    };
    assert_eq!(effect, paid);
    assert_eq!(world.account(1).cash - cash, i128::from(28 * USD) - fee);
    assert_eq!(world.account(1).size_in(CALL), 0);
    world.check_invariants();
    world.check_caches();
    for account in [2, 3] {
        world.ok(0, expire(&world, account, CALL));
        world.check_invariants();
    }
    assert_eq!(
        world.state.instrument(CALL).map(|one| one.state),
        Some(4),
        "over"
    );
    let refused = expire(&world, 2, FUTURE);
    world.ok(0, refused);
    world.ok(0, expire(&world, 1, FUTURE));
    world.check_invariants();
    assert!(world.account(1).portfolio(0).is_none(), "nothing is held");
    world.surface(SECOND, 100 * USD);
    let rows = world
        .state
        .risk(0)
        .and_then(|risk| risk.rows())
        .expect("rows");
    assert!(rows.row_of(CALL).is_none() && rows.row_of(FAR_CALL).is_some());
    world.check_caches();
    assert_eq!(Account::PORTFOLIO, 1);
}

#[test]
fn the_delivery_fee_is_capped_by_what_an_option_pays() {
    let mut world = World::options();
    world.deal(CALL, 1, 2, world.mark(CALL), COIN);
    world.surface(EXPIRY - world.time() - SECOND, 100 * USD);
    world.ok(SECOND, MicroOp::Inbox(deliver_item(0, EXPIRY, 100_020_000)));
    world.ok(0, MicroOp::Deliver(CALL));
    let expire = |account| MicroOp::Expire { account, slot: 0 };
    for account in [1, 2] {
        let effect = world.ok(0, expire(account));
        let size = if account == 1 { COIN } else { -COIN };
        let paid = Effect::Expired {
            listing: CALL,
            size,
            price: 20_000,
            fee: 2_500,
        };
        assert_eq!(effect, paid, "12.5 % of 0.02 USD, not 0.015 % of 100 USD");
    }
    world.check_invariants();
}

//! Section 7 of derivatives.md: liquidation of option books, hedges and collateral.

mod common;

use common::*;
use merkat_pricing::RiskSet;

const PERPETUAL: u32 = 1;
const CALL: u32 = 5;
const PUT: u32 = 6;
const FAR_FUTURE: u32 = 9;
const COINS: u32 = 16;

fn near(venue: &Venue, listing: u32, share: i64) -> i64 {
    let instrument = venue.engine.state().instrument(listing);
    let instrument = instrument.expect("it is listed");
    instrument.floor_to_tick(venue.mark(listing) * share / 100)
}

fn stage(venue: &Venue, account: u32) -> u8 {
    let leaf = venue.engine.state().account(account);
    leaf.expect("it was opened").stage
}

/// (account, listing) of an event that begins with them.
fn head(event: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(event[at..at + 4].try_into().expect("four bytes"));
    (word(1), word(5))
}

/// Account 1 in portfolio margin is short calls at 100,000 USD against account 2; account 3 is rich.
fn short_calls(coins: i64) -> Venue {
    let (mut venue, _) = Venue::with_options(3);
    for account in [2, 3] {
        venue.deposit(account, 100_000_000);
    }
    assert_eq!(venue.mode(1, 1).refusal(), None);
    let price = near(&venue, CALL, 100);
    let output = venue.cross(2, 1, CALL, SELL, price, coins * COIN);
    assert_eq!(output.trades().len(), 1, "{output:?}");
    venue
}

/// Account 1 in portfolio margin is short calls of six listings, so many coins each.
fn many_short_calls(coins: i64) -> Venue {
    let (mut venue, _) = Venue::with_options(3);
    for account in [2, 3] {
        venue.deposit(account, 100_000_000);
    }
    assert_eq!(venue.mode(1, 1).refusal(), None);
    for listing in [3, 5, 7, 10, 12, 14] {
        let price = near(&venue, listing, 100);
        let output = venue.cross(2, 1, listing, SELL, price, coins * COIN);
        assert_eq!(output.trades().len(), 1, "listing {listing}: {output:?}");
    }
    venue
}

#[test]
fn a_portfolio_account_is_hedged_with_the_perpetual_before_its_options_are_bought_back() {
    let mut venue = many_short_calls(8);
    let ask = venue.order_in(3, PERPETUAL, SELL, 103_000 * USD, 100 * COIN);
    assert_eq!(venue.place(&ask).refusal(), None);
    let mut usd = 100_000;
    let mut output = venue.wait(SECOND_NS).surface(0, usd);
    while output.events_of(15).is_empty() && usd < 120_000 {
        usd += 1_000;
        let ask = venue.order_in(3, PERPETUAL, SELL, usd * USD, 100 * COIN);
        venue.place(&ask);
        output = venue.wait(SECOND_NS).surface(0, usd);
    }
    let hedges = output.events_of(38);
    assert_eq!(hedges.len(), 1, "one hedge at {usd}: {:?}", output.kinds());
    assert_eq!(head(hedges[0]), (1, PERPETUAL));
    assert_eq!(hedges[0][21], BUY, "against the short calls");
    assert_eq!(
        output.ops().last(),
        Some(&10),
        "the stage is left: {:?}",
        output.ops()
    );
    let slices = output.events_of(17);
    assert_eq!(
        head(slices[0]),
        (1, PERPETUAL),
        "the slice names the perpetual"
    );
    let bought = venue.size_in(1, PERPETUAL);
    assert!(
        bought > 0 && bought < 48 * COIN,
        "delta and no more: {bought}"
    );
    for listing in [3, 5, 7, 10, 12, 14] {
        assert_eq!(
            venue.size_in(1, listing),
            -8 * COIN,
            "the options are untouched"
        );
    }
    venue.restart();
}

#[test]
fn the_hedge_needs_an_order_to_meet_and_options_go_otherwise() {
    let mut venue = short_calls(50);
    let mut usd = 100_000;
    let mut output = venue.wait(SECOND_NS).surface(0, usd);
    while output.events_of(17).is_empty() && usd < 120_000 {
        usd += 1_000;
        output = venue.wait(SECOND_NS).surface(0, usd);
    }
    assert_eq!(output.events_of(38).len(), 0, "nobody sells the perpetual");
    let slices = output.events_of(17);
    assert_eq!(slices.len(), 1, "{:?}", output.kinds());
    assert_eq!(
        head(slices[0]),
        (1, CALL),
        "the position whose removal helps"
    );
    assert_eq!(i64_at(slices[0], 17), 0, "nobody sells the calls either");
    // In the next epoch somebody does.
    let ask = near(&venue, CALL, 101);
    let order = venue.order_in(3, CALL, SELL, ask, 100 * COIN);
    assert_eq!(venue.place(&order).refusal(), None);
    let output = venue.wait(SECOND_NS).surface(0, usd);
    let filled = output.events_of(16);
    assert_eq!(filled.len(), 1, "{:?}", output.kinds());
    assert_eq!(head(filled[0]), (1, CALL));
    assert!(
        venue.size_in(1, CALL) > -50 * COIN,
        "a part was bought back"
    );
    venue.restart();
}

#[test]
fn the_position_whose_removal_lowers_mm_most_is_taken_not_the_largest() {
    let (mut venue, _) = Venue::with_options(3);
    for account in [2, 3] {
        venue.deposit(account, 100_000_000);
    }
    venue.mode(1, 1);
    // Long 60 perpetuals covered by 40 short futures: the perpetual is larger and gross; both matter less than 30 puts.
    venue.cross(2, 1, PERPETUAL, BUY, 100_000 * USD, 60 * COIN);
    venue.cross(2, 1, FAR_FUTURE, SELL, 100_000 * USD, 60 * COIN);
    venue.cross(2, 1, PUT, SELL, near(&venue, PUT, 100), 40 * COIN);
    let mut usd = 100_000;
    let mut output = venue.wait(SECOND_NS).surface(0, usd);
    while output.events_of(17).is_empty() && usd > 80_000 {
        usd -= 1_000;
        output = venue.wait(SECOND_NS).surface(0, usd);
    }
    let slices = output.events_of(17);
    assert_eq!(slices.len(), 1, "{:?}", output.kinds());
    assert_eq!(
        head(slices[0]),
        (1, PUT),
        "without the puts nothing is left to lose"
    );
}

#[test]
fn a_standard_account_without_options_loses_its_largest_maintenance_first() {
    let (mut venue, _) = Venue::with_options(3);
    for account in [2, 3] {
        venue.deposit(account, 100_000_000);
    }
    venue.cross(2, 1, PERPETUAL, BUY, 100_000 * USD, 60 * COIN);
    venue.cross(2, 1, FAR_FUTURE, BUY, 100_000 * USD, 80 * COIN);
    let output = venue.wait(SECOND_NS).surface(0, 97_500);
    let slices = output.events_of(17);
    assert_eq!(slices.len(), 1, "{:?}", output.kinds());
    assert_eq!(head(slices[0]), (1, FAR_FUTURE));
}

/// Account 1 holds coins and owes for a loss.
fn borrower() -> Venue {
    let (mut venue, _) = Venue::with_options(3);
    for account in [2, 3] {
        venue.deposit(account, 100_000_000);
    }
    venue.deposit_coins(1, 60 * COIN as u64);
    venue.mode(1, 1);
    venue
}

#[test]
fn coins_are_sold_while_a_loan_is_above_its_line_and_only_as_many_as_it_takes() {
    let mut venue = borrower();
    // 1 million of cash is lost with the perpetual, and then some: a loan against 60 coins.
    venue.cross(2, 1, PERPETUAL, BUY, 100_000 * USD, 70 * COIN);
    let mut usd = 100_000;
    let mut output = venue.wait(SECOND_NS).surface(0, usd);
    while output.events_of(17).is_empty() && usd > 40_000 {
        usd -= 2_000;
        let bid = venue.order_in(3, COINS, BUY, (usd + 1_990) * USD, COIN);
        venue.place(&bid);
        output = venue.wait(SECOND_NS).surface(0, usd);
        assert_eq!(output.refusal(), None, "{output:?}");
    }
    let figures = venue.engine.account_figures(1).expect("it was opened");
    let slices = output.events_of(17);
    assert_eq!(
        slices.len(),
        1,
        "at {usd}: {:?} {figures:?}",
        output.kinds()
    );
    assert_eq!(
        head(slices[0]),
        (1, COINS),
        "collateral first while a loan stands"
    );
    let asked = i64_at(slices[0], 9);
    assert!(asked < 60 * COIN, "what the loan takes, not all: {asked}");
    venue.restart();
}

#[test]
fn coins_that_find_no_buyer_give_way_to_what_can_be_sold() {
    let mut venue = borrower();
    venue.cross(2, 1, PERPETUAL, BUY, 100_000 * USD, 70 * COIN);
    let mut usd = 100_000;
    let mut named = Vec::new();
    while named.len() < 4 && usd > 40_000 {
        if named.is_empty() {
            usd -= 2_000;
        }
        let output = venue.wait(SECOND_NS).surface(0, usd);
        named.extend(output.events_of(17).into_iter().map(|event| head(event).1));
    }
    assert_eq!(
        named,
        [COINS, COINS, COINS, PERPETUAL],
        "three empty slices, then another position"
    );
}

#[test]
fn an_account_with_coins_is_not_bankrupt_before_they_are_sold() {
    let mut venue = borrower();
    venue.cross(2, 1, PERPETUAL, BUY, 100_000 * USD, 70 * COIN);
    let mut usd = 100_000;
    let mut bankrupt = 0;
    for _ in 0..40 {
        usd -= usd / 12;
        let output = venue.wait(SECOND_NS).surface(0, usd);
        assert_eq!(output.refusal(), None, "{output:?}");
        bankrupt += output.events_of(18).len();
    }
    let figures = venue.engine.account_figures(1).expect("it was opened");
    assert!(figures.equity < 0, "{figures:?}");
    assert_eq!((bankrupt, stage(&venue, 1)), (0, 1), "coins are held");
    // Somebody buys the coins; then it ends.
    for _ in 0..30 {
        let bid = venue.order_in(3, COINS, BUY, near(&venue, COINS, 100), 100 * COIN);
        venue.place(&bid);
        let output = venue.wait(SECOND_NS).surface(0, usd);
        bankrupt += output.events_of(18).len();
        if bankrupt > 0 {
            break;
        }
    }
    assert_eq!(bankrupt, 1, "bankrupt once the coins are gone");
    assert_eq!(venue.size_in(1, COINS), 0);
    assert_eq!(venue.size_in(1, PERPETUAL), 0, "torn up");
    venue.restart();
}

#[test]
fn a_book_of_options_that_is_under_water_is_torn_up() {
    let mut venue = short_calls(50);
    for usd in [109_900, 119_900] {
        assert_eq!(venue.wait(SECOND_NS).surface(0, usd).refusal(), None);
    }
    let output = venue.wait(SECOND_NS).surface(0, 130_000);
    let kinds = output.kinds();
    assert!(
        kinds.contains(&18) && kinds.contains(&19),
        "bankrupt, torn up: {kinds:?}"
    );
    assert_eq!(venue.size_in(1, CALL), 0);
    assert_eq!(stage(&venue, 1), 3);
    venue.restart();
}

#[test]
fn a_group_whose_set_has_no_rows_yet_slices_nothing() {
    let mut venue = Venue::open(3);
    venue.deposit(2, 20_000_000);
    venue.deposit(3, 20_000_000);
    venue.limit(1, BUY, 100_000, 100 * COIN);
    venue.limit(2, SELL, 100_000, 100 * COIN);
    venue.wait(SECOND_NS).epoch(0, 94_500);
    assert_eq!(stage(&venue, 1), 1, "in liquidation");
    venue.limit(3, BUY, 94_400, 100 * COIN);
    venue.risk(0, &RiskSet::default());
    let output = venue.wait(SECOND_NS).heartbeat(0);
    assert_eq!(
        output.kinds(),
        [12],
        "nothing trades without a row (Q-12, F-16)"
    );
}

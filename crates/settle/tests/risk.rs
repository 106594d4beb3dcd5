//! Margin of risk.md against its tables, and what must hold of it.

#[path = "margin/plain.rs"]
mod plain;
#[path = "margin/world.rs"]
mod world;

use merkat_pricing::{Rows, kind};
use merkat_settle::risk::{
    Collateral, Market, OrderSums, Portfolio, Resting, WORST_BASIS, WORST_NONE, WORST_PIN,
    portfolio_margin, short_requirement, standard_margin,
};
use plain::Book;
use std::collections::BTreeMap;
use std::sync::Arc;
use world::{COIN, Draw, orders, positions, rows};

const BOOKS: u64 = 10_000;

fn fund(draw: &mut Draw) -> i128 {
    i128::from(draw.below(2_000_000_000))
}

#[test]
fn portfolio_margin_is_that_of_the_tables() {
    let mut seen = BTreeMap::new();
    let mut world = rows(&mut Draw(1));
    for seed in 1..=BOOKS {
        let mut draw = Draw(seed * 0x9e37_79b9);
        if seed % 50 == 0 {
            world = rows(&mut draw);
        }
        let market = Market::new(&Arc::new(world.clone()), COIN);
        let fund = fund(&mut draw);
        let held = positions(&mut draw, &world, 8);
        let resting = orders(&mut draw, &world, 4);
        let book = Book {
            rows: &world,
            coin: i128::from(COIN),
            fund,
            positions: &held,
            orders: &resting,
        };
        let mut portfolio = Portfolio::new(&market);
        for (place, size) in &held {
            portfolio.change(&market, *place, *size);
        }
        let sums = OrderSums::new(&market, &resting);
        let found = portfolio.margin_with_orders(&market, fund, &sums);
        let (risk, worst) = book.risk(false);
        assert_eq!(
            (found.risk, found.worst),
            (risk, worst),
            "seed {seed}: {held:?}"
        );
        let (maintenance, initial) = book.portfolio();
        assert_eq!(found.maintenance, maintenance, "MM, seed {seed}: {held:?}");
        assert_eq!(
            found.initial, initial,
            "IM, seed {seed}: {held:?} {resting:?}"
        );
        assert_eq!(
            found.initial_risk,
            book.risk(true).0,
            "R of IM, seed {seed}"
        );
        assert_eq!(found.initial_alone, portfolio.margin(&market, fund).initial);
        let cold = portfolio_margin(&market, fund, &held);
        assert_eq!(
            cold,
            portfolio.margin(&market, fund),
            "seed {seed}: cold and warm"
        );
        *seen.entry(worst).or_insert(0) += 1;
    }
    for name in [WORST_BASIS, WORST_PIN, WORST_NONE, 0, 55, 56] {
        assert!(
            seen.contains_key(&name),
            "no book's worst term was {name}: {seen:?}"
        );
    }
}

#[test]
fn changes_one_by_one_and_taken_back_give_the_same_sums() {
    for seed in 1..=500 {
        let mut draw = Draw(seed);
        let world = rows(&mut draw);
        let market = Market::new(&Arc::new(world.clone()), COIN);
        let fund = fund(&mut draw);
        let held = positions(&mut draw, &world, 20);
        let mut portfolio = Portfolio::new(&market);
        for (place, size) in &held {
            let part = draw.between(-2 * COIN, 2 * COIN);
            portfolio.change(&market, *place, part);
            portfolio.change(&market, *place, size - part);
        }
        let mut other = Portfolio::new(&market);
        for (place, size) in held.iter().rev() {
            other.change(&market, *place, *size);
        }
        assert_eq!(
            portfolio.margin(&market, fund),
            other.margin(&market, fund),
            "seed {seed}"
        );
        assert_eq!(
            portfolio, other,
            "seed {seed}: the order of changes does not matter"
        );
        let before = portfolio.clone();
        let place = draw.below(world.rows().len() as i64) as usize;
        let by = draw.between(1, COIN);
        portfolio.change(&market, place, by);
        assert_ne!(portfolio, before, "canary: a change is seen");
        portfolio.change(&market, place, -by);
        assert_eq!(
            portfolio, before,
            "seed {seed}: a change taken back leaves nothing"
        );
    }
}

#[test]
fn standard_margin_is_that_of_the_tables() {
    let mut required = 0;
    for seed in 1..=BOOKS {
        let mut draw = Draw(seed.wrapping_mul(0x1234_5677));
        let world = rows(&mut Draw(1 + seed / 50));
        let market = Market::new(&Arc::new(world.clone()), COIN);
        let held = positions(&mut draw, &world, 8);
        let book = Book {
            rows: &world,
            coin: i128::from(COIN),
            fund: 0,
            positions: &held,
            orders: &[],
        };
        let found = standard_margin(&market, &held);
        let expected = book.standard();
        assert_eq!(
            (found.maintenance, found.initial),
            expected,
            "seed {seed}: {held:?}"
        );
        required += u64::from(found.maintenance > 0);
        for (place, size) in held
            .iter()
            .filter(|(place, _)| world.rows()[*place].is_option())
        {
            let size = size.abs();
            let found = short_requirement(&market, *place, size);
            let expected = book.short(*place, i128::from(size));
            assert_eq!(
                (found.maintenance, found.initial),
                expected,
                "seed {seed}: place {place}"
            );
        }
    }
    assert!(required > BOOKS / 4, "only {required} books needed margin");
}

/// What an account has left in the worst scenario that counts in full, from mark: the figure that orders must not make
/// worse than IM says.
fn worst_end(world: &Rows, held: &[(usize, i64)]) -> i128 {
    let full = (0..world.set().scenarios.len()).filter(|s| world.set().scenarios[*s].is_undamped());
    let ends = full.map(|s| {
        let parts = held.iter().map(|(place, q)| {
            i128::from(*q) * i128::from(world.entries(*place)[s] - world.rows()[*place].mark)
        });
        parts.sum::<i128>()
    });
    ends.min().unwrap_or(0).min(0)
}

#[test]
fn no_subset_of_fills_is_worse_than_the_margin_of_the_orders() {
    let mut exact = 0;
    for seed in 1..=BOOKS {
        let mut draw = Draw(seed.wrapping_mul(0x0bad_5eed));
        let world = rows(&mut Draw(1 + seed / 50));
        let market = Market::new(&Arc::new(world.clone()), COIN);
        let held = positions(&mut draw, &world, 4);
        let resting = orders(&mut draw, &world, 5);
        let book = Book {
            rows: &world,
            coin: i128::from(COIN),
            fund: 0,
            positions: &held,
            orders: &resting,
        };
        let full = (0..world.set().scenarios.len())
            .filter(|s| world.set().scenarios[*s].is_undamped())
            .map(|s| book.ordinary(s, true));
        let bound = full.max().unwrap_or(0);
        let sums = OrderSums::new(&market, &resting);
        let mut portfolio = Portfolio::new(&market);
        for (place, size) in &held {
            portfolio.change(&market, *place, *size);
        }
        let margin = portfolio.margin_with_orders(&market, 0, &sums);
        assert!(margin.initial_risk >= bound, "seed {seed}");
        let mut worst = 0;
        for subset in 0_u32..1 << resting.len() {
            let filled = resting
                .iter()
                .enumerate()
                .filter(|(at, _)| subset >> at & 1 == 1);
            // Held before and bought, as a list: places may repeat.
            let (mut after, mut cash) = (held.clone(), 0);
            for (_, order) in filled {
                let size = if order.is_buy {
                    order.left
                } else {
                    -order.left
                };
                let mark = world.rows()[order.place].mark;
                cash += i128::from(size) * i128::from(mark - order.limit);
                after.push((order.place, size));
            }
            let full = (0..world.set().scenarios.len())
                .filter(|s| world.set().scenarios[*s].is_undamped());
            let ends = full.map(|s| {
                let parts = after.iter().map(|(place, q)| {
                    i128::from(*q)
                        * i128::from(world.entries(*place)[s] - world.rows()[*place].mark)
                });
                parts.sum::<i128>() + cash
            });
            worst = worst.min(ends.min().unwrap_or(0));
        }
        let loss = -worst.div_euclid(i128::from(COIN));
        let slack = 1 + resting.len() as i128;
        assert!(
            loss <= bound,
            "seed {seed}: {loss} can be lost, {bound} is counted"
        );
        assert!(
            bound <= loss + slack,
            "seed {seed}: {bound} is counted, only {loss} can be lost"
        );
        exact += i32::from(worst_end(&world, &held) > worst);
    }
    assert!(exact > 1_000, "orders mattered in {exact} books only");
}

#[test]
fn orders_are_counted_and_taken_off() {
    let mut draw = Draw(77);
    let world = rows(&mut draw);
    let market = Market::new(&Arc::new(world.clone()), COIN);
    for _ in 0..200 {
        let resting = orders(&mut draw, &world, 6);
        let mut sums = OrderSums::new(&market, &resting);
        let extra = Resting {
            place: 0,
            is_buy: true,
            left: COIN,
            limit: 2 * world.rows()[0].mark,
        };
        let before = sums.clone();
        sums.add(&market, &extra);
        assert_ne!(sums, before, "canary: an order above every scenario loses");
        sums.remove(&market, &extra);
        assert_eq!(sums, before);
    }
}

#[test]
fn more_of_the_same_book_needs_no_less() {
    for seed in 1..=1_000 {
        let mut draw = Draw(seed);
        let world = rows(&mut draw);
        let market = Market::new(&Arc::new(world.clone()), COIN);
        let held = positions(&mut draw, &world, 8);
        let twice: Vec<_> = held.iter().map(|(place, q)| (*place, 2 * q)).collect();
        let (one, two) = (
            portfolio_margin(&market, 1_000_000, &held),
            portfolio_margin(&market, 1_000_000, &twice),
        );
        assert!(two.risk >= one.risk, "seed {seed}");
        assert!(
            two.maintenance >= one.maintenance && two.initial >= one.initial,
            "seed {seed}"
        );
        // Roundings aside, a book of two accounts needs no more than both.
        let other = positions(&mut draw, &world, 8);
        let mut both = Portfolio::new(&market);
        for (place, size) in held.iter().chain(&other) {
            both.change(&market, *place, *size);
        }
        let apart =
            portfolio_margin(&market, 0, &held).risk + portfolio_margin(&market, 0, &other).risk;
        let joint = both.margin(&market, 0).risk;
        let slack = 2 * (held.len() + other.len()) as i128 + 2;
        let pinned = world.expiries().iter().any(|one| one.is_pinned);
        // P looks at held strikes only: a strike of one book is not tested in the other.
        assert!(
            joint <= apart + slack || pinned,
            "seed {seed}: {joint} above {apart}"
        );
    }
}

#[test]
fn collateral_after_haircuts_and_what_it_carries() {
    let mut draw = Draw(5);
    let world = rows(&mut draw);
    let set = world.set();
    // Defaults: 10 % to 10,000,000 USD, 20 % above; loans 50 % and 70 %, capped at 1,000,000 USD.
    let of = |usd: i64| Collateral::of(set, COIN, 1_000_000, usd * COIN);
    let small = of(1_000);
    assert_eq!(small.net, 900_000_000);
    assert_eq!(
        (small.loan_limit, small.debt_line),
        (450_000_000, 630_000_000)
    );
    let large = of(20_000_000);
    assert_eq!(
        large.net, 17_000_000_000_000,
        "9 million of the first tier, 8 of the rest"
    );
    assert_eq!(large.loan_limit, 1_000_000_000_000, "the cap");
    assert_eq!(large.debt_line, 11_900_000_000_000, "no cap");
    assert_eq!(
        Collateral::of(set, COIN, 1_000_000, -COIN),
        Collateral::default()
    );
}

#[test]
fn absurd_sizes_do_not_overflow() {
    let mut draw = Draw(9);
    let world = rows(&mut draw);
    for coin in [1, COIN, 1_000_000_000_000_000_000] {
        let market = Market::new(&Arc::new(world.clone()), coin);
        for sign in [1, -1] {
            let largest = ((1_i64 << 56) - 1) * sign;
            let held: Vec<_> = (0..world.rows().len())
                .map(|place| (place, largest))
                .collect();
            let margin = portfolio_margin(&market, 1 << 90, &held);
            assert!(margin.initial >= margin.risk && margin.risk >= 0);
            let options: Vec<_> = held
                .iter()
                .filter(|(place, _)| world.rows()[*place].kind != kind::SPOT)
                .copied()
                .collect();
            let standard = standard_margin(&market, &options);
            assert!(standard.initial >= 0 && standard.maintenance >= 0);
        }
    }
}

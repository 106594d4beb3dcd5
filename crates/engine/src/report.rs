//! What can be read of the machine for display: nothing here changes what it does.

use merkat_pricing::{Row, Rows, kind};
use merkat_settle::{Account, Order};
use merkat_values::constants::RATE_ONE;

use crate::book::{BUY, SELL};
use crate::engine::Engine;

/// What an account has and must have, in 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountFigures {
    /// E.
    pub equity: i128,
    /// E_w: every position at the worse end of its mark.
    pub equity_conservative: i128,
    /// MM.
    pub maintenance: i128,
    /// IM of the positions.
    pub initial: i128,
    /// IM_venue: with the resting orders.
    pub initial_with_orders: i128,
    /// What is owed against collateral.
    pub loan: i128,
    /// The largest loan that a new position may lead to.
    pub loan_limit: i128,
    /// The largest loan without liquidation.
    pub debt_line: i128,
}

/// What an account holds in Greeks in a group, over all its positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountGreeks {
    /// Base units.
    pub delta: i128,
    /// 1e-12 coin a USD.
    pub gamma: i128,
    /// 1e-6 USD for a change of vol by 1.00.
    pub vega: i128,
    /// 1e-6 USD a year.
    pub theta: i128,
}

impl Engine {
    /// The figures of an account, if it exists. Brings its sums over orders to today's marks, as every order would.
    pub fn account_figures(&mut self, account: u32) -> Option<AccountFigures> {
        let leaf = self.state.account(account)?;
        let figures = self.state.figures(leaf);
        let with_orders = self.venue_figures(account);
        Some(AccountFigures {
            equity: figures.equity,
            equity_conservative: figures.wide,
            maintenance: figures.maintenance,
            initial: figures.initial,
            initial_with_orders: with_orders.venue_initial,
            loan: figures.loan(),
            loan_limit: figures.loan_limit,
            debt_line: figures.debt_line,
        })
    }

    /// What an account holds in Greeks in a group; nothing without a position that is no spot.
    #[must_use]
    pub fn account_greeks(&self, account: u32, group: u16) -> Option<AccountGreeks> {
        self.greeks_of(self.state.account(account)?, group)
    }

    pub(crate) fn greeks_of(&self, leaf: &Account, group: u16) -> Option<AccountGreeks> {
        let market = self.state.market(group)?;
        let (mut sums, mut found) = (AccountGreeks::default(), false);
        for position in &leaf.positions {
            let quote = self.quote(position.listing);
            if quote.group != group {
                continue;
            }
            found |= quote.kind != kind::SPOT;
            if quote.has_row() {
                let row: &Row = &market.rows().rows()[quote.row as usize];
                // 1,024 products of 56 and 63 bits.
                let size = i128::from(position.size);
                sums.delta += size * i128::from(row.delta);
                sums.gamma += size * i128::from(row.gamma);
                sums.vega += size * i128::from(row.vega);
                sums.theta += size * i128::from(row.theta);
            }
        }
        let coin = i128::from(market.coin());
        found.then(|| AccountGreeks {
            delta: sums.delta.div_euclid(i128::from(RATE_ONE)),
            gamma: sums.gamma.div_euclid(coin),
            vega: sums.vega.div_euclid(coin),
            theta: sums.theta.div_euclid(coin),
        })
    }

    /// The best price levels of a side: price in 1e-6 USD and what is left of its orders in base units, best first, at
    /// most `depth` of them; none of a listing that does not exist.
    #[must_use]
    pub fn levels(&self, listing: u32, side: u8, depth: usize) -> Vec<(i64, i128)> {
        let Some(instrument) = self.state.instrument(listing) else {
            return Vec::new();
        };
        let slab = &self.orders.slab;
        let mut levels: Vec<(i64, i128)> = Vec::new();
        for index in self.books[listing as usize - 1].orders(slab, side) {
            let node = &slab[index];
            let price = node.ticks * instrument.tick;
            let remaining = i128::from(node.remaining);
            let count = levels.len();
            match levels.last_mut() {
                Some((last, size)) if *last == price => *size += remaining,
                _ if count == depth => break,
                _ => levels.push((price, remaining)),
            }
        }
        levels
    }

    /// The newest body of every resting order: listings ascending, bids then asks, in their priority.
    pub fn resting_orders(&self) -> impl Iterator<Item = &Order> {
        let listings = self.state.instruments().iter();
        let sides = listings.flat_map(|(listing, _)| [(listing, BUY), (listing, SELL)]);
        let orders = sides.flat_map(|(listing, side)| {
            self.books[listing as usize - 1].orders(&self.orders.slab, side)
        });
        orders.map(|index| &self.orders.detail(index).order)
    }

    /// The mark of a listing in 1e-6 USD; nothing where it has none.
    #[must_use]
    pub fn mark(&self, listing: u32) -> Option<i64> {
        let quote = self.state.quote(listing)?;
        let group = self.state.group(quote.group)?;
        (group.had_vector() && quote.mark > 0).then_some(quote.mark)
    }

    /// The standing rows of a group, if it has any.
    #[must_use]
    pub fn rows(&self, group: u16) -> Option<&Rows> {
        self.state.risk(group)?.rows().map(AsRef::as_ref)
    }
}

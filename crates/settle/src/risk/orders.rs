//! Losses of resting orders under each scenario (risk.md section 4, O_s).

use super::arithmetic::floor_coins;
use super::market::{COLUMNS, Market};

/// O_s of an account in a group: for each scenario the worst subset of fills. Exact, so that what was added can be taken
/// off again at the same rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSums {
    losses: [i128; COLUMNS],
    orders: u32,
}

impl Default for OrderSums {
    fn default() -> Self {
        Self {
            losses: [0; COLUMNS],
            orders: 0,
        }
    }
}

/// A resting order: what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Its listing's place among the rows.
    pub place: usize,
    /// Whether it buys.
    pub is_buy: bool,
    /// Base units, positive.
    pub left: i64,
    /// In 1e-6 USD a coin.
    pub limit: i64,
}

impl OrderSums {
    /// Of these orders.
    #[must_use]
    pub fn new(market: &Market, orders: &[Resting]) -> Self {
        let mut sums = Self::default();
        for order in orders {
            sums.add(market, order);
        }
        sums
    }

    /// Whether no order is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders == 0
    }

    /// Counts an order.
    pub fn add(&mut self, market: &Market, order: &Resting) {
        self.orders += 1;
        self.shift(market, order, 1);
    }

    /// Takes off an order that was counted with the same size left.
    ///
    /// # Panics
    /// If no order is counted.
    pub fn remove(&mut self, market: &Market, order: &Resting) {
        self.orders -= 1;
        self.shift(market, order, -1);
    }

    fn shift(&mut self, market: &Market, order: &Resting, sign: i128) {
        let (left, limit) = (i128::from(order.left), i128::from(order.limit));
        let entries = market.rows.entries(order.place);
        for (loss, entry) in self.losses.iter_mut().zip(entries) {
            let gain = i128::from(*entry) - limit;
            let gain = if order.is_buy { gain } else { -gain };
            if gain < 0 {
                *loss += sign * floor_coins(left * gain, market.coin);
            }
        }
    }

    /// O_s: at most 0.
    #[inline]
    pub(super) fn loss(&self, scenario: usize) -> i128 {
        self.losses[scenario]
    }
}

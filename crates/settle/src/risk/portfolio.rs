//! Portfolio margin of an account in a group, kept as sums that change with one position at a time (risk.md section 4).

use alloc::vec::Vec;

use merkat_pricing::{NO_EXPIRY, kind};
use merkat_values::constants::RATE_ONE;

use super::arithmetic::{floor_coins, rate_of, share_ceil, signed_mul_div_floor};
use super::expiry::ExpiryBook;
use super::market::{COLUMNS, Market};
use super::orders::OrderSums;

/// `worst` where the basis term is the largest.
pub const WORST_BASIS: u8 = 64;
/// `worst` where pin risk is the largest.
pub const WORST_PIN: u8 = 65;
/// `worst` where nothing can be lost.
pub const WORST_NONE: u8 = 255;

/// What an account must hold in a group, in 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupMargin {
    /// MM of the group.
    pub maintenance: i128,
    /// IM of the group; with orders where they were given.
    pub initial: i128,
    /// IM of the group without orders.
    pub initial_alone: i128,
    /// R, from positions alone.
    pub risk: i128,
    /// R from the IM losses.
    pub initial_risk: i128,
    /// The term that gives R: a scenario's number, or one of the constants.
    pub worst: u8,
    /// delta USD.
    pub delta_usd: i128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leg {
    place: u32,
    size: i64,
}

/// The positions of an account in a group, summed at one epoch's rows.
///
/// Every sum is exact, so taking back a change restores it: try a fill with [`Portfolio::change`], look at the margin,
/// and change by the opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portfolio {
    /// Sum of q x (S - mark), for each scenario.
    sums: [i128; COLUMNS],
    /// Ascending by place.
    legs: Vec<Leg>,
    /// Ascending by number.
    books: Vec<ExpiryBook>,
    /// SKEW of each skew scenario of the market.
    skews: Vec<i128>,
    basis: i128,
    naked: i128,
    roll: i128,
    perpetual_maintenance: i128,
    perpetual_initial: i128,
    /// Sum of q x delta.
    delta: i128,
    /// Sum of q x vega.
    vega: i128,
    /// Sum of abs(q) but for spot.
    contracts: i128,
}

impl Portfolio {
    /// Of an account without positions.
    #[must_use]
    pub fn new(market: &Market) -> Self {
        Self {
            sums: [0; COLUMNS],
            legs: Vec::new(),
            books: Vec::new(),
            skews: alloc::vec![0; market.skews.len()],
            basis: 0,
            naked: 0,
            roll: 0,
            perpetual_maintenance: 0,
            perpetual_initial: 0,
            delta: 0,
            vega: 0,
            contracts: 0,
        }
    }

    /// Of these positions, as (place among the rows, size).
    #[must_use]
    pub fn of(market: &Market, positions: &[(usize, i64)]) -> Self {
        let mut portfolio = Self::new(market);
        for (place, size) in positions {
            portfolio.apply(market, *place, *size);
        }
        portfolio.refresh_pins(market);
        portfolio
    }

    /// The positions as (place among the rows, size).
    pub fn legs(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        self.legs.iter().map(|leg| (leg.place as usize, leg.size))
    }

    /// The size held at a place.
    #[must_use]
    pub fn size(&self, place: usize) -> i64 {
        let found = self
            .legs
            .binary_search_by_key(&place, |leg| leg.place as usize);
        found.map_or(0, |at| self.legs[at].size)
    }

    /// Sum of q x delta over all positions, in 1e-9 base units.
    #[must_use]
    pub fn delta(&self) -> i128 {
        self.delta
    }

    /// N of an expiry, in base units: shorts without a long of the same strike.
    #[must_use]
    pub fn naked(&self, market: &Market, place: usize) -> i128 {
        let number = market.rows.expiry_of(place);
        let found = self.books.iter().find(|book| book.number == number);
        found.map_or(0, |book| self.naked_of(market, book))
    }

    /// Options past their expiry are no naked shorts.
    fn naked_of(&self, market: &Market, book: &ExpiryBook) -> i128 {
        let expiry = &market.rows.expiries()[usize::from(book.number)];
        if expiry.is_ahead { book.naked } else { 0 }
    }

    /// Moves the position at a place among the rows by so many base units.
    ///
    /// # Panics
    /// If there is no such row or the size leaves i64.
    pub fn change(&mut self, market: &Market, place: usize, by: i64) {
        self.apply(market, place, by);
        match market.row(place).kind {
            // They move the ends of every expiry.
            kind::PERPETUAL | kind::SPOT => self.refresh_pins(market),
            _ => {
                let number = market.rows.expiry_of(place);
                let found = self.books.binary_search_by_key(&number, |book| book.number);
                if let Ok(at) = found {
                    self.refresh_pin(market, at);
                }
            }
        }
    }

    /// [`Self::change`] but for pin risk.
    fn apply(&mut self, market: &Market, place: usize, by: i64) {
        if by == 0 {
            return;
        }
        let (from, to) = self.change_leg(place, by);
        let row = market.row(place);
        let (mark, wide) = (i128::from(row.mark), i128::from(by));
        for (sum, entry) in self.sums.iter_mut().zip(market.rows.entries(place)) {
            *sum += wide * (i128::from(*entry) - mark);
        }
        self.delta += wide * i128::from(row.delta);
        self.vega += wide * i128::from(row.vega);
        if row.kind != kind::SPOT {
            self.contracts += i128::from(to.unsigned_abs()) - i128::from(from.unsigned_abs());
        }
        match row.kind {
            kind::PERPETUAL => self.change_perpetual(market, mark, from, to),
            kind::SPOT => {}
            _ => self.change_dated(market, place, from, to),
        }
    }

    fn change_leg(&mut self, place: usize, by: i64) -> (i64, i64) {
        let key = u32::try_from(place).expect("invariant: at most 8,192 rows");
        match self.legs.binary_search_by_key(&key, |leg| leg.place) {
            Ok(at) => {
                let from = self.legs[at].size;
                let to = from + by;
                self.legs[at].size = to;
                if to == 0 {
                    self.legs.remove(at);
                }
                (from, to)
            }
            Err(at) => {
                self.legs.insert(
                    at,
                    Leg {
                        place: key,
                        size: by,
                    },
                );
                (0, by)
            }
        }
    }

    fn change_perpetual(&mut self, market: &Market, mark: i128, from: i64, to: i64) {
        for (size, sign) in [(from, -1), (to, 1)] {
            let size = i128::from(size.unsigned_abs());
            let value = floor_coins(size * mark, market.coin);
            let scalars = &market.scalars;
            self.perpetual_maintenance += sign * rate_of(value, scalars.perpetual_maintenance);
            self.perpetual_initial += sign * rate_of(value, scalars.perpetual_initial);
        }
    }

    fn change_dated(&mut self, market: &Market, place: usize, from: i64, to: i64) {
        self.change_roll(market, place, from, to);
        let number = market.rows.expiry_of(place);
        debug_assert_ne!(number, NO_EXPIRY, "a dated row has an expiry");
        let found = self.books.binary_search_by_key(&number, |book| book.number);
        let at = found.unwrap_or_else(|at| {
            self.books.insert(at, ExpiryBook::new(number, market));
            at
        });
        self.count_book(market, at, -1);
        self.books[at].change(market, place, from, to);
        if self.books[at].held == 0 {
            self.books.remove(at);
            return;
        }
        let legs = &self.legs;
        self.books[at].refresh_basis(market, || {
            let held = legs.iter().map(|leg| leg.place as usize);
            let held = held.filter(|place| market.rows.expiry_of(*place) == number);
            let years = held.map(|place| market.row(place).years);
            years.fold(0, i64::max)
        });
        self.count_book(market, at, 1);
    }

    /// Adds or takes what an expiry's book adds to the account's terms.
    fn count_book(&mut self, market: &Market, at: usize, sign: i128) {
        let book = &self.books[at];
        for (place, sum) in self.skews.iter_mut().enumerate() {
            *sum += sign * book.skew_loss(market, place);
        }
        self.basis += sign * book.basis_loss;
        self.naked += sign * self.naked_of(market, &self.books[at]);
    }

    fn change_roll(&mut self, market: &Market, place: usize, from: i64, to: i64) {
        let row = market.row(place);
        let factor = market.scalars.roll_rate * i128::from(row.years);
        if factor == 0 {
            return;
        }
        let one = i128::from(RATE_ONE);
        for (size, sign) in [(from, -1), (to, 1)] {
            let size = i128::from(size.unsigned_abs());
            let value = floor_coins(size * i128::from(row.forward), market.coin);
            self.roll += sign * share_ceil(value, factor, one * one);
        }
    }

    fn refresh_pins(&mut self, market: &Market) {
        for at in 0..self.books.len() {
            self.refresh_pin(market, at);
        }
    }

    fn refresh_pin(&mut self, market: &Market, at: usize) {
        let (legs, book) = (&self.legs, &mut self.books[at]);
        let future = book.future;
        // The listings without an expiry are few: perpetual and spot.
        let undated = legs
            .iter()
            .map(|leg| (leg.place as usize, leg.size))
            .filter(|(place, _)| {
                let row = market.row(*place);
                row.kind == kind::PERPETUAL || (row.kind == kind::SPOT && row.delta != 0)
            });
        book.refresh_pin(market, |strike, forward| {
            let moved = i128::from(strike) - i128::from(forward);
            let pays = undated.clone().chain(future).map(|(place, size)| {
                let value = i128::from(size) * i128::from(market.row(place).mark);
                signed_mul_div_floor(value, moved, forward)
            });
            pays.sum()
        });
    }

    /// MM and IM of the positions; `fund` is the group's.
    #[must_use]
    pub fn margin(&self, market: &Market, fund: i128) -> GroupMargin {
        let (risk, worst) = self.risk(market, fund, None);
        self.figures(market, risk, worst, risk)
    }

    /// MM and IM with resting orders, which IM alone counts. Their fees are the venue's to add.
    #[must_use]
    pub fn margin_with_orders(
        &self,
        market: &Market,
        fund: i128,
        orders: &OrderSums,
    ) -> GroupMargin {
        let (risk, worst) = self.risk(market, fund, None);
        if orders.is_empty() {
            return self.figures(market, risk, worst, risk);
        }
        let (initial_risk, _) = self.risk(market, fund, Some(orders));
        self.figures(market, risk, worst, initial_risk)
    }

    fn figures(&self, market: &Market, risk: i128, worst: u8, initial_risk: i128) -> GroupMargin {
        let scalars = &market.scalars;
        let naked = floor_coins(self.naked * market.index, market.coin);
        let whole = floor_coins(self.delta, RATE_ONE);
        let delta_usd = signed_mul_div_floor(whole, market.index, market.coin);
        let vega_points = self.vega.div_euclid(100 * i128::from(market.coin));
        let over_delta = (delta_usd.abs() - scalars.delta_threshold).max(0);
        let over_vega = (vega_points.abs() - scalars.vega_threshold).max(0);
        let added = self.perpetual_maintenance
            + rate_of(naked, scalars.naked_maintenance)
            + self.roll
            + rate_of(over_delta, scalars.delta_slope)
            + rate_of(over_vega, scalars.vega_slope);
        let added_initial = self.perpetual_initial
            + rate_of(naked, scalars.naked_initial)
            + market.confidence_margin(self.contracts);
        let initial = |risk| rate_of(risk, market.initial_factor) + added + added_initial;
        GroupMargin {
            maintenance: rate_of(risk, scalars.maintenance_factor) + added,
            initial: initial(initial_risk),
            initial_alone: initial(risk),
            risk,
            initial_risk,
            worst,
            delta_usd,
        }
    }

    /// R and the term that gives it.
    fn risk(&self, market: &Market, fund: i128, orders: Option<&OrderSums>) -> (i128, u8) {
        let (mut risk, mut worst) = self.ordinary(market, fund, orders);
        let mut take = |loss: i128, name: u8| {
            if loss > risk {
                (risk, worst) = (loss, name);
            }
        };
        for (loss, number) in self.skews.iter().zip(&market.skews) {
            take(*loss, *number);
        }
        take(self.basis, WORST_BASIS);
        let pin = self
            .books
            .iter()
            .map(|book| book.pin_loss)
            .fold(0, i128::max);
        take(pin, WORST_PIN);
        (risk, worst)
    }

    /// The largest ordinary loss and the first scenario that gives it.
    fn ordinary(&self, market: &Market, fund: i128, orders: Option<&OrderSums>) -> (i128, u8) {
        let coin = i128::from(market.coin);
        // L_s + O_s = floor((sum + O_s COIN) / COIN): one division finds the worst of those that count in full.
        let sum_of = |number: usize| match orders {
            Some(orders) => self.sums[number] + orders.loss(number) * coin,
            None => self.sums[number],
        };
        let undamped = (0..market.columns()).filter(|number| market.undamped >> number & 1 == 1);
        let least = undamped.clone().map(sum_of).fold(0, i128::min);
        let mut risk = -floor_coins(least, market.coin);
        let mut worst = WORST_NONE;
        if risk > 0 {
            // The first whose floor is the same, not the first of the least sum.
            let bound = (1 - risk) * coin;
            let mut found = undamped;
            let found = found.find(|number| sum_of(*number) < bound);
            worst = found.expect("invariant: the least is among them") as u8;
        }
        let damper = Damper::new(market, fund);
        for number in &market.damped {
            let loss = -floor_coins(sum_of(usize::from(*number)).min(0), market.coin);
            if loss == 0 {
                continue;
            }
            let damp = market.rows.set().scenarios[usize::from(*number)].damp;
            let loss = damper.apply(loss, damp);
            if loss > risk || (loss == risk && risk > 0 && *number < worst) {
                (risk, worst) = (loss, *number);
            }
        }
        (risk, worst)
    }
}

/// Where losses of damped scenarios begin to count more, and where in full.
struct Damper {
    low: i128,
    high: i128,
}

impl Damper {
    fn new(market: &Market, fund: i128) -> Self {
        let share = |rate: i128| fund.max(0).saturating_mul(rate) / i128::from(RATE_ONE);
        Self {
            low: share(market.scalars.damp_low),
            high: share(market.scalars.damp_high),
        }
    }

    /// ceil(loss x damp / 1e9), damp rising to 1 with the loss.
    fn apply(&self, loss: i128, damp: u32) -> i128 {
        let (one, least) = (i128::from(RATE_ONE), i128::from(damp) * 1_000);
        let damp = if loss >= self.high {
            one
        } else if loss <= self.low {
            least
        } else {
            // loss < high <= 10 x fund < 2^110.
            least + (one - least) * (loss - self.low) / (self.high - self.low)
        };
        rate_of(loss, damp)
    }
}

/// The margin of these positions, as (place among the rows, size), from nothing.
#[must_use]
pub fn portfolio_margin(market: &Market, fund: i128, positions: &[(usize, i64)]) -> GroupMargin {
    Portfolio::of(market, positions).margin(market, fund)
}

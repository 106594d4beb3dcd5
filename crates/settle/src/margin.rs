//! Figures of accounts (rules.md section 1; risk.md sections 4 to 6). Bounds: [`crate::quote`].

use crate::ops::{NO_NAME, Names};
use crate::quote::Quote;
use crate::risk::{Collateral, Market, Portfolio, standard_margin};
use crate::state::{Account, Position, State, parameter};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use merkat_pricing::kind;
use merkat_values::constants::{GROUPS_HELD_MAXIMUM, RATE_ONE};
use merkat_values::rates::{rate_ceil, rate_floor};
use merkat_values::wide::compare_products;

/// Cash of an account stays within plus and minus this many 1e-6 USD.
pub const CASH_LIMIT: i128 = 1 << 124;

/// Cumulative funding stays within plus and minus this many 1e-12 USD per coin: 3e11 USD per coin.
pub const FUNDING_LIMIT: i128 = 1 << 78;

/// A size that a trade gives to an account in one listing, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub listing: u32,
    /// After the trade.
    pub size: i64,
}

/// Equity and requirements of an account, 1e-6 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// E(A).
    pub equity: i128,
    /// E_w(A): each position at the worse end of its spread.
    pub wide: i128,
    /// E(A) without collateral: what is below 0 is a loan.
    pub outright: i128,
    /// MM(A).
    pub maintenance: i128,
    /// IM(A).
    pub initial: i128,
    /// limit(A): the loan that may stand.
    pub loan_limit: i128,
    /// debt line(A): a larger loan is in danger.
    pub debt_line: i128,
}

impl Figures {
    /// Of an account that holds nothing but cash.
    #[inline]
    #[must_use]
    pub fn of_cash(cash: i128) -> Self {
        Self {
            equity: cash,
            wide: cash,
            outright: cash,
            ..Self::default()
        }
    }

    /// loan(A).
    #[inline]
    #[must_use]
    pub fn loan(&self) -> i128 {
        (-self.outright).max(0)
    }

    /// The figures after cash moved and the size in one listing without a row changed.
    #[must_use]
    pub fn after(&self, quote: &Quote, cash: i128, size_before: i64, size_after: i64) -> Self {
        let moved = cash + quote.carry(size_after) - quote.carry(size_before);
        Self {
            equity: self.equity + moved,
            wide: self.wide + moved,
            outright: self.outright + moved,
            maintenance: self.maintenance + quote.maintenance(size_after)
                - quote.maintenance(size_before),
            initial: self.initial + quote.initial(size_after) - quote.initial(size_before),
            ..*self
        }
    }

    /// The figures after cash moved.
    #[must_use]
    pub fn with_cash(&self, cash: i128) -> Self {
        Self {
            equity: self.equity + cash,
            wide: self.wide + cash,
            outright: self.outright + cash,
            ..*self
        }
    }

    /// The rule `holds` of F-15.
    #[inline]
    #[must_use]
    pub fn holds(&self) -> bool {
        self.wide >= self.initial && self.loan() <= self.loan_limit
    }

    /// The rule `improves` of F-15, but for naked shorts.
    #[must_use]
    pub fn improves(&self, before: &Self) -> bool {
        self.wide - self.initial >= before.wide - before.initial
            && compare_products(self.equity, before.initial, before.equity, self.initial).is_ge()
            && self.equity >= 0
            && self.loan() <= self.loan_limit.max(before.loan())
    }

    /// In danger(A).
    #[inline]
    #[must_use]
    pub fn in_danger(&self) -> bool {
        self.equity < self.maintenance || self.loan() > self.debt_line
    }

    fn add(&mut self, part: &Self) {
        self.equity += part.equity;
        self.wide += part.wide;
        self.outright += part.outright;
        self.maintenance += part.maintenance;
        self.initial += part.initial;
        self.loan_limit += part.loan_limit;
        self.debt_line += part.debt_line;
    }

    fn subtract(&mut self, part: &Self) {
        self.equity -= part.equity;
        self.wide -= part.wide;
        self.outright -= part.outright;
        self.maintenance -= part.maintenance;
        self.initial -= part.initial;
        self.loan_limit -= part.loan_limit;
        self.debt_line -= part.debt_line;
    }
}

impl State {
    pub(crate) fn quote_of(&self, position: &Position) -> &Quote {
        self.quotes.at(position.listing)
    }

    /// E, MM, IM and what belongs to them of an account.
    #[must_use]
    pub fn figures(&self, account: &Account) -> Figures {
        let mut figures = Figures::of_cash(account.cash);
        let (mut value, mut maintenance, mut initial) = (0, 0, 0);
        for position in &account.positions {
            let quote = self.quote_of(position);
            if quote.has_row() {
                return self.figures_in(account, account.margin_mode);
            }
            let notional = quote.notional(position.size).abs();
            value += quote.carry(position.size);
            maintenance += rate_ceil(quote.maintenance_rate, notional);
            initial += rate_ceil(quote.initial_rate, notional);
        }
        figures.equity += value;
        figures.wide += value;
        figures.outright += value;
        (figures.maintenance, figures.initial) = (maintenance, initial);
        figures
    }

    /// The figures that an account has in a margin mode.
    #[must_use]
    pub fn figures_in(&self, account: &Account, mode: u8) -> Figures {
        let mut figures = Figures::of_cash(account.cash);
        for group in self.groups_of(account) {
            figures.add(&self.group_figures(account, group, mode, None));
        }
        figures
    }

    /// The figures of an account, which are these before, after cash moved and its size in one listing changed.
    #[must_use]
    pub fn figures_after(
        &self,
        account: &Account,
        before: &Figures,
        change: Change,
        cash: i128,
    ) -> Figures {
        let quote = self.quotes.at(change.listing);
        if !quote.has_row() {
            return before.after(quote, cash, account.size_in(change.listing), change.size);
        }
        let (group, mode) = (quote.group, account.margin_mode);
        let mut positions = account.positions.iter();
        if positions.all(|position| self.quote_of(position).group == group) {
            let mut after = Figures::of_cash(account.cash + cash);
            after.add(&self.group_figures(account, group, mode, Some(change)));
            return after;
        }
        let mut after = before.with_cash(cash);
        after.subtract(&self.group_figures(account, group, mode, None));
        after.add(&self.group_figures(account, group, mode, Some(change)));
        after
    }

    /// The groups of an account's positions, each once.
    pub(crate) fn groups_of<'a>(&'a self, account: &'a Account) -> impl Iterator<Item = u16> + 'a {
        let positions = &account.positions;
        let numbered = positions.iter().enumerate();
        numbered.filter_map(move |(index, position)| {
            let group = self.quote_of(position).group;
            let earlier = &positions[..index];
            let first = earlier.iter().all(|p| self.quote_of(p).group != group);
            first.then_some(group)
        })
    }

    /// Quotes and sizes of an account's positions in a group, one of them as a change leaves it.
    fn held<'a>(
        &'a self,
        account: &'a Account,
        group: u16,
        change: Option<Change>,
    ) -> impl Iterator<Item = (&'a Quote, i64)> + 'a {
        let others = account.positions.iter().filter_map(move |position| {
            let quote = self.quote_of(position);
            let changed = change.is_some_and(|change| change.listing == position.listing);
            (quote.group == group && !changed).then_some((quote, position.size))
        });
        let changed = change.filter(|change| change.size != 0);
        others.chain(changed.map(|change| (self.quotes.at(change.listing), change.size)))
    }

    /// What an account's positions in a group add to its figures, one of them as a change leaves it. The change is of a
    /// listing of that group.
    pub(crate) fn group_figures(
        &self,
        account: &Account,
        group: u16,
        mode: u8,
        change: Option<Change>,
    ) -> Figures {
        let mut figures = Figures::default();
        let market = self.market(group);
        for (quote, size) in self.held(account, group, change) {
            if quote.kind != kind::SPOT {
                figures.outright += quote.carry(size);
                figures.wide += quote.wide_carry(size);
                figures.maintenance += quote.maintenance(size);
                figures.initial += quote.initial(size);
            } else if let Some(market) = market.filter(|_| quote.has_row()) {
                let set = market.rows().set();
                let collateral = Collateral::of(set, market.coin(), quote.mark, size);
                figures.equity += collateral.net;
                figures.loan_limit += collateral.loan_limit;
                figures.debt_line += collateral.debt_line;
            }
        }
        figures.wide += figures.equity;
        figures.equity += figures.outright;
        let Some(market) = market else { return figures };
        if mode == Account::PORTFOLIO {
            let fund = self.groups[usize::from(group)].fund;
            let margin = self.portfolio_of(account, group, mode, market, change);
            let margin = margin.margin(market, fund);
            (figures.maintenance, figures.initial) = (margin.maintenance, margin.initial);
        } else {
            let legs = self.held(account, group, change);
            let legs = legs.filter(|(quote, _)| quote.has_row());
            let legs: Vec<_> = legs.map(|(q, size)| (q.row as usize, size)).collect();
            let margin = standard_margin(market, &legs);
            figures.maintenance += margin.maintenance;
            figures.initial += margin.initial;
        }
        figures
    }

    /// The sums of an account's positions in a group with rows, one of them as a change leaves it.
    fn portfolio_of<'a>(
        &'a self,
        account: &'a Account,
        group: u16,
        mode: u8,
        market: &Market,
        change: Option<Change>,
    ) -> Cow<'a, Portfolio> {
        let kept = account.portfolio(group);
        let kept = kept.filter(|_| account.margin_mode == mode);
        let mut portfolio = kept.map_or_else(
            || Cow::Owned(Portfolio::of(market, &self.legs(account, group))),
            Cow::Borrowed,
        );
        if let Some(change) = change {
            let place = self.quotes.at(change.listing).row as usize;
            let by = change.size - account.size_in(change.listing);
            if by != 0 {
                portfolio.to_mut().change(market, place, by);
            }
        }
        portfolio
    }

    /// Whether N, the shorts of an option's expiry without a long of the same strike, grows by a change of this listing.
    ///
    /// N is a sum over strikes, and a change moves one of them.
    #[must_use]
    pub fn naked_grows(&self, account: &Account, change: Change) -> bool {
        let quote = self.quotes.at(change.listing);
        let (true, Some(market)) = (quote.has_row(), self.market(quote.group)) else {
            return false;
        };
        let rows = market.rows();
        let row = &rows.rows()[quote.row as usize];
        if !row.is_option() || row.expiry_ns <= rows.vector().time_ns {
            return false;
        }
        let naked = |change: Option<Change>| {
            let held = self.held(account, quote.group, change);
            let held = held.filter(|(quote, _)| {
                let other = rows.rows().get(quote.row as usize);
                other.is_some_and(|other| {
                    other.is_option()
                        && (other.expiry_ns, other.strike) == (row.expiry_ns, row.strike)
                })
            });
            let sum: i128 = held.map(|(_, size)| i128::from(size)).sum();
            (-sum).max(0)
        };
        naked(Some(change)) > naked(None)
    }

    /// The worst term of each held group that has rows, ascending by group, then 255: what a portfolio account that
    /// improves is shown to improve.
    #[must_use]
    pub fn names(&self, account: &Account) -> Names {
        let mut groups: Vec<u16> = self.groups_of(account).collect();
        groups.sort_unstable();
        let mut names = [NO_NAME; 8];
        let held = groups
            .into_iter()
            .filter_map(|group| Some((group, self.market(group)?)));
        for (name, (group, market)) in names.iter_mut().zip(held) {
            let fund = self.groups[usize::from(group)].fund;
            let portfolio = self.portfolio_of(account, group, Account::PORTFOLIO, market, None);
            *name = portfolio.margin(market, fund).worst;
        }
        names
    }

    /// stop(A): the equity at which a liquidation ends, with the stop_ratio of the group that the stage names.
    #[must_use]
    pub fn stop(&self, account: &Account, figures: &Figures) -> i128 {
        let ratio = self
            .group(account.stage_group)
            .map_or(RATE_ONE, |group| group.parameters[parameter::STOP_RATIO]);
        rate_floor(ratio, figures.maintenance).min(figures.initial)
    }

    /// Safe(A).
    #[must_use]
    pub fn safe(&self, account: &Account, figures: &Figures) -> bool {
        figures.equity >= self.stop(account, figures) && figures.loan() <= figures.loan_limit
    }

    /// all fresh(A).
    #[must_use]
    pub fn all_fresh(&self, account: &Account, time_ns: u64) -> bool {
        account
            .positions
            .iter()
            .all(|position| self.groups[usize::from(self.quote_of(position).group)].fresh(time_ns))
    }

    /// restricted(A, L, t) of a listing that exists.
    #[must_use]
    pub fn restricted(&self, account: &Account, listing: u32, time_ns: u64) -> bool {
        let Some(instrument) = self.instrument(listing) else {
            return true;
        };
        instrument.state != 1
            || !self.groups[usize::from(instrument.group)].fresh(time_ns)
            || !self.all_fresh(account, time_ns)
    }

    /// Rule F-16: in a group with a risk set the listing has a row, and it is neither expired nor delivered.
    #[inline]
    #[must_use]
    pub fn row_fits(&self, listing: u32, time_ns: u64) -> bool {
        let quote = self.quotes.at(listing);
        if !quote.has_row() {
            return self.risks[usize::from(quote.group)].is_none();
        }
        let instrument = self.instruments.at(listing);
        instrument.state < 3 && !(instrument.is_dated() && instrument.expiry_ns <= time_ns)
    }

    /// How many groups the account's positions are in when it holds this listing or not; nine stands for more.
    #[must_use]
    pub fn groups_held(&self, account: &Account, listing: u32, held: bool) -> usize {
        let mut seen = [0_u16; GROUPS_HELD_MAXIMUM + 1];
        let mut count = 0;
        let others = account.positions.iter().map(|position| position.listing);
        let others = others.filter(|other| *other != listing);
        for listing in others.chain(held.then_some(listing)) {
            let group = self.quotes.at(listing).group;
            if !seen[..count].contains(&group) {
                seen[count] = group;
                count += 1;
                if count == seen.len() {
                    break;
                }
            }
        }
        count
    }

    /// MM of an account in a group.
    #[must_use]
    pub fn maintenance_of(&self, account: &Account, group: u16) -> i128 {
        let mode = account.margin_mode;
        self.group_figures(account, group, mode, None).maintenance
    }

    /// The group of the account's largest maintenance sum (ties: the lowest), or nothing without positions.
    #[must_use]
    pub fn largest_group(&self, account: &Account) -> Option<u16> {
        let sums = self.groups_of(account);
        let sums = sums.map(|group| (self.maintenance_of(account, group), group));
        let largest =
            sums.max_by(|(left, one), (right, other)| left.cmp(right).then(other.cmp(one)));
        largest.map(|(_, group)| group)
    }

    /// D of W-06: over the groups, delta_rate of what the account's positions net to, one of them as a change leaves it.
    #[must_use]
    pub fn delta_requirement(&self, account: &Account, change: Option<Change>) -> i128 {
        let groups = self.groups_of(account);
        groups
            .map(|group| {
                let of_group = change.filter(|c| self.quotes.at(c.listing).group == group);
                let net = self.delta_usd(account, group, of_group);
                let rate = self.groups[usize::from(group)].parameters[parameter::DELTA_RATE];
                rate_ceil(rate, net.abs())
            })
            .sum()
    }

    /// delta USD of a group with rows; of one without, the sum of values at mark.
    fn delta_usd(&self, account: &Account, group: u16, change: Option<Change>) -> i128 {
        let held = self.held(account, group, change);
        let Some(market) = self.market(group) else {
            return held.map(|(quote, size)| quote.notional(size)).sum();
        };
        let rows = market.rows();
        let delta: i128 = held
            .filter(|(quote, _)| quote.has_row())
            .map(|(quote, size)| {
                i128::from(size) * i128::from(rows.rows()[quote.row as usize].delta)
            })
            .sum();
        // abs(delta) is at most a coin a coin, or bounded by its column: whole < 2^66, the index < 2^53.
        let whole = delta.div_euclid(i128::from(RATE_ONE));
        (whole * i128::from(rows.vector().index)).div_euclid(i128::from(market.coin()))
    }
}

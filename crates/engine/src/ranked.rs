//! IM_venue where rows count: portfolio margin with open orders, options and spot (derivatives, section 5).

use merkat_pricing::kind;
use merkat_settle::Figures;
use merkat_settle::fill::cash_change;
use merkat_settle::margin::Change as Held;
use merkat_settle::risk::{OrderSums, Portfolio, Resting, short_requirement};
use merkat_values::constants::RATE_ONE;
use merkat_values::rates::rate_floor;

use crate::accounts::{GroupLosses, ListingOrders};
use crate::book::{BUY, NONE};
use crate::engine::Engine;
use crate::margin::{Change, Fit, VenueFigures, initial_of, order_term, worst_size};

/// The mode in which a group's positions and orders are margined together.
const PORTFOLIO: u8 = 1;

/// A change that is tried: what is held of a listing after it, and what is left of an order in it.
#[derive(Clone, Copy)]
pub(crate) struct Trial {
    pub listing: u32,
    pub after: i64,
    pub order: Option<(u32, i64)>,
}

/// `holds` with what the orders need.
fn suffices(figures: &Figures, needs: i128) -> bool {
    figures.wide >= figures.initial + needs && figures.loan() <= figures.loan_limit
}

impl Engine {
    /// An order's own term of IM_venue, in a listing that is not a perpetual alone: its fee, and what no sum of the
    /// account counts.
    pub(crate) fn ranked_term(&self, listing: u32, mode: u8, resting: (u8, i64, i64)) -> i128 {
        let (side, left, limit) = resting;
        let (quote, instrument) = (self.quote(listing), self.instrument(listing));
        let rate = instrument.taker_fee.max(0);
        let fee = self.state.fee(listing, rate, left, limit.max(quote.mark));
        let market = self.state.market(quote.group).filter(|_| quote.has_row());
        let Some(market) = market.filter(|_| mode != PORTFOLIO) else {
            return fee.max(0);
        };
        let worth = quote.value(left, limit);
        let own = match (instrument.kind, side) {
            (kind::CALL | kind::PUT, BUY) => worth,
            (kind::CALL | kind::PUT, _) => {
                let short = short_requirement(market, quote.row as usize, left);
                short.initial - worth
            }
            (kind::SPOT, BUY) => {
                let large = market
                    .rows()
                    .set()
                    .get(merkat_pricing::scalar::HAIRCUT_LARGE);
                worth - rate_floor(RATE_ONE - large, quote.value(left, quote.mark))
            }
            (kind::SPOT, _) => quote.value(left, quote.mark) - worth,
            // The fee is counted above.
            _ => order_term(&quote, 0, side, left, limit),
        };
        own.max(0) + fee.max(0)
    }

    /// Changes what is left of an order and its effective limit where rows count; gives the change of its term.
    pub(crate) fn change_ranked_order(&mut self, index: u32, remaining: i64, limit: i64) -> i128 {
        let before = self.term_of(index);
        self.shift_losses(index, -1);
        self.orders.slab[index].remaining = remaining;
        self.orders.detail_mut(index).effective_price = limit;
        self.shift_losses(index, 1);
        self.term_of(index) - before
    }

    /// Adds an order to the account's O_s, or takes it off, if that is kept and of today's rows.
    #[inline]
    pub(crate) fn shift_losses(&mut self, index: u32, sign: i32) {
        let node = self.orders.slab[index];
        if !self.accounts[node.account as usize - 1].losses.is_empty() {
            self.shift_kept_losses(index, sign);
        }
    }

    fn shift_kept_losses(&mut self, index: u32, sign: i32) {
        let node = self.orders.slab[index];
        let quote = self.quote(node.book + 1);
        let version = self.rows_version(quote.group);
        let Some(market) = self.state.market(quote.group) else {
            return;
        };
        let resting = Resting {
            place: quote.row as usize,
            is_buy: node.side == BUY,
            left: node.remaining,
            limit: self.orders.detail(index).effective_price,
        };
        let kept = self.accounts[node.account as usize - 1].losses.iter_mut();
        let kept = kept.filter(|losses| losses.group == quote.group);
        for losses in kept.filter(|losses| losses.rows_version == version) {
            if sign > 0 {
                losses.sums.add(market, &resting);
            } else {
                losses.sums.remove(market, &resting);
            }
        }
    }

    /// O_s of an account's orders in a group, from nothing.
    fn losses_of(&self, account: u32, group: u16) -> OrderSums {
        let market = self.state.market(group);
        let market = market.expect("invariant: the group has rows");
        let mut sums = OrderSums::default();
        for orders in &self.accounts[account as usize - 1].listings {
            let quote = self.quote(orders.listing);
            if quote.group != group || !quote.has_row() {
                continue;
            }
            let mut index = orders.first;
            while index != NONE {
                let (node, detail) = (&self.orders.slab[index], self.orders.detail(index));
                sums.add(
                    market,
                    &Resting {
                        place: quote.row as usize,
                        is_buy: node.side == BUY,
                        left: node.remaining,
                        limit: detail.effective_price,
                    },
                );
                index = detail.next;
            }
        }
        sums
    }

    /// Brings O_s of an account in portfolio margin to today's rows, in every group where it has orders.
    fn refresh_losses(&mut self, account: u32) {
        for place in 0..self.accounts[account as usize - 1].listings.len() {
            let listing = self.accounts[account as usize - 1].listings[place].listing;
            let group = self.instrument(listing).group;
            let rows_version = self.rows_version(group);
            if rows_version == 0 {
                continue;
            }
            let record = &self.accounts[account as usize - 1];
            let kept = record.losses.iter().position(|kept| kept.group == group);
            if kept.is_some_and(|kept| record.losses[kept].rows_version == rows_version) {
                continue;
            }
            let sums = self.losses_of(account, group);
            let fresh = GroupLosses {
                group,
                rows_version,
                sums,
            };
            let losses = &mut self.accounts[account as usize - 1].losses;
            match kept {
                Some(kept) => losses[kept] = fresh,
                None => losses.push(fresh),
            }
        }
    }

    /// E, E_w, IM and IM_venue of an account that holds or orders more than perpetuals.
    pub(crate) fn ranked_figures(&mut self, account: u32) -> VenueFigures {
        let needs = self.order_needs(account, None);
        let figures = self.state.figures(self.leaf(account));
        VenueFigures {
            equity: figures.equity,
            initial: figures.initial,
            venue_initial: figures.initial + needs,
            suffices: suffices(&figures, needs),
        }
    }

    /// What an account's orders need beyond its positions: IM_venue - IM, after a trial if there is one.
    pub(crate) fn order_needs(&mut self, account: u32, trial: Option<Trial>) -> i128 {
        self.refresh_terms(account);
        let mode = self.leaf(account).margin_mode;
        if mode == PORTFOLIO {
            self.refresh_losses(account);
        }
        let (leaf, record) = (self.leaf(account), &self.accounts[account as usize - 1]);
        let mut needs = 0;
        for sums in &record.listings {
            let tried = trial.filter(|trial| trial.listing == sums.listing);
            needs += self.listing_needs(leaf.size_in(sums.listing), mode, sums, tried);
        }
        let market_of = |losses: &GroupLosses| {
            let rows_version = self.rows_version(losses.group);
            let fresh = losses.rows_version == rows_version && !losses.sums.is_empty();
            self.state.market(losses.group).filter(|_| fresh)
        };
        for losses in &record.losses {
            let Some(market) = market_of(losses) else {
                continue;
            };
            let fund = self.state.groups()[usize::from(losses.group)].fund;
            let own = |trial: &Trial| self.instrument(trial.listing).group == losses.group;
            let tried = trial.filter(own);
            let with = match tried {
                None => match leaf.portfolio(losses.group) {
                    Some(held) => held.margin_with_orders(market, fund, &losses.sums),
                    None => Portfolio::new(market).margin_with_orders(market, fund, &losses.sums),
                },
                Some(trial) => {
                    let (portfolio, sums) = self.tried(account, losses, &trial);
                    portfolio.margin_with_orders(market, fund, &sums)
                }
            };
            needs += with.initial - with.initial_alone;
        }
        needs
    }

    /// What the orders of one listing need: their own terms, and the position that they may make of it where a listing
    /// is margined alone.
    fn listing_needs(
        &self,
        size: i64,
        mode: u8,
        sums: &ListingOrders,
        trial: Option<Trial>,
    ) -> i128 {
        let (quote, kind) = (self.quote(sums.listing), self.instrument(sums.listing).kind);
        let (mut size, mut buys, mut sells, mut needs) = (size, sums.buys, sums.sells, sums.terms);
        size = trial.map_or(size, |trial| trial.after);
        if let Some((index, left)) = trial.and_then(|trial| trial.order) {
            let node = self.orders.slab[index];
            let gone = i128::from(left - node.remaining);
            if node.side == BUY {
                buys += gone;
            } else {
                sells += gone;
            }
            let limit = self.orders.detail(index).effective_price;
            let resting = (node.side, left, limit);
            needs += self.term(sums.listing, || mode, resting) - self.term_of(index);
        }
        let alone = matches!(kind, kind::PERPETUAL | kind::FUTURE)
            && (mode != PORTFOLIO || !quote.has_row());
        if alone {
            needs += initial_of(&quote, worst_size(size, buys, sells)) - quote.initial(size);
        }
        needs
    }

    /// Portfolio and O_s of an account after a trial.
    fn tried(&self, account: u32, losses: &GroupLosses, trial: &Trial) -> (Portfolio, OrderSums) {
        let market = self.state.market(losses.group);
        let market = market.expect("invariant: losses are of rows");
        let place = self.quote(trial.listing).row as usize;
        let leaf = self.leaf(account);
        let before = leaf.size_in(trial.listing);
        let held = leaf.portfolio(losses.group).cloned();
        let mut portfolio = held.unwrap_or_else(|| Portfolio::new(market));
        portfolio.change(market, place, trial.after - before);
        let mut sums = losses.sums.clone();
        if let Some((index, left)) = trial.order {
            let (node, detail) = (&self.orders.slab[index], self.orders.detail(index));
            let resting = |left| Resting {
                place,
                is_buy: node.side == BUY,
                left,
                limit: detail.effective_price,
            };
            sums.remove(market, &resting(node.remaining));
            sums.add(market, &resting(left));
        }
        (portfolio, sums)
    }

    /// M-06 and M-07 of an account or a listing that is more than perpetuals; F-11 to F-13 hold.
    pub(crate) fn ranked_fit(&mut self, index: u32, change: &Change, slot: u16) -> Option<Fit> {
        let node = self.orders.slab[index];
        let listing = node.book + 1;
        if self.instrument(listing).is_spot() && change.after < 0 {
            return None;
        }
        let trial = Trial {
            listing,
            after: change.after,
            order: Some((index, node.remaining - change.size)),
        };
        let needs = self.order_needs(node.account, Some(trial));
        let quote = self.quote(listing);
        let cash = cash_change(&quote, node.side, change.size, change.price) - change.fee;
        let leaf = self.leaf(node.account);
        let size = change.after;
        let held = Held { listing, size };
        let before = self.state.figures(leaf);
        let after = self.state.figures_after(leaf, &before, held, cash);
        let holds = after.holds();
        let improves = || after.improves(&before) && !self.state.naked_grows(leaf, held);
        (suffices(&after, needs) || improves()).then_some(Fit { slot, holds })
    }

    /// W-10: whether an account suffices with its orders in another mode.
    pub(crate) fn suffices_in(&self, account: u32, mode: u8) -> bool {
        let leaf = self.leaf(account);
        let mut needs = 0;
        let mut groups = Vec::new();
        for sums in &self.accounts[account as usize - 1].listings {
            let terms = self.terms_in(sums.first, mode);
            let sums = ListingOrders { terms, ..*sums };
            needs += self.listing_needs(leaf.size_in(sums.listing), mode, &sums, None);
            let quote = self.quote(sums.listing);
            if mode == PORTFOLIO && quote.has_row() && !groups.contains(&quote.group) {
                groups.push(quote.group);
            }
        }
        for group in groups {
            let market = self.state.market(group);
            let market = market.expect("invariant: a listing of the group has a row");
            let fund = self.state.groups()[usize::from(group)].fund;
            let held = leaf
                .positions
                .iter()
                .map(|held| (self.quote(held.listing), held.size));
            let held = held.filter(|(quote, _)| quote.group == group && quote.has_row());
            let held: Vec<_> = held
                .map(|(quote, size)| (quote.row as usize, size))
                .collect();
            let losses = self.losses_of(account, group);
            let with = Portfolio::of(market, &held).margin_with_orders(market, fund, &losses);
            needs += with.initial - with.initial_alone;
        }
        let figures = self.state.figures_in(leaf, mode);
        suffices(&figures, needs)
    }

    /// The terms of a list of orders in a mode.
    fn terms_in(&self, first: u32, mode: u8) -> i128 {
        let (mut terms, mut index) = (0, first);
        while index != NONE {
            let (node, detail) = (&self.orders.slab[index], self.orders.detail(index));
            let resting = (node.side, node.remaining, detail.effective_price);
            terms += self.term(node.book + 1, || mode, resting);
            index = detail.next;
        }
        terms
    }
}

//! Sums over an account's orders and the margin of the venue, IM_venue (rules 3.1).

use merkat_pricing::kind;
use merkat_settle::fill::bound_holds;
use merkat_settle::{Account, Instrument, Order, OrderKey, Quote};
use merkat_values::Signature;
use merkat_values::constants::POSITION_SLOTS;
use merkat_values::rates::rate_ceil;
use merkat_values::wide::compare_products;

use crate::accounts::ListingOrders;
use crate::book::{BUY, NONE, Node};
use crate::engine::Engine;
use crate::orders::Detail;

/// What an account has and needs, 1e-6 USD.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VenueFigures {
    /// E.
    pub equity: i128,
    /// IM: of the positions alone.
    pub initial: i128,
    /// IM_venue: with the resting orders.
    pub venue_initial: i128,
    /// O-22 and M-06: `holds` with the orders.
    pub suffices: bool,
}

/// A fill that an account can take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    pub slot: u16,
    /// Whether settlement's rule `holds` is met; else `improves` is.
    pub holds: bool,
}

/// What one order of a perpetual or future needs beyond the position that it may become, by rules.md.
pub(crate) fn order_term(quote: &Quote, taker_fee: i64, side: u8, left: i64, limit: i64) -> i128 {
    let beyond = if side == BUY {
        limit - quote.mark
    } else {
        quote.mark - limit
    };
    let loss = if beyond > 0 {
        quote.value(left, beyond)
    } else {
        0
    };
    loss + rate_ceil(taker_fee.max(0), quote.value(left, limit.max(quote.mark)))
}

/// ceil(initial_rate x value(size, mark) / 1e9) of a size that may be a sum of many orders.
pub(crate) fn initial_of(quote: &Quote, size: i128) -> i128 {
    match i64::try_from(size) {
        Ok(size) => quote.initial(size),
        Err(_) => {
            let units = size.abs() / i128::from(quote.lot) * i128::from(quote.mark_units);
            rate_ceil(quote.initial_rate, units)
        }
    }
}

/// The largest position that fills of one side's orders could lead to.
pub(crate) fn worst_size(size: i64, buys: i128, sells: i128) -> i128 {
    let size = i128::from(size);
    (size + buys).abs().max((size - sells).abs())
}

/// Whether rules.md alone says what a listing counts: a perpetual of a group without rows.
#[inline]
pub(crate) fn is_plain(quote: &Quote) -> bool {
    quote.kind == kind::PERPETUAL && !quote.has_row()
}

/// A fill of an order, seen from its account.
pub(crate) struct Change {
    /// The position after it.
    pub after: i64,
    pub price: i64,
    pub size: i64,
    pub fee: i128,
}

/// What is wanted with a side's `size` left in a position of `position`: an order that only makes it smaller.
pub(crate) fn reduces(position: i64, side: u8, size: i128) -> bool {
    let position = i128::from(position);
    if side == BUY {
        position < 0 && -position >= size
    } else {
        position > 0 && position >= size
    }
}

/// The change of a position by an order of this side.
pub(crate) fn signed(side: u8, size: i64) -> i64 {
    if side == BUY { size } else { -size }
}

impl Engine {
    pub(crate) fn leaf(&self, account: u32) -> &Account {
        &self.state.accounts()[account as usize - 1]
    }

    pub(crate) fn instrument(&self, listing: u32) -> &Instrument {
        &self.state.instruments()[listing as usize - 1]
    }

    pub(crate) fn quote(&self, listing: u32) -> Quote {
        *self
            .state
            .quote(listing)
            .expect("invariant: a listing has its quote")
    }

    /// An order's own term of IM_venue with `left` of it at an effective limit.
    #[inline]
    pub(crate) fn term(
        &self,
        listing: u32,
        mode: impl FnOnce() -> u8,
        resting: (u8, i64, i64),
    ) -> i128 {
        let quote = self
            .state
            .quote(listing)
            .expect("invariant: a listing has its quote");
        let (side, left, limit) = resting;
        if is_plain(quote) {
            order_term(quote, self.instrument(listing).taker_fee, side, left, limit)
        } else {
            self.ranked_term(listing, mode(), resting)
        }
    }

    pub(crate) fn term_of(&self, index: u32) -> i128 {
        let (node, limit) = (
            &self.orders.slab[index],
            self.orders.detail(index).effective_price,
        );
        let resting = (node.side, node.remaining, limit);
        self.term(
            node.book + 1,
            || self.leaf(node.account).margin_mode,
            resting,
        )
    }

    /// Stores an order and counts it in its account's sums; it does not rest yet.
    pub(crate) fn add_order(
        &mut self,
        order: &Order,
        signature: &Signature,
        key: OrderKey,
        effective_price: i64,
    ) -> u32 {
        let ticks = order.limit_price / self.instrument(order.listing).tick;
        let node = Node::new(
            order.listing - 1,
            order.side,
            ticks,
            order.size,
            order.account,
        );
        let detail = Detail {
            order: *order,
            signature: *signature,
            key,
            filled: 0,
            opened_version: 0,
            effective_price,
            previous: NONE,
            next: NONE,
        };
        let index = self.orders.insert(node, detail);
        self.count_order(index);
        index
    }

    /// Links a stored order into its account's list and sums.
    pub(crate) fn count_order(&mut self, index: u32) {
        let node = self.orders.slab[index];
        let listing = node.book + 1;
        let term = self.term_of(index);
        let version = self.versions[node.book as usize].version;
        self.shift_losses(index, 1);
        let record = &mut self.accounts[node.account as usize - 1];
        record.orders += 1;
        let place = record
            .listings
            .iter()
            .position(|orders| orders.listing == listing);
        let place = place.unwrap_or_else(|| {
            record.listings.push(ListingOrders::new(listing));
            record.listings.len() - 1
        });
        let sums = &mut record.listings[place];
        if sums.count == 0 {
            sums.terms_version = version;
        }
        sums.count += 1;
        sums.add(node.side, i128::from(node.remaining));
        if sums.terms_version == version {
            sums.terms += term;
        }
        let first = std::mem::replace(&mut sums.first, index);
        self.orders.detail_mut(index).next = first;
        if first != NONE {
            self.orders.detail_mut(first).previous = index;
        }
    }

    /// Forgets an order that has left its book: out of the account's list and sums.
    pub(crate) fn forget_order(&mut self, index: u32) {
        let node = self.orders.slab[index];
        let term = self.term_of(index);
        self.shift_losses(index, -1);
        let version = self.versions[node.book as usize].version;
        let (previous, next) = (
            self.orders.detail(index).previous,
            self.orders.detail(index).next,
        );
        if previous != NONE {
            self.orders.detail_mut(previous).next = next;
        }
        if next != NONE {
            self.orders.detail_mut(next).previous = previous;
        }
        let record = &mut self.accounts[node.account as usize - 1];
        record.orders -= 1;
        let place = record
            .listings
            .iter()
            .position(|orders| orders.listing == node.book + 1);
        let place = place.expect("invariant: an order is counted in its listing");
        let sums = &mut record.listings[place];
        sums.count -= 1;
        sums.add(node.side, -i128::from(node.remaining));
        if sums.terms_version == version {
            sums.terms -= term;
        }
        if previous == NONE {
            sums.first = next;
        }
        if sums.count == 0 {
            record.listings.swap_remove(place);
        }
        self.orders.remove(index);
    }

    /// Changes what is left of a counted order and its effective limit.
    pub(crate) fn change_order(&mut self, index: u32, remaining: i64, effective_price: i64) {
        let node = self.orders.slab[index];
        let listing = node.book + 1;
        let quote = self.state.quote(listing).expect("invariant: it is listed");
        let change = if is_plain(quote) {
            let taker_fee = self.state.instruments()[node.book as usize].taker_fee;
            let term = |left, limit| order_term(quote, taker_fee, node.side, left, limit);
            let before = self.orders.detail(index).effective_price;
            self.orders.slab[index].remaining = remaining;
            self.orders.detail_mut(index).effective_price = effective_price;
            term(remaining, effective_price) - term(node.remaining, before)
        } else {
            self.change_ranked_order(index, remaining, effective_price)
        };
        let version = self.versions[node.book as usize].version;
        let sums = self.accounts[node.account as usize - 1]
            .listing_mut(listing)
            .expect("invariant: an order is counted in its listing");
        let left = i128::from(remaining) - i128::from(node.remaining);
        sums.add(node.side, left);
        if sums.terms_version == version {
            sums.terms += change;
        }
    }

    /// Brings the cached terms of all of an account's orders to today's marks.
    pub(crate) fn refresh_terms(&mut self, account: u32) {
        for place in 0..self.accounts[account as usize - 1].listings.len() {
            let sums = self.accounts[account as usize - 1].listings[place];
            let version = self.versions[sums.listing as usize - 1].version;
            if sums.terms_version == version {
                continue;
            }
            let (mut terms, mut index) = (0, sums.first);
            while index != NONE {
                terms += self.term_of(index);
                index = self.orders.detail(index).next;
            }
            let sums = &mut self.accounts[account as usize - 1].listings[place];
            (sums.terms, sums.terms_version) = (terms, version);
        }
    }

    /// E, IM and IM_venue of an account.
    pub(crate) fn venue_figures(&mut self, account: u32) -> VenueFigures {
        self.refresh_terms(account);
        match self.plain_figures(account) {
            Some(figures) => figures,
            None => self.ranked_figures(account),
        }
    }

    /// The figures of an account that has only perpetuals of groups without rows, in positions and orders.
    #[inline]
    fn plain_figures(&self, account: u32) -> Option<VenueFigures> {
        let leaf = self.leaf(account);
        let record = &self.accounts[account as usize - 1];
        let (mut equity, mut initial, mut venue_initial) = (leaf.cash, 0, 0);
        let mixed = self.has_sets;
        for position in &leaf.positions {
            let quote = self
                .state
                .quote(position.listing)
                .expect("invariant: it is listed");
            if mixed && !is_plain(quote) {
                return None;
            }
            let own = quote.initial(position.size);
            equity += quote.carry(position.size);
            initial += own;
            if record.listing(position.listing).is_none() {
                venue_initial += own;
            }
        }
        for sums in &record.listings {
            let quote = self
                .state
                .quote(sums.listing)
                .expect("invariant: it is listed");
            if mixed && !is_plain(quote) {
                return None;
            }
            let size = leaf.size_in(sums.listing);
            venue_initial +=
                initial_of(quote, worst_size(size, sums.buys, sums.sells)) + sums.terms;
        }
        Some(VenueFigures {
            equity,
            initial,
            venue_initial,
            // Without spot nothing is lent, and nobody who holds owes.
            suffices: equity >= venue_initial,
        })
    }

    /// M-06 and M-07: whether the account of an order can take this fill of it.
    pub(crate) fn fit(&mut self, index: u32, price: i64, size: i64, fee: i128) -> Option<Fit> {
        let node = self.orders.slab[index];
        let (listing, effective) = (node.book + 1, self.orders.detail(index).effective_price);
        let leaf = self.leaf(node.account);
        let quote = self.state.quote(listing).expect("invariant: it is listed");
        let before = leaf.size_in(listing);
        let change = signed(node.side, size);
        let after = before.checked_add(change)?;
        if (before == 0 && !self.has_room(leaf, listing)) || !bound_holds(after, price) {
            return None;
        }
        let (quote, slot) = (*quote, leaf.slot_for(listing));
        self.refresh_terms(node.account);
        let plain = self
            .plain_figures(node.account)
            .filter(|_| is_plain(&quote));
        let Some(figures) = plain else {
            return self.ranked_fit(
                index,
                &Change {
                    after,
                    price,
                    size,
                    fee,
                },
                slot,
            );
        };
        let taker_fee = self.instrument(listing).taker_fee;
        let term = |left| order_term(&quote, taker_fee, node.side, left, effective);
        let terms_change = term(node.remaining - size) - term(node.remaining);
        let gain = quote.value(change, quote.mark - price) - fee;
        let initial_change = quote.initial(after) - quote.initial(before);
        let sums = self.accounts[node.account as usize - 1]
            .listing(listing)
            .expect("invariant: an order is counted in its listing");
        let (mut buys, mut sells) = (sums.buys, sums.sells);
        let worst_before = initial_of(&quote, worst_size(before, buys, sells));
        if node.side == BUY {
            buys -= i128::from(size);
        } else {
            sells -= i128::from(size);
        }
        let worst_after = initial_of(&quote, worst_size(after, buys, sells));
        let equity = figures.equity + gain;
        let initial = figures.initial + initial_change;
        let venue_initial = figures.venue_initial + worst_after - worst_before + terms_change;
        let holds = equity >= initial;
        let improves = equity >= 0
            && equity - initial >= figures.equity - figures.initial
            && compare_products(equity, figures.initial, figures.equity, initial).is_ge();
        (equity >= venue_initial || improves).then_some(Fit { slot, holds })
    }

    /// F-11 and F-12 of a position that is new: a slot can be had and at most eight groups are held after.
    pub(crate) fn has_room(&self, leaf: &Account, listing: u32) -> bool {
        let held = leaf.positions.len();
        held < usize::from(self.state.globals().position_limit)
            && leaf.slot_for(listing) < POSITION_SLOTS
            && self.state.groups_fit(leaf, listing, true)
    }
}

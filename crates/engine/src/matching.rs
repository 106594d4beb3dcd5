//! The match loop of a taker order (rules 3.1).

use merkat_settle::fill::{reduces as shrinks, size_after};
use merkat_settle::ops::{Fill, MicroOp, Names};
use merkat_settle::{Account, Effect, Quote};
use merkat_values::rates::rate_ceil;

use crate::book::BUY;
use crate::engine::Engine;
use crate::events::{Event, Reason};
use crate::margin::{Fit, is_plain, signed};

/// The opposite side.
pub(crate) fn opposite(side: u8) -> u8 {
    1 - side
}

/// Whether an order of this side and limit trades at this price.
pub(crate) fn crosses(side: u8, limit: i64, price: i64) -> bool {
    if side == BUY {
        price <= limit
    } else {
        price >= limit
    }
}

/// One pairing of two orders.
struct Pairing {
    maker: u32,
    taker: u32,
    price: i64,
    size: i64,
}

impl Engine {
    /// Trades a stored order that does not rest against the opposite side; says whether something of it is left (the
    /// order is gone otherwise).
    pub(crate) fn match_taker(&mut self, taker: u32) -> bool {
        let node = self.orders.slab[taker];
        let listing = node.book + 1;
        let quote = self.quote(listing);
        let fees = (
            self.instrument(listing).maker_fee,
            self.instrument(listing).taker_fee,
        );
        let limit = self.orders.detail(taker).effective_price;
        // Fills in this listing do not change it: the listing's own group counts in any case.
        let taker_restricted =
            self.state
                .restricted(self.leaf(node.account), listing, self.time_ns);
        loop {
            let left = self.orders.slab[taker].remaining;
            if left == 0 {
                self.forget_order(taker);
                return false;
            }
            let Some(maker) = self.books[node.book as usize].best(opposite(node.side)) else {
                break;
            };
            let price = self.orders.detail(maker).order.limit_price;
            if !crosses(node.side, limit, price) {
                break;
            }
            let size = left.min(self.orders.slab[maker].remaining);
            if let Some(reason) = self.maker_unfit(maker, node.account, &quote) {
                self.cancel(maker, reason);
                continue;
            }
            if self.maker_stale(maker, size) {
                self.cancel(maker, Reason::Stale);
                continue;
            }
            assert!(
                !taker_restricted || self.fill_shrinks(taker, size),
                "invariant: O-20 lets a restricted account only reduce"
            );
            let (maker_fee, taker_fee) = if is_plain(&quote) {
                let value = quote.value(size, price);
                (rate_ceil(fees.0, value), rate_ceil(fees.1, value))
            } else {
                self.state.fees(listing, size, price)
            };
            let pairing = Pairing {
                maker,
                taker,
                price,
                size,
            };
            let fit = self
                .open_interest_fits(&pairing)
                .then(|| self.fit(maker, price, size, maker_fee));
            let Some(maker_fit) = fit.flatten() else {
                self.cancel(maker, Reason::Margin);
                continue;
            };
            let Some(taker_fit) = self.fit(taker, price, size, taker_fee) else {
                self.cancel(taker, Reason::Margin);
                return false;
            };
            self.trade(&pairing, maker_fit, taker_fit);
        }
        true
    }

    /// M-01, M-02, M-03, M-08 and M-09: why a maker cannot trade at its price, if so.
    pub(crate) fn maker_unfit(
        &self,
        maker: u32,
        taker_account: u32,
        quote: &Quote,
    ) -> Option<Reason> {
        let (node, detail) = (&self.orders.slab[maker], self.orders.detail(maker));
        if detail.order.expiry_ns <= self.time_ns {
            return Some(Reason::Expired);
        }
        if self.leaf(node.account).owner == self.leaf(taker_account).owner {
            return Some(Reason::SelfTrade);
        }
        if !quote.in_band(detail.order.limit_price) {
            return Some(Reason::Band);
        }
        let dear = self.instrument(node.book + 1).maker_fee > detail.order.fee_cap;
        if dear {
            return Some(Reason::FeeCap);
        }
        self.maker_over_notional(maker).then_some(Reason::Session)
    }

    /// M-04: only reductions are allowed to the maker, and this fill is none.
    pub(crate) fn maker_stale(&self, maker: u32, size: i64) -> bool {
        let node = &self.orders.slab[maker];
        self.state
            .restricted(self.leaf(node.account), node.book + 1, self.time_ns)
            && !self.fill_shrinks(maker, size)
    }

    /// F-13 for the listing: its open interest stays within its word.
    fn open_interest_fits(&self, pairing: &Pairing) -> bool {
        let long_after = |index: u32| {
            let node = &self.orders.slab[index];
            let before = self.leaf(node.account).size_in(node.book + 1);
            let after = i128::from(before) + i128::from(signed(node.side, pairing.size));
            after.max(0) - i128::from(before.max(0))
        };
        let listing = self.orders.slab[pairing.maker].book + 1;
        let change = long_after(pairing.maker) + long_after(pairing.taker);
        let instrument = self.instrument(listing);
        // Delivery doubles that of a dated listing.
        let bits = if instrument.is_dated() { 62 } else { 63 };
        i128::from(instrument.open_interest) + change < 1 << bits
    }

    /// F-14 for a fill of an order.
    fn fill_shrinks(&self, index: u32, size: i64) -> bool {
        let node = &self.orders.slab[index];
        let before = self.leaf(node.account).size_in(node.book + 1);
        shrinks(before, size_after(before, node.side, size))
    }

    fn trade(&mut self, pairing: &Pairing, maker_fit: Fit, taker_fit: Fit) {
        let Pairing {
            maker,
            taker,
            price,
            size,
        } = *pairing;
        let names = [
            self.names(self.orders.slab[maker].account, maker_fit),
            self.names(self.orders.slab[taker].account, taker_fit),
        ];
        self.open_order(maker);
        self.open_order(taker);
        let (maker_key, taker_key) = (self.orders.detail(maker).key, self.orders.detail(taker).key);
        let effect = self.emit(&MicroOp::Fill(Fill {
            maker: maker_key,
            taker: taker_key,
            maker_slot: maker_fit.slot,
            taker_slot: taker_fit.slot,
            price,
            size,
            margin_rules: u8::from(!maker_fit.holds) | u8::from(!taker_fit.holds) << 1,
            names,
        }));
        let Effect::Filled {
            maker_fee,
            taker_fee,
        } = effect
        else {
            panic!("invariant: a fill has the effect of a fill");
        };
        let node = &self.orders.slab[taker];
        self.event(Event::Trade {
            listing: node.book + 1,
            maker: maker_key,
            taker: taker_key,
            taker_side: node.side,
            price,
            size,
            maker_fee,
            taker_fee,
        });
        self.fill_order(taker, size);
        self.fill_maker(maker, size);
    }

    /// The worst terms of an account before a step by which it `improves` in portfolio margin (F-18).
    pub(crate) fn names(&self, account: u32, fit: Fit) -> Option<Names> {
        if fit.holds {
            return None;
        }
        let leaf = self.leaf(account);
        let named = leaf.margin_mode == Account::PORTFOLIO;
        named.then(|| self.state.names(leaf))
    }

    /// Counts a fill of an order.
    fn fill_order(&mut self, index: u32, size: i64) {
        let left = self.orders.slab[index].remaining - size;
        let effective = self.orders.detail(index).effective_price;
        self.change_order(index, left, effective);
        self.orders.detail_mut(index).filled += size;
    }

    /// Counts a fill of a resting order, which leaves its book when nothing of it is left.
    pub(crate) fn fill_maker(&mut self, maker: u32, size: i64) {
        self.fill_order(maker, size);
        let node = self.orders.slab[maker];
        if node.remaining == 0 {
            self.books[node.book as usize].remove(&mut self.orders.slab, maker);
            self.forget_order(maker);
        }
    }
}

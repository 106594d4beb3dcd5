//! A slice of a liquidation against the book (rules 3.7).

use merkat_settle::fill::fees;
use merkat_settle::liquidation::{liquidated_party, slice_heals, waited};
use merkat_settle::ops::{Liquidate, MicroOp};
use merkat_settle::{Effect, Figures, Position};

use super::Full;
use crate::book::{BUY, SELL};
use crate::engine::Engine;
use crate::events::{Event, Reason};
use crate::margin::Fit;
use crate::matching::{crosses, opposite};

/// Slices in a row without a fill after which a slice asks for all, if the account has waited long enough.
const EMPTY_SLICES: u8 = 3;

/// A slice under way.
struct Slice {
    account: u32,
    listing: u32,
    /// The side that the liquidated account takes.
    side: u8,
    asked: i64,
    filled: i64,
}

/// What comes of looking at the best order of the book.
enum Step {
    /// A fill, or an order that had to go: look again.
    Again,
    /// Nothing more can be had.
    Over,
}

/// One fill of a slice.
struct Piece {
    maker: u32,
    price: i64,
    size: i64,
}

impl Engine {
    /// One slice of the account's largest position in the group, once an epoch.
    pub(super) fn slice(&mut self, group: u16, account: u32) -> Result<(), Full> {
        let epoch_time = self.state.groups()[usize::from(group)].epoch_time_ns;
        let record = &mut self.accounts[account as usize - 1];
        if record.visited_time == epoch_time {
            return Ok(());
        }
        record.visited_time = epoch_time;
        let empty_slices = record.empty_slices;
        let leaf = self.leaf(account);
        let Some(position) = self.largest_position(group, account) else {
            return Ok(());
        };
        let listing = position.listing;
        let again = epoch_time == leaf.slice_time_ns;
        if epoch_time < leaf.slice_time_ns || (again && leaf.slice_listing != listing) {
            return Ok(());
        }
        let figures = self.state.figures(leaf);
        let patient = empty_slices >= EMPTY_SLICES
            && waited(leaf, &self.state.groups()[usize::from(group)], self.time_ns);
        let all = position.size.abs();
        let asked = if 3 * figures.equity < 2 * figures.maintenance || patient {
            all
        } else {
            i64::try_from(self.state.slice_share(&position, 0)).map_or(all, |share| share.min(all))
        };
        let side = if position.size > 0 { SELL } else { BUY };
        let mut slice = Slice {
            account,
            listing,
            side,
            asked,
            filled: 0,
        };
        while let Step::Again = self.slice_step(&mut slice)? {}
        self.end_slice(&slice);
        Ok(())
    }

    fn end_slice(&mut self, slice: &Slice) {
        let Slice {
            account,
            listing,
            asked,
            filled,
            ..
        } = *slice;
        let record = &mut self.accounts[account as usize - 1];
        record.empty_slices = if filled > 0 {
            0
        } else {
            record.empty_slices.saturating_add(1)
        };
        let empty_slices = record.empty_slices;
        self.event(Event::Slice {
            account,
            listing,
            asked,
            filled,
            empty_slices,
        });
        let leaf = self.leaf(account);
        let figures = self.state.figures(leaf);
        if figures.equity >= self.state.stop(leaf, &figures) {
            self.leave_stage(account, &figures);
        }
    }

    /// The position in the group with the largest maintenance (ties: the lowest listing).
    fn largest_position(&self, group: u16, account: u32) -> Option<Position> {
        let maintenance = |position: &Position| {
            let quote = self
                .state
                .quote(position.listing)
                .expect("invariant: it is listed");
            quote.maintenance(position.size)
        };
        let held = self.leaf(account).positions.iter();
        held.filter(|position| self.instrument(position.listing).group == group)
            .max_by(|left, right| {
                maintenance(left)
                    .cmp(&maintenance(right))
                    .then(right.listing.cmp(&left.listing))
            })
            .copied()
    }

    /// Looks at the best opposite order once.
    fn slice_step(&mut self, slice: &mut Slice) -> Result<Step, Full> {
        let wanted = slice.asked - slice.filled;
        let leaf = self.leaf(slice.account);
        let figures = self.state.figures(leaf);
        let position = leaf.position_in(slice.listing).copied();
        let (Some(position), true) = (position, wanted > 0) else {
            return Ok(Step::Over);
        };
        if figures.equity >= self.state.stop(leaf, &figures) {
            return Ok(Step::Over);
        }
        let book = &self.books[slice.listing as usize - 1];
        let Some(maker) = book.best(opposite(slice.side)) else {
            return Ok(Step::Over);
        };
        let price = self.orders.detail(maker).order.limit_price;
        let limit = self.state.liquidation_limit(&position, &figures, wanted);
        let limit = limit.clamp(0, i128::from(i64::MAX)) as i64;
        if !crosses(slice.side, limit, price) {
            return Ok(Step::Over);
        }
        self.check_limit()?;
        let quote = self.quote(slice.listing);
        if let Some(reason) = self.maker_unfit(maker, slice.account, &quote) {
            self.cancel(maker, reason);
            return Ok(Step::Again);
        }
        let room = self.share_left(slice.account, &position, &figures);
        let size = wanted.min(self.orders.slab[maker].remaining).min(room);
        if size <= 0 {
            return Ok(Step::Over);
        }
        if self.maker_stale(maker, size) {
            self.cancel(maker, Reason::Stale);
            return Ok(Step::Again);
        }
        let maker_fee = fees(self.instrument(slice.listing), quote.value(size, price)).0;
        let Some(fit) = self.fit(maker, price, size, maker_fee) else {
            self.cancel(maker, Reason::Margin);
            return Ok(Step::Again);
        };
        let (party, _, _) = liquidated_party(&self.state, slice.account, &position, price, size);
        let after = figures.after(
            &quote,
            party.cash_change,
            party.size_before,
            party.size_after,
        );
        if !slice_heals(&figures, &after) {
            return Ok(Step::Over);
        }
        self.liquidate(slice, &position, &Piece { maker, price, size }, fit);
        Ok(Step::Again)
    }

    /// share(A, slot) - used: what this epoch still lets be taken.
    fn share_left(&self, account: u32, position: &Position, figures: &Figures) -> i64 {
        let leaf = self.leaf(account);
        let all = position.size.abs();
        if self
            .state
            .whole_share(leaf, position, figures, self.time_ns)
        {
            return all;
        }
        let group = &self.state.groups()[usize::from(self.instrument(position.listing).group)];
        let again = group.epoch_time_ns == leaf.slice_time_ns;
        let used = if again { leaf.slice_used } else { 0 };
        let left = self.state.slice_share(position, used) - i128::from(used);
        i64::try_from(left.min(i128::from(all))).unwrap_or(0)
    }

    fn liquidate(&mut self, slice: &mut Slice, position: &Position, piece: &Piece, fit: Fit) {
        let Piece { maker, price, size } = *piece;
        self.open_order(maker);
        let key = self.orders.detail(maker).key;
        let effect = self.emit(&MicroOp::Liquidate(Liquidate {
            account: slice.account,
            slot: position.slot,
            maker: key,
            maker_slot: fit.slot,
            price,
            size,
            margin_rules: u8::from(!fit.holds),
        }));
        let Effect::Liquidated {
            maker_fee,
            taker_fee,
            liquidation_fee,
        } = effect
        else {
            panic!("invariant: a slice has the effect of one");
        };
        self.event(Event::Liquidation {
            account: slice.account,
            listing: slice.listing,
            maker: key,
            side: slice.side,
            price,
            size,
            maker_fee,
            taker_fee,
            liquidation_fee,
        });
        slice.filled += size;
        self.fill_maker(maker, size);
    }
}

//! A slice of a liquidation against the book (rules 3.7).

use merkat_settle::fill::{bound_holds, slot_fits};
use merkat_settle::liquidation::{liquidated_party, slice_heals};
use merkat_settle::margin::Change;
use merkat_settle::ops::{Liquidate, MicroOp};
use merkat_settle::{Account, Effect, Figures, OrderKey, Position};

use super::Full;
use super::aim::Aim;
use crate::book::SELL;
use crate::engine::Engine;
use crate::events::{Event, Reason};
use crate::margin::Fit;
use crate::matching::{crosses, opposite};

/// A slice under way.
struct Slice {
    account: u32,
    aim: Aim,
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
    /// One slice of what helps the account most in the group, once an epoch.
    pub(super) fn slice(&mut self, group: u16, account: u32) -> Result<(), Full> {
        let epoch_time = self.state.groups()[usize::from(group)].epoch_time_ns;
        let record = &mut self.accounts[account as usize - 1];
        if record.visited_time == epoch_time {
            return Ok(());
        }
        record.visited_time = epoch_time;
        let leaf = self.leaf(account);
        let figures = self.state.figures(leaf);
        let Some(aim) = self.aim(group, account, &figures) else {
            return Ok(());
        };
        let leaf = self.leaf(account);
        let again = epoch_time == leaf.slice_time_ns;
        if epoch_time < leaf.slice_time_ns || (again && leaf.slice_listing != aim.listing) {
            return Ok(());
        }
        let mut slice = Slice {
            account,
            aim,
            filled: 0,
        };
        while let Step::Again = self.slice_step(&mut slice)? {}
        self.end_slice(&slice);
        Ok(())
    }

    fn end_slice(&mut self, slice: &Slice) {
        let Slice {
            account,
            aim: Aim { listing, asked, .. },
            filled,
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
        if self.state.safe(leaf, &figures) {
            self.leave_stage(account, &figures);
        }
    }

    /// Looks at the best opposite order once.
    fn slice_step(&mut self, slice: &mut Slice) -> Result<Step, Full> {
        let Aim {
            listing,
            side,
            asked,
            is_hedge,
        } = slice.aim;
        let wanted = asked - slice.filled;
        let leaf = self.leaf(slice.account);
        let figures = self.state.figures(leaf);
        let position = self.aimed(leaf, &slice.aim);
        let (Some(position), true) = (position, wanted > 0) else {
            return Ok(Step::Over);
        };
        if self.state.safe(leaf, &figures) {
            return Ok(Step::Over);
        }
        let book = &self.books[listing as usize - 1];
        let Some(maker) = book.best(opposite(side)) else {
            return Ok(Step::Over);
        };
        let price = self.orders.detail(maker).order.limit_price;
        let limit = if is_hedge {
            self.state.slippage_limit(listing, side == SELL, &figures)
        } else {
            self.state.liquidation_limit(&position, &figures, wanted)
        };
        let limit = limit.clamp(0, i128::from(i64::MAX)) as i64;
        if !crosses(side, limit, price) {
            return Ok(Step::Over);
        }
        self.check_limit()?;
        let quote = self.quote(listing);
        if let Some(reason) = self.maker_unfit(maker, slice.account, &quote) {
            self.cancel(maker, reason);
            return Ok(Step::Again);
        }
        let room = if is_hedge {
            self.hedge_room(slice.account, &slice.aim)
        } else {
            self.share_left(slice.account, &position, &figures)
        };
        let size = wanted.min(self.orders.slab[maker].remaining).min(room);
        if size <= 0 {
            return Ok(Step::Over);
        }
        if self.maker_stale(maker, size) {
            self.cancel(maker, Reason::Stale);
            return Ok(Step::Again);
        }
        let maker_fee = self.state.fees(listing, size, price).0;
        let Some(fit) = self.fit(maker, price, size, maker_fee) else {
            self.cancel(maker, Reason::Margin);
            return Ok(Step::Again);
        };
        let piece = Piece { maker, price, size };
        if !self.piece_heals(slice, &position, &piece, &figures) {
            return Ok(Step::Over);
        }
        self.liquidate(slice, &position, &piece, fit);
        Ok(Step::Again)
    }

    /// The position that is sold or bought back; of a hedge that of the perpetual, which may be none yet.
    fn aimed(&self, leaf: &Account, aim: &Aim) -> Option<Position> {
        let held = leaf.position_in(aim.listing).copied();
        held.or(aim.is_hedge.then(|| Position {
            slot: leaf.slot_for(aim.listing),
            listing: aim.listing,
            size: 0,
            base_size: 0,
        }))
    }

    /// how much of the perpetual still takes delta off without turning it.
    fn hedge_room(&self, account: u32, aim: &Aim) -> i64 {
        let bound = self.state.hedge_bound(self.leaf(account), aim.listing);
        let bound = bound.filter(|bound| bound.side == aim.side);
        bound.map_or(0, |bound| bound.most)
    }

    /// Q-11, and of a hedge that its slot can be had.
    fn piece_heals(
        &self,
        slice: &Slice,
        position: &Position,
        piece: &Piece,
        before: &Figures,
    ) -> bool {
        let Piece { price, size, .. } = *piece;
        let leaf = self.leaf(slice.account);
        let listing = slice.aim.listing;
        let side = slice.aim.side;
        let (party, ..) = liquidated_party(&self.state, slice.account, position, side, price, size);
        if slice.aim.is_hedge {
            let limit = self.state.globals().position_limit;
            let can_be_had =
                slot_fits(leaf, party.slot, listing, limit) && bound_holds(party.size_after, price);
            if !can_be_had {
                return false;
            }
        }
        let size = party.size_after;
        let held = Change { listing, size };
        let after = self
            .state
            .figures_after(leaf, before, held, party.cash_change);
        slice_heals(before, &after, self.instrument(listing).is_spot())
    }

    /// share(A, slot) - used: what this epoch still lets be taken.
    fn share_left(&self, account: u32, position: &Position, figures: &Figures) -> i64 {
        let leaf = self.leaf(account);
        let all = position.size.abs();
        let group = &self.state.groups()[usize::from(self.instrument(position.listing).group)];
        let again = group.epoch_time_ns == leaf.slice_time_ns;
        let used = if again { leaf.slice_used } else { 0 };
        let share = self
            .state
            .share(leaf, position, figures, used, self.time_ns);
        let left = share - i128::from(used);
        i64::try_from(left.min(i128::from(all))).unwrap_or(0)
    }

    fn liquidate(&mut self, slice: &mut Slice, position: &Position, piece: &Piece, fit: Fit) {
        let Piece { maker, price, size } = *piece;
        let names = self.names(self.orders.slab[maker].account, fit);
        self.open_order(maker);
        let key = self.orders.detail(maker).key;
        let op = Liquidate {
            account: slice.account,
            slot: position.slot,
            maker: key,
            maker_slot: fit.slot,
            price,
            size,
            margin_rules: u8::from(!fit.holds),
            names,
        };
        let effect = self.emit(&if slice.aim.is_hedge {
            MicroOp::Hedge(op)
        } else {
            MicroOp::Liquidate(op)
        });
        let Effect::Liquidated {
            maker_fee,
            taker_fee,
            liquidation_fee,
        } = effect
        else {
            panic!("invariant: a slice has the effect of one");
        };
        self.liquidation_event(slice, piece, key, (maker_fee, taker_fee, liquidation_fee));
        slice.filled += size;
        self.fill_maker(maker, size);
    }

    fn liquidation_event(
        &mut self,
        slice: &Slice,
        piece: &Piece,
        maker: OrderKey,
        fees: (i128, i128, i128),
    ) {
        let (account, price, size) = (slice.account, piece.price, piece.size);
        let (listing, side) = (slice.aim.listing, slice.aim.side);
        let (maker_fee, taker_fee, liquidation_fee) = fees;
        self.event(if slice.aim.is_hedge {
            Event::Hedge {
                account,
                listing,
                maker,
                side,
                price,
                size,
                maker_fee,
                taker_fee,
                liquidation_fee,
            }
        } else {
            Event::Liquidation {
                account,
                listing,
                maker,
                side,
                price,
                size,
                maker_fee,
                taker_fee,
                liquidation_fee,
            }
        });
    }
}

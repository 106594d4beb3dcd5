//! What a slice takes: the position whose removal helps most, collateral while a loan stands, or a hedge
//! (rules 3.7; derivatives, section 7).

use merkat_pricing::kind;
use merkat_settle::liquidation::waited;
use merkat_settle::risk::standard_margin;
use merkat_settle::{Account, Figures, Instrument, Position};

use crate::book::{BUY, SELL};
use crate::engine::Engine;
use crate::margin::signed;
use crate::matching::opposite;

/// Slices in a row without a fill after which a slice asks for all, if the account has waited long enough.
const EMPTY_SLICES: u8 = 3;

/// What a slice is to trade.
#[derive(Clone, Copy)]
pub(super) struct Aim {
    pub listing: u32,
    /// The side that the liquidated account takes.
    pub side: u8,
    pub asked: i64,
    /// Whether the perpetual is traded against the delta of the others.
    pub is_hedge: bool,
}

/// A position with what MM falls by without it.
#[derive(Clone, Copy)]
struct Removal {
    position: Position,
    fall: i128,
}

/// The side that makes a position smaller.
fn closing(size: i64) -> u8 {
    if size > 0 { SELL } else { BUY }
}

impl Engine {
    /// What the slice of an account in a group is to trade, if anything.
    pub(super) fn aim(&self, group: u16, account: u32, figures: &Figures) -> Option<Aim> {
        let leaf = self.leaf(account);
        let removal = self.best_removal(group, account);
        let hedge = self.hedge(group, account, removal.map_or(0, |removal| removal.fall));
        let other =
            hedge.or_else(|| removal.map(|removal| self.slice_of(account, figures, &removal)));
        let empty_slices = self.accounts[account as usize - 1].empty_slices;
        // Collateral that finds no buyer takes turns with the rest.
        let turn = self.state.groups()[usize::from(group)]
            .epoch_number
            .is_multiple_of(2);
        if figures.loan() > 0
            && (empty_slices < EMPTY_SLICES || turn || other.is_none())
            && let Some(position) = self.collateral(group, leaf)
        {
            let asked = self.state.spot_share(&position, figures);
            return Some(Aim {
                listing: position.listing,
                side: SELL,
                asked,
                is_hedge: false,
            });
        }
        other
    }

    /// The lowest spot position of the group.
    fn collateral(&self, group: u16, leaf: &Account) -> Option<Position> {
        let held = leaf.positions.iter().filter(|position| {
            let quote = self.quote(position.listing);
            quote.group == group && quote.kind == kind::SPOT && quote.has_row()
        });
        held.min_by_key(|position| position.listing).copied()
    }

    /// The slice that takes a position, or a share of it.
    fn slice_of(&self, account: u32, figures: &Figures, removal: &Removal) -> Aim {
        let (leaf, position) = (self.leaf(account), &removal.position);
        let group = &self.state.groups()[usize::from(self.quote(position.listing).group)];
        let empty_slices = self.accounts[account as usize - 1].empty_slices;
        let patient = empty_slices >= EMPTY_SLICES && waited(leaf, group, self.time_ns);
        let all = position.size.abs();
        let asked = if 3 * figures.equity < 2 * figures.maintenance || patient {
            all
        } else {
            i64::try_from(self.state.slice_share(position, 0)).map_or(all, |share| share.min(all))
        };
        Aim {
            listing: position.listing,
            side: closing(position.size),
            asked,
            is_hedge: false,
        }
    }

    /// The position that can trade and whose removal at mark lowers MM most (ties: the lowest listing).
    fn best_removal(&self, group: u16, account: u32) -> Option<Removal> {
        let leaf = self.leaf(account);
        let tradable = leaf.positions.iter().filter(|position| {
            let instrument = self.instrument(position.listing);
            instrument.group == group
                && !instrument.is_spot()
                && self.state.row_fits(position.listing, self.time_ns)
        });
        let removals = tradable.map(|position| Removal {
            position: *position,
            fall: self.fall(leaf, position),
        });
        removals.max_by(|left, right| {
            let lower = right.position.listing.cmp(&left.position.listing);
            left.fall.cmp(&right.fall).then(lower)
        })
    }

    /// What MM falls by when a position goes at mark.
    fn fall(&self, leaf: &Account, position: &Position) -> i128 {
        let quote = self.quote(position.listing);
        let market = self.state.market(quote.group).filter(|_| quote.has_row());
        let Some(market) = market else {
            return quote.maintenance(position.size);
        };
        if leaf.margin_mode == Account::PORTFOLIO {
            return self.portfolio_fall(leaf, position.listing, -position.size);
        }
        if !matches!(quote.kind, kind::CALL | kind::PUT) {
            return quote.maintenance(position.size);
        }
        let legs = |without: u32| -> Vec<(usize, i64)> {
            let held = leaf.positions.iter().filter(|held| held.listing != without);
            let held = held.map(|held| (self.quote(held.listing), held.size));
            let held = held.filter(|(other, _)| other.group == quote.group && other.has_row());
            held.map(|(other, size)| (other.row as usize, size))
                .collect()
        };
        standard_margin(market, &legs(0)).maintenance
            - standard_margin(market, &legs(position.listing)).maintenance
    }

    /// What MM falls by when a listing with a row is traded at mark, in portfolio margin.
    fn portfolio_fall(&self, leaf: &Account, listing: u32, change: i64) -> i128 {
        let quote = self.quote(listing);
        let market = self.state.market(quote.group);
        let market = market.expect("invariant: the listing has a row");
        let fund = self.state.groups()[usize::from(quote.group)].fund;
        let held = leaf.portfolio(quote.group);
        let mut after = held.expect("invariant: a position has a row").clone();
        let before = after.margin(market, fund).maintenance;
        after.change(market, quote.row as usize, change);
        before - after.margin(market, fund).maintenance
    }

    /// The hedge of an account in a group, if it lowers MM by more than `best`.
    fn hedge(&self, group: u16, account: u32, best: i128) -> Option<Aim> {
        let leaf = self.leaf(account);
        let listings = self.state.listings_of(group).iter().copied();
        let open = listings.filter(|listing| {
            let instrument = self.instrument(*listing);
            instrument.kind == kind::PERPETUAL
                && instrument.state == Instrument::OPEN
                && self.quote(*listing).has_row()
        });
        // A perpetual that nobody offers hedges nothing.
        let mut hedges = open.filter_map(|listing| {
            let bound = self.state.hedge_bound(leaf, listing)?;
            let book = &self.books[listing as usize - 1];
            let met = book.best(opposite(bound.side)).is_some();
            met.then_some((listing, bound))
        });
        let (listing, bound) = hedges.next().filter(|(_, bound)| bound.most > 0)?;
        let fall = self.portfolio_fall(leaf, listing, signed(bound.side, bound.most));
        (fall > best).then_some(Aim {
            listing,
            side: bound.side,
            asked: bound.most,
            is_hedge: true,
        })
    }
}

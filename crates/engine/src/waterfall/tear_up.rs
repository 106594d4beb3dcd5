//! tear_up_all: the positions of a bankrupt account against opposite holders (rules 3.7).

use std::cmp::Ordering;

use merkat_settle::Effect;
use merkat_settle::ops::{MicroOp, TearUp};
use merkat_values::wide::compare_products;

use super::{Full, Run};
use crate::engine::Engine;
use crate::events::Event;

/// Holders who share one round.
const HOLDERS_MAXIMUM: usize = 64;

/// An opposite holder of a listing.
struct Holder {
    account: u32,
    lots: i64,
    equity: i128,
    gross: i128,
}

impl Holder {
    /// E <= 0 first, then gross / E descending, ties by index.
    fn compare(&self, other: &Self) -> Ordering {
        let (sound, other_sound) = (self.equity > 0, other.equity > 0);
        let by_ratio = || {
            if !sound || !other_sound {
                return Ordering::Equal;
            }
            compare_products(other.gross, self.equity, self.gross, other.equity)
        };
        sound
            .cmp(&other_sound)
            .then_with(by_ratio)
            .then(self.account.cmp(&other.account))
    }
}

/// What each holder gives of `lots`: all if they hold too little, else in proportion, by largest remainder.
fn shares(lots: i64, holders: &[Holder]) -> Vec<i64> {
    let total: i128 = holders.iter().map(|holder| i128::from(holder.lots)).sum();
    if i128::from(lots) >= total {
        return holders.iter().map(|holder| holder.lots).collect();
    }
    let product = |holder: &Holder| i128::from(lots) * i128::from(holder.lots);
    let mut given: Vec<i64> = holders
        .iter()
        .map(|holder| (product(holder) / total) as i64)
        .collect();
    let left = lots - given.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..holders.len()).collect();
    order.sort_unstable_by(|left, right| {
        let (left, right) = (&holders[*left], &holders[*right]);
        (product(right) % total)
            .cmp(&(product(left) % total))
            .then(left.account.cmp(&right.account))
    });
    let left = usize::try_from(left).expect("invariant: floors leave less than a lot a holder");
    for place in &order[..left] {
        given[*place] += 1;
    }
    given
}

impl Engine {
    /// Closes every position of a bankrupt account, then writes off what it still owes.
    pub(super) fn tear_up_all(&mut self, run: &mut Run, account: u32) -> Result<(), Full> {
        let mut listings: Vec<u32> = self
            .leaf(account)
            .positions
            .iter()
            .map(|position| position.listing)
            .filter(|listing| !self.instrument(*listing).is_spot())
            .collect();
        listings.sort_unstable();
        for listing in listings {
            while self.leaf(account).size_in(listing) != 0 {
                self.tear_up_round(run, account, listing)?;
            }
        }
        let leaf = self.leaf(account);
        if leaf.positions.is_empty() && leaf.cash < 0 {
            self.check_limit()?;
            self.write_off(account);
        }
        Ok(())
    }

    fn write_off(&mut self, account: u32) {
        let effect = self.emit(&MicroOp::WriteOff(account));
        let Effect::WrittenOff {
            group,
            payment,
            bad_debt,
        } = effect
        else {
            panic!("invariant: a write-off has the effect of one");
        };
        self.event(Event::WriteOff {
            account,
            group,
            fund_payment: payment,
            bad_debt,
        });
    }

    /// The holders opposite to a position of this size, ranked; at most those of one round.
    fn opposite_holders(&self, account: u32, listing: u32, size: i64) -> Vec<Holder> {
        let lot = self.instrument(listing).lot;
        let mut holders = Vec::new();
        for (other, leaf) in self.state.accounts().iter() {
            let held = leaf.size_in(listing);
            if other == account || held == 0 || (held > 0) == (size > 0) {
                continue;
            }
            let notional = leaf.positions.iter().map(|position| {
                let quote = self
                    .state
                    .quote(position.listing)
                    .expect("invariant: it is listed");
                quote.notional(position.size).abs()
            });
            holders.push(Holder {
                account: other,
                lots: held.abs() / lot,
                equity: self.state.figures(leaf).equity,
                gross: notional.sum(),
            });
        }
        holders.sort_unstable_by(Holder::compare);
        holders.truncate(HOLDERS_MAXIMUM);
        holders
    }

    fn tear_up_round(&mut self, run: &mut Run, account: u32, listing: u32) -> Result<(), Full> {
        let size = self.leaf(account).size_in(listing);
        let lot = self.instrument(listing).lot;
        let holders = self.opposite_holders(account, listing, size);
        assert!(
            !holders.is_empty(),
            "invariant: the positions of a listing sum to 0"
        );
        let given = shares(size.abs() / lot, &holders);
        for (holder, lots) in holders.iter().zip(given) {
            if lots > 0 {
                self.check_limit()?;
                self.tear_up(run, account, holder.account, listing, lots * lot);
            }
        }
        Ok(())
    }

    fn tear_up(&mut self, run: &mut Run, account: u32, other: u32, listing: u32, size: i64) {
        let leaf = self.leaf(account);
        let position = leaf
            .position_in(listing)
            .expect("invariant: it is torn up until it is 0");
        let price = self
            .state
            .tear_price(leaf, position, &self.state.figures(leaf));
        let price = price.expect("invariant: E is above -2^126, so a tear price fits i128");
        let slot = position.slot;
        let other_slot = self.leaf(other).slot_for(listing);
        let effect = self.emit(&MicroOp::TearUp(TearUp {
            account,
            slot,
            other,
            other_slot,
            price,
            size,
        }));
        let Effect::TornUp { surplus } = effect else {
            panic!("invariant: a tear-up has the effect of one");
        };
        run.torn = true;
        self.event(Event::TearUp {
            account,
            other,
            listing,
            price,
            size,
            surplus,
        });
    }
}

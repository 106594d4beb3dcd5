//! What a group with a risk set is priced and margined by.

use crate::risk::Market;
use crate::state::{Instrument, State};
use alloc::sync::Arc;
use alloc::vec::Vec;
use merkat_pricing::{Listing, RiskSet, Rows};

/// The risk set of a group, and its rows once a vector made them.
#[derive(Clone, Debug)]
pub struct GroupRisk {
    newest: Arc<RiskSet>,
    market: Option<Arc<Market>>,
    version: u64,
}

impl GroupRisk {
    pub(crate) fn new(set: RiskSet) -> Self {
        Self {
            newest: Arc::new(set),
            market: None,
            version: 0,
        }
    }

    /// The set that the next rows are made with.
    #[must_use]
    pub fn newest(&self) -> &Arc<RiskSet> {
        &self.newest
    }

    /// The set that the standing rows were made with; before the first rows the newest.
    #[must_use]
    pub fn set(&self) -> &RiskSet {
        self.market
            .as_ref()
            .map_or(&*self.newest, |market| market.rows().set())
    }

    /// The standing rows.
    #[must_use]
    pub fn rows(&self) -> Option<&Arc<Rows>> {
        self.market.as_ref().map(|market| market.rows())
    }

    /// The standing rows, ready for margin.
    #[must_use]
    pub fn market(&self) -> Option<&Arc<Market>> {
        self.market.as_ref()
    }

    /// Grows whenever the rows change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl State {
    /// What a group is margined by, if it has a risk set.
    #[must_use]
    pub fn risk(&self, group: u16) -> Option<&GroupRisk> {
        self.risks.get(usize::from(group))?.as_ref()
    }

    /// The standing rows of a group, ready for margin, if it has any.
    #[must_use]
    pub fn market(&self, group: u16) -> Option<&Arc<Market>> {
        self.risk(group)?.market()
    }

    /// Keeps a set whose values hold; it makes the next rows.
    pub(crate) fn set_risk(&mut self, group: u16, set: RiskSet) {
        self.group_mut(group).risk_hash = set.hash();
        match &mut self.risks[usize::from(group)] {
            Some(risk) => risk.newest = Arc::new(set),
            none => *none = Some(GroupRisk::new(set)),
        }
    }

    /// Puts rows in place of those that stood, and brings what is kept beside the leaves to them. The leaf's hashes are
    /// the caller's.
    pub(crate) fn install_rows(&mut self, group: u16, rows: &Arc<Rows>) {
        let listing = self.group_listings[usize::from(group)].first();
        // Rows without a listing are none: any coin does.
        let coin = listing.map_or(1, |listing| self.instruments.at(*listing).coin());
        let market = Arc::new(Market::new(rows, coin));
        let risk = self.risks[usize::from(group)].as_mut();
        let risk = risk.expect("invariant: rows are made with a risk set");
        risk.market = Some(Arc::clone(&market));
        risk.version += 1;
        self.refresh_quotes(group);
        self.rebuild_portfolios(group, &market);
    }

    /// The live listings of a group as its rows are made of them, ascending. `fixed` is the group's last fixed expiry
    /// with its price.
    pub(crate) fn terms(&self, group: u16, fixed: (u64, i64)) -> Vec<Listing> {
        let listings = self.listings_of(group).iter();
        let live = listings
            .map(|listing| (*listing, self.instruments.at(*listing)))
            .filter(|(_, instrument)| instrument.is_live());
        live.map(|(listing, instrument)| terms_of(listing, instrument, fixed))
            .collect()
    }
}

fn terms_of(listing: u32, instrument: &Instrument, fixed: (u64, i64)) -> Listing {
    let delivery_price = if instrument.state == Instrument::DELIVERED {
        Some(instrument.delivery_price)
    } else {
        (instrument.is_dated() && instrument.expiry_ns == fixed.0).then_some(fixed.1)
    };
    Listing {
        listing,
        kind: instrument.kind,
        strike: instrument.strike,
        expiry_ns: instrument.expiry_ns,
        quantum: instrument.quantum(),
        delivery_price,
    }
}

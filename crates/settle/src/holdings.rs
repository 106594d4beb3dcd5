//! Writing positions, and the sums that portfolio margin keeps of them.
//!
//! An account in mode 1 has one [`Portfolio`] for each group of whose rows it holds listings. It follows every write of
//! a position and is made anew with the rows; it is no part of the state that is hashed.

use crate::risk::{Market, Portfolio};
use crate::state::{Account, Position, State};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The portfolios of an account, ascending by group. Two accounts with the same positions are equal whatever is kept
/// here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Portfolios(Vec<(u16, Portfolio)>);

impl PartialEq for Portfolios {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Portfolios {}

impl Portfolios {
    fn find(&self, group: u16) -> Result<usize, usize> {
        self.0.binary_search_by_key(&group, |entry| entry.0)
    }

    pub(crate) fn get(&self, group: u16) -> Option<&Portfolio> {
        self.find(group).ok().map(|index| &self.0[index].1)
    }

    fn change(&mut self, group: u16, market: &Market, place: usize, by: i64) {
        let index = self.find(group).unwrap_or_else(|index| {
            self.0.insert(index, (group, Portfolio::new(market)));
            index
        });
        self.0[index].1.change(market, place, by);
        if self.0[index].1.legs().next().is_none() {
            self.0.remove(index);
        }
    }

    fn put(&mut self, group: u16, portfolio: Option<Portfolio>) {
        match (self.find(group), portfolio) {
            (Ok(index), Some(portfolio)) => self.0[index].1 = portfolio,
            (Ok(index), None) => {
                self.0.remove(index);
            }
            (Err(index), Some(portfolio)) => self.0.insert(index, (group, portfolio)),
            (Err(_), None) => {}
        }
    }
}

impl Account {
    /// Mode of an account whose margin is that of its positions together.
    pub const PORTFOLIO: u8 = 1;

    /// The sums of its positions in a group with rows, if it is in mode 1 and holds any of them.
    #[must_use]
    pub fn portfolio(&self, group: u16) -> Option<&Portfolio> {
        self.portfolios.get(group)
    }

    /// Writes the size in a slot: 0 empties it.
    fn set_position(&mut self, slot: u16, listing: u32, size: i64) {
        let found = self
            .positions
            .binary_search_by_key(&slot, |position| position.slot);
        match found {
            Ok(index) if size == 0 => {
                self.positions.remove(index);
            }
            Ok(index) => self.positions[index].size = size,
            Err(_) if size == 0 => {}
            Err(index) => self.positions.insert(
                index,
                Position {
                    slot,
                    listing,
                    size,
                    base_size: 0,
                },
            ),
        }
    }
}

impl State {
    /// Writes an account's size in a listing, which the slot holds or will hold, with the cash that came of it.
    pub(crate) fn write_position(
        &mut self,
        account: u32,
        slot: u16,
        listing: u32,
        size: i64,
        cash_change: i128,
    ) {
        let quote = self.quotes.at(listing);
        let (group, row) = (quote.group, quote.has_row().then_some(quote.row as usize));
        let leaf = self.account_mut(account);
        leaf.cash += cash_change;
        let before = match row {
            Some(_) if leaf.margin_mode == Account::PORTFOLIO => leaf.size_in(listing),
            _ => {
                leaf.set_position(slot, listing, size);
                return;
            }
        };
        leaf.set_position(slot, listing, size);
        let place = row.expect("invariant: matched above");
        let market = Arc::clone(self.market(group).expect("invariant: a row is of rows"));
        let portfolios = &mut self.accounts.at_mut(account).portfolios;
        portfolios.change(group, &market, place, size - before);
    }

    /// The places and sizes of an account's positions that have rows in a group.
    pub(crate) fn legs(&self, account: &Account, group: u16) -> Vec<(usize, i64)> {
        let held = account.positions.iter().filter_map(|position| {
            let quote = self.quote_of(position);
            let counts = quote.group == group && quote.has_row();
            counts.then_some((quote.row as usize, position.size))
        });
        held.collect()
    }

    /// The portfolio of an account in a group, made from nothing; none without a position that has a row.
    fn built_portfolio(&self, account: &Account, group: u16, market: &Market) -> Option<Portfolio> {
        let legs = self.legs(account, group);
        (!legs.is_empty()).then(|| Portfolio::of(market, &legs))
    }

    /// Makes the portfolios of a group's holders anew, after its rows changed.
    pub(crate) fn rebuild_portfolios(&mut self, group: u16, market: &Market) {
        let accounts = self.accounts.iter();
        let modern = accounts.filter(|(_, account)| account.margin_mode == Account::PORTFOLIO);
        let built: Vec<_> = modern
            .map(|(number, account)| (number, self.built_portfolio(account, group, market)))
            .collect();
        for (number, portfolio) in built {
            self.accounts
                .at_mut(number)
                .portfolios
                .put(group, portfolio);
        }
    }

    /// Makes or drops all portfolios of an account, after its mode changed.
    pub(crate) fn refresh_portfolios(&mut self, number: u32) {
        let account = self.accounts.at(number);
        let mut portfolios = Portfolios::default();
        if account.margin_mode == Account::PORTFOLIO {
            for (group, risk) in (0_u16..).zip(&self.risks) {
                let market = risk.as_ref().and_then(|risk| risk.market());
                if let Some(market) = market {
                    portfolios.put(group, self.built_portfolio(account, group, market));
                }
            }
        }
        self.accounts.at_mut(number).portfolios = portfolios;
    }
}

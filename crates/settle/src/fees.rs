//! Fees of trades and deliveries (rules.md section 1, derivatives.md section 4).

use crate::quote::Quote;
use crate::state::{Instrument, State, parameter};
use merkat_pricing::{RiskSet, scalar};
use merkat_values::constants::RATE_ONE;
use merkat_values::rates::rate_ceil;
use merkat_values::wide::{U256, mul_div_ceil, mul_div_floor};

/// ceil(rate x size x price / (1e9 COIN)): a share of what a size is worth at a price that need not be in quanta.
pub(crate) fn share_of_worth(rate: i64, size: i64, price: i64, coin: i64) -> i128 {
    // Size below 2^56, price below 2^54, rate below 2^31: the quotient is below 2^112.
    let worth = u128::from(size.unsigned_abs()) * u128::from(price.unsigned_abs());
    let part = u128::from(rate.unsigned_abs());
    let divisor = u128::from(RATE_ONE.unsigned_abs()) * u128::from(coin.unsigned_abs());
    let share = if rate < 0 {
        mul_div_floor(worth, part, divisor)
    } else {
        mul_div_ceil(worth, part, U256::product(divisor, 1))
    };
    let share = share.and_then(|share| i128::try_from(share).ok());
    let share = share.expect("invariant: a share of a position's worth is below 2^112");
    if rate < 0 { -share } else { share }
}

impl State {
    /// The scalars of "the set": that of the standing rows, else the newest.
    pub(crate) fn set_of(&self, group: u16) -> Option<&RiskSet> {
        self.risk(group).map(|risk| risk.set())
    }

    /// fee(L, rate, size, price) in 1e-6 USD; a negative one is a rebate.
    #[inline]
    #[must_use]
    pub fn fee(&self, listing: u32, rate: i64, size: i64, price: i64) -> i128 {
        let (instrument, quote) = (self.instruments.at(listing), self.quotes.at(listing));
        self.fee_of(instrument, quote, rate, size, price)
    }

    /// Maker and taker fee of a trade.
    #[inline]
    #[must_use]
    pub fn fees(&self, listing: u32, size: i64, price: i64) -> (i128, i128) {
        let (instrument, quote) = (self.instruments.at(listing), self.quotes.at(listing));
        if instrument.is_option() {
            let fee = |rate| self.fee_of(instrument, quote, rate, size, price);
            return (fee(instrument.maker_fee), fee(instrument.taker_fee));
        }
        let value = quote.value(size, price);
        (
            rate_ceil(instrument.maker_fee, value),
            rate_ceil(instrument.taker_fee, value),
        )
    }

    #[inline]
    fn fee_of(
        &self,
        instrument: &Instrument,
        quote: &Quote,
        rate: i64,
        size: i64,
        price: i64,
    ) -> i128 {
        let value = quote.value(size, price);
        if !instrument.is_option() {
            return rate_ceil(rate, value);
        }
        let index = self.groups[usize::from(quote.group)].index;
        let base = share_of_worth(rate, size, index, instrument.coin());
        if rate > 0 {
            base.min(self.premium_share(quote.group, value))
        } else {
            base
        }
    }

    /// The most that an option's fee may be of what it is traded or paid for.
    pub(crate) fn premium_share(&self, group: u16, value: i128) -> i128 {
        let set = self.set_of(group);
        let cap = set.map_or(0, |set| set.get(scalar::PREMIUM_CAP));
        rate_ceil(cap, value)
    }

    /// What the fund takes of a slice, 1e-6 USD.
    #[must_use]
    pub fn liquidation_fee(&self, listing: u32, size: i64, price: i64) -> i128 {
        let group = self.quotes.at(listing).group;
        let rate = match self.set_of(group) {
            Some(set) if self.instruments.at(listing).is_option() => {
                set.get(scalar::OPTION_LIQUIDATION_FEE)
            }
            _ => self.groups[usize::from(group)].parameters[parameter::LIQUIDATION_FEE],
        };
        self.fee(listing, rate, size, price)
    }
}

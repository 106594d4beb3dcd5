//! The steps `deliver` and `expire`: how a dated contract ends (derivatives.md sections 4 and 6).

use crate::checks::{bounded_sum, known_account};
use crate::fees::share_of_worth;
use crate::machine::Effect;
use crate::state::{Instrument, State};
use merkat_pricing::payoff;
use merkat_values::Refusal;
use merkat_values::refusal::{code, field, require};

/// Writes the delivery price of a listing. From then on its open interest is the sum of all sizes, long and short: each
/// of them is paid alone, and the listing is over when none is left.
pub(crate) fn deliver(state: &mut State, listing: u32) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::D01_DELIVER_LISTING, field::LISTING);
    let instrument = state.instrument(listing).ok_or(REFUSED)?;
    let waits = instrument.is_dated() && instrument.state < Instrument::DELIVERED;
    let interest = instrument.open_interest.checked_mul(2);
    let interest = interest.filter(|_| waits).ok_or(REFUSED)?;
    let group = &state.groups[usize::from(instrument.group)];
    let fixed = group.fixed_expiry_ns == instrument.expiry_ns;
    require(fixed, code::D02_DELIVER_PRICE, field::EXPIRY)?;
    let price = group.fixed_price;

    let instrument = state.instrument_mut(listing);
    instrument.delivery_price = price;
    instrument.open_interest = interest;
    instrument.state = if interest == 0 {
        Instrument::CLOSED
    } else {
        Instrument::DELIVERED
    };
    Ok(Effect::Delivered { price })
}

/// Pays a position in a delivered listing.
pub(crate) fn expire(state: &mut State, number: u32, slot: u16) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::D03_EXPIRE_POSITION, field::SLOT);
    let account = known_account(state, number, field::ACCOUNT)?;
    let position = *account.position_at(slot).ok_or(REFUSED)?;
    let (listing, size) = (position.listing, position.size);
    let (instrument, quote) = (state.instruments.at(listing), state.quotes.at(listing));
    let delivered = instrument.state == Instrument::DELIVERED;
    require(delivered, REFUSED.code, REFUSED.field)?;
    let paid = payoff(
        instrument.kind,
        instrument.strike,
        instrument.delivery_price,
    );
    let price = paid - paid.rem_euclid(quote.quantum);
    let fee = share_of_worth(
        instrument.delivery_fee,
        size,
        instrument.delivery_price,
        instrument.coin(),
    );
    let fee = if instrument.is_option() {
        let worth = quote.value(size, price).abs();
        fee.min(state.premium_share(quote.group, worth))
    } else {
        fee
    };
    let cash_change = quote.value(size, price) - fee;
    bounded_sum(account.cash, cash_change, REFUSED)?;
    let fees = bounded_sum(state.globals.fees, fee, REFUSED)?;
    let interest = instrument.open_interest.checked_sub(size.abs());
    let interest = interest.filter(|left| *left >= 0).ok_or(REFUSED)?;

    state.write_position(number, slot, listing, 0, cash_change);
    state.globals.fees = fees;
    let instrument = state.instrument_mut(listing);
    instrument.open_interest = interest;
    if interest == 0 {
        instrument.state = Instrument::CLOSED;
    }
    Ok(Effect::Expired {
        listing,
        size,
        price,
        fee,
    })
}

//! The settlement part of a snapshot (formats.md section 8, derivatives.md section 1, sessions.md section 1), read strictly. Risk records:
//! [`crate::snapshot_risk`].
//!
//! Besides the layout, what the machine's arithmetic rests on is tested: numbers without gaps, parameters and units
//! within their bounds, sizes in whole lots, amounts within [`CASH_LIMIT`]. So no byte string that is read can make a
//! later step wrap or panic.

use crate::fill::DATED_INTEREST_LIMIT;
use crate::inbox::{bad_parameter, used_nodes};
use crate::leaves::{GROUP_WORDS, INSTRUMENT_WORDS, SESSION_WORDS};
use crate::listings::{check_contract, check_units, token_fits};
use crate::margin::{CASH_LIMIT, FUNDING_LIMIT};
use crate::order::{BUY, NO_ADDRESS, OrderKey, SELL};
use crate::orders::OrderLeaf;
use crate::sessions::Session;
use crate::snapshot_risk::{put_risks, read_risks};
use crate::state::{Account, Globals, Group, Instrument, Position, State};
use alloc::vec::Vec;
use core::fmt;
use merkat_pricing::{WINDOW_SECONDS, kind};
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::constants::{
    ACCOUNT_LIMIT, CLOCK_LIMIT, COUNTER_LIMIT, HOUR_LIMIT, HOUR_NS, NOTIONAL_LIMIT, P256,
    POSITION_SLOTS, PRICE_MAXIMUM, SECP256K1, SIZE_LIMIT, STATE_VERSION,
};

/// Why bytes are no settlement part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSnapshot {
    /// What was read.
    pub what: &'static str,
    /// What was expected.
    pub expected: &'static str,
    /// Which of its kind, counted from 0.
    pub number: usize,
    /// How many bytes had been read.
    pub byte: usize,
}

impl fmt::Display for BadSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the settlement part of a snapshot is malformed at byte {}: {} (number {}): expected \
             {}; take another snapshot or replay the journal from the start",
            self.byte, self.what, self.number, self.expected
        )
    }
}

impl core::error::Error for BadSnapshot {}

/// What is being read, for the error.
pub(crate) struct Source<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) what: &'static str,
    pub(crate) number: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn bad(&self, expected: &'static str) -> BadSnapshot {
        BadSnapshot {
            what: self.what,
            expected,
            number: self.number,
            byte: self.reader.position(),
        }
    }

    pub(crate) fn expect(&self, holds: bool, expected: &'static str) -> Result<(), BadSnapshot> {
        if holds {
            Ok(())
        } else {
            Err(self.bad(expected))
        }
    }

    pub(crate) fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, Short>,
    ) -> Result<T, BadSnapshot> {
        let value = read(&mut self.reader);
        value.map_err(|Short| self.bad("enough bytes, and zeros before the fields of each word"))
    }

    /// A count of records of at least so many bytes each: no memory is taken for what cannot follow.
    pub(crate) fn count(
        &mut self,
        what: &'static str,
        least_bytes: usize,
    ) -> Result<usize, BadSnapshot> {
        (self.what, self.number) = (what, 0);
        let count = self.read(Reader::u32)? as usize;
        let fits = count <= self.reader.left() / least_bytes;
        self.expect(fits, "a count that the bytes left can hold")?;
        Ok(count)
    }
}

fn within(amount: i128) -> bool {
    amount.unsigned_abs() < CASH_LIMIT.unsigned_abs()
}

fn within_unsigned(amount: u128) -> bool {
    amount < CASH_LIMIT.unsigned_abs()
}

fn put_words(bytes: &mut Vec<u8>, words: &[[u8; 32]]) {
    bytes.put(words.as_flattened());
}

pub(crate) fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.put_u32(u32::try_from(count).expect("invariant: fewer than 2^32 records"));
}

impl State {
    /// The settlement part of a snapshot, with its length before it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_u32(0);
        put_words(&mut bytes, &self.globals.words());
        put_count(&mut bytes, self.groups.len());
        for (number, group) in (0..).zip(&self.groups) {
            bytes.put_u16(number);
            put_words(&mut bytes, &group.words());
        }
        put_count(&mut bytes, self.instruments.len());
        for (listing, instrument) in self.instruments.iter() {
            bytes.put_u32(listing);
            put_words(&mut bytes, &instrument.words());
        }
        put_count(&mut bytes, self.accounts.len());
        for (number, account) in self.accounts.iter() {
            bytes.put_u32(number);
            put_words(&mut bytes, &account.words());
            put_count(&mut bytes, account.positions.len());
            for position in &account.positions {
                bytes.put_u16(position.slot);
                put_words(&mut bytes, &[position.word()]);
            }
        }
        let orders = self.orders.sorted();
        put_count(&mut bytes, orders.len());
        for (key, leaf) in orders {
            bytes.put(&key.to_bytes());
            put_words(&mut bytes, &leaf.words());
        }
        put_count(&mut bytes, self.sessions.iter().len());
        for (place, session) in self.sessions.iter() {
            bytes.put_u32(place);
            put_words(&mut bytes, &session.words());
        }
        put_risks(self, &mut bytes);
        let length = u32::try_from(bytes.len() - 4).expect("invariant: a snapshot is below 4 GiB");
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    /// Reads the settlement part at the beginning of a snapshot; gives how many bytes it has. Every leaf counts as
    /// changed, for the committer.
    ///
    /// # Errors
    /// `BadSnapshot`, with the first thing that is not as it must be.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), BadSnapshot> {
        let mut source = Source {
            reader: Reader::new(bytes),
            what: "length",
            number: 0,
        };
        let length = source.read(Reader::u32)? as usize;
        let part = source.read(|reader| reader.take(length))?;
        source.reader = Reader::new(part);
        source.what = "globals";
        let globals = source.read(Globals::read)?;
        check_globals(&source, &globals)?;
        let mut state = Self {
            globals,
            ..Self::default()
        };
        read_groups(&mut source, &mut state)?;
        read_instruments(&mut source, &mut state)?;
        read_accounts(&mut source, &mut state)?;
        read_orders(&mut source, &mut state)?;
        read_sessions(&mut source, &mut state)?;
        read_risks(&mut source, &mut state)?;
        source.expect(source.reader.is_done(), "the end of the part")?;
        Ok((state, 4 + length))
    }

    /// Reads a settlement part and nothing after it.
    ///
    /// # Errors
    /// As [`State::decode`], and if bytes follow.
    pub fn decode_alone(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let (state, read) = Self::decode(bytes)?;
        if read != bytes.len() {
            return Err(BadSnapshot {
                what: "end",
                expected: "no bytes after the settlement part",
                number: 0,
                byte: read,
            });
        }
        Ok(state)
    }
}

fn check_globals(source: &Source<'_>, globals: &Globals) -> Result<(), BadSnapshot> {
    source.expect(globals.version == STATE_VERSION, "version 3")?;
    let clocks_hold = globals.time_ns < CLOCK_LIMIT && globals.log_number < CLOCK_LIMIT;
    source.expect(clocks_hold, "time and log number below 2^63")?;
    let numbers_hold =
        (1..=ACCOUNT_LIMIT).contains(&globals.next_account) && globals.next_listing >= 1;
    source.expect(numbers_hold, "next numbers within their ranges")?;
    let limits_hold = (1..=POSITION_SLOTS).contains(&globals.position_limit);
    source.expect(limits_hold, "a position limit of 1 to 1,024")?;
    let counters = [
        globals.fees,
        globals.rebates,
        globals.interest,
        globals.bad_debt,
    ];
    let totals = globals.deposited.iter().chain(&globals.claimable_total);
    let amounts_hold = counters.iter().all(|amount| within(*amount))
        && totals.copied().all(within_unsigned)
        && globals.bad_debt >= 0;
    source.expect(
        amounts_hold,
        "amounts below 2^124, and no negative bad debt",
    )
}

fn read_groups(source: &mut Source<'_>, state: &mut State) -> Result<(), BadSnapshot> {
    let count = source.count("group", 2 + GROUP_WORDS * 32)?;
    let expected = usize::from(state.globals.next_group);
    source.expect(count == expected, "as many as next_group says")?;
    for number in 0..state.globals.next_group {
        source.number = usize::from(number);
        let read = source.read(Reader::u16)?;
        source.expect(read == number, "numbers from 0 without gaps")?;
        let group = source.read(Group::read)?;
        check_group(source, &group, &state.globals)?;
        state.add_group(group);
        state.group_mut(number);
    }
    Ok(())
}

fn check_group(source: &Source<'_>, group: &Group, globals: &Globals) -> Result<(), BadSnapshot> {
    let parameters_hold = bad_parameter(&group.parameters).is_none();
    source.expect(parameters_hold, "parameters within their bounds")?;
    let used = used_nodes(&group.nodes).unwrap_or(0);
    let quorum_holds = (1..=used).contains(&usize::from(group.threshold));
    source.expect(
        quorum_holds,
        "different nodes first, and a threshold of 1 to their number",
    )?;
    let price = 0..=PRICE_MAXIMUM;
    let vector_holds = price.contains(&group.index)
        && group.basis.unsigned_abs() <= 100_000_000
        && group.premium.unsigned_abs() <= 100_000_000
        && group.epoch_time_ns <= globals.time_ns;
    source.expect(vector_holds, "a vector within the bounds of E-04 and E-05")?;
    let run_holds = group.held_count <= 2
        && price.contains(&group.held_low)
        && price.contains(&group.held_high);
    source.expect(run_holds, "a held run of at most two prices")?;
    let funding_holds = group.cumulative_funding.unsigned_abs() < FUNDING_LIMIT.unsigned_abs()
        && group.premium_sum.unsigned_abs() < FUNDING_LIMIT.unsigned_abs();
    source.expect(funding_holds, "funding below 2^78")?;
    let fund_holds = [group.fund, group.fund_day_open, group.fund_day_used]
        .iter()
        .all(|amount| *amount >= 0 && within(*amount));
    source.expect(fund_holds, "a fund of 0 to 2^124 and its day")?;
    let samples = &group.samples;
    let most = i128::from(samples.count) * i128::from(PRICE_MAXIMUM);
    let samples_hold = samples.count <= WINDOW_SECONDS as u32
        && (i128::from(samples.count)..=most).contains(&samples.sum)
        && price.contains(&group.fixed_price)
        && group.fixed_expiry_ns <= globals.time_ns;
    source.expect(samples_hold, "samples of half an hour and a fixed price")?;
    let none = [0; 31];
    let rows_hold = group.rows_hash != none || group.row_root == none;
    let hashes_hold = rows_hold && (group.has_risk_set() || group.rows_hash == none);
    source.expect(hashes_hold, "rows only with a risk set")
}

fn read_instruments(source: &mut Source<'_>, state: &mut State) -> Result<(), BadSnapshot> {
    let count = source.count("instrument", 4 + INSTRUMENT_WORDS * 32)?;
    let mut last = 0;
    for number in 0..count {
        source.number = number;
        let listing = source.read(Reader::u32)?;
        let follows = last < listing && listing < state.globals.next_listing;
        source.expect(follows, "ascending numbers below next_listing")?;
        last = listing;
        let instrument = source.read(Instrument::read)?;
        let group = state.group(instrument.group);
        let group = group.ok_or_else(|| source.bad("a group that exists"))?;
        let decimals = state.listings_of(instrument.group).first();
        let decimals = decimals.map(|first| state.instruments.at(*first).size_decimals);
        let fits = decimals.is_none_or(|first| first == instrument.size_decimals);
        let group_holds = if group.has_risk_set() {
            fits
        } else {
            instrument.kind == kind::PERPETUAL
        };
        source.expect(
            group_holds,
            "one size_decimals in a group with a risk set, else perpetuals",
        )?;
        let units = check_units(instrument.size_decimals, instrument.lot, instrument.tick);
        source.expect(units.is_ok(), "size_decimals, lot and tick as I-12 to I-14")?;
        let fees_hold = (0..=10_000_000).contains(&instrument.taker_fee)
            && (-instrument.taker_fee..=10_000_000).contains(&instrument.maker_fee);
        source.expect(fees_hold, "fees as I-15")?;
        check_terms(source, state, &instrument)?;
        state.add_instrument(listing, instrument);
    }
    Ok(())
}

/// Kind, state and what a contract is (I-23 to I-27), with units that hold.
fn check_terms(
    source: &Source<'_>,
    state: &State,
    instrument: &Instrument,
) -> Result<(), BadSnapshot> {
    let dated = instrument.is_dated();
    let states = if dated {
        Instrument::OPEN..=Instrument::CLOSED
    } else {
        Instrument::OPEN..=2
    };
    let kind_holds = (kind::PERPETUAL..=kind::SPOT).contains(&instrument.kind)
        && states.contains(&instrument.state);
    source.expect(kind_holds, "kind 1 to 5, and a state that it may have")?;
    let plain = instrument.kind != kind::PERPETUAL
        || (instrument.coarse_tick, instrument.coarse_from) == (instrument.tick, 0)
            && instrument.delivery_fee == 0;
    let contract_holds = plain && check_contract(instrument, None).is_ok();
    source.expect(contract_holds, "terms as I-23 to I-26")?;
    let free = !instrument.is_spot() || state.spot_listing(instrument.token).is_none();
    let token_holds = token_fits(instrument) && free;
    source.expect(token_holds, "a token as I-27")?;
    let settled = instrument.state >= Instrument::DELIVERED;
    let price = instrument.delivery_price;
    let price_holds = if settled {
        (1..=PRICE_MAXIMUM).contains(&price)
    } else {
        price == 0
    };
    source.expect(price_holds, "a delivery price exactly when delivered")?;
    let most = if dated && !settled {
        DATED_INTEREST_LIMIT - 1
    } else {
        i64::MAX
    };
    let interest_holds = (0..=most).contains(&instrument.open_interest);
    source.expect(
        interest_holds,
        "an open interest from 0, below 2^62 before delivery",
    )
}

fn read_accounts(source: &mut Source<'_>, state: &mut State) -> Result<(), BadSnapshot> {
    let count = source.count("account", 4 + 8 * 32 + 4)?;
    let mut last = 0;
    for index in 0..count {
        (source.what, source.number) = ("account", index);
        let number = source.read(Reader::u32)?;
        let follows = last < number && number < state.globals.next_account;
        source.expect(follows, "ascending numbers below next_account")?;
        last = number;
        let mut account = source.read(Account::read)?;
        check_account(source, &account, &state.globals)?;
        let count = source.count("position", 2 + 32)?;
        account.positions.reserve(count);
        for index in 0..count {
            source.number = index;
            let slot = source.read(Reader::u16)?;
            let position = source.read(|reader| Position::read(slot, reader))?;
            check_position(source, state, &account, &position)?;
            account.positions.push(position);
        }
        state.add_account(number, account);
    }
    Ok(())
}

fn check_account(
    source: &Source<'_>,
    account: &Account,
    globals: &Globals,
) -> Result<(), BadSnapshot> {
    let owner_holds = account.owner != NO_ADDRESS && account.margin_mode <= Account::PORTFOLIO;
    source.expect(owner_holds, "an owner, and margin mode 0 or 1")?;
    let stage_holds = match account.stage {
        0 => account.stage_group == 0,
        1 | Account::BANKRUPT => account.stage_group < globals.next_group,
        _ => false,
    };
    source.expect(stage_holds, "stage 0, 1 or 3 with a group that exists")?;
    let times_hold = account.stage_time_ns <= globals.time_ns
        && account.slice_time_ns <= globals.time_ns
        && (0..SIZE_LIMIT).contains(&account.slice_used);
    source.expect(times_hold, "times of the past, and a slice below 2^56")?;
    let amounts_hold =
        within(account.cash) && account.claimable.iter().copied().all(within_unsigned);
    source.expect(amounts_hold, "amounts below 2^124")
}

fn check_position(
    source: &Source<'_>,
    state: &State,
    account: &Account,
    position: &Position,
) -> Result<(), BadSnapshot> {
    let last = account.positions.last();
    let ascending = last.is_none_or(|last| last.slot < position.slot);
    let slot_holds = ascending && position.slot < POSITION_SLOTS;
    source.expect(slot_holds, "ascending slots below 1,024")?;
    let once = account.position_in(position.listing).is_none();
    source.expect(once, "one position a listing")?;
    let unknown = || source.bad("a listing that exists");
    let instrument = state.instrument(position.listing).ok_or_else(unknown)?;
    let side_holds = instrument.is_live() && (!instrument.is_spot() || position.size > 0);
    source.expect(
        side_holds,
        "a listing that is not closed, and no short spot",
    )?;
    let size_holds = position.size != 0
        && position.size.unsigned_abs() < SIZE_LIMIT.unsigned_abs()
        && position.size % instrument.lot == 0;
    source.expect(size_holds, "whole lots below 2^56, not 0")?;
    let base_holds = (0..SIZE_LIMIT).contains(&position.base_size);
    source.expect(base_holds, "a base size of 0 to 2^56")
}

fn read_orders(source: &mut Source<'_>, state: &mut State) -> Result<(), BadSnapshot> {
    let count = source.count("order", 12 + 3 * 32)?;
    let mut last: Option<OrderKey> = None;
    for number in 0..count {
        source.number = number;
        let key = source.read(OrderKey::read)?;
        let ascending = last.is_none_or(|last| last < key);
        source.expect(ascending, "ascending keys")?;
        last = Some(key);
        let account = state.account(key.account());
        let key_holds = account.is_some() && key.hour() < HOUR_LIMIT;
        source.expect(key_holds, "the key of an account that exists")?;
        let leaf = source.read(OrderLeaf::read)?;
        check_order(source, state, key, &leaf)?;
        *state.orders.write(key) = leaf;
    }
    Ok(())
}

/// A leaf is as an accepted `session_open` wrote it, revoked or not.
fn read_sessions(source: &mut Source<'_>, state: &mut State) -> Result<(), BadSnapshot> {
    let count = source.count("session", 4 + SESSION_WORDS * 32)?;
    let mut last = None;
    for number in 0..count {
        source.number = number;
        let place = source.read(Reader::u32)?;
        let ascending = last.is_none_or(|last| last < place);
        source.expect(ascending, "ascending accounts and slots")?;
        last = Some(place);
        let (account, slot) = (place >> 4, place & 15);
        let account = state.account(account).filter(|_| slot != 0);
        let unknown = || source.bad("a slot of 1 to 15 of an account that exists");
        let owner = account.ok_or_else(unknown)?.owner;
        let session = source.read(Session::read)?;
        let state_holds = (Session::OPEN..=Session::REVOKED).contains(&session.state)
            && [SECP256K1, P256].contains(&session.scheme);
        source.expect(state_holds, "state 1 or 2, scheme 1 or 2")?;
        let key_holds = session.key != NO_ADDRESS && session.key != owner;
        source.expect(key_holds, "a key that is not zero and not the owner")?;
        source.expect(session.has_scope(), "a scope as K-04")?;
        state.sessions.write(place, session);
        state.session_marks.note(place);
    }
    Ok(())
}

/// A leaf is as an accepted `order_open` left it, or the trace of a renewal: closed and else zero.
fn check_order(
    source: &Source<'_>,
    state: &State,
    key: OrderKey,
    leaf: &OrderLeaf,
) -> Result<(), BadSnapshot> {
    let trace = OrderLeaf {
        state: OrderLeaf::CLOSED,
        ..OrderLeaf::default()
    };
    if *leaf == trace {
        return Ok(());
    }
    let unknown = || source.bad("a listing that exists");
    let instrument = state.instrument(leaf.listing).ok_or_else(unknown)?;
    let kind_holds = (OrderLeaf::OPEN..=OrderLeaf::CLOSED).contains(&leaf.state)
        && [BUY, SELL].contains(&leaf.side)
        && crate::order::FLAGS_KNOWN.contains(&leaf.flags)
        && leaf.version >= 1;
    source.expect(
        kind_holds,
        "state 1 or 2, a known side and kind, a version from 1",
    )?;
    let key_holds = leaf.expiry_ns / HOUR_NS == u64::from(key.hour())
        && (1..COUNTER_LIMIT).contains(&key.counter());
    source.expect(
        key_holds,
        "a counter above 0 and the expiry of its key's hour",
    )?;
    let amounts_hold = 0 < leaf.limit_price
        && leaf.limit_price <= PRICE_MAXIMUM
        && 0 < leaf.size
        && leaf.size < SIZE_LIMIT
        && leaf.size % instrument.lot == 0
        && i128::from(leaf.size) * i128::from(leaf.limit_price) < NOTIONAL_LIMIT
        && (0..=leaf.size).contains(&leaf.filled)
        && leaf.filled % instrument.lot == 0;
    source.expect(
        amounts_hold,
        "price and size as P-03 and P-04, filled at most size",
    )
}

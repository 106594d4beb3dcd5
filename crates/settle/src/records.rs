//! The records behind the leaves (formats.md section 7, derivatives.md section 1).

use crate::holdings::Portfolios;
use alloc::vec::Vec;
use merkat_pricing::{Samples, kind};
use merkat_values::Address;
use merkat_values::constants::{NODES_MAXIMUM, PARAMETERS, STATE_VERSION, TOKENS};

/// A position of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Where it stands, below 1,024.
    pub slot: u16,
    /// What is held.
    pub listing: u32,
    /// In base units; positive long, negative short, never 0.
    pub size: i64,
    /// In base units: |size| when the account entered liquidation, else 0.
    pub base_size: i64,
}

/// An account's leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The wallet; never the zero address.
    pub owner: Address,
    /// 0 standard, 1 portfolio.
    pub margin_mode: u8,
    /// 0 sound, 1 in liquidation, 3 bankrupt.
    pub stage: u8,
    /// The group named when the stage was entered.
    pub stage_group: u16,
    /// Of the last withdrawal or transfer.
    pub nonce: u64,
    /// Orders with counters up to it are void.
    pub order_floor: u64,
    /// Unused in version 1.
    pub last_interest_hour: u32,
    /// When the stage was entered, ns.
    pub stage_time_ns: u64,
    /// Time of the vector of the last slice, ns.
    pub slice_time_ns: u64,
    /// Listing of the last slice.
    pub slice_listing: u32,
    /// Base units taken under that vector.
    pub slice_used: i64,
    /// 1e-6 USD; may be negative.
    pub cash: i128,
    /// Ever withdrawn, one a token.
    pub claimable: [u128; TOKENS],
    /// Ascending by slot.
    pub positions: Vec<Position>,
    /// Kept beside the leaf.
    pub(crate) portfolios: Portfolios,
}

/// An instrument's leaf with its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instrument {
    /// 1 perpetual, 2 future, 3 call, 4 put, 5 spot.
    pub kind: u8,
    /// 1 open, 2 reductions only, 3 delivered, 4 closed.
    pub state: u8,
    /// Its underlying.
    pub group: u16,
    /// A coin is 10^size_decimals base units.
    pub size_decimals: u8,
    /// Sizes are multiples of it, in base units.
    pub lot: i64,
    /// Order prices are multiples of it, in 1e-6 USD per coin.
    pub tick: i64,
    /// Rate in 1e-9; negative is a rebate.
    pub maker_fee: i64,
    /// Rate in 1e-9.
    pub taker_fee: i64,
    /// Sum of the positive positions, in base units.
    pub open_interest: i64,
    /// Of an option, in 1e-6 USD; else 0.
    pub strike: i64,
    /// Of a future or an option, ns since the epoch; else 0.
    pub expiry_ns: u64,
    /// What the underlying ended at, in 1e-6 USD; 0 until it is delivered.
    pub delivery_price: i64,
    /// Order prices from `coarse_from` on are multiples of it, in 1e-6 USD per coin.
    pub coarse_tick: i64,
    /// In 1e-6 USD per coin.
    pub coarse_from: i64,
    /// Rate of delivery in 1e-9 of the delivery price.
    pub delivery_fee: i64,
    /// Of a spot listing: the token that it is; else 0.
    pub token: u8,
}

impl Instrument {
    /// State of a listing that is open.
    pub const OPEN: u8 = 1;
    /// State of a listing whose delivery price is written; its positions are paid one by one.
    pub const DELIVERED: u8 = 3;
    /// State of a listing without positions that is over.
    pub const CLOSED: u8 = 4;

    /// Future, call or put.
    #[inline]
    #[must_use]
    pub fn is_dated(&self) -> bool {
        (kind::FUTURE..=kind::PUT).contains(&self.kind)
    }

    /// Call or put.
    #[inline]
    #[must_use]
    pub fn is_option(&self) -> bool {
        self.kind == kind::CALL || self.kind == kind::PUT
    }

    /// Collateral.
    #[inline]
    #[must_use]
    pub fn is_spot(&self) -> bool {
        self.kind == kind::SPOT
    }

    /// Whether it can still be delivered or traded.
    #[inline]
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state < Self::CLOSED
    }

    /// 10^size_decimals: base units of a coin.
    #[must_use]
    pub fn coin(&self) -> i64 {
        10_i64.pow(u32::from(self.size_decimals))
    }

    /// The price step at which one lot moves 1e-6 USD, in 1e-6 USD per coin.
    #[must_use]
    pub fn quantum(&self) -> i64 {
        self.coin() / self.lot
    }

    /// The tick that holds at a price.
    #[inline]
    #[must_use]
    pub fn tick_at(&self, price: i64) -> i64 {
        if price >= self.coarse_from {
            self.coarse_tick
        } else {
            self.tick
        }
    }

    /// on_tick(L, p) of a price that is not negative.
    #[inline]
    #[must_use]
    pub fn on_tick(&self, price: i64) -> bool {
        // The coarse tick is a multiple of the tick.
        price % self.tick_at(price) == 0
    }

    /// The largest price on tick that is not above this one, which is not negative.
    #[must_use]
    pub fn floor_to_tick(&self, price: i64) -> i64 {
        // coarse_from is itself on both ticks, so a floored price stays on its side of it.
        price - price % self.tick_at(price)
    }

    /// The least price on tick that is not below this one, which is not negative.
    #[must_use]
    pub fn raise_to_tick(&self, price: i64) -> i64 {
        let tick = self.tick_at(price);
        match price % tick {
            0 => price,
            over => price - over + tick,
        }
    }
}

/// A group's leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// See [`parameter`].
    pub parameters: [i64; PARAMETERS],
    /// Addresses of the oracle nodes; the unused ones are zero.
    pub nodes: [Address; NODES_MAXIMUM],
    /// How many nodes must sign.
    pub threshold: u8,
    /// Number of the last vector, 0 before the first.
    pub epoch_number: u64,
    /// Time of the last vector or heartbeat, ns.
    pub epoch_time_ns: u64,
    /// Hash of the last vector.
    pub input_hash: [u8; 31],
    /// The standing vector's index, in 1e-6 USD.
    pub index: i64,
    /// The standing vector's basis, in 1e-9.
    pub basis: i64,
    /// The standing vector's premium, in 1e-9.
    pub premium: i64,
    /// How many vectors of a held run were seen.
    pub held_count: u8,
    /// Lowest index of the held run.
    pub held_low: i64,
    /// Highest index of the held run.
    pub held_high: i64,
    /// In 1e-12 USD per coin.
    pub cumulative_funding: i128,
    /// Sum of the hour's premiums, in 1e-9.
    pub premium_sum: i128,
    /// How many premiums were summed.
    pub premium_count: u32,
    /// The hour that they are of.
    pub premium_hour: u32,
    /// The insurance fund, 1e-6 USD.
    pub fund: i128,
    /// The day that the next two are of.
    pub fund_day: u32,
    /// The fund when the day began, 1e-6 USD.
    pub fund_day_open: i128,
    /// What the fund paid that day, 1e-6 USD.
    pub fund_day_used: i128,
    /// Hash of the newest risk set; zero without one.
    pub risk_hash: [u8; 31],
    /// Hash of what the standing rows were made of; zero without rows.
    pub rows_hash: [u8; 31],
    /// Root of the standing rows.
    pub row_root: [u8; 31],
    /// The last expiry whose price is fixed, ns since the epoch.
    pub fixed_expiry_ns: u64,
    /// That price, in 1e-6 USD.
    pub fixed_price: i64,
    /// Of the index before 08:00 UTC of a day.
    pub samples: Samples,
}

/// Numbers of a group's parameters (formats.md section 4).
#[allow(missing_docs)] // Each is documented by the table.
pub mod parameter {
    pub const INITIAL_RATE: usize = 0;
    pub const MAINTENANCE_RATE: usize = 1;
    pub const BAND: usize = 2;
    pub const LIQUIDATION_FEE: usize = 3;
    pub const SLIPPAGE_FLOOR: usize = 4;
    pub const SLICE_SHARE: usize = 5;
    pub const INTEREST: usize = 6;
    pub const FUNDING_CLAMP: usize = 7;
    pub const FUNDING_CAP: usize = 8;
    pub const BASIS_CLAMP: usize = 9;
    pub const JUMP: usize = 10;
    pub const AGREEMENT: usize = 11;
    pub const DELTA_RATE: usize = 12;
    pub const FUND_EVENT_SHARE: usize = 13;
    pub const FUND_DAY_SHARE: usize = 14;
    pub const STOP_RATIO: usize = 15;
    pub const EPOCH_PERIOD_NS: usize = 16;
    pub const STALE_NS: usize = 17;
    pub const HALT_NS: usize = 18;
    pub const STAGE_TIMEOUT_NS: usize = 19;
    pub const RESERVED: usize = 20;
}

impl Group {
    /// Whether it has a risk set.
    #[must_use]
    pub fn has_risk_set(&self) -> bool {
        self.risk_hash != [0; 31]
    }

    /// A parameter that is never negative.
    #[must_use]
    pub fn unsigned(&self, number: usize) -> u64 {
        self.parameters[number].unsigned_abs()
    }

    /// Whether a vector was ever seen.
    #[must_use]
    pub fn had_vector(&self) -> bool {
        self.epoch_number > 0
    }

    /// fresh(G, t).
    #[must_use]
    pub fn fresh(&self, time_ns: u64) -> bool {
        self.had_vector()
            && self.held_count == 0
            && self.age(time_ns) <= self.unsigned(parameter::STALE_NS)
    }

    /// halted(G, t).
    #[must_use]
    pub fn halted(&self, time_ns: u64) -> bool {
        !self.had_vector() || self.age(time_ns) > self.unsigned(parameter::HALT_NS)
    }

    /// Nanoseconds since the last vector or heartbeat; no accepted vector is from the future.
    fn age(&self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.epoch_time_ns)
    }
}

/// The globals' leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Globals {
    /// 2.
    pub version: u16,
    /// Of the last accepted input, ns since the epoch.
    pub time_ns: u64,
    /// Of the last accepted input.
    pub log_number: u64,
    /// Bytes of all inputs.
    pub input_cursor: u64,
    /// Items of the inbox that were taken.
    pub inbox_cursor: u64,
    /// The number of the next account; the first is 1.
    pub next_account: u32,
    /// The number of the next listing; the first is 1.
    pub next_listing: u32,
    /// The number of the next group; the first is 0.
    pub next_group: u16,
    /// Hash over the items that were taken.
    pub inbox_hash: [u8; 32],
    /// Positions that an account may hold.
    pub position_limit: u16,
    /// Resting orders that an account may have.
    pub open_orders_account: u32,
    /// Resting orders that an account may have in one listing.
    pub open_orders_listing: u32,
    /// The least deposit that opens an account.
    pub new_account_minimum: u64,
    /// 1e-6 USD.
    pub fees: i128,
    /// 1e-6 USD; always 0.
    pub rebates: i128,
    /// 1e-6 USD; always 0.
    pub interest: i128,
    /// 1e-6 USD.
    pub bad_debt: i128,
    /// Ever deposited, one a token.
    pub deposited: [u128; TOKENS],
    /// Ever withdrawn, one a token.
    pub claimable_total: [u128; TOKENS],
}

impl Default for Globals {
    /// Genesis.
    fn default() -> Self {
        Self {
            version: STATE_VERSION,
            time_ns: 0,
            log_number: 0,
            input_cursor: 0,
            inbox_cursor: 0,
            next_account: 1,
            next_listing: 1,
            next_group: 0,
            inbox_hash: [0; 32],
            position_limit: 128,
            open_orders_account: 1_000,
            open_orders_listing: 200,
            new_account_minimum: 1_000_000,
            fees: 0,
            rebates: 0,
            interest: 0,
            bad_debt: 0,
            deposited: [0; TOKENS],
            claimable_total: [0; TOKENS],
        }
    }
}

impl Account {
    /// State of a bankrupt account.
    pub const BANKRUPT: u8 = 3;

    /// The position in a slot.
    #[must_use]
    pub fn position_at(&self, slot: u16) -> Option<&Position> {
        self.positions
            .binary_search_by_key(&slot, |position| position.slot)
            .ok()
            .map(|index| &self.positions[index])
    }

    /// The position in a listing.
    #[must_use]
    pub fn position_in(&self, listing: u32) -> Option<&Position> {
        self.positions
            .iter()
            .find(|position| position.listing == listing)
    }

    /// The size held in a listing, 0 for none.
    #[must_use]
    pub fn size_in(&self, listing: u32) -> i64 {
        self.position_in(listing)
            .map_or(0, |position| position.size)
    }

    /// The slot that a fill in a listing names: the one that holds it, else the lowest empty one. May be 1,024.
    #[must_use]
    pub fn slot_for(&self, listing: u32) -> u16 {
        let mut empty = None;
        for (expected, position) in (0..).zip(&self.positions) {
            if position.listing == listing {
                return position.slot;
            }
            if empty.is_none() && position.slot != expected {
                empty = Some(expected);
            }
        }
        empty.unwrap_or(self.positions.len() as u16)
    }
}

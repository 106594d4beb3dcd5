//! The numbers that the rule book fixes (rules.md; formats.md sections 1, 2 and 7).

/// The version of the state that is written and read (globals word 0).
pub const STATE_VERSION: u16 = 3;

/// Parts of a whole: rates, shares and caps are in 1e-9.
pub const RATE_ONE: i64 = 1_000_000_000;

/// Nanoseconds of an hour.
pub const HOUR_NS: u64 = 3_600_000_000_000;

/// Nanoseconds of a day.
pub const DAY_NS: u64 = 86_400_000_000_000;

/// The longest that an order may be ahead of its expiry: 7 days.
pub const ORDER_LIFE_NS: u64 = 7 * DAY_NS;

/// The same for immediate-or-cancel orders: 1 minute.
pub const IMMEDIATE_LIFE_NS: u64 = 60_000_000_000;

/// Hours stand in 20 bits of an order key.
pub const HOUR_LIMIT: u32 = 1 << 20;

/// Account numbers stand in 28 bits of an order key.
pub const ACCOUNT_LIMIT: u32 = 1 << 28;

/// Who may sign for an account: slot 0 the wallet, 1 to 15 sessions.
pub const SLOTS: u8 = 16;

/// The scheme of wallets, oracle nodes and the sequencer, and of some sessions.
pub const SECP256K1: u8 = 1;

/// The scheme of the other sessions.
pub const P256: u8 = 2;

/// Counters of orders have 40 bits.
pub const COUNTER_LIMIT: u64 = 1 << 40;

/// The largest price of an order, and the largest index, in 1e-6 USD.
pub const PRICE_MAXIMUM: i64 = 1 << 52;

/// Sizes and positions are smaller, in base units.
pub const SIZE_LIMIT: i64 = 1 << 56;

/// size x price is smaller, in base units x 1e-6 USD.
pub const NOTIONAL_LIMIT: i128 = 1 << 88;

/// Amounts of deposits, withdrawals and transfers are smaller, in units of the token.
pub const AMOUNT_LIMIT: u128 = 1 << 96;

/// Slots of an account's positions.
pub const POSITION_SLOTS: u16 = 1_024;

/// Groups that one account may hold positions in.
pub const GROUPS_HELD_MAXIMUM: usize = 8;

/// Oracle nodes of a group, and signatures of a vector.
pub const NODES_MAXIMUM: usize = 8;

/// Bytes of an inbox item, least and most.
pub const ITEM_BYTES: core::ops::RangeInclusive<usize> = 2..=1_024;

/// Parameters of a group.
pub const PARAMETERS: usize = 21;

/// Tokens with a counter of their own.
pub const TOKENS: usize = 4;

/// Times and log numbers stay below (rule S-05).
pub const CLOCK_LIMIT: u64 = 1 << 63;

/// The hour of a time.
#[must_use]
pub fn hour_of(time_ns: u64) -> u64 {
    time_ns / HOUR_NS
}

/// The day of a time; below 2^32 for every u64.
#[must_use]
pub fn day_of(time_ns: u64) -> u32 {
    (time_ns / DAY_NS) as u32
}

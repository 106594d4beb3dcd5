//! The events of a command (formats, section 5; derivatives, section 1); their bytes: `bytes`.

mod bytes;

use merkat_settle::Session;
use merkat_settle::order::OrderKey;

/// Why an order left the book without being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Its owner cancelled it.
    User = 1,
    /// Its counter is not above the raised floor.
    Floor = 2,
    /// The rest of an immediate-or-cancel order.
    Immediate = 3,
    /// Its expiry has come.
    Expired = 4,
    /// It would have traded with an order of the same owner.
    SelfTrade = 5,
    /// Its price lies outside the band.
    Band = 6,
    /// Only reductions are allowed and it is none.
    Stale = 7,
    /// Its account cannot hold the position.
    Margin = 8,
    /// Its account is being liquidated.
    Liquidation = 9,
    /// The listing's fee is above its cap.
    FeeCap = 10,
    /// The listing's own expiry has come.
    Delivered = 12,
    /// Its session was revoked, or it is worth more than the session's notional.
    Session = 13,
}

/// One event; the fields stand in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are those of the tables in formats.md, section 5, derivatives.md and sessions.md, section 1"
)]
pub enum Event {
    Refused {
        code: u16,
        field: u8,
    },
    Accepted {
        key: OrderKey,
        listing: u32,
        side: u8,
        flags: u8,
        limit_price: i64,
        size: i64,
    },
    Rested {
        key: OrderKey,
        remaining: i64,
    },
    Trade {
        listing: u32,
        maker: OrderKey,
        taker: OrderKey,
        taker_side: u8,
        price: i64,
        size: i64,
        maker_fee: i128,
        taker_fee: i128,
    },
    Cancelled {
        key: OrderKey,
        reason: Reason,
        remaining: i64,
    },
    Amended {
        key: OrderKey,
        version: u32,
        limit_price: i64,
        size: i64,
        kept_priority: bool,
    },
    Renewed {
        old: OrderKey,
        new: OrderKey,
        remaining: i64,
    },
    FloorRaised {
        account: u32,
        floor: u64,
    },
    Withdrawn {
        account: u32,
        token: u8,
        amount: u128,
        claimable: u128,
    },
    Transferred {
        account: u32,
        to_account: u32,
        amount: u128,
    },
    Epoch {
        group: u16,
        number: u64,
        time_ns: u64,
        index: i64,
        basis: i64,
        held: u8,
    },
    Heartbeat {
        group: u16,
        number: u64,
        time_ns: u64,
    },
    GapEnded {
        group: u16,
        gap_ns: u64,
    },
    Funding {
        group: u16,
        hour: u32,
        rate: i64,
        cumulative: i128,
    },
    Stage {
        account: u32,
        stage: u8,
        equity: i128,
        maintenance: i128,
        initial: i128,
    },
    Liquidation {
        account: u32,
        listing: u32,
        maker: OrderKey,
        side: u8,
        price: i64,
        size: i64,
        maker_fee: i128,
        taker_fee: i128,
        liquidation_fee: i128,
    },
    Slice {
        account: u32,
        listing: u32,
        asked: i64,
        filled: i64,
        empty_slices: u8,
    },
    Bankrupt {
        account: u32,
        group: u16,
        equity: i128,
        fund_payment: i128,
    },
    TearUp {
        account: u32,
        other: u32,
        listing: u32,
        price: i128,
        size: i64,
        surplus: i128,
    },
    WriteOff {
        account: u32,
        group: u16,
        fund_payment: i128,
        bad_debt: i128,
    },
    Deposited {
        token: u8,
        account: u32,
        amount: u128,
        opened: bool,
    },
    GroupSet {
        group: u16,
    },
    Listed {
        listing: u32,
        group: u16,
    },
    InstrumentSet {
        listing: u32,
        state: u8,
    },
    VenueSet,
    FundDeposited {
        group: u16,
        amount: u128,
        fund: i128,
    },
    FeesSwept {
        account: u32,
        amount: i128,
        repaid: i128,
    },
    InboxRefused {
        index: u64,
        code: u16,
        field: u8,
    },
    HourDropped {
        hour: u32,
    },
    WaterfallPending {
        group: u16,
    },
    ForcedWithdrawn {
        account: u32,
        token: u8,
        asked: u128,
        amount: u128,
        claimable: u128,
    },
    EpochReceived {
        group: u16,
        number: u64,
        time_ns: u64,
    },
    Row {
        listing: u32,
        mark: i64,
        delta: i64,
        gamma: i64,
        vega: i64,
        theta: i64,
    },
    AccountGreeks {
        account: u32,
        group: u16,
        delta: i128,
        gamma: i128,
        vega: i128,
        theta: i128,
    },
    DeliveryFixed {
        group: u16,
        expiry_ns: u64,
        price: i64,
        samples: u32,
    },
    Delivered {
        listing: u32,
        price: i64,
    },
    Expired {
        account: u32,
        listing: u32,
        size: i64,
        price: i64,
        fee: i128,
    },
    Hedge {
        account: u32,
        listing: u32,
        maker: OrderKey,
        side: u8,
        price: i64,
        size: i64,
        maker_fee: i128,
        taker_fee: i128,
        liquidation_fee: i128,
    },
    MarginModeSet {
        account: u32,
        mode: u8,
    },
    RiskSet {
        group: u16,
    },
    SessionOpened {
        account: u32,
        slot: u8,
        session: Session,
    },
    SessionRevoked {
        account: u32,
        slot: u8,
        floor: u64,
    },
}

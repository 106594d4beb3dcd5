//! The events of a command and their bytes (formats, section 5).

use merkat_settle::order::OrderKey;
use merkat_values::codec::Writer;

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
}

/// One event; the fields stand in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are those of the table in formats.md, section 5"
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
}

/// The writer of a byte string, chained.
struct Out<'a>(&'a mut Vec<u8>);

macro_rules! chained {
    ($($name:ident $put:ident $kind:ty;)*) => {
        impl Out<'_> {
            $(fn $name(self, value: $kind) -> Self {
                self.0.$put(value);
                self
            })*
        }
    };
}

chained! {
    kind put_u8 u8;
    u8 put_u8 u8;
    u16 put_u16 u16;
    u32 put_u32 u32;
    u40 put_u40 u64;
    u64 put_u64 u64;
    i64 put_i64 i64;
    u128 put_u128 u128;
    i128 put_i128 i128;
}

impl Out<'_> {
    fn key(self, key: OrderKey) -> Self {
        self.0.put(&key.to_bytes());
        self
    }
}

impl Event {
    /// Appends the event with its frame.
    pub fn append_framed(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0, 0]);
        self.write_order_event(Out(out));
        let length = out.len() - start - 2;
        let length = u16::try_from(length).expect("invariant: an event is short");
        out[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }

    fn write_order_event<'a>(&self, w: Out<'a>) -> Out<'a> {
        match *self {
            Self::Refused { code, field } => w.kind(1).u16(code).u8(field),
            Self::Accepted {
                key,
                listing,
                side,
                flags,
                limit_price,
                size,
            } => w
                .kind(2)
                .key(key)
                .u32(listing)
                .u8(side)
                .u8(flags)
                .i64(limit_price)
                .i64(size),
            Self::Rested { key, remaining } => w.kind(3).key(key).i64(remaining),
            Self::Trade {
                listing,
                maker,
                taker,
                taker_side,
                price,
                size,
                maker_fee,
                taker_fee,
            } => w
                .kind(4)
                .u32(listing)
                .key(maker)
                .key(taker)
                .u8(taker_side)
                .i64(price)
                .i64(size)
                .i128(maker_fee)
                .i128(taker_fee),
            Self::Cancelled {
                key,
                reason,
                remaining,
            } => w.kind(5).key(key).u8(reason as u8).i64(remaining),
            Self::Amended {
                key,
                version,
                limit_price,
                size,
                kept_priority,
            } => w
                .kind(6)
                .key(key)
                .u32(version)
                .i64(limit_price)
                .i64(size)
                .u8(u8::from(kept_priority)),
            Self::Renewed {
                old,
                new,
                remaining,
            } => w.kind(7).key(old).key(new).i64(remaining),
            Self::FloorRaised { account, floor } => w.kind(8).u32(account).u40(floor),
            Self::Withdrawn {
                account,
                token,
                amount,
                claimable,
            } => w
                .kind(9)
                .u32(account)
                .u8(token)
                .u128(amount)
                .u128(claimable),
            Self::Transferred {
                account,
                to_account,
                amount,
            } => w.kind(10).u32(account).u32(to_account).u128(amount),
            _ => self.write_group_event(w),
        }
    }

    fn write_group_event<'a>(&self, w: Out<'a>) -> Out<'a> {
        match *self {
            Self::Epoch {
                group,
                number,
                time_ns,
                index,
                basis,
                held,
            } => w
                .kind(11)
                .u16(group)
                .u64(number)
                .u64(time_ns)
                .i64(index)
                .i64(basis)
                .u8(held),
            Self::Heartbeat {
                group,
                number,
                time_ns,
            } => w.kind(12).u16(group).u64(number).u64(time_ns),
            Self::GapEnded { group, gap_ns } => w.kind(13).u16(group).u64(gap_ns),
            Self::Funding {
                group,
                hour,
                rate,
                cumulative,
            } => w.kind(14).u16(group).u32(hour).i64(rate).i128(cumulative),
            Self::Deposited {
                token,
                account,
                amount,
                opened,
            } => w
                .kind(21)
                .u8(token)
                .u32(account)
                .u128(amount)
                .u8(u8::from(opened)),
            Self::GroupSet { group } => w.kind(22).u16(group),
            Self::Listed { listing, group } => w.kind(23).u32(listing).u16(group),
            Self::InstrumentSet { listing, state } => w.kind(24).u32(listing).u8(state),
            Self::VenueSet => w.kind(25),
            Self::FundDeposited {
                group,
                amount,
                fund,
            } => w.kind(26).u16(group).u128(amount).i128(fund),
            Self::FeesSwept {
                account,
                amount,
                repaid,
            } => w.kind(27).u32(account).i128(amount).i128(repaid),
            Self::InboxRefused { index, code, field } => w.kind(28).u64(index).u16(code).u8(field),
            Self::HourDropped { hour } => w.kind(29).u32(hour),
            Self::WaterfallPending { group } => w.kind(30).u16(group),
            Self::ForcedWithdrawn {
                account,
                token,
                asked,
                amount,
                claimable,
            } => w
                .kind(31)
                .u32(account)
                .u8(token)
                .u128(asked)
                .u128(amount)
                .u128(claimable),
            _ => self.write_waterfall_event(w),
        }
    }

    fn write_waterfall_event<'a>(&self, w: Out<'a>) -> Out<'a> {
        match *self {
            Self::Stage {
                account,
                stage,
                equity,
                maintenance,
                initial,
            } => w
                .kind(15)
                .u32(account)
                .u8(stage)
                .i128(equity)
                .i128(maintenance)
                .i128(initial),
            Self::Liquidation {
                account,
                listing,
                maker,
                side,
                price,
                size,
                maker_fee,
                taker_fee,
                liquidation_fee,
            } => w
                .kind(16)
                .u32(account)
                .u32(listing)
                .key(maker)
                .u8(side)
                .i64(price)
                .i64(size)
                .i128(maker_fee)
                .i128(taker_fee)
                .i128(liquidation_fee),
            Self::Slice {
                account,
                listing,
                asked,
                filled,
                empty_slices,
            } => w
                .kind(17)
                .u32(account)
                .u32(listing)
                .i64(asked)
                .i64(filled)
                .u8(empty_slices),
            Self::Bankrupt {
                account,
                group,
                equity,
                fund_payment,
            } => w
                .kind(18)
                .u32(account)
                .u16(group)
                .i128(equity)
                .i128(fund_payment),
            Self::TearUp {
                account,
                other,
                listing,
                price,
                size,
                surplus,
            } => w
                .kind(19)
                .u32(account)
                .u32(other)
                .u32(listing)
                .i128(price)
                .i64(size)
                .i128(surplus),
            Self::WriteOff {
                account,
                group,
                fund_payment,
                bad_debt,
            } => w
                .kind(20)
                .u32(account)
                .u16(group)
                .i128(fund_payment)
                .i128(bad_debt),
            _ => unreachable!("invariant: every other event has its bytes above"),
        }
    }
}

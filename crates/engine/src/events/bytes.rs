//! The bytes of the events: a frame, the kind, the fields in their order.

use merkat_settle::order::OrderKey;
use merkat_values::Address;
use merkat_values::codec::Writer;

use super::Event;

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

    fn address(self, address: &Address) -> Self {
        self.0.put(address);
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
            _ => self.write_derivatives_event(w),
        }
    }

    fn write_derivatives_event<'a>(&self, w: Out<'a>) -> Out<'a> {
        match *self {
            Self::EpochReceived {
                group,
                number,
                time_ns,
            } => w.kind(32).u16(group).u64(number).u64(time_ns),
            Self::Row {
                listing,
                mark,
                delta,
                gamma,
                vega,
                theta,
            } => w
                .kind(33)
                .u32(listing)
                .i64(mark)
                .i64(delta)
                .i64(gamma)
                .i64(vega)
                .i64(theta),
            Self::AccountGreeks {
                account,
                group,
                delta,
                gamma,
                vega,
                theta,
            } => w
                .kind(34)
                .u32(account)
                .u16(group)
                .i128(delta)
                .i128(gamma)
                .i128(vega)
                .i128(theta),
            Self::DeliveryFixed {
                group,
                expiry_ns,
                price,
                samples,
            } => w.kind(35).u16(group).u64(expiry_ns).i64(price).u32(samples),
            Self::Delivered { listing, price } => w.kind(36).u32(listing).i64(price),
            Self::Expired {
                account,
                listing,
                size,
                price,
                fee,
            } => w
                .kind(37)
                .u32(account)
                .u32(listing)
                .i64(size)
                .i64(price)
                .i128(fee),
            Self::Hedge {
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
                .kind(38)
                .u32(account)
                .u32(listing)
                .key(maker)
                .u8(side)
                .i64(price)
                .i64(size)
                .i128(maker_fee)
                .i128(taker_fee)
                .i128(liquidation_fee),
            Self::MarginModeSet { account, mode } => w.kind(39).u32(account).u8(mode),
            Self::RiskSet { group } => w.kind(40).u16(group),
            Self::SessionOpened {
                account,
                slot,
                session,
            } => w
                .kind(41)
                .u32(account)
                .u8(slot)
                .u8(session.scheme)
                .address(&session.key)
                .u64(session.groups)
                .u8(session.kinds)
                .u64(session.notional)
                .u64(session.expiry_ns),
            Self::SessionRevoked {
                account,
                slot,
                floor,
            } => w.kind(42).u32(account).u8(slot).u40(floor),
            _ => unreachable!("invariant: every other event has its bytes above"),
        }
    }
}

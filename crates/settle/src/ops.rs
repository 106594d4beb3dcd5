//! The inputs of the settlement machine (formats.md section 6, derivatives.md section 1); their bytes:
//! [`crate::op_bytes`].

use crate::order::{AnyVector, NodeSignature, Order, OrderKey};
use crate::sessions::Session;
use alloc::vec::Vec;
use merkat_values::Signature;

/// The worst term of each held group that has rows, ascending by group, then 255 (risk.md section 4).
pub type Names = [u8; 8];

/// Stands in [`Names`] where no group does.
pub const NO_NAME: u8 = 255;

/// A fill of two opened orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The order that rested.
    pub maker: OrderKey,
    /// The order that came.
    pub taker: OrderKey,
    /// Where the maker's position stands.
    pub maker_slot: u16,
    /// Where the taker's position stands.
    pub taker_slot: u16,
    /// In 1e-6 USD per coin.
    pub price: i64,
    /// In base units.
    pub size: i64,
    /// Bit 0 maker, bit 1 taker: 0 `holds`, 1 `improves`. Bits 2 and 3 stand in `names`; the others say nothing.
    pub margin_rules: u8,
    /// Of the maker, then the taker, where they are given.
    pub names: [Option<Names>; 2],
}

/// A slice of a liquidation against an opened order; or a hedge, which trades a perpetual instead of the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidate {
    /// Who is liquidated.
    pub account: u32,
    /// Where its position stands; of a hedge: where the perpetual's stands or will stand.
    pub slot: u16,
    /// The order that rested.
    pub maker: OrderKey,
    /// Where the maker's position stands.
    pub maker_slot: u16,
    /// In 1e-6 USD per coin.
    pub price: i64,
    /// In base units.
    pub size: i64,
    /// Bit 0 maker: 0 `holds`, 1 `improves`. Bit 2 stands in `names`; the others say nothing.
    pub margin_rules: u8,
    /// Of the maker, where they are given.
    pub names: Option<Names>,
}

/// A bankrupt position closed against an opposite holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TearUp {
    /// The bankrupt account.
    pub account: u32,
    /// Where its position stands.
    pub slot: u16,
    /// The opposite holder.
    pub other: u32,
    /// Where the other position stands.
    pub other_slot: u16,
    /// In 1e-6 USD per coin; may be negative.
    pub price: i128,
    /// In base units.
    pub size: i64,
}

/// A signed withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdraw {
    /// Whose cash.
    pub account: u32,
    /// 0 is the settlement token.
    pub token: u8,
    /// In units of the token.
    pub amount: u128,
    /// Larger than the leaf's.
    pub nonce: u64,
    /// The owner's.
    pub signature: Signature,
}

/// A signed transfer of cash between accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Whose cash.
    pub account: u32,
    /// Who receives it.
    pub to_account: u32,
    /// In 1e-6 USD.
    pub amount: u128,
    /// Larger than the leaf's.
    pub nonce: u64,
    /// The owner's.
    pub signature: Signature,
}

/// An account's owner chooses how its margin is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarginMode {
    /// Whose margin.
    pub account: u32,
    /// 0 standard, 1 portfolio.
    pub mode: u8,
    /// Larger than the leaf's.
    pub nonce: u64,
    /// The owner's.
    pub signature: Signature,
}

/// A wallet lets a key sign orders of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOpen {
    /// Whose orders.
    pub account: u32,
    /// 1 to 15.
    pub slot: u8,
    /// Its leaf, but for the state, which is not signed (0 here).
    pub session: Session,
    /// Larger than the leaf's.
    pub nonce: u64,
    /// The owner's.
    pub signature: Signature,
}

/// A wallet ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRevoke {
    /// Whose.
    pub account: u32,
    /// 1 to 15.
    pub slot: u8,
    /// Orders of the account with counters up to it are void.
    pub floor: u64,
    /// Larger than the leaf's.
    pub nonce: u64,
    /// The owner's.
    pub signature: Signature,
}

/// A signed order becomes known to settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderOpen {
    /// What was signed.
    pub order: Order,
    /// Of the wallet or the session that the order's slot names.
    pub signature: Signature,
}

/// A signed floor: orders with counters up to it are void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Whose orders.
    pub account: u32,
    /// Below 2^40.
    pub floor: u64,
    /// Of the command.
    pub nonce: u64,
    /// The owner's.
    pub signature: Signature,
}

/// A new vector of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// What the nodes signed.
    pub vector: AnyVector,
    /// At most eight.
    pub signatures: Vec<NodeSignature>,
    /// Of the rows that a vector of version 2 makes, at most 65,535; none with one of version 1.
    pub chunk_hashes: Vec<[u8; 31]>,
}

/// The standing vector of a group still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The underlying.
    pub group: u16,
    /// Of the standing vector.
    pub number: u64,
    /// When it was seen to hold, ns since the epoch.
    pub time_ns: u64,
    /// Of the standing vector.
    pub vector_hash: [u8; 31],
    /// At most eight.
    pub signatures: Vec<NodeSignature>,
}

/// An account enters or leaves liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Whose stage.
    pub account: u32,
    /// The group of its largest maintenance (not read when it leaves).
    pub group: u16,
    /// 1 enters, 0 leaves.
    pub stage: u8,
}

/// An account is bankrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bankrupt {
    /// Who.
    pub account: u32,
    /// Whose fund pays.
    pub group: u16,
}

/// One step of the settlement machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // A step lives for one call; boxing would allocate for each order.
pub enum MicroOp {
    /// 1: the next item of the inbox, as its bytes.
    Inbox(Vec<u8>),
    /// 2.
    Withdraw(Withdraw),
    /// 3.
    Transfer(Transfer),
    /// 4.
    OrderOpen(OrderOpen),
    /// 5.
    Fill(Fill),
    /// 6.
    OrderClose(OrderKey),
    /// 7.
    Floor(Floor),
    /// 8.
    Epoch(Epoch),
    /// 9.
    Heartbeat(Heartbeat),
    /// 10.
    Stage(Stage),
    /// 11.
    Liquidate(Liquidate),
    /// 12.
    Bankrupt(Bankrupt),
    /// 13.
    TearUp(TearUp),
    /// 14: the account.
    WriteOff(u32),
    /// 15: the hour.
    DropHour(u32),
    /// 17.
    MarginMode(MarginMode),
    /// 18: the listing.
    Deliver(u32),
    /// 19.
    Expire {
        /// Whose position.
        account: u32,
        /// Where it stands.
        slot: u16,
    },
    /// 20.
    Hedge(Liquidate),
    /// 21.
    SessionOpen(SessionOpen),
    /// 22.
    SessionRevoke(SessionRevoke),
}

/// An op with its deltas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedOp {
    /// From the globals' time.
    pub time_delta_ns: u64,
    /// From the globals' log number.
    pub log_delta: u32,
    /// The step.
    pub op: MicroOp,
}

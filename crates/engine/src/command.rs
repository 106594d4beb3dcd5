//! Commands and their bytes (formats, section 4).

use merkat_pricing::SurfaceVector;
use merkat_settle::NodeSignature;
use merkat_settle::ops::{
    Floor, Heartbeat, MarginMode, SessionOpen, SessionRevoke, Transfer, Withdraw,
};
use merkat_settle::order::{AnyVector, Order, Vector, read_signatures};
use merkat_values::Signature;
use merkat_values::codec::{Reader, Short};

/// The version of every command.
pub const VERSION: u8 = 1;
/// Bytes of version and kind.
const HEAD_BYTES: usize = 2;
const SIGNATURE_BYTES: usize = 65;
const NODE_SIGNATURE_BYTES: usize = 1 + SIGNATURE_BYTES;
/// Bytes of a heartbeat's body before its signatures.
const BEAT_BYTES: usize = 2 + 8 + 8 + 31;
/// The place of the count of expiries in a vector of version 2.
const EXPIRY_COUNT_AT: usize = SurfaceVector::bytes_of(0) - 1;

/// An order with the signature of the wallet or the session that its slot names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedOrder {
    /// The signed body.
    pub order: Order,
    /// Over it.
    pub signature: Signature,
}

/// A signed cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Whose order.
    pub account: u32,
    /// The slot of the order's key.
    pub slot: u8,
    /// The expiry hour of the order's key.
    pub expiry_hour: u32,
    /// The counter of the order's key.
    pub counter: u64,
    /// Of the command.
    pub nonce: u64,
    /// Of the owner or a live session of the account.
    pub signature: Signature,
}

/// A vector with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedVector {
    /// Of version 1 or 2.
    pub vector: AnyVector,
    /// At most eight.
    pub signatures: Vec<NodeSignature>,
}

/// The pending vector of a group takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activate {
    /// The underlying.
    pub group: u16,
    /// Of the pending vector.
    pub number: u64,
    /// Of the rows that it makes; zero if it will be held.
    pub row_root: [u8; 31],
}

/// A decoded command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "lives for one call; boxing would allocate for each order"
)]
pub enum Command<'a> {
    /// A new order.
    Place(SignedOrder),
    /// A new body for a resting order.
    Amend(SignedOrder),
    /// A new order in the place of a resting one.
    Renew(SignedOrder),
    /// A resting order leaves.
    Cancel(Cancel),
    /// All orders with counters up to the floor leave.
    Floor(Floor),
    /// Cash leaves the venue.
    Withdraw(Withdraw),
    /// Cash goes to another account.
    Transfer(Transfer),
    /// An account counts its margin another way.
    MarginMode(MarginMode),
    /// A key may sign orders of an account.
    SessionOpen(SessionOpen),
    /// It may no longer.
    SessionRevoke(SessionRevoke),
    /// A new vector of a group.
    Epoch(SignedVector),
    /// The pending vector of a group takes effect.
    Activate(Activate),
    /// The standing vector of a group still holds.
    Heartbeat(Heartbeat),
    /// Time passes.
    Tick,
    /// The next item of the inbox.
    Inbox {
        /// Its number.
        index: u64,
        /// Its bytes.
        item: &'a [u8],
    },
}

impl<'a> Command<'a> {
    /// Decodes a command (rule C-01).
    ///
    /// # Errors
    /// `Short` for anything but version 1, a known kind and the exact length.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Short> {
        let reader = &mut Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Short);
        }
        let command = match reader.u8()? {
            1 => Self::Place(read_order(reader)?),
            2 => Self::Amend(read_order(reader)?),
            3 => Self::Renew(read_order(reader)?),
            4 => Self::Cancel(Cancel {
                account: reader.u32()?,
                slot: reader.u8()?,
                expiry_hour: reader.u32()?,
                counter: reader.u40()?,
                nonce: reader.u64()?,
                signature: reader.array()?,
            }),
            5 => Self::Floor(Floor::read(reader)?),
            6 => Self::Withdraw(Withdraw::read(reader)?),
            7 => Self::Transfer(Transfer::read(reader)?),
            8 => Self::MarginMode(MarginMode::read(reader)?),
            9 => Self::SessionOpen(SessionOpen::read(reader)?),
            10 => Self::SessionRevoke(SessionRevoke::read(reader)?),
            16 => Self::Epoch(SignedVector {
                vector: AnyVector::read(reader)?,
                signatures: read_signatures(reader)?,
            }),
            17 => Self::Heartbeat(Heartbeat::read(reader)?),
            18 => Self::Activate(Activate {
                group: reader.u16()?,
                number: reader.u64()?,
                row_root: reader.array()?,
            }),
            24 => Self::Tick,
            32 => Self::Inbox {
                index: reader.u64()?,
                item: reader.rest(),
            },
            _ => return Err(Short),
        };
        if reader.is_done() {
            Ok(command)
        } else {
            Err(Short)
        }
    }
}

fn read_order(reader: &mut Reader<'_>) -> Result<SignedOrder, Short> {
    Ok(SignedOrder {
        order: Order::read(reader)?,
        signature: reader.array()?,
    })
}

/// How many signatures a command carries; 0 for one that is malformed by its length.
#[must_use]
pub fn signature_count(bytes: &[u8]) -> usize {
    let Some((head, body)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return 0;
    };
    let signed = |length: usize| usize::from(body.len() == length + SIGNATURE_BYTES);
    let noded = |length: usize| {
        let count = body.get(length).map_or(0, |count| usize::from(*count));
        if body.len() == length + 1 + NODE_SIGNATURE_BYTES * count {
            count
        } else {
            0
        }
    };
    match head {
        [VERSION, 1..=3] => signed(Order::BYTES),
        [VERSION, 4] => signed(4 + 1 + 4 + 5 + 8),
        [VERSION, 5] => signed(4 + 5 + 8),
        [VERSION, 6] => signed(4 + 1 + 16 + 8),
        [VERSION, 7] => signed(4 + 4 + 16 + 8),
        [VERSION, 8] => signed(4 + 1 + 8),
        [VERSION, 9] => usize::from(body.len() == SessionOpen::BYTES),
        [VERSION, 10] => usize::from(body.len() == SessionRevoke::BYTES),
        [VERSION, 16] => noded(vector_bytes(body)),
        [VERSION, 17] => noded(BEAT_BYTES),
        _ => 0,
    }
}

/// The bytes of the vector at the start of a body, by its version and its count of expiries.
fn vector_bytes(body: &[u8]) -> usize {
    match (body.first(), body.get(EXPIRY_COUNT_AT)) {
        (Some(&SurfaceVector::VERSION), Some(count)) => SurfaceVector::bytes_of((*count).into()),
        _ => Vector::BYTES,
    }
}

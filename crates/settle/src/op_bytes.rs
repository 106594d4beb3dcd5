//! The bytes of the inputs (formats.md section 6, derivatives.md section 1).

use crate::ops::{
    Bankrupt, Epoch, Fill, Floor, Heartbeat, Liquidate, MarginMode, MicroOp, Names, OrderOpen,
    SessionOpen, SessionRevoke, Stage, TearUp, TimedOp, Transfer, Withdraw,
};
use crate::order::{AnyVector, Order, OrderKey, read_signatures, write_signatures};
use crate::sessions::Session;
use alloc::vec::Vec;
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::constants::ITEM_BYTES;

/// Bytes before an op's body: kind, time delta, log delta.
pub const HEAD_BYTES: usize = 1 + 8 + 4;

/// Bits of margin_rules: the names of the maker, of the taker follow.
const MAKER_NAMES: u8 = 1 << 2;
const TAKER_NAMES: u8 = 1 << 3;

const CHUNK_HASH_BYTES: usize = 31;

impl MicroOp {
    /// The kind's number.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Inbox(_) => 1,
            Self::Withdraw(_) => 2,
            Self::Transfer(_) => 3,
            Self::OrderOpen(_) => 4,
            Self::Fill(_) => 5,
            Self::OrderClose(_) => 6,
            Self::Floor(_) => 7,
            Self::Epoch(_) => 8,
            Self::Heartbeat(_) => 9,
            Self::Stage(_) => 10,
            Self::Liquidate(_) => 11,
            Self::Bankrupt(_) => 12,
            Self::TearUp(_) => 13,
            Self::WriteOff(_) => 14,
            Self::DropHour(_) => 15,
            Self::MarginMode(_) => 17,
            Self::Deliver(_) => 18,
            Self::Expire { .. } => 19,
            Self::Hedge(_) => 20,
            Self::SessionOpen(_) => 21,
            Self::SessionRevoke(_) => 22,
        }
    }

    /// Bytes of the encoded op: head and body, without the frame.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        const SIGNED: usize = 65;
        HEAD_BYTES
            + match self {
                Self::Inbox(item) => item.len(),
                Self::Withdraw(_) => 4 + 1 + 16 + 8 + SIGNED,
                Self::Transfer(_) => 4 + 4 + 16 + 8 + SIGNED,
                Self::OrderOpen(_) => Order::BYTES + SIGNED,
                Self::Fill(fill) => {
                    let names = fill.names.iter().flatten().count();
                    2 * OrderKey::BYTES + 2 + 2 + 8 + 8 + 1 + names * size_of::<Names>()
                }
                Self::OrderClose(_) => OrderKey::BYTES,
                Self::Floor(_) => 4 + 5 + 8 + SIGNED,
                Self::Epoch(epoch) => epoch.body_bytes(),
                Self::Heartbeat(beat) => 2 + 8 + 8 + 31 + 1 + 66 * beat.signatures.len(),
                Self::Stage(_) => 4 + 2 + 1,
                Self::Liquidate(slice) | Self::Hedge(slice) => {
                    let names = slice.names.iter().count();
                    4 + 2 + OrderKey::BYTES + 2 + 8 + 8 + 1 + names * size_of::<Names>()
                }
                Self::Bankrupt(_) => 4 + 2,
                Self::TearUp(_) => 4 + 2 + 4 + 2 + 16 + 8,
                Self::WriteOff(_) | Self::DropHour(_) | Self::Deliver(_) => 4,
                Self::MarginMode(_) => 4 + 1 + 8 + SIGNED,
                Self::Expire { .. } => 4 + 2,
                Self::SessionOpen(_) => SessionOpen::BYTES,
                Self::SessionRevoke(_) => SessionRevoke::BYTES,
            }
    }

    /// Appends the op, without the frame.
    pub fn encode(&self, time_delta_ns: u64, log_delta: u32, bytes: &mut Vec<u8>) {
        bytes.put_u8(self.kind());
        bytes.put_u64(time_delta_ns);
        bytes.put_u32(log_delta);
        match self {
            Self::Inbox(item) => bytes.put(item),
            Self::Withdraw(body) => body.write(bytes),
            Self::Transfer(body) => body.write(bytes),
            Self::OrderOpen(body) => {
                body.order.write(bytes);
                bytes.put(&body.signature);
            }
            Self::Fill(body) => body.write(bytes),
            Self::OrderClose(key) => bytes.put(&key.to_bytes()),
            Self::Floor(body) => body.write(bytes),
            Self::Epoch(body) => body.write(bytes),
            Self::Heartbeat(body) => body.write(bytes),
            Self::Stage(body) => {
                bytes.put_u32(body.account);
                bytes.put_u16(body.group);
                bytes.put_u8(body.stage);
            }
            Self::Liquidate(body) | Self::Hedge(body) => body.write(bytes),
            Self::Bankrupt(body) => {
                bytes.put_u32(body.account);
                bytes.put_u16(body.group);
            }
            Self::TearUp(body) => body.write(bytes),
            Self::WriteOff(account) => bytes.put_u32(*account),
            Self::DropHour(hour) => bytes.put_u32(*hour),
            Self::MarginMode(body) => body.write(bytes),
            Self::Deliver(listing) => bytes.put_u32(*listing),
            Self::Expire { account, slot } => {
                bytes.put_u32(*account);
                bytes.put_u16(*slot);
            }
            Self::SessionOpen(body) => body.write(bytes),
            Self::SessionRevoke(body) => body.write(bytes),
        }
    }
}

impl TimedOp {
    /// Decodes an op without its frame (rule S-01).
    ///
    /// # Errors
    /// `Short` for anything but a known kind of exact length.
    pub fn decode(bytes: &[u8]) -> Result<Self, Short> {
        let reader = &mut Reader::new(bytes);
        let kind = reader.u8()?;
        let time_delta_ns = reader.u64()?;
        let log_delta = reader.u32()?;
        let op = read_body(kind, reader)?;
        if !reader.is_done() {
            return Err(Short);
        }
        Ok(Self {
            time_delta_ns,
            log_delta,
            op,
        })
    }
}

fn read_body(kind: u8, reader: &mut Reader<'_>) -> Result<MicroOp, Short> {
    Ok(match kind {
        1 => {
            let item = reader.rest();
            if !ITEM_BYTES.contains(&item.len()) {
                return Err(Short);
            }
            MicroOp::Inbox(item.to_vec())
        }
        2 => MicroOp::Withdraw(Withdraw::read(reader)?),
        3 => MicroOp::Transfer(Transfer::read(reader)?),
        4 => MicroOp::OrderOpen(OrderOpen {
            order: Order::read(reader)?,
            signature: reader.array()?,
        }),
        5 => MicroOp::Fill(Fill::read(reader)?),
        6 => MicroOp::OrderClose(OrderKey::read(reader)?),
        7 => MicroOp::Floor(Floor::read(reader)?),
        8 => MicroOp::Epoch(Epoch::read(reader)?),
        9 => MicroOp::Heartbeat(Heartbeat::read(reader)?),
        10 => MicroOp::Stage(Stage {
            account: reader.u32()?,
            group: reader.u16()?,
            stage: reader.u8()?,
        }),
        11 => MicroOp::Liquidate(Liquidate::read(reader)?),
        12 => MicroOp::Bankrupt(Bankrupt {
            account: reader.u32()?,
            group: reader.u16()?,
        }),
        13 => MicroOp::TearUp(TearUp::read(reader)?),
        14 => MicroOp::WriteOff(reader.u32()?),
        15 => MicroOp::DropHour(reader.u32()?),
        17 => MicroOp::MarginMode(MarginMode::read(reader)?),
        18 => MicroOp::Deliver(reader.u32()?),
        19 => MicroOp::Expire {
            account: reader.u32()?,
            slot: reader.u16()?,
        },
        20 => MicroOp::Hedge(Liquidate::read(reader)?),
        21 => MicroOp::SessionOpen(SessionOpen::read(reader)?),
        22 => MicroOp::SessionRevoke(SessionRevoke::read(reader)?),
        _ => return Err(Short),
    })
}

impl Withdraw {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            token: reader.u8()?,
            amount: reader.u128()?,
            nonce: reader.u64()?,
            signature: reader.array()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u8(self.token);
        bytes.put_u128(self.amount);
        bytes.put_u64(self.nonce);
        bytes.put(&self.signature);
    }
}

impl Transfer {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            to_account: reader.u32()?,
            amount: reader.u128()?,
            nonce: reader.u64()?,
            signature: reader.array()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u32(self.to_account);
        bytes.put_u128(self.amount);
        bytes.put_u64(self.nonce);
        bytes.put(&self.signature);
    }
}

impl Floor {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            floor: reader.u40()?,
            nonce: reader.u64()?,
            signature: reader.array()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u40(self.floor);
        bytes.put_u64(self.nonce);
        bytes.put(&self.signature);
    }
}

impl SessionOpen {
    /// Bytes of the body.
    pub const BYTES: usize = 4 + 1 + 1 + 20 + 8 + 1 + 8 + 8 + 8 + 65;

    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            slot: reader.u8()?,
            session: Session {
                state: 0,
                scheme: reader.u8()?,
                key: reader.array()?,
                groups: reader.u64()?,
                kinds: reader.u8()?,
                notional: reader.u64()?,
                expiry_ns: reader.u64()?,
            },
            nonce: reader.u64()?,
            signature: reader.array()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u8(self.slot);
        bytes.put_u8(self.session.scheme);
        bytes.put(&self.session.key);
        bytes.put_u64(self.session.groups);
        bytes.put_u8(self.session.kinds);
        bytes.put_u64(self.session.notional);
        bytes.put_u64(self.session.expiry_ns);
        bytes.put_u64(self.nonce);
        bytes.put(&self.signature);
    }
}

impl SessionRevoke {
    /// Bytes of the body.
    pub const BYTES: usize = 4 + 1 + 5 + 8 + 65;

    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            slot: reader.u8()?,
            floor: reader.u40()?,
            nonce: reader.u64()?,
            signature: reader.array()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u8(self.slot);
        bytes.put_u40(self.floor);
        bytes.put_u64(self.nonce);
        bytes.put(&self.signature);
    }
}

impl Fill {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut fill = Self {
            maker: OrderKey::read(reader)?,
            taker: OrderKey::read(reader)?,
            maker_slot: reader.u16()?,
            taker_slot: reader.u16()?,
            price: reader.i64()?,
            size: reader.i64()?,
            margin_rules: reader.u8()?,
            names: [None; 2],
        };
        fill.names = [
            read_names(reader, fill.margin_rules & MAKER_NAMES)?,
            read_names(reader, fill.margin_rules & TAKER_NAMES)?,
        ];
        fill.margin_rules &= !(MAKER_NAMES | TAKER_NAMES);
        Ok(fill)
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put(&self.maker.to_bytes());
        bytes.put(&self.taker.to_bytes());
        bytes.put_u16(self.maker_slot);
        bytes.put_u16(self.taker_slot);
        bytes.put_i64(self.price);
        bytes.put_i64(self.size);
        let [maker, taker] = self.names;
        let bits = name_bit(maker, MAKER_NAMES) | name_bit(taker, TAKER_NAMES);
        bytes.put_u8(self.margin_rules & !(MAKER_NAMES | TAKER_NAMES) | bits);
        for names in self.names.iter().flatten() {
            bytes.put(names);
        }
    }
}

fn read_names(reader: &mut Reader<'_>, bit: u8) -> Result<Option<Names>, Short> {
    match bit {
        0 => Ok(None),
        _ => reader.array().map(Some),
    }
}

fn name_bit(names: Option<Names>, bit: u8) -> u8 {
    names.map_or(0, |_| bit)
}

impl Epoch {
    fn body_bytes(&self) -> usize {
        let hashes = match self.vector {
            AnyVector::One(_) => 0,
            AnyVector::Two(_) => 2 + CHUNK_HASH_BYTES * self.chunk_hashes.len(),
        };
        self.vector.encoded_bytes() + 1 + 66 * self.signatures.len() + hashes
    }

    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let vector = AnyVector::read(reader)?;
        let signatures = read_signatures(reader)?;
        let mut chunk_hashes = Vec::new();
        if matches!(vector, AnyVector::Two(_)) {
            let count = reader.u16()?;
            for _ in 0..count {
                chunk_hashes.push(reader.array()?);
            }
        }
        Ok(Self {
            vector,
            signatures,
            chunk_hashes,
        })
    }

    /// Writes the body.
    ///
    /// # Panics
    /// If a vector of version 2 has more than 65,535 chunk hashes.
    pub fn write(&self, bytes: &mut impl Writer) {
        self.vector.write(bytes);
        write_signatures(&self.signatures, bytes);
        if matches!(self.vector, AnyVector::Two(_)) {
            let count = u16::try_from(self.chunk_hashes.len());
            bytes.put_u16(count.expect("invariant: at most 256 chunks of rows"));
            bytes.put(self.chunk_hashes.as_flattened());
        }
    }
}

impl MarginMode {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            mode: reader.u8()?,
            nonce: reader.u64()?,
            signature: reader.array()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u8(self.mode);
        bytes.put_u64(self.nonce);
        bytes.put(&self.signature);
    }
}

impl Heartbeat {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            group: reader.u16()?,
            number: reader.u64()?,
            time_ns: reader.u64()?,
            vector_hash: reader.array()?,
            signatures: read_signatures(reader)?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u16(self.group);
        bytes.put_u64(self.number);
        bytes.put_u64(self.time_ns);
        bytes.put(&self.vector_hash);
        write_signatures(&self.signatures, bytes);
    }
}

impl Liquidate {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut slice = Self {
            account: reader.u32()?,
            slot: reader.u16()?,
            maker: OrderKey::read(reader)?,
            maker_slot: reader.u16()?,
            price: reader.i64()?,
            size: reader.i64()?,
            margin_rules: reader.u8()?,
            names: None,
        };
        slice.names = read_names(reader, slice.margin_rules & MAKER_NAMES)?;
        slice.margin_rules &= !MAKER_NAMES;
        Ok(slice)
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u16(self.slot);
        bytes.put(&self.maker.to_bytes());
        bytes.put_u16(self.maker_slot);
        bytes.put_i64(self.price);
        bytes.put_i64(self.size);
        let bit = name_bit(self.names, MAKER_NAMES);
        bytes.put_u8(self.margin_rules & !MAKER_NAMES | bit);
        if let Some(names) = &self.names {
            bytes.put(names);
        }
    }
}

impl TearUp {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            slot: reader.u16()?,
            other: reader.u32()?,
            other_slot: reader.u16()?,
            price: reader.i128()?,
            size: reader.i64()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u16(self.slot);
        bytes.put_u32(self.other);
        bytes.put_u16(self.other_slot);
        bytes.put_i128(self.price);
        bytes.put_i64(self.size);
    }
}

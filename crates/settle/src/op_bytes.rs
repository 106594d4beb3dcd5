//! The bytes of the inputs (formats.md section 6).

use crate::ops::{
    Bankrupt, Epoch, Fill, Floor, Heartbeat, Liquidate, MicroOp, OrderOpen, Stage, TearUp, TimedOp,
    Transfer, Withdraw,
};
use crate::order::{Order, OrderKey, Vector, read_signatures, write_signatures};
use alloc::vec::Vec;
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::constants::ITEM_BYTES;

/// Bytes before an op's body: kind, time delta, log delta.
pub const HEAD_BYTES: usize = 1 + 8 + 4;

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
                Self::Fill(_) => 2 * OrderKey::BYTES + 2 + 2 + 8 + 8 + 1,
                Self::OrderClose(_) => OrderKey::BYTES,
                Self::Floor(_) => 4 + 5 + 8 + SIGNED,
                Self::Epoch(epoch) => Vector::BYTES + 1 + 66 * epoch.signatures.len(),
                Self::Heartbeat(beat) => 2 + 8 + 8 + 31 + 1 + 66 * beat.signatures.len(),
                Self::Stage(_) => 4 + 2 + 1,
                Self::Liquidate(_) => 4 + 2 + OrderKey::BYTES + 2 + 8 + 8 + 1,
                Self::Bankrupt(_) => 4 + 2,
                Self::TearUp(_) => 4 + 2 + 4 + 2 + 16 + 8,
                Self::WriteOff(_) | Self::DropHour(_) => 4,
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
            Self::Epoch(body) => {
                body.vector.write(bytes);
                write_signatures(&body.signatures, bytes);
            }
            Self::Heartbeat(body) => body.write(bytes),
            Self::Stage(body) => {
                bytes.put_u32(body.account);
                bytes.put_u16(body.group);
                bytes.put_u8(body.stage);
            }
            Self::Liquidate(body) => body.write(bytes),
            Self::Bankrupt(body) => {
                bytes.put_u32(body.account);
                bytes.put_u16(body.group);
            }
            Self::TearUp(body) => body.write(bytes),
            Self::WriteOff(account) => bytes.put_u32(*account),
            Self::DropHour(hour) => bytes.put_u32(*hour),
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
        8 => MicroOp::Epoch(Epoch {
            vector: Vector::read(reader)?,
            signatures: read_signatures(reader)?,
        }),
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

impl Fill {
    /// Reads the body.
    ///
    /// # Errors
    /// `Short` if too few bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            maker: OrderKey::read(reader)?,
            taker: OrderKey::read(reader)?,
            maker_slot: reader.u16()?,
            taker_slot: reader.u16()?,
            price: reader.i64()?,
            size: reader.i64()?,
            margin_rules: reader.u8()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put(&self.maker.to_bytes());
        bytes.put(&self.taker.to_bytes());
        bytes.put_u16(self.maker_slot);
        bytes.put_u16(self.taker_slot);
        bytes.put_i64(self.price);
        bytes.put_i64(self.size);
        bytes.put_u8(self.margin_rules);
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
        Ok(Self {
            account: reader.u32()?,
            slot: reader.u16()?,
            maker: OrderKey::read(reader)?,
            maker_slot: reader.u16()?,
            price: reader.i64()?,
            size: reader.i64()?,
            margin_rules: reader.u8()?,
        })
    }

    /// Writes the body.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u16(self.slot);
        bytes.put(&self.maker.to_bytes());
        bytes.put_u16(self.maker_slot);
        bytes.put_i64(self.price);
        bytes.put_i64(self.size);
        bytes.put_u8(self.margin_rules);
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

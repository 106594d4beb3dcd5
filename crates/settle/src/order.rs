//! Orders, their keys, and what oracle nodes sign (formats.md sections 2 and 4).

use alloc::vec::Vec;
use merkat_pricing::SurfaceVector;
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::constants::{
    ACCOUNT_LIMIT, COUNTER_LIMIT, HOUR_LIMIT, HOUR_NS, NODES_MAXIMUM, SLOTS,
};
use merkat_values::{Address, Signature, keccak::keccak256};

/// A side of an order: buys.
pub const BUY: u8 = 0;

/// A side of an order: sells.
pub const SELL: u8 = 1;

/// The kinds of orders that may be given.
pub const FLAGS_KNOWN: [u8; 4] = [0, 1, 2, 5];

/// Flag bit 0: immediate-or-cancel.
pub const FLAG_IMMEDIATE: u8 = 1;

/// Twelve bytes: four zero bits, expiry hour (20), account (28), session slot (4), counter (40).
///
/// Any twelve bytes can be read; a key with bits above the 92nd names no leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderKey(u128);

impl OrderKey {
    /// Bytes of a key.
    pub const BYTES: usize = 12;

    /// The key of an order that a slot of an account signs, or nothing if a part does not fit its bits.
    #[must_use]
    pub fn new(expiry_hour: u64, account: u32, slot: u8, counter: u64) -> Option<Self> {
        let fits = expiry_hour < u64::from(HOUR_LIMIT)
            && account < ACCOUNT_LIMIT
            && slot < SLOTS
            && counter < COUNTER_LIMIT;
        fits.then(|| {
            let low = u64::from(slot) << 40 | counter;
            Self(u128::from(expiry_hour) << 72 | u128::from(account) << 44 | u128::from(low))
        })
    }

    /// The key as a number below 2^96.
    #[must_use]
    pub fn value(self) -> u128 {
        self.0
    }

    /// The expiry hour with the four bits above it.
    #[must_use]
    pub fn hour(self) -> u32 {
        (self.0 >> 72) as u32
    }

    /// The account, below 2^28.
    #[must_use]
    pub fn account(self) -> u32 {
        (self.0 >> 44) as u32 & (ACCOUNT_LIMIT - 1)
    }

    /// The session slot, below 16; 0 is the wallet.
    #[must_use]
    pub fn session_slot(self) -> u8 {
        (self.0 >> 40) as u8 & 15
    }

    /// The counter, below 2^40.
    #[must_use]
    pub fn counter(self) -> u64 {
        self.0 as u64 & (COUNTER_LIMIT - 1)
    }

    /// The twelve bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(&self.0.to_be_bytes()[4..]);
        bytes
    }

    /// The key of these twelve bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut wide = [0; 16];
        wide[4..].copy_from_slice(&bytes);
        Self(u128::from_be_bytes(wide))
    }

    /// Reads a key.
    ///
    /// # Errors
    /// `Short` if fewer than twelve bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self::from_bytes(reader.array()?))
    }
}

/// A signed order (69 bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Whose it is.
    pub account: u32,
    /// Who signs: 0 the wallet, 1 to 15 a session.
    pub slot: u8,
    /// What is traded.
    pub listing: u32,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// 0 rests, 1 immediate-or-cancel, 2 post-only, 5 market.
    pub flags: u8,
    /// The worst price, in 1e-6 USD per coin.
    pub limit_price: i64,
    /// In base units.
    pub size: i64,
    /// The highest fee rate that is accepted, in 1e-9.
    pub fee_cap: i64,
    /// Nanoseconds since the epoch; from then on it is void.
    pub expiry_ns: u64,
    /// Below 2^40; together with account, slot and expiry hour it makes the key.
    pub counter: u64,
    /// From 1; each amendment has a larger one.
    pub version: u32,
    /// Of the command.
    pub nonce: u64,
    /// Expiry hour of the order (of the same account and slot) that this one renews.
    pub renews_hour: u32,
    /// Counter of the order that this one renews; with hour 0 and counter 0 it renews none.
    pub renews_counter: u64,
}

impl Order {
    /// Bytes of an order.
    pub const BYTES: usize = 69;

    /// The order's key, or nothing if its expiry is beyond the last hour of a key (or account, slot or counter do not fit).
    #[must_use]
    pub fn key(&self) -> Option<OrderKey> {
        OrderKey::new(
            self.expiry_ns / HOUR_NS,
            self.account,
            self.slot,
            self.counter,
        )
    }

    /// Whether it names an order that it renews.
    #[must_use]
    pub fn renews(&self) -> bool {
        self.renews_hour != 0 || self.renews_counter != 0
    }

    /// The key of the order that it renews, or nothing if no key has that hour.
    #[must_use]
    pub fn renewed_key(&self) -> Option<OrderKey> {
        OrderKey::new(
            u64::from(self.renews_hour),
            self.account,
            self.slot,
            self.renews_counter,
        )
    }

    /// Reads an order.
    ///
    /// # Errors
    /// `Short` if fewer than 69 bytes are left.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            account: reader.u32()?,
            slot: reader.u8()?,
            listing: reader.u32()?,
            side: reader.u8()?,
            flags: reader.u8()?,
            limit_price: reader.i64()?,
            size: reader.i64()?,
            fee_cap: reader.i64()?,
            expiry_ns: reader.u64()?,
            counter: reader.u40()?,
            version: reader.u32()?,
            nonce: reader.u64()?,
            renews_hour: reader.u32()?,
            renews_counter: reader.u40()?,
        })
    }

    /// Writes the 69 bytes.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u32(self.account);
        bytes.put_u8(self.slot);
        bytes.put_u32(self.listing);
        bytes.put_u8(self.side);
        bytes.put_u8(self.flags);
        bytes.put_i64(self.limit_price);
        bytes.put_i64(self.size);
        bytes.put_i64(self.fee_cap);
        bytes.put_u64(self.expiry_ns);
        bytes.put_u40(self.counter);
        bytes.put_u32(self.version);
        bytes.put_u64(self.nonce);
        bytes.put_u32(self.renews_hour);
        bytes.put_u40(self.renews_counter);
    }
}

/// What the oracle nodes of a group agreed on (74 bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vector {
    /// The underlying.
    pub group: u16,
    /// From 1, without gaps.
    pub number: u64,
    /// When it was taken, ns since the epoch.
    pub time_ns: u64,
    /// Hash of the vector before it; 31 zero bytes for the first.
    pub previous: [u8; 31],
    /// Index price in 1e-6 USD.
    pub index: i64,
    /// In 1e-9 of the index.
    pub basis: i64,
    /// In 1e-9 of the index.
    pub premium: i64,
}

impl Vector {
    /// Bytes of a vector.
    pub const BYTES: usize = 74;

    /// Vectors of groups without a risk set.
    pub const VERSION: u8 = 1;

    /// Reads a vector.
    ///
    /// # Errors
    /// `Short` if fewer than 74 bytes are left or the version is another one.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        if reader.u8()? != Self::VERSION {
            return Err(Short);
        }
        Ok(Self {
            group: reader.u16()?,
            number: reader.u64()?,
            time_ns: reader.u64()?,
            previous: reader.array()?,
            index: reader.i64()?,
            basis: reader.i64()?,
            premium: reader.i64()?,
        })
    }

    /// Writes the 74 bytes.
    pub fn write(&self, bytes: &mut impl Writer) {
        bytes.put_u8(Self::VERSION);
        bytes.put_u16(self.group);
        bytes.put_u64(self.number);
        bytes.put_u64(self.time_ns);
        bytes.put(&self.previous);
        bytes.put_i64(self.index);
        bytes.put_i64(self.basis);
        bytes.put_i64(self.premium);
    }

    /// The vector's hash: the first 31 bytes of keccak over its 74 bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 31] {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        self.write(&mut bytes);
        cut(&keccak256(&[&bytes]))
    }
}

/// A vector of either version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // Read once, on the stack.
pub enum AnyVector {
    /// Of a group without a risk set.
    One(Vector),
    /// Of a group with one.
    Two(SurfaceVector),
}

impl From<Vector> for AnyVector {
    fn from(vector: Vector) -> Self {
        Self::One(vector)
    }
}

impl From<SurfaceVector> for AnyVector {
    fn from(vector: SurfaceVector) -> Self {
        Self::Two(vector)
    }
}

impl AnyVector {
    /// Reads a vector of the version that its first byte names.
    ///
    /// # Errors
    /// `Short` if too few bytes are left, the version is unknown or there are more than 16 expiries.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut ahead = *reader;
        match ahead.u8()? {
            Vector::VERSION => Vector::read(reader).map(Self::One),
            SurfaceVector::VERSION => SurfaceVector::read(reader).map(Self::Two),
            _ => Err(Short),
        }
    }

    /// Writes the vector.
    pub fn write(&self, bytes: &mut impl Writer) {
        match self {
            Self::One(vector) => vector.write(bytes),
            Self::Two(vector) => vector.write(bytes),
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        match self {
            Self::One(_) => Vector::BYTES,
            Self::Two(vector) => SurfaceVector::bytes_of(vector.expiries.len()),
        }
    }

    /// The first 31 bytes of keccak over its bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 31] {
        match self {
            Self::One(vector) => vector.hash(),
            Self::Two(vector) => vector.hash(),
        }
    }

    /// What both versions have.
    #[must_use]
    pub fn head(&self) -> Vector {
        match self {
            Self::One(vector) => *vector,
            Self::Two(vector) => Vector {
                group: vector.group,
                number: vector.number,
                time_ns: vector.time_ns,
                previous: vector.previous,
                index: vector.index,
                basis: vector.basis,
                premium: vector.premium,
            },
        }
    }

    /// The underlying.
    #[must_use]
    pub fn group(&self) -> u16 {
        match self {
            Self::One(vector) => vector.group,
            Self::Two(vector) => vector.group,
        }
    }

    /// From 1, without gaps.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.head().number
    }

    /// When it was taken, ns since the epoch.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        self.head().time_ns
    }

    /// Index price in 1e-6 USD.
    #[must_use]
    pub fn index(&self) -> i64 {
        self.head().index
    }

    /// In 1e-9 of the index.
    #[must_use]
    pub fn basis(&self) -> i64 {
        self.head().basis
    }
}

/// The first 31 bytes of a hash.
#[must_use]
pub fn cut(hash: &[u8; 32]) -> [u8; 31] {
    let mut bytes = [0; 31];
    bytes.copy_from_slice(&hash[..31]);
    bytes
}

/// One oracle node's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSignature {
    /// Which node of the group.
    pub node: u8,
    /// Over the EIP-712 digest of the vector or heartbeat.
    pub signature: Signature,
}

/// Reads count u8 and that many node signatures, at most eight.
///
/// # Errors
/// `Short` if too few bytes are left or the count is above eight.
pub fn read_signatures(reader: &mut Reader<'_>) -> Result<Vec<NodeSignature>, Short> {
    let count = usize::from(reader.u8()?);
    if count > NODES_MAXIMUM {
        return Err(Short);
    }
    let mut signatures = Vec::with_capacity(count);
    for _ in 0..count {
        let node = reader.u8()?;
        let signature = reader.array()?;
        signatures.push(NodeSignature { node, signature });
    }
    Ok(signatures)
}

/// Writes count u8 and the signatures.
///
/// # Panics
/// If there are more than 255.
pub fn write_signatures(signatures: &[NodeSignature], bytes: &mut impl Writer) {
    bytes.put_u8(u8::try_from(signatures.len()).expect("invariant: at most eight signatures"));
    for entry in signatures {
        bytes.put_u8(entry.node);
        bytes.put(&entry.signature);
    }
}

/// The zero address, which names no owner and no node.
pub const NO_ADDRESS: Address = [0; 20];

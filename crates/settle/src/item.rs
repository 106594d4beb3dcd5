//! Items of the inbox (formats.md section 4, derivatives.md section 1).

use merkat_pricing::RiskSet;
use merkat_values::Address;
use merkat_values::codec::{Reader, Short};
use merkat_values::constants::{NODES_MAXIMUM, PARAMETERS};

/// What an item asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // Decoded once, on the stack.
pub enum Item {
    /// 1: a deposit of a user.
    Deposit {
        /// 0 is the settlement token.
        token: u8,
        /// Of the account.
        owner: Address,
        /// Where to, if it is the owner's; else a new account is opened.
        account: u32,
        /// In units of the token.
        amount: u128,
    },
    /// 2: a group's parameters and nodes.
    Group {
        /// The next number makes a new one.
        group: u16,
        /// How many nodes must sign.
        threshold: u8,
        /// The unused ones are zero.
        nodes: [Address; NODES_MAXIMUM],
        /// See the state's `parameter`.
        parameters: [i64; PARAMETERS],
    },
    /// 3: a new listing.
    List {
        /// 1 perpetual.
        kind: u8,
        /// The underlying.
        group: u16,
        /// A coin is 10^size_decimals base units.
        size_decimals: u8,
        /// In base units.
        lot: i64,
        /// In 1e-6 USD per coin.
        tick: i64,
        /// In 1e-9.
        maker_fee: i64,
        /// In 1e-9.
        taker_fee: i64,
    },
    /// 4: a listing's state and fees.
    Instrument {
        /// Which.
        listing: u32,
        /// 1 open, 2 reductions only.
        state: u8,
        /// In 1e-9.
        maker_fee: i64,
        /// In 1e-9.
        taker_fee: i64,
    },
    /// 5: the venue's limits.
    Venue {
        /// Positions of an account.
        position_limit: u16,
        /// Resting orders of an account.
        open_orders_account: u32,
        /// Resting orders of an account in one listing.
        open_orders_listing: u32,
        /// The least deposit that opens an account.
        new_account_minimum: u64,
    },
    /// 6: a deposit into a fund.
    FundDeposit {
        /// Whose.
        group: u16,
        /// 1e-6 USD.
        amount: u128,
    },
    /// 7: the venue's fees go to an account.
    FeeSweep {
        /// Which.
        account: u32,
    },
    /// 8: a withdrawal that its owner asks for on the chain, past the venue.
    ForcedWithdraw {
        /// Whose cash.
        account: u32,
        /// Of the account.
        owner: Address,
        /// 0 is the settlement token.
        token: u8,
        /// The most that is wanted, in units of the token.
        amount: u128,
    },
    /// 9: a group's risk set.
    Risk {
        /// The underlying.
        group: u16,
        /// Its values are not checked yet.
        set: RiskSet,
    },
    /// 10: a new dated or spot listing.
    ListDated(ListDated),
    /// 11: the delivery price of an expiry that had too few samples.
    Deliver {
        /// The underlying.
        group: u16,
        /// ns since the epoch.
        expiry_ns: u64,
        /// In 1e-6 USD.
        price: i64,
    },
}

/// A new listing of kind 2 to 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListDated {
    /// 2 future, 3 call, 4 put, 5 spot.
    pub kind: u8,
    /// The underlying.
    pub group: u16,
    /// A coin is 10^size_decimals base units.
    pub size_decimals: u8,
    /// In base units.
    pub lot: i64,
    /// In 1e-6 USD per coin.
    pub tick: i64,
    /// In 1e-6 USD per coin.
    pub coarse_tick: i64,
    /// In 1e-6 USD per coin.
    pub coarse_from: i64,
    /// In 1e-9.
    pub maker_fee: i64,
    /// In 1e-9.
    pub taker_fee: i64,
    /// In 1e-9.
    pub delivery_fee: i64,
    /// In 1e-6 USD.
    pub strike: i64,
    /// ns since the epoch.
    pub expiry_ns: u64,
    /// 0 unless spot.
    pub token: u8,
}

impl ListDated {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        Ok(Self {
            kind: reader.u8()?,
            group: reader.u16()?,
            size_decimals: reader.u8()?,
            lot: reader.i64()?,
            tick: reader.i64()?,
            coarse_tick: reader.i64()?,
            coarse_from: reader.i64()?,
            maker_fee: reader.i64()?,
            taker_fee: reader.i64()?,
            delivery_fee: reader.i64()?,
            strike: reader.i64()?,
            expiry_ns: reader.u64()?,
            token: reader.u8()?,
        })
    }
}

/// An item with who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedItem {
    /// Whether the timelock sent it (else a user).
    pub timelock: bool,
    /// What it asks for.
    pub item: Item,
}

impl SourcedItem {
    /// Decodes an item (rule I-01).
    ///
    /// # Errors
    /// `Short` for anything but a known kind of exact length with source 0 or 1.
    pub fn decode(bytes: &[u8]) -> Result<Self, Short> {
        let reader = &mut Reader::new(bytes);
        let kind = reader.u8()?;
        let source = reader.u8()?;
        let item = read_item(kind, reader)?;
        if source > 1 || !reader.is_done() {
            return Err(Short);
        }
        Ok(Self {
            timelock: source == 1,
            item,
        })
    }
}

fn read_group(reader: &mut Reader<'_>) -> Result<Item, Short> {
    let (group, threshold) = (reader.u16()?, reader.u8()?);
    let mut nodes = [[0; 20]; NODES_MAXIMUM];
    for node in &mut nodes {
        *node = reader.array()?;
    }
    let mut parameters = [0; PARAMETERS];
    for parameter in &mut parameters {
        *parameter = reader.i64()?;
    }
    Ok(Item::Group {
        group,
        threshold,
        nodes,
        parameters,
    })
}

fn read_item(kind: u8, reader: &mut Reader<'_>) -> Result<Item, Short> {
    Ok(match kind {
        1 => Item::Deposit {
            token: reader.u8()?,
            owner: reader.array()?,
            account: reader.u32()?,
            amount: reader.u128()?,
        },
        2 => read_group(reader)?,
        3 => Item::List {
            kind: reader.u8()?,
            group: reader.u16()?,
            size_decimals: reader.u8()?,
            lot: reader.i64()?,
            tick: reader.i64()?,
            maker_fee: reader.i64()?,
            taker_fee: reader.i64()?,
        },
        4 => Item::Instrument {
            listing: reader.u32()?,
            state: reader.u8()?,
            maker_fee: reader.i64()?,
            taker_fee: reader.i64()?,
        },
        5 => Item::Venue {
            position_limit: reader.u16()?,
            open_orders_account: reader.u32()?,
            open_orders_listing: reader.u32()?,
            new_account_minimum: reader.u64()?,
        },
        6 => Item::FundDeposit {
            group: reader.u16()?,
            amount: reader.u128()?,
        },
        7 => Item::FeeSweep {
            account: reader.u32()?,
        },
        8 => Item::ForcedWithdraw {
            account: reader.u32()?,
            owner: reader.array()?,
            token: reader.u8()?,
            amount: reader.u128()?,
        },
        9 => Item::Risk {
            group: reader.u16()?,
            set: RiskSet::decode(reader.rest()).ok_or(Short)?,
        },
        10 => Item::ListDated(ListDated::read(reader)?),
        11 => Item::Deliver {
            group: reader.u16()?,
            expiry_ns: reader.u64()?,
            price: reader.i64()?,
        },
        _ => return Err(Short),
    })
}

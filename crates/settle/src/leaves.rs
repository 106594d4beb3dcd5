//! The words of the leaves (formats.md section 7, derivatives.md section 1, sessions.md section 1).
//!
//! A word is the concatenation of its fields, at most 31 bytes, with zeros before it up to 32.

use crate::orders::OrderLeaf;
use crate::sessions::Session;
use crate::state::{Account, Globals, Group, Instrument, Position};
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::constants::{NODES_MAXIMUM, PARAMETERS};

/// A word as 32 bytes, the first of them zero.
pub type Word = [u8; 32];

/// Words of an account's leaf before the root of its positions.
pub const ACCOUNT_WORDS: usize = 8;

/// Words of an order's leaf.
pub const ORDER_WORDS: usize = 3;

/// Words of a session's leaf.
pub const SESSION_WORDS: usize = 2;

/// Words of an instrument's leaf.
pub const INSTRUMENT_WORDS: usize = 4;

/// Words of a group's leaf.
pub const GROUP_WORDS: usize = 29;

/// Words of the globals' leaf.
pub const GLOBALS_WORDS: usize = 17;

/// Fields of one word, written from the left and then moved to the right end.
#[derive(Default)]
struct Fields {
    word: Word,
    length: usize,
}

impl Writer for Fields {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        assert!(end <= 31, "invariant: a word has at most 31 bytes");
        self.word[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }
}

fn word(write: impl FnOnce(&mut Fields)) -> Word {
    let mut fields = Fields::default();
    write(&mut fields);
    fields.word.rotate_right(32 - fields.length);
    fields.word
}

fn word_u128(value: u128) -> Word {
    word(|fields| fields.put_u128(value))
}

fn word_i128(value: i128) -> Word {
    word(|fields| fields.put_i128(value))
}

fn word_three(values: &[i64]) -> Word {
    word(|fields| values.iter().for_each(|value| fields.put_i64(*value)))
}

/// Reads a word whose fields have this many bytes: those before them must be zero.
fn fields_of<'a>(reader: &mut Reader<'a>, length: usize) -> Result<Reader<'a>, Short> {
    let word = reader.take(32)?;
    let (padding, fields) = word.split_at(32 - length);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Short);
    }
    Ok(Reader::new(fields))
}

fn read_u128(reader: &mut Reader<'_>) -> Result<u128, Short> {
    fields_of(reader, 16)?.u128()
}

fn read_i128(reader: &mut Reader<'_>) -> Result<i128, Short> {
    fields_of(reader, 16)?.i128()
}

impl Position {
    /// The position's word.
    #[must_use]
    pub fn word(&self) -> Word {
        word(|fields| {
            fields.put_u32(self.listing);
            fields.put_i64(self.size);
            fields.put_i64(self.base_size);
        })
    }

    /// Reads the word of a slot.
    ///
    /// # Errors
    /// `Short` if the bytes are too few or the padding is not zero; so in the others.
    pub fn read(slot: u16, reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut fields = fields_of(reader, 20)?;
        Ok(Self {
            slot,
            listing: fields.u32()?,
            size: fields.i64()?,
            base_size: fields.i64()?,
        })
    }
}

impl Account {
    /// The words before the root of the positions.
    #[must_use]
    pub fn words(&self) -> [Word; ACCOUNT_WORDS] {
        let [first, second, third, fourth] = self.claimable.map(word_u128);
        [
            word(|fields| {
                fields.put(&self.owner);
                fields.put_u8(self.margin_mode);
                fields.put_u8(self.stage);
                fields.put_u16(self.stage_group);
            }),
            word(|fields| {
                fields.put_u64(self.nonce);
                fields.put_u40(self.order_floor);
                fields.put_u32(self.last_interest_hour);
            }),
            word(|fields| {
                fields.put_u64(self.stage_time_ns);
                fields.put_u64(self.slice_time_ns);
                fields.put_u32(self.slice_listing);
                fields.put_i64(self.slice_used);
            }),
            word_i128(self.cash),
            first,
            second,
            third,
            fourth,
        ]
    }

    /// Reads the words; the positions are empty.
    ///
    /// # Errors
    /// As [`Position::read`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut account = Self::default();
        let mut fields = fields_of(reader, 24)?;
        account.owner = fields.array()?;
        account.margin_mode = fields.u8()?;
        account.stage = fields.u8()?;
        account.stage_group = fields.u16()?;
        let mut fields = fields_of(reader, 17)?;
        account.nonce = fields.u64()?;
        account.order_floor = fields.u40()?;
        account.last_interest_hour = fields.u32()?;
        let mut fields = fields_of(reader, 28)?;
        account.stage_time_ns = fields.u64()?;
        account.slice_time_ns = fields.u64()?;
        account.slice_listing = fields.u32()?;
        account.slice_used = fields.i64()?;
        account.cash = read_i128(reader)?;
        for claimable in &mut account.claimable {
            *claimable = read_u128(reader)?;
        }
        Ok(account)
    }
}

impl OrderLeaf {
    /// The leaf's words.
    #[must_use]
    pub fn words(&self) -> [Word; ORDER_WORDS] {
        [
            word(|fields| {
                fields.put_u8(self.state);
                fields.put_u8(self.side);
                fields.put_u8(self.flags);
                fields.put_u32(self.version);
                fields.put_u32(self.listing);
                fields.put_u64(self.expiry_ns);
            }),
            word_three(&[self.limit_price, self.size, self.filled]),
            word(|fields| fields.put_i64(self.fee_cap)),
        ]
    }

    /// Reads the words.
    ///
    /// # Errors
    /// As [`Position::read`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut head = fields_of(reader, 19)?;
        let mut amounts = fields_of(reader, 24)?;
        Ok(Self {
            state: head.u8()?,
            side: head.u8()?,
            flags: head.u8()?,
            version: head.u32()?,
            listing: head.u32()?,
            expiry_ns: head.u64()?,
            limit_price: amounts.i64()?,
            size: amounts.i64()?,
            filled: amounts.i64()?,
            fee_cap: fields_of(reader, 8)?.i64()?,
        })
    }
}

impl Session {
    /// The leaf's words.
    #[must_use]
    pub fn words(&self) -> [Word; SESSION_WORDS] {
        [
            word(|fields| {
                fields.put_u8(self.state);
                fields.put_u8(self.scheme);
                fields.put_u8(self.kinds);
                fields.put_u64(self.groups);
                fields.put_u64(self.notional);
                fields.put_u64(self.expiry_ns);
            }),
            word(|fields| fields.put(&self.key)),
        ]
    }

    /// Reads the words.
    ///
    /// # Errors
    /// As [`Position::read`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut head = fields_of(reader, 27)?;
        Ok(Self {
            state: head.u8()?,
            scheme: head.u8()?,
            kinds: head.u8()?,
            groups: head.u64()?,
            notional: head.u64()?,
            expiry_ns: head.u64()?,
            key: fields_of(reader, 20)?.array()?,
        })
    }
}

impl Instrument {
    /// The leaf's words.
    #[must_use]
    pub fn words(&self) -> [Word; INSTRUMENT_WORDS] {
        [
            word(|fields| {
                fields.put_u8(self.kind);
                fields.put_u8(self.state);
                fields.put_u16(self.group);
                fields.put_u8(self.size_decimals);
                fields.put_i64(self.lot);
                fields.put_i64(self.tick);
            }),
            word_three(&[self.maker_fee, self.taker_fee, self.open_interest]),
            word(|fields| {
                fields.put_i64(self.strike);
                fields.put_u64(self.expiry_ns);
                fields.put_i64(self.delivery_price);
            }),
            word(|fields| {
                fields.put_i64(self.coarse_tick);
                fields.put_i64(self.coarse_from);
                fields.put_i64(self.delivery_fee);
                fields.put_u8(self.token);
            }),
        ]
    }

    /// Reads the words.
    ///
    /// # Errors
    /// As [`Position::read`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut head = fields_of(reader, 21)?;
        let mut fees = fields_of(reader, 24)?;
        let mut terms = fields_of(reader, 24)?;
        let mut ticks = fields_of(reader, 25)?;
        Ok(Self {
            kind: head.u8()?,
            state: head.u8()?,
            group: head.u16()?,
            size_decimals: head.u8()?,
            lot: head.i64()?,
            tick: head.i64()?,
            maker_fee: fees.i64()?,
            taker_fee: fees.i64()?,
            open_interest: fees.i64()?,
            strike: terms.i64()?,
            expiry_ns: terms.u64()?,
            delivery_price: terms.i64()?,
            coarse_tick: ticks.i64()?,
            coarse_from: ticks.i64()?,
            delivery_fee: ticks.i64()?,
            token: ticks.u8()?,
        })
    }
}

impl Group {
    /// The leaf's words.
    #[must_use]
    pub fn words(&self) -> [Word; GROUP_WORDS] {
        let mut words = [[0; 32]; GROUP_WORDS];
        for (index, three) in self.parameters.chunks_exact(3).enumerate() {
            words[index] = word_three(three);
        }
        for (index, node) in self.nodes.iter().enumerate() {
            words[7 + index] = word(|fields| fields.put(node));
        }
        words[15] = word(|fields| {
            fields.put_u8(self.threshold);
            fields.put_u64(self.epoch_number);
            fields.put_u64(self.epoch_time_ns);
        });
        words[16] = word(|fields| fields.put(&self.input_hash));
        words[17] = word_three(&[self.index, self.basis, self.premium]);
        words[18] = word(|fields| {
            fields.put_u8(self.held_count);
            fields.put_i64(self.held_low);
            fields.put_i64(self.held_high);
        });
        words[19] = word_i128(self.cumulative_funding);
        words[20] = word(|fields| {
            fields.put_i128(self.premium_sum);
            fields.put_u32(self.premium_count);
            fields.put_u32(self.premium_hour);
        });
        words[21] = word(|fields| {
            fields.put_i128(self.fund);
            fields.put_u32(self.fund_day);
        });
        words[22] = word_i128(self.fund_day_open);
        words[23] = word_i128(self.fund_day_used);
        words[24] = word(|fields| fields.put(&self.risk_hash));
        words[25] = word(|fields| fields.put(&self.rows_hash));
        words[26] = word(|fields| fields.put(&self.row_root));
        words[27] = word(|fields| {
            fields.put_u64(self.fixed_expiry_ns);
            fields.put_i64(self.fixed_price);
        });
        words[28] = word(|fields| {
            fields.put_u32(self.samples.day);
            fields.put_u32(self.samples.count);
            fields.put_i128(self.samples.sum);
        });
        words
    }

    /// Reads the words.
    ///
    /// # Errors
    /// As [`Position::read`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut group = Self::default();
        for three in 0..PARAMETERS / 3 {
            let mut fields = fields_of(reader, 24)?;
            for value in &mut group.parameters[3 * three..3 * three + 3] {
                *value = fields.i64()?;
            }
        }
        for node in 0..NODES_MAXIMUM {
            group.nodes[node] = fields_of(reader, 20)?.array()?;
        }
        let mut fields = fields_of(reader, 17)?;
        group.threshold = fields.u8()?;
        group.epoch_number = fields.u64()?;
        group.epoch_time_ns = fields.u64()?;
        group.input_hash = fields_of(reader, 31)?.array()?;
        let mut fields = fields_of(reader, 24)?;
        group.index = fields.i64()?;
        group.basis = fields.i64()?;
        group.premium = fields.i64()?;
        let mut fields = fields_of(reader, 17)?;
        group.held_count = fields.u8()?;
        group.held_low = fields.i64()?;
        group.held_high = fields.i64()?;
        group.cumulative_funding = read_i128(reader)?;
        let mut fields = fields_of(reader, 24)?;
        group.premium_sum = fields.i128()?;
        group.premium_count = fields.u32()?;
        group.premium_hour = fields.u32()?;
        let mut fields = fields_of(reader, 20)?;
        group.fund = fields.i128()?;
        group.fund_day = fields.u32()?;
        group.fund_day_open = read_i128(reader)?;
        group.fund_day_used = read_i128(reader)?;
        group.risk_hash = fields_of(reader, 31)?.array()?;
        group.rows_hash = fields_of(reader, 31)?.array()?;
        group.row_root = fields_of(reader, 31)?.array()?;
        let mut fields = fields_of(reader, 16)?;
        group.fixed_expiry_ns = fields.u64()?;
        group.fixed_price = fields.i64()?;
        let mut fields = fields_of(reader, 24)?;
        group.samples.day = fields.u32()?;
        group.samples.count = fields.u32()?;
        group.samples.sum = fields.i128()?;
        Ok(group)
    }
}

impl Globals {
    /// The leaf's words.
    #[must_use]
    pub fn words(&self) -> [Word; GLOBALS_WORDS] {
        let mut words = [[0; 32]; GLOBALS_WORDS];
        words[0] = word(|fields| {
            fields.put_u16(self.version);
            fields.put_u64(self.time_ns);
            fields.put_u64(self.log_number);
            fields.put_u64(self.input_cursor);
        });
        words[1] = word(|fields| {
            fields.put_u64(self.inbox_cursor);
            fields.put_u32(self.next_account);
            fields.put_u32(self.next_listing);
            fields.put_u16(self.next_group);
        });
        words[2] = word(|fields| fields.put(&self.inbox_hash[..16]));
        words[3] = word(|fields| fields.put(&self.inbox_hash[16..]));
        words[4] = word(|fields| {
            fields.put_u16(self.position_limit);
            fields.put_u32(self.open_orders_account);
            fields.put_u32(self.open_orders_listing);
            fields.put_u64(self.new_account_minimum);
        });
        let counters = [self.fees, self.rebates, self.interest, self.bad_debt];
        words[5..9].copy_from_slice(&counters.map(word_i128));
        words[9..13].copy_from_slice(&self.deposited.map(word_u128));
        words[13..17].copy_from_slice(&self.claimable_total.map(word_u128));
        words
    }

    /// Reads the words.
    ///
    /// # Errors
    /// As [`Position::read`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Short> {
        let mut globals = Self::default();
        let mut fields = fields_of(reader, 26)?;
        globals.version = fields.u16()?;
        globals.time_ns = fields.u64()?;
        globals.log_number = fields.u64()?;
        globals.input_cursor = fields.u64()?;
        let mut fields = fields_of(reader, 18)?;
        globals.inbox_cursor = fields.u64()?;
        globals.next_account = fields.u32()?;
        globals.next_listing = fields.u32()?;
        globals.next_group = fields.u16()?;
        let high: [u8; 16] = fields_of(reader, 16)?.array()?;
        let low: [u8; 16] = fields_of(reader, 16)?.array()?;
        globals.inbox_hash[..16].copy_from_slice(&high);
        globals.inbox_hash[16..].copy_from_slice(&low);
        let mut fields = fields_of(reader, 18)?;
        globals.position_limit = fields.u16()?;
        globals.open_orders_account = fields.u32()?;
        globals.open_orders_listing = fields.u32()?;
        globals.new_account_minimum = fields.u64()?;
        globals.fees = read_i128(reader)?;
        globals.rebates = read_i128(reader)?;
        globals.interest = read_i128(reader)?;
        globals.bad_debt = read_i128(reader)?;
        for deposited in &mut globals.deposited {
            *deposited = read_u128(reader)?;
        }
        for total in &mut globals.claimable_total {
            *total = read_u128(reader)?;
        }
        Ok(globals)
    }
}

//! Bare matching of a tape (24-byte little-endian records) through the engine's own book.
//!
//! record = type u8 (0 limit, 1 immediate-or-cancel, 2 cancel, 3 move) ‖ side u8 ‖ symbol u16 ‖ quantity u32 ‖ id u64 ‖
//! price i64 in ticks. Buys belong to owner 2 (id mod 512), sells to 2 (id mod 512) + 1.

use crate::book::{Book, NONE, Node, Slab};

/// The length of a record in bytes.
pub const RECORD: usize = 24;
/// Prices of a tape lie within plus and minus this many ticks, as those of the venue do.
pub const LARGEST_TICKS: i64 = 1 << 52;

/// What every engine reports of a tape; all must report the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of trades.
    pub trades: u64,
    /// Traded quantity.
    pub quantity: u64,
    /// Sum of price times quantity.
    pub notional: i128,
}

/// A record that breaks the rules of a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeError {
    /// The number of the record, from 0.
    pub record: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

/// Books by symbol, orders by the tape's id.
#[derive(Debug, Default)]
pub struct TapeMatcher {
    books: Vec<Book>,
    slab: Slab,
    places: Vec<u32>,
    summary: Summary,
}

struct Record {
    kind: u8,
    side: u8,
    symbol: u16,
    quantity: u32,
    id: u64,
    price: i64,
}

impl Record {
    fn decode(bytes: &[u8]) -> Self {
        let word = |from: usize| {
            u64::from_le_bytes(
                bytes[from..from + 8]
                    .try_into()
                    .expect("invariant: 24 bytes"),
            )
        };
        Self {
            kind: bytes[0],
            side: bytes[1],
            symbol: u16::from_le_bytes([bytes[2], bytes[3]]),
            quantity: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            id: word(8),
            price: word(16) as i64,
        }
    }

    fn owner(&self) -> u32 {
        2 * (self.id % 512) as u32 + u32::from(self.side)
    }
}

impl TapeMatcher {
    /// Empty books.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was traded so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The number of resting orders.
    pub fn resting(&self) -> usize {
        self.slab.len()
    }

    /// Reserves room for ids up to `largest_id`.
    pub fn reserve(&mut self, largest_id: usize) {
        if self.places.len() <= largest_id {
            self.places.resize(largest_id + 1, NONE);
        }
    }

    /// Plays all records; books stay for the next call.
    ///
    /// # Errors
    /// A tape that is not whole records, an unknown type or side, an id that was used before or names no resting order.
    /// Records before the faulty one have been played.
    pub fn run(&mut self, tape: &[u8]) -> Result<Summary, TapeError> {
        if !tape.len().is_multiple_of(RECORD) {
            return Err(TapeError {
                record: tape.len() / RECORD,
                message: format!(
                    "the tape has {} bytes, expected a multiple of {RECORD}",
                    tape.len()
                ),
            });
        }
        for (number, bytes) in tape.chunks_exact(RECORD).enumerate() {
            self.play(&Record::decode(bytes))
                .map_err(|message| TapeError {
                    record: number,
                    message,
                })?;
        }
        Ok(self.summary)
    }

    #[inline]
    fn play(&mut self, record: &Record) -> Result<(), String> {
        match record.kind {
            0 | 1 => self.limit(record),
            2 | 3 => self.cancel_or_move(record),
            kind => Err(format!("type {kind} is unknown, expected 0 to 3")),
        }
    }

    #[inline]
    fn limit(&mut self, record: &Record) -> Result<(), String> {
        check_terms(record)?;
        let id = usize::try_from(record.id).expect("invariant: 64-bit machine");
        if id >= self.places.len() {
            if id > 4 * self.places.len() + (1 << 24) {
                return Err(format!(
                    "id {id} leaves a gap, expected ids that grow from 1"
                ));
            }
            self.places.resize((id + 1).next_power_of_two(), NONE);
        }
        if self.places[id] != NONE {
            return Err(format!("id {id} is in use, expected a new one"));
        }
        let book = usize::from(record.symbol);
        if book >= self.books.len() {
            self.books.resize_with(book + 1, Book::new);
        }
        let owner = record.owner();
        let left = self.take(
            book,
            record.side,
            record.price,
            i64::from(record.quantity),
            owner,
        );
        if left > 0 && record.kind == 0 {
            let node = Node::new(book as u32, record.side, record.price, left, owner);
            let index = self.slab.insert(node);
            self.books[book].insert(&mut self.slab, index);
            self.places[id] = index;
        }
        Ok(())
    }

    #[inline]
    fn cancel_or_move(&mut self, record: &Record) -> Result<(), String> {
        let place = usize::try_from(record.id)
            .ok()
            .and_then(|id| self.places.get(id))
            .copied();
        let index = place
            .filter(|index| *index != NONE && self.slab[*index].resting)
            .ok_or_else(|| format!("id {} is no resting order", record.id))?;
        let node = self.slab[index];
        let book = node.book as usize;
        if record.kind == 2 {
            self.books[book].remove(&mut self.slab, index);
            return self.forget(record.id, index);
        }
        check_price(record)?;
        self.books[book].remove(&mut self.slab, index);
        let left = self.take(book, node.side, record.price, node.remaining, node.account);
        if left == 0 {
            return self.forget(record.id, index);
        }
        let moved = &mut self.slab[index];
        moved.ticks = record.price;
        moved.remaining = left;
        self.books[book].insert(&mut self.slab, index);
        Ok(())
    }

    #[inline]
    fn forget(&mut self, id: u64, index: u32) -> Result<(), String> {
        self.slab.remove(index);
        self.places[id as usize] = NONE;
        Ok(())
    }

    /// Trades against the opposite side and returns what is left. An order of the same owner is cancelled.
    #[inline]
    fn take(&mut self, book: usize, side: u8, ticks: i64, mut left: i64, owner: u32) -> i64 {
        while left > 0 {
            let Some(index) = self.books[book].best(1 - side) else {
                break;
            };
            let maker = &mut self.slab[index];
            let crosses = if side == 0 {
                maker.ticks <= ticks
            } else {
                maker.ticks >= ticks
            };
            if !crosses {
                break;
            }
            if maker.account == owner {
                self.books[book].remove(&mut self.slab, index);
                self.slab.remove(index);
                continue;
            }
            let quantity = left.min(maker.remaining);
            left -= quantity;
            maker.remaining -= quantity;
            self.summary.trades += 1;
            self.summary.quantity += quantity as u64;
            self.summary.notional += i128::from(maker.ticks) * i128::from(quantity);
            if maker.remaining == 0 {
                self.books[book].remove(&mut self.slab, index);
                self.slab.remove(index);
            }
        }
        left
    }
}

fn check_price(record: &Record) -> Result<(), String> {
    if record.price.abs_diff(0) > LARGEST_TICKS as u64 {
        return Err(format!(
            "price {} is out of range, expected up to 2^52 ticks",
            record.price
        ));
    }
    Ok(())
}

fn check_terms(record: &Record) -> Result<(), String> {
    if record.side > 1 {
        return Err(format!(
            "side {} is unknown, expected 0 (buy) or 1 (sell)",
            record.side
        ));
    }
    if record.quantity == 0 {
        return Err("quantity is 0, expected at least 1".to_owned());
    }
    check_price(record)
}

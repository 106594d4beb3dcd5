//! The hashes that commit to the rows of a group: one for each chunk of 32 rows, and their root (risk.md section 3).
//!
//! A row is split so that a proof opens one column of a block of eight rows, not whole rows.

use alloc::vec::Vec;

use merkat_values::keccak::{keccak256, keccak256_pair};

use crate::cut;
use crate::rows::{Row, Rows};

type Hash = [u8; 32];

const ZERO: Hash = [0; 32];
const BLOCK_ROWS: usize = 8;
const CHUNK_ROWS: usize = 32;
const COLUMN_DEPTH: u32 = 7;
const CHUNK_DEPTH: u32 = 8;

/// Rows of a group, at most: as many as 256 chunks hold.
pub const ROWS_MAXIMUM: usize = CHUNK_ROWS << CHUNK_DEPTH;

/// The hashes of a group's chunks of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// One for every 32 rows, in listing order.
    pub chunks: Vec<[u8; 31]>,
    /// Their root; zero without rows.
    pub root: [u8; 31],
}

impl Commitment {
    /// Of these rows.
    ///
    /// # Panics
    /// If there are more than [`ROWS_MAXIMUM`].
    #[must_use]
    pub fn of(rows: &Rows) -> Self {
        let places: Vec<usize> = (0..rows.rows().len()).collect();
        let chunks: Vec<_> = places
            .chunks(CHUNK_ROWS)
            .map(|chunk| {
                let mut blocks: Vec<Hash> = chunk
                    .chunks(BLOCK_ROWS)
                    .map(|block| block_hash(rows, block))
                    .collect();
                cut(&root(&mut blocks, 2))
            })
            .collect();
        let root = row_root(&chunks);
        Self { chunks, root }
    }
}

/// The root of chunk hashes: of a tree of depth 8.
///
/// # Panics
/// If there are more than 256.
#[must_use]
pub fn row_root(chunks: &[[u8; 31]]) -> [u8; 31] {
    let mut leaves: Vec<Hash> = chunks
        .iter()
        .map(|chunk| {
            let mut leaf = ZERO;
            leaf[1..].copy_from_slice(chunk);
            leaf
        })
        .collect();
    cut(&root(&mut leaves, CHUNK_DEPTH))
}

/// The root of a tree of this depth with these first leaves; the others are zero.
fn root(leaves: &mut Vec<Hash>, depth: u32) -> Hash {
    assert!(
        leaves.len() <= 1 << depth,
        "{} leaves in a tree of depth {depth}",
        leaves.len()
    );
    for _ in 0..depth {
        let pairs = leaves.len().div_ceil(2);
        for pair in 0..pairs {
            let left = leaves[2 * pair];
            let right = leaves.get(2 * pair + 1).copied().unwrap_or(ZERO);
            leaves[pair] = node(&left, &right);
        }
        leaves.truncate(pairs);
    }
    leaves.first().copied().unwrap_or(ZERO)
}

fn node(left: &Hash, right: &Hash) -> Hash {
    if *left == ZERO && *right == ZERO {
        return ZERO;
    }
    keccak256_pair(left, right)
}

/// A word of whole i64 fields, left-padded.
fn packed(fields: &[i64]) -> [u8; 32] {
    let mut word = [0; 32];
    let start = 32 - 8 * fields.len();
    for (place, field) in word[start..].chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    word
}

fn static_words(row: &Row) -> [[u8; 32]; 4] {
    let mut first = [0; 32];
    first[3..7].copy_from_slice(&row.listing.to_be_bytes());
    first[7] = row.kind;
    first[8..16].copy_from_slice(&row.strike.to_be_bytes());
    first[16..24].copy_from_slice(&row.expiry_ns.to_be_bytes());
    first[24..].copy_from_slice(&row.years.to_be_bytes());
    [
        first,
        packed(&[row.mark, row.low, row.high]),
        packed(&[row.unit_risk, row.delta, row.gamma]),
        packed(&[row.vega, row.theta, row.forward]),
    ]
}

/// The hash of a block of one to eight rows.
fn block_hash(rows: &Rows, places: &[usize]) -> Hash {
    let mut bytes = [0; 1 + 32 * 4 * BLOCK_ROWS];
    let words = places
        .iter()
        .flat_map(|place| static_words(&rows.rows()[*place]));
    for (place, word) in bytes[1..].chunks_exact_mut(32).zip(words) {
        place.copy_from_slice(&word);
    }
    let static_leaf = keccak256(&[&bytes]);
    let column = |entry: &dyn Fn(usize) -> i64| {
        let mut fields = [0; BLOCK_ROWS];
        for (field, place) in fields.iter_mut().zip(places) {
            *field = entry(*place);
        }
        let mut bytes = [0; 97];
        for (place, part) in bytes[1..].chunks_exact_mut(32).zip(fields.chunks(3)) {
            place.copy_from_slice(&packed(part));
        }
        keccak256(&[&bytes])
    };
    let scenarios = rows.set().scenarios.len();
    let mut leaves = Vec::with_capacity(2 + scenarios);
    leaves.push(column(&|place| rows.rows()[place].up));
    leaves.push(column(&|place| rows.rows()[place].down));
    leaves.extend((0..scenarios).map(|number| column(&|place| rows.entries(place)[number])));
    keccak256_pair(&static_leaf, &root(&mut leaves, COLUMN_DEPTH))
}

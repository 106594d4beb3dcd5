//! The hashes of rows, against whole trees built plainly.

mod common;

use common::chain::{DAY_NS, NOON_NS, listings, usd, vector};
use merkat_pricing::{BuildInput, Commitment, RiskSet, Row, Rows, Samples, build, row_root};
use merkat_values::keccak::keccak256;

type Hash = [u8; 32];

fn node(left: Hash, right: Hash) -> Hash {
    if left == [0; 32] && right == [0; 32] {
        return [0; 32];
    }
    keccak256(&[&left, &right])
}

/// The root of a tree whose leaves are all given.
fn whole(leaves: &[Hash]) -> Hash {
    match leaves {
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len() / 2);
            node(whole(left), whole(right))
        }
    }
}

fn padded(bytes: &[u8]) -> Hash {
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(bytes);
    word
}

fn triple(fields: &[i64]) -> Hash {
    padded(
        &fields
            .iter()
            .flat_map(|field| field.to_be_bytes())
            .collect::<Vec<_>>(),
    )
}

fn static_words(row: Option<&Row>) -> Vec<u8> {
    let Some(row) = row else { return vec![0; 128] };
    let mut first = row.listing.to_be_bytes().to_vec();
    first.push(row.kind);
    first.extend(row.strike.to_be_bytes());
    first.extend(row.expiry_ns.to_be_bytes());
    first.extend(row.years.to_be_bytes());
    let words = [
        padded(&first),
        triple(&[row.mark, row.low, row.high]),
        triple(&[row.unit_risk, row.delta, row.gamma]),
        triple(&[row.vega, row.theta, row.forward]),
    ];
    words.concat()
}

fn cut(hash: Hash) -> [u8; 31] {
    let [head @ .., _] = hash;
    head
}

fn plain(rows: &Rows) -> ([u8; 31], Vec<[u8; 31]>) {
    let (count, columns) = (rows.rows().len(), rows.set().scenarios.len());
    let chunks: Vec<_> = (0..count.div_ceil(32))
        .map(|chunk| {
            let blocks: Vec<Hash> = (0..4)
                .map(|block| {
                    let first = 32 * chunk + 8 * block;
                    if first >= count {
                        return [0; 32];
                    }
                    let row = |at: usize| rows.rows().get(first + at);
                    let statics: Vec<u8> = (0..8).flat_map(|at| static_words(row(at))).collect();
                    let leaf = keccak256(&[&[0], &statics]);
                    let mut leaves = [[0; 32]; 128];
                    for (column, place) in leaves.iter_mut().enumerate().take(2 + columns) {
                        let entry = |at: usize| match (row(at), column) {
                            (None, _) => 0,
                            (Some(row), 0) => row.up,
                            (Some(row), 1) => row.down,
                            _ => rows.entries(first + at)[column - 2],
                        };
                        let entries: Vec<i64> = (0..8).map(entry).collect();
                        let words: Vec<Hash> = entries.chunks(3).map(triple).collect();
                        *place = keccak256(&[&[0], &words.concat()]);
                    }
                    node(leaf, whole(&leaves))
                })
                .collect();
            cut(whole(&blocks))
        })
        .collect();
    let mut leaves = [[0; 32]; 256];
    for (leaf, chunk) in leaves.iter_mut().zip(&chunks) {
        *leaf = padded(chunk);
    }
    (cut(whole(&leaves)), chunks)
}

#[test]
fn chunks_and_root_are_those_of_the_whole_trees() {
    let expiries = [NOON_NS + DAY_NS, NOON_NS + 30 * DAY_NS];
    let (vector, set) = (vector(NOON_NS, usd(100), &expiries), RiskSet::default());
    let all = listings(&expiries, 20, usd(100));
    let mut seen = Vec::new();
    for count in [0, 1, 7, 8, 9, 31, 32, 33, 64, all.len()] {
        let rows = build(&BuildInput {
            vector: &vector,
            set: &set,
            listings: &all[..count],
            samples: Samples::default(),
            basis_clamp: 0,
            maintenance_rate: 1,
            standing: None,
        });
        let found = rows.as_ref().expect("every value fits").commitment();
        let (root, chunks) = plain(rows.as_ref().expect("as before"));
        assert_eq!(found, Commitment { chunks, root }, "{count} rows");
        assert_eq!(row_root(&found.chunks), root);
        assert!(!seen.contains(&root), "another count gives another root");
        seen.push(root);
    }
    assert_eq!(seen[0], [0; 31], "no rows: zero bytes");
}

//! How long a root takes: 1,000 and 10,000 touched of 1,000,000 leaves, single steps, a proof, beside a control that
//! builds the whole tree anew with the same hash, level by level. Prints JSON; times in nanoseconds, the least and the
//! median of the repetitions.

use merkat_commit::{
    DenseTree, Hash, SparseTree, Word, ZERO_HASH, hash_pairs, leaf_hash, node_hash, positions_root,
};
use std::time::Instant;

const LEAVES: u128 = 1_000_000;
const DEPTH: u8 = 28;

/// A fixed sequence of pseudo-random numbers (splitmix64): the same keys in every run.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

fn leaf(key: u128, version: u64) -> Hash {
    let mut word: Word = [0; 31];
    word[7..15].copy_from_slice(&version.to_be_bytes());
    word[15..].copy_from_slice(&(key + 1).to_be_bytes());
    leaf_hash(&[word])
}

/// Least and median time of a piece of work, with an untimed preparation before each repetition.
fn measure<Input>(
    repetitions: usize,
    mut prepare: impl FnMut() -> Input,
    mut work: impl FnMut(Input),
) -> (u128, u128) {
    let mut times: Vec<u128> = (0..repetitions)
        .map(|_| {
            let input = prepare();
            let start = Instant::now();
            work(input);
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    (times[0], times[times.len() / 2])
}

fn print(name: &str, (least, median): (u128, u128)) {
    println!("  \"{name}\": {{\"least_ns\": {least}, \"median_ns\": {median}}},");
}

/// The definition level by level over all leaves: what a root costs without the tree.
fn rebuild(leaves: &[Hash]) -> Hash {
    let mut level = leaves.to_vec();
    for _ in 0..DEPTH {
        let pairs: Vec<[Hash; 2]> = level
            .chunks(2)
            .map(|pair| [pair[0], pair.get(1).copied().unwrap_or(ZERO_HASH)])
            .collect();
        let mut parents = vec![ZERO_HASH; pairs.len()];
        for (pair, parent) in pairs.iter().zip(&mut parents) {
            *parent = node_hash(&pair[0], &pair[1]);
        }
        level = parents;
    }
    level[0]
}

/// Sets and one root, for so many random keys; `work` applies them to a tree.
fn touched(
    sequence: &mut Sequence,
    count: usize,
    work: impl FnMut(Vec<(u32, Hash)>),
) -> (u128, u128) {
    let mut version = 1;
    let updates = || {
        version += 1;
        let update = |_| {
            let key = (u128::from(sequence.next()) % LEAVES) as u32;
            (key, leaf(u128::from(key), version))
        };
        (0..count).map(update).collect::<Vec<_>>()
    };
    measure(21, updates, work)
}

fn hashes() {
    let mut pairs = vec![[[7; 32]; 2]; 4096];
    for (index, pair) in pairs.iter_mut().enumerate() {
        pair[0][..8].copy_from_slice(&index.to_le_bytes());
    }
    let mut out = vec![ZERO_HASH; pairs.len()];
    let one_by_one = measure(
        21,
        || (),
        |()| {
            for pair in &pairs {
                std::hint::black_box(node_hash(&pair[0], &pair[1]));
            }
        },
    );
    print("4096_node_hashes_one_by_one", one_by_one);
    let together = measure(
        21,
        || (),
        |()| hash_pairs(&pairs, std::hint::black_box(&mut out)),
    );
    print("4096_node_hashes_together", together);
}

fn orders(sequence: &mut Sequence) {
    let mut tree = SparseTree::new(92);
    let mut counter = 0u128;
    let mut key = || {
        counter += 1;
        let account = u128::from(sequence.next() % 10_000);
        (482_000 << 72) | account << 44 | counter
    };
    for _ in 0..100_000 {
        tree.set(key(), leaf(1, 1));
    }
    tree.root();
    let opened = measure(21, &mut key, |key| {
        tree.set(key, leaf(key, 1));
        std::hint::black_box(tree.root());
    });
    print("order_opened_among_100000_and_root", opened);
    let thousand = measure(
        11,
        || (0..1000).map(|_| key()).collect::<Vec<_>>(),
        |keys| {
            for key in keys {
                tree.set(key, leaf(key, 1));
            }
            std::hint::black_box(tree.root());
        },
    );
    print("1000_orders_opened_and_root", thousand);
}

fn main() {
    let mut sequence = Sequence(42);
    println!("{{\n  \"leaves\": {LEAVES}, \"depth\": {DEPTH},");
    hashes();
    let leaves: Vec<Hash> = (0..LEAVES).map(|key| leaf(key, 1)).collect();
    let mut tree = SparseTree::new(DEPTH);
    let built = measure(
        1,
        || (),
        |()| {
            for (key, hash) in leaves.iter().enumerate() {
                tree.set(key as u128, *hash);
            }
            tree.root();
        },
    );
    print("tree_built", built);
    let control = measure(
        3,
        || (),
        |()| {
            assert_eq!(
                rebuild(&leaves),
                tree.root(),
                "the control's root is the tree's"
            )
        },
    );
    print("control_naive_rebuild", control);
    let mut dense = DenseTree::new(DEPTH);
    for (key, hash) in leaves.iter().enumerate() {
        dense.set(key as u32, *hash);
    }
    assert_eq!(dense.root(), tree.root(), "both trees commit to the same");
    for count in [1, 100, 1000, 10_000] {
        let sparse = touched(&mut sequence, count, |updates| {
            for (key, hash) in updates {
                tree.set(u128::from(key), hash);
            }
            std::hint::black_box(tree.root());
        });
        print(&format!("{count}_touched_sparse"), sparse);
        let dense = touched(&mut sequence, count, |updates| {
            for (key, hash) in updates {
                dense.set(key, hash);
            }
            std::hint::black_box(dense.root());
        });
        print(&format!("{count}_touched_dense"), dense);
    }
    let proof = measure(
        1001,
        || u128::from(sequence.next()) % LEAVES,
        |key| {
            std::hint::black_box(tree.proof(key));
        },
    );
    print("proof", proof);
    let positions: Vec<(u16, Word)> = (0..128).map(|slot| (slot * 8, [1; 31])).collect();
    let positions = measure(
        1001,
        || (),
        |()| {
            std::hint::black_box(positions_root(std::hint::black_box(&positions)));
        },
    );
    print("positions_root_of_128", positions);
    orders(&mut sequence);
    println!("  \"unit\": \"ns\"\n}}");
}

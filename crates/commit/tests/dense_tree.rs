//! The dense tree against the sparse one (which is tested against the definition) and against the definition itself.

mod common;

use merkat_commit::{DenseTree, Hash, SparseTree, ZERO_HASH, verify};
use proptest::prelude::*;

fn leaf(key: u32, value: u8) -> Hash {
    if value == 0 {
        ZERO_HASH
    } else {
        common::keccak(&[&key.to_be_bytes()[..], &[value]].concat())
    }
}

/// A depth and steps: a key with a new value (0 removes), or the root asked for.
fn steps() -> impl Strategy<Value = (u8, Vec<Option<(u32, u8)>>)> {
    prop_oneof![0u8..10, Just(28u8), Just(32u8)].prop_flat_map(|depth| {
        let largest = ((1u64 << depth) - 1).min(3000) as u32;
        let key = prop_oneof![0..=largest.min(20), 0..=largest];
        let step = proptest::option::weighted(0.9, (key, 0u8..4));
        (Just(depth), proptest::collection::vec(step, 0..80))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn dense_equals_sparse_equals_the_definition((depth, steps) in steps(), probe: u32) {
        let (mut dense, mut sparse) = (DenseTree::new(depth), SparseTree::new(depth));
        for step in steps {
            match step {
                Some((key, value)) => {
                    dense.set(key, leaf(key, value));
                    sparse.set(u128::from(key), leaf(key, value));
                }
                None => prop_assert_eq!(dense.root(), sparse.root()),
            }
        }
        let root = dense.root();
        prop_assert_eq!(root, sparse.root(), "both roots");
        prop_assert_eq!(root, common::root(depth, &sparse.leaves().collect()), "the definition");
        let leaves: Vec<_> = dense.leaves().map(|(key, hash)| (u128::from(key), hash)).collect();
        prop_assert!(sparse.leaves().eq(leaves.iter().copied()), "the same leaves in order");
        let probe = probe & ((1u64 << depth) - 1) as u32;
        for key in [0, probe, probe & 15].into_iter().chain(dense.leaves().map(|leaf| leaf.0).take(5)).collect::<Vec<_>>() {
            let (held, wide) = (dense.get(key), u128::from(key));
            let proof = dense.proof(key);
            prop_assert_eq!(&proof, &sparse.proof(wide), "proof of {}", key);
            prop_assert!(verify(&root, depth, wide, &held, &proof));
            prop_assert!(!verify(&root, depth, wide, &leaf(key, 9), &proof), "a wrong leaf");
        }
    }
}

#[test]
fn nothing_is_left_of_removed_leaves() {
    let mut tree = DenseTree::new(28);
    assert_eq!(tree.root(), ZERO_HASH, "an empty tree");
    tree.set(77, ZERO_HASH);
    assert_eq!(tree.root(), ZERO_HASH, "removing what was never there");
    for key in 0..500 {
        tree.set(key, leaf(key, 1));
    }
    assert_ne!(tree.root(), ZERO_HASH);
    for key in 0..500 {
        tree.set(key, ZERO_HASH);
    }
    assert_eq!(tree.root(), ZERO_HASH, "all removed");
}

#[test]
#[should_panic(expected = "has more than 10 bits")]
fn a_key_beyond_the_depth_is_refused() {
    DenseTree::new(10).set(1024, [1; 32]);
}

#[test]
#[should_panic(expected = "above 32")]
fn a_tree_too_deep_is_refused() {
    let _ = DenseTree::new(33);
}

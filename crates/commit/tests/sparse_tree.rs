//! The sparse tree against the definition: random sets, deletes and cleared prefixes at every depth, with roots asked
//! for at random moments, so that every order of "changed" and "moved" nodes occurs.

mod common;

use merkat_commit::{Hash, MAXIMUM_DEPTH, SparseTree, ZERO_HASH, verify};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Set(u128, u8),
    Clear(u128, u8),
    Root,
}

/// Keys that are near each other or far apart: few distinct values in each part of the key.
fn key(depth: u8) -> impl Strategy<Value = u128> {
    let mask = (1u128 << depth) - 1;
    prop_oneof![
        (0u128..24).prop_map(move |low| low & mask),
        (0u128..4, 0u128..4).prop_map(move |(high, low)| (high << (depth / 2) | low) & mask),
        any::<u128>().prop_map(move |any| any & mask),
        (0u8..92).prop_map(move |bit| (1u128 << bit) & mask),
    ]
}

fn steps() -> impl Strategy<Value = (u8, Vec<Step>)> {
    prop_oneof![Just(0u8), 1u8..12, Just(28), Just(32), Just(92)].prop_flat_map(|depth| {
        let step = prop_oneof![
            8 => (key(depth), 1u8..4).prop_map(|(key, value)| Step::Set(key, value)),
            3 => key(depth).prop_map(|key| Step::Set(key, 0)),
            1 => (key(depth), 0..=depth).prop_map(|(key, bits)| Step::Clear(key, bits)),
            2 => Just(Step::Root),
        ];
        (Just(depth), proptest::collection::vec(step, 0..60))
    })
}

fn leaf(key: u128, value: u8) -> Hash {
    if value == 0 {
        ZERO_HASH
    } else {
        common::keccak(&[&key.to_be_bytes()[..], &[value]].concat())
    }
}

fn play(depth: u8, steps: &[Step]) -> (SparseTree, BTreeMap<u128, Hash>) {
    let mut tree = SparseTree::new(depth);
    let mut model = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        match *step {
            Step::Set(key, value) => {
                tree.set(key, leaf(key, value));
                model.insert(key, leaf(key, value));
                model.retain(|_, hash| *hash != ZERO_HASH);
            }
            Step::Clear(key, bits) => {
                let prefix = key >> (depth - bits);
                let before = model.len();
                model.retain(|key, _| key >> (depth - bits) != prefix);
                let removed = tree.remove_prefix(prefix, bits);
                assert_eq!(
                    removed,
                    before - model.len(),
                    "leaves removed by {step:?} ({index})"
                );
            }
            Step::Root => {
                assert_eq!(
                    tree.root(),
                    common::root(depth, &model),
                    "root at step {index}"
                );
            }
        }
        assert_eq!(
            tree.len(),
            model.len(),
            "leaves after step {index}, {step:?}"
        );
    }
    (tree, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn incremental_equals_rebuilt_equals_the_definition((depth, steps) in steps()) {
        let (mut tree, model) = play(depth, &steps);
        let mut rebuilt = SparseTree::with_capacity(depth, model.len());
        for (key, hash) in model.iter().rev() {
            rebuilt.set(*key, *hash);
        }
        let expected = common::root(depth, &model);
        prop_assert_eq!(tree.root(), expected, "incremental root");
        prop_assert_eq!(rebuilt.root(), expected, "root of the tree built at once");
        prop_assert_eq!(tree.is_empty(), model.is_empty());
        prop_assert!(tree.leaves().eq(model.iter().map(|(key, hash)| (*key, *hash))), "leaves in order");
    }

    #[test]
    fn proofs_hold_for_what_is_there_and_for_nothing_else(
        (depth, steps) in steps(),
        probes in proptest::collection::vec(key(92), 1..8),
    ) {
        let (mut tree, model) = play(depth, &steps);
        let root = tree.root();
        let inside = model.keys().copied().take(12);
        let probes = probes.iter().map(|key| key & ((1u128 << depth) - 1));
        for key in inside.chain(probes).collect::<Vec<_>>() {
            let held = tree.get(key);
            prop_assert_eq!(held, model.get(&key).copied().unwrap_or(ZERO_HASH));
            let proof = tree.proof(key);
            prop_assert!(verify(&root, depth, key, &held, &proof), "own proof of {:#x}", key);
            let other = leaf(key, 9);
            prop_assert!(!verify(&root, depth, key, &other, &proof), "a wrong leaf");
            prop_assert!(!verify(&common::keccak(&root), depth, key, &held, &proof), "a foreign root");
            if held != ZERO_HASH {
                prop_assert!(!verify(&root, depth, key, &ZERO_HASH, &proof), "absence of what is there");
            }
            let mut longer = proof.clone();
            longer.push(ZERO_HASH);
            prop_assert!(!verify(&root, depth, key, &held, &longer), "an extra sibling");
            for level in 0..proof.len() {
                let mut wrong = proof.clone();
                wrong[level][31] ^= 1;
                // Below the place where an absent key's neighbours end, both sides are empty; a sibling there must be
                // refused too.
                prop_assert!(!verify(&root, depth, key, &held, &wrong), "sibling {} altered", level);
                prop_assert!(!verify(&root, depth, key, &held, &proof[..level]), "cut to {}", level);
            }
        }
    }
}

#[test]
fn an_inner_node_is_no_leaf() {
    let mut tree = SparseTree::new(8);
    for key in 0..6 {
        tree.set(key, leaf(key, 1));
    }
    let root = tree.root();
    let proof = tree.proof(5);
    let parent = common::node(leaf(4, 1), leaf(5, 1));
    assert!(verify(&root, 8, 5, &leaf(5, 1), &proof), "the leaf itself");
    assert!(
        !verify(&root, 8, 2, &parent, &proof[1..]),
        "the node above it, with a shorter proof"
    );
    let mut padded = proof[1..].to_vec();
    padded.insert(0, ZERO_HASH);
    assert!(
        !verify(&root, 8, 5, &parent, &padded),
        "the node above it, in the leaf's place"
    );
    assert!(
        verify(&root, 7, 2, &parent, &proof[1..]),
        "only a tree of depth 7 has it as a leaf"
    );
}

#[test]
fn a_proof_of_another_key_or_depth_is_refused() {
    let mut tree = SparseTree::new(28);
    tree.set(3, leaf(3, 1));
    tree.set(4, leaf(4, 1));
    let (root, proof) = (tree.root(), tree.proof(3));
    assert!(verify(&root, 28, 3, &leaf(3, 1), &proof), "the right key");
    assert!(!verify(&root, 28, 2, &leaf(3, 1), &proof), "its neighbour");
    assert!(
        !verify(&root, 28, 3 | 1 << 28, &leaf(3, 1), &proof),
        "a key with a bit too many"
    );
    assert!(
        !verify(&root, 27, 3, &leaf(3, 1), &proof),
        "a tree less deep"
    );
    assert!(
        !verify(&root, MAXIMUM_DEPTH + 1, 3, &leaf(3, 1), &proof),
        "no tree is that deep"
    );
}

#[test]
fn places_are_used_again() {
    let mut tree = SparseTree::new(92);
    for round in 0..50u128 {
        for counter in 0..40u128 {
            tree.set(round << 72 | counter, leaf(counter, 1));
        }
        let _ = tree.root();
        assert_eq!(tree.remove_prefix(round, 20), 40, "round {round}");
        assert_eq!(
            tree.root(),
            ZERO_HASH,
            "round {round} leaves nothing behind"
        );
    }
    assert!(tree.is_empty() && tree.leaves().next().is_none());
}

#[test]
#[should_panic(expected = "has more than 28 bits")]
fn a_key_beyond_the_depth_is_refused() {
    SparseTree::new(28).set(1 << 28, [1; 32]);
}

#[test]
#[should_panic(expected = "is above 92")]
fn a_tree_deeper_than_the_orders_is_refused() {
    let _ = SparseTree::new(93);
}

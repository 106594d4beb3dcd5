//! Leaf hashes, words, the positions of an account, and roots that must never change.

mod common;

use merkat_commit::{
    Hash, POSITION_SLOTS, SparseTree, Word, ZERO_HASH, leaf_hash, narrow, node_hash,
    positions_root, state_root, widen,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn word(value: u128) -> Word {
    let mut word = [0; 31];
    word[15..].copy_from_slice(&value.to_be_bytes());
    word
}

#[test]
fn a_leaf_is_tagged_and_a_zero_leaf_is_absent() {
    for count in 1..40usize {
        let words: Vec<Word> = (0..count).map(|index| word(index as u128 + 1)).collect();
        let wide: Vec<u8> = words.iter().flat_map(widen).collect();
        let expected = common::keccak(&[&[0u8][..], &wide].concat());
        assert_eq!(leaf_hash(&words), expected, "{count} words");
        assert_eq!(
            leaf_hash(&vec![[0; 31]; count]),
            ZERO_HASH,
            "{count} zero words"
        );
        assert_ne!(
            leaf_hash(&words),
            common::keccak(&wide),
            "the tag is part of the preimage"
        );
        let mut longer = words.clone();
        longer.push([0; 31]);
        assert_ne!(
            leaf_hash(&words),
            leaf_hash(&longer),
            "the word count is part of it"
        );
    }
}

#[test]
fn words_are_below_two_to_the_248() {
    let mut value = [0xff; 32];
    value[0] = 0;
    assert_eq!(
        narrow(value).map(|word| widen(&word)),
        Ok(value),
        "the largest word"
    );
    value[0] = 1;
    let refused = narrow(value).expect_err("2^248 and above");
    assert!(refused.to_string().contains("below 2^248"), "{refused}");
}

#[test]
fn a_node_with_one_child_is_hashed() {
    let hash = common::keccak(b"child");
    assert_eq!(node_hash(&hash, &ZERO_HASH), common::node(hash, ZERO_HASH));
    assert_ne!(node_hash(&hash, &ZERO_HASH), hash, "no level is skipped");
    assert_ne!(node_hash(&hash, &ZERO_HASH), node_hash(&ZERO_HASH, &hash));
    assert_eq!(node_hash(&ZERO_HASH, &ZERO_HASH), ZERO_HASH);
}

proptest! {
    #[test]
    fn positions_equal_the_definition(
        positions in proptest::collection::btree_map(0..POSITION_SLOTS, 0u128..3, 0..140),
    ) {
        let words: Vec<(u16, Word)> =
            positions.iter().map(|(slot, value)| (*slot, word(*value))).collect();
        let leaves: BTreeMap<u128, Hash> = words
            .iter()
            .map(|(slot, word)| (u128::from(*slot), leaf_hash(&[*word])))
            .filter(|(_, hash)| *hash != ZERO_HASH)
            .collect();
        prop_assert_eq!(positions_root(&words), common::root(10, &leaves));
        let mut tree = SparseTree::new(10);
        for (slot, hash) in leaves {
            tree.set(slot, hash);
        }
        prop_assert_eq!(positions_root(&words), tree.root());
    }
}

#[test]
#[should_panic(expected = "slots ascend")]
fn a_slot_given_twice_is_refused() {
    let _ = positions_root(&[(3, word(1)), (3, word(2))]);
}

#[test]
#[should_panic(expected = "is not below 1024")]
fn a_slot_beyond_the_last_is_refused() {
    let _ = positions_root(&[(1024, word(1))]);
}

#[test]
fn a_state_root_is_the_hash_of_its_six_parts_in_order() {
    let mut parts: [Hash; 6] = std::array::from_fn(|part| common::keccak(&[part as u8]));
    let expected = common::keccak(parts.as_flattened());
    assert_eq!(state_root(&parts), expected);
    parts.swap(0, 1);
    assert_ne!(state_root(&parts), expected, "the order counts");
}

/// Roots that every reader of this state shares: if one of them changes, old states can no longer be proved.
#[test]
fn golden_roots() {
    let mut accounts = SparseTree::new(28);
    for index in 0..1000u128 {
        accounts.set(
            index,
            leaf_hash(&[word(index + 1), word(7), word(index * index)]),
        );
    }
    let mut orders = SparseTree::new(92);
    for counter in 0..10u128 {
        let key = (482_000 + counter % 2) << 72 | (5 + counter) << 44 | 1 << 40 | counter;
        orders.set(key, leaf_hash(&[word(counter + 1), word(99)]));
    }
    let positions: Vec<(u16, Word)> = (0..128).map(|slot| (slot * 8, word(1 << 40))).collect();
    assert_eq!(
        common::hex(accounts.root()),
        "03ee72b2e3ebbca8588a6a93707f10551d9d10a324175993c5817227d860e54f"
    );
    assert_eq!(
        common::hex(orders.root()),
        "2044b96a5994a9ba9078f6a9da6244e05b1fcbd760873222ed9d1201baceffdd"
    );
    assert_eq!(
        common::hex(positions_root(&positions)),
        "d37f0cd16338657eb7058190a1a0474512c97d470535a3eaf425771f1f9ebdca"
    );
    assert_eq!(SparseTree::new(32).root(), ZERO_HASH, "an empty tree");
}

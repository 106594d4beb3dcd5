//! Many node hashes at once: eight permutations side by side where the processor has vectors of 512 bits, one after the
//! other elsewhere (four in vectors of 256 bits were measured and are no faster). Both give the same bytes.
//!
//! This is the crate's only unsafe code: the function compiled for AVX-512 is called only after the processor said that
//! it has it.
#![allow(unsafe_code)]

use crate::hash::Hash;
use merkat_values::keccak::keccak256_pair;
#[cfg(target_arch = "x86_64")]
use merkat_values::keccak::permute;

/// Two hashes, left then right.
pub(crate) type Pair = [Hash; 2];

/// Writes keccak(left, right) of every pair; unlike [`crate::node_hash`] it knows no empty pair.
///
/// # Panics
/// If `hashes` is not as long as `pairs`.
pub fn hash_pairs(pairs: &[Pair], hashes: &mut [Hash]) {
    assert_eq!(pairs.len(), hashes.len(), "one hash for every pair");
    #[cfg(target_arch = "x86_64")]
    if pairs.len() > 1
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
    {
        // SAFETY: the processor has just said that it has the extensions the function was compiled for.
        unsafe { by_eights(pairs, hashes) };
        return;
    }
    for (pair, hash) in pairs.iter().zip(hashes) {
        *hash = keccak256_pair(&pair[0], &pair[1]);
    }
}

/// Groups of eight, the last one padded: eight at once take the time of one and a half.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn by_eights(pairs: &[Pair], hashes: &mut [Hash]) {
    let (groups, rest) = pairs.as_chunks::<8>();
    let (group_hashes, rest_hashes) = hashes.as_chunks_mut::<8>();
    for (group, hashes) in groups.iter().zip(group_hashes) {
        side_by_side(group, hashes);
    }
    match (rest, rest_hashes) {
        ([], _) => (),
        ([pair], [hash]) => *hash = keccak256_pair(&pair[0], &pair[1]),
        (rest, rest_hashes) => {
            let mut padded = [[[0; 32]; 2]; 8];
            let mut padded_hashes = [[0; 32]; 8];
            padded[..rest.len()].copy_from_slice(rest);
            side_by_side(&padded, &mut padded_hashes);
            rest_hashes.copy_from_slice(&padded_hashes[..rest.len()]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn side_by_side(pairs: &[Pair; 8], hashes: &mut [Hash; 8]) {
    let mut state = [[0u64; 8]; 25];
    for (lane, pair) in pairs.iter().enumerate() {
        for (index, bytes) in pair.as_flattened().as_chunks::<8>().0.iter().enumerate() {
            state[index][lane] = u64::from_le_bytes(*bytes);
        }
    }
    // The padding of 64 bytes: 0x01 after them, 0x80 at the end of the rate of 136.
    state[8] = [0x01; 8];
    state[16] = [0x80 << 56; 8];
    permute(&mut state);
    for (lane, hash) in hashes.iter_mut().enumerate() {
        for (index, bytes) in hash.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *bytes = state[index][lane].to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pair, hash_pairs};
    use merkat_values::keccak::{keccak256, keccak256_pair};

    #[test]
    fn every_count_equals_one_by_one() {
        for count in 0..40usize {
            let pairs: Vec<Pair> = (0..count)
                .map(|index| {
                    let left = keccak256(&[&index.to_le_bytes()]);
                    [left, keccak256(&[&left])]
                })
                .collect();
            let mut hashes = vec![[0; 32]; count];
            hash_pairs(&pairs, &mut hashes);
            for (index, pair) in pairs.iter().enumerate() {
                let expected = keccak256_pair(&pair[0], &pair[1]);
                assert_eq!(hashes[index], expected, "pair {index} of {count}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "one hash for every pair")]
    fn a_missing_place_is_refused() {
        hash_pairs(&[[[1; 32]; 2]], &mut []);
    }
}

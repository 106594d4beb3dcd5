//! Many hashes of one block at once: eight permutations side by side where the processor has vectors of 512 bits, one after the
//! other elsewhere (four in vectors of 256 bits were measured and are no faster). Both give the same bytes.
//!
//! This is the crate's only unsafe code: the function compiled for AVX-512 is called only after the processor said that
//! it has it.
#![allow(unsafe_code)]

use crate::hash::{Hash, Word, leaf_hash};
#[cfg(target_arch = "x86_64")]
use merkat_values::keccak::permute;
use merkat_values::keccak::{keccak256, keccak256_pair};

/// Two hashes, left then right.
pub(crate) type Pair = [Hash; 2];

/// Something whose preimage has at most 71 bytes, so that it fits one block of the hash.
trait Block: Copy + Default {
    /// The preimage and the 0x01 behind it, as little-endian words of the state. The 0x80 that closes the block stands
    /// further on, in the last of its 17 words.
    fn words(&self) -> [u64; 9];

    fn hash(&self) -> Hash;
}

impl Block for Pair {
    fn words(&self) -> [u64; 9] {
        let mut words = [0; 9];
        for (word, bytes) in words.iter_mut().zip(self.as_flattened().as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        words[8] = 0x01;
        words
    }

    fn hash(&self) -> Hash {
        keccak256_pair(&self[0], &self[1])
    }
}

/// A leaf of one word, which is not zero.
impl Block for Word {
    fn words(&self) -> [u64; 9] {
        // The tag, the word's zero byte, its 31 bytes, the padding.
        let mut bytes = [0; 40];
        bytes[2..33].copy_from_slice(self);
        bytes[33] = 0x01;
        let mut words = [0; 9];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        words
    }

    fn hash(&self) -> Hash {
        leaf_hash(&[*self])
    }
}

/// Writes keccak(left, right) of every pair; unlike [`crate::node_hash`] it knows no empty pair.
///
/// # Panics
/// If `hashes` is not as long as `pairs`.
pub fn hash_pairs(pairs: &[Pair], hashes: &mut [Hash]) {
    hash_blocks(pairs, hashes);
}

/// Writes the leaf hash of every word, none of which may be zero (an absent leaf has no preimage).
pub(crate) fn hash_words(words: &[Word], hashes: &mut [Hash]) {
    assert!(
        words.iter().all(|word| *word != [0; 31]),
        "absent leaves are left out"
    );
    hash_blocks(words, hashes);
}

fn hash_blocks<Input: Block>(blocks: &[Input], hashes: &mut [Hash]) {
    assert_eq!(blocks.len(), hashes.len(), "one hash for every block");
    #[cfg(target_arch = "x86_64")]
    if blocks.len() > 1
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
    {
        // SAFETY: the processor has just said that it has the extensions the function was compiled for.
        unsafe { by_eights(blocks, hashes) };
        return;
    }
    for (block, hash) in blocks.iter().zip(hashes) {
        *hash = block.hash();
    }
}

/// Groups of eight, the last one padded: eight at once take the time of one and a half.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn by_eights<Input: Block>(blocks: &[Input], hashes: &mut [Hash]) {
    let (groups, rest) = blocks.as_chunks::<8>();
    let (group_hashes, rest_hashes) = hashes.as_chunks_mut::<8>();
    for (group, hashes) in groups.iter().zip(group_hashes) {
        side_by_side(group, hashes);
    }
    match (rest, rest_hashes) {
        ([], _) => (),
        ([block], [hash]) => *hash = block.hash(),
        (rest, rest_hashes) => {
            let mut padded = [Input::default(); 8];
            let mut padded_hashes = [[0; 32]; 8];
            padded[..rest.len()].copy_from_slice(rest);
            side_by_side(&padded, &mut padded_hashes);
            rest_hashes.copy_from_slice(&padded_hashes[..rest.len()]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn side_by_side<Input: Block>(blocks: &[Input; 8], hashes: &mut [Hash; 8]) {
    let mut state = [[0u64; 8]; 25];
    for (lane, block) in blocks.iter().enumerate() {
        for (word, of_block) in state.iter_mut().zip(block.words()) {
            word[lane] = of_block;
        }
    }
    state[16] = [0x80 << 56; 8];
    permute(&mut state);
    *hashes = hashes_of(&state);
}

/// Bytes that one permutation absorbs.
const RATE_BYTES: usize = 136;

/// The hashes of messages of `length` bytes each, which stand one after the other.
///
/// # Panics
/// If `messages` does not end with a whole one.
pub(crate) fn hash_messages(length: usize, messages: &[u8]) -> Vec<Hash> {
    let whole = messages.chunks_exact(length);
    assert!(whole.remainder().is_empty(), "messages of {length} bytes");
    let mut hashes = Vec::with_capacity(whole.len());
    #[cfg(target_arch = "x86_64")]
    if whole.len() > 1
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
    {
        for group in messages.chunks(8 * length) {
            // SAFETY: the processor has just said that it has the extensions the function was compiled for.
            let eight = unsafe { messages_side_by_side(length, group) };
            hashes.extend_from_slice(&eight[..group.len() / length]);
        }
        return hashes;
    }
    hashes.extend(whole.map(|message| keccak256(&[message])));
    hashes
}

/// The hashes of at most eight messages; the lanes beyond them hold those of nothing.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn messages_side_by_side(length: usize, messages: &[u8]) -> [Hash; 8] {
    let mut state = [[0u64; 8]; 25];
    for from in (0..=length).step_by(RATE_BYTES) {
        for (lane, message) in messages.chunks_exact(length).enumerate() {
            let mut block = [0; RATE_BYTES];
            let part = &message[from..length.min(from + RATE_BYTES)];
            block[..part.len()].copy_from_slice(part);
            if part.len() < RATE_BYTES {
                block[part.len()] = 0x01;
                block[RATE_BYTES - 1] |= 0x80;
            }
            for (word, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
                word[lane] ^= u64::from_le_bytes(*bytes);
            }
        }
        permute(&mut state);
    }
    hashes_of(&state)
}

/// The first 32 bytes of every lane.
#[cfg(target_arch = "x86_64")]
fn hashes_of(state: &[[u64; 8]; 25]) -> [Hash; 8] {
    let mut hashes = [[0; 32]; 8];
    for (lane, hash) in hashes.iter_mut().enumerate() {
        for (index, bytes) in hash.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            *bytes = state[index][lane].to_le_bytes();
        }
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::{Pair, hash_messages, hash_pairs, hash_words};
    use crate::hash::{Word, leaf_hash};
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
    fn words_equal_leaves_of_one_word() {
        for count in 0..20u8 {
            let words: Vec<Word> = (1..=count).map(|value| [value; 31]).collect();
            let mut hashes = vec![[0; 32]; words.len()];
            hash_words(&words, &mut hashes);
            let expected: Vec<_> = words.iter().map(|word| leaf_hash(&[*word])).collect();
            assert_eq!(hashes, expected, "{count} words");
        }
    }

    #[test]
    fn messages_of_every_length_equal_one_by_one() {
        for length in [1, 97, 135, 136, 137, 192, 271, 272, 289, 545] {
            for count in 0..18 {
                let messages: Vec<u8> = (0..length * count)
                    .map(|at| (at * 31 + at / 7) as u8)
                    .collect();
                let expected: Vec<_> = messages
                    .chunks(length)
                    .map(|message| keccak256(&[message]))
                    .collect();
                let hashes = hash_messages(length, &messages);
                assert_eq!(hashes, expected, "{count} of {length} bytes");
            }
        }
    }

    #[test]
    #[should_panic(expected = "messages of 5 bytes")]
    fn a_cut_message_is_refused() {
        hash_messages(5, &[0; 9]);
    }

    #[test]
    #[should_panic(expected = "one hash for every block")]
    fn a_missing_place_is_refused() {
        hash_pairs(&[[[1; 32]; 2]], &mut []);
    }
}

//! Keccak-256 as Ethereum uses it: Keccak-f[1600], rate 136 bytes, padding 0x01 ... 0x80.
//!
//! Source: the Keccak reference, version 3.0, section 1.2; the Ethereum yellow paper, section "Crypto". The permutation
//! is generic over the number of lanes: `LANES` independent states are stored lane by lane, so that a compiler can put
//! them side by side into vector registers. One lane is the plain function.

/// Bytes that one call of the permutation absorbs.
const RATE_BYTES: usize = 136;

const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// Bits by which rho turns the word that pi moves to each place, in the order of the chain `PI_PLACES`.
const RHO_TURNS: [u32; 24] = [
    1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
];

/// The places that pi visits when it starts from place 1 and follows one word after the other.
const PI_PLACES: [usize; 24] = [
    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
];

/// Keccak-f[1600] on `LANES` states at once; `state[x + 5 y][lane]` is word (x, y) of the state of that lane.
#[inline(always)]
pub fn permute<const LANES: usize>(state: &mut [[u64; LANES]; 25]) {
    for constant in ROUND_CONSTANTS {
        let mut parity = [[0u64; LANES]; 5];
        for x in 0..5 {
            for lane in 0..LANES {
                parity[x][lane] = state[x][lane]
                    ^ state[x + 5][lane]
                    ^ state[x + 10][lane]
                    ^ state[x + 15][lane]
                    ^ state[x + 20][lane];
            }
        }
        for x in 0..5 {
            for lane in 0..LANES {
                let theta = parity[(x + 4) % 5][lane] ^ parity[(x + 1) % 5][lane].rotate_left(1);
                state[x][lane] ^= theta;
                state[x + 5][lane] ^= theta;
                state[x + 10][lane] ^= theta;
                state[x + 15][lane] ^= theta;
                state[x + 20][lane] ^= theta;
            }
        }
        let mut moved = state[1];
        for step in 0..24 {
            let place = PI_PLACES[step];
            let displaced = state[place];
            for lane in 0..LANES {
                state[place][lane] = moved[lane].rotate_left(RHO_TURNS[step]);
            }
            moved = displaced;
        }
        for y in [0, 5, 10, 15, 20] {
            let row = [
                state[y],
                state[y + 1],
                state[y + 2],
                state[y + 3],
                state[y + 4],
            ];
            for x in 0..5 {
                for lane in 0..LANES {
                    state[y + x][lane] =
                        row[x][lane] ^ (!row[(x + 1) % 5][lane] & row[(x + 2) % 5][lane]);
                }
            }
        }
        for word in &mut state[0] {
            *word ^= constant;
        }
    }
}

/// Keccak-256 of the parts one after the other, as if they were joined.
#[must_use]
pub fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = [[0u64; 1]; 25];
    let mut block = [0u8; RATE_BYTES];
    let mut filled = 0;
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            let count = rest.len().min(RATE_BYTES - filled);
            block[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            rest = &rest[count..];
            if filled == RATE_BYTES {
                absorb(&mut state, &block);
                filled = 0;
            }
        }
    }
    block[filled..].fill(0);
    block[filled] = 0x01;
    block[RATE_BYTES - 1] |= 0x80;
    absorb(&mut state, &block);
    squeeze(&state)
}

/// Keccak-256 of two hashes one after the other (64 bytes, one permutation): the node of every state tree.
#[must_use]
pub fn keccak256_pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut state = [[0u64; 1]; 25];
    let words = left.chunks_exact(8).chain(right.chunks_exact(8));
    for (word, bytes) in state.iter_mut().zip(words) {
        word[0] = little_endian(bytes);
    }
    state[8][0] = 0x01;
    state[16][0] = 0x80 << 56;
    permute_one(&mut state);
    squeeze(&state)
}

/// One copy of the long permutation in the program, whoever calls it.
#[inline(never)]
fn permute_one(state: &mut [[u64; 1]; 25]) {
    permute(state);
}

fn absorb(state: &mut [[u64; 1]; 25], block: &[u8; RATE_BYTES]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        word[0] ^= little_endian(bytes);
    }
    permute_one(state);
}

fn squeeze(state: &[[u64; 1]; 25]) -> [u8; 32] {
    let mut hash = [0u8; 32];
    for (bytes, word) in hash.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&word[0].to_le_bytes());
    }
    hash
}

fn little_endian(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("invariant: chunks of eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::{RATE_BYTES, keccak256, keccak256_pair, permute};

    fn hex(hash: [u8; 32]) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_answers() {
        let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        let abc = "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45";
        assert_eq!(hex(keccak256(&[])), empty, "keccak256 of nothing");
        assert_eq!(hex(keccak256(&[b"abc"])), abc, "keccak256 of abc");
        assert_ne!(
            hex(keccak256(&[b"abd"])),
            abc,
            "another input must give another hash"
        );
    }

    #[test]
    fn padding_at_every_length_around_the_rate_is_independent_of_the_cuts() {
        let bytes: Vec<u8> = (0..3 * RATE_BYTES)
            .map(|index| (index * 7 + 3) as u8)
            .collect();
        for length in 0..bytes.len() {
            let whole = keccak256(&[&bytes[..length]]);
            let cut = length / 3;
            let parts = keccak256(&[&bytes[..cut], &[], &bytes[cut..length]]);
            assert_eq!(whole, parts, "length {length} cut at {cut}");
        }
        // 135 bytes share one padding byte 0x81, 136 bytes open a block of padding alone.
        assert_ne!(keccak256(&[&bytes[..135]]), keccak256(&[&bytes[..136]]));
    }

    #[test]
    fn a_pair_is_the_hash_of_sixty_four_bytes() {
        let (left, right) = (keccak256(&[b"left"]), keccak256(&[b"right"]));
        assert_eq!(keccak256_pair(&left, &right), keccak256(&[&left, &right]));
        assert_ne!(keccak256_pair(&left, &right), keccak256_pair(&right, &left));
    }

    #[test]
    fn lanes_do_not_touch_each_other() {
        let mut wide = [[0u64; 4]; 25];
        for (index, word) in wide.iter_mut().enumerate() {
            for (lane, value) in word.iter_mut().enumerate() {
                *value = (index as u64 * 31 + lane as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
        }
        let before = wide;
        permute(&mut wide);
        for lane in 0..4 {
            let mut single = before.map(|word| [word[lane]]);
            permute(&mut single);
            assert_eq!(single, wide.map(|word| [word[lane]]), "lane {lane}");
        }
    }
}

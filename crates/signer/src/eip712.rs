//! EIP-712: what a wallet signs is keccak(0x19, 0x01, domain separator, struct hash).

use crate::ecdsa::{Address, Digest};
use merkat_values::keccak::keccak256;

/// A value of 32 bytes as the Ethereum ABI encodes it.
pub type Word = [u8; 32];

/// The domain's name in every signature of a venue.
pub const DOMAIN_NAME: &str = "merkat";

/// The domain's version in every signature of a venue.
pub const DOMAIN_VERSION: &str = "1";

/// The domain's type: all five fields that EIP-712 knows.
pub const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)";

/// Hash of a struct's type string, for example `"Cancel(uint64 order)"`, with the types it refers to behind it.
#[must_use]
pub fn type_hash(type_string: &str) -> Word {
    keccak256(&[type_string.as_bytes()])
}

/// keccak(type hash, words). The words are padded: uints big-endian, ints sign-extended, addresses with twelve zero
/// bytes before, strings and nested structs as their hash.
#[must_use]
pub fn struct_hash(type_hash: &Word, words: &[Word]) -> Word {
    keccak256(&[type_hash, words.as_flattened()])
}

/// The domain separator over name, version, chain, contract and salt.
#[must_use]
pub fn domain_separator(
    name: &str,
    version: &str,
    chain_id: u64,
    verifying_contract: &Address,
    salt: &Word,
) -> Word {
    let words = [
        keccak256(&[name.as_bytes()]),
        keccak256(&[version.as_bytes()]),
        word_of_u64(chain_id),
        word_of_address(verifying_contract),
        *salt,
    ];
    struct_hash(&type_hash(DOMAIN_TYPE), &words)
}

/// The domain separator of a venue: name "merkat", version "1", its chain, its contract and the salt drawn for it.
#[must_use]
pub fn venue_domain(chain_id: u64, verifying_contract: &Address, salt: &Word) -> Word {
    domain_separator(
        DOMAIN_NAME,
        DOMAIN_VERSION,
        chain_id,
        verifying_contract,
        salt,
    )
}

/// What is signed: keccak(0x19, 0x01, domain separator, struct hash).
#[must_use]
pub fn digest(domain_separator: &Word, struct_hash: &Word) -> Digest {
    keccak256(&[&[0x19, 0x01], domain_separator, struct_hash])
}

/// The word of a bool: 0 or 1.
#[must_use]
pub fn word_of_bool(value: bool) -> Word {
    word_of_u128(u128::from(value))
}

/// The word of an unsigned integer of at most 64 bits.
#[must_use]
pub fn word_of_u64(value: u64) -> Word {
    word_of_u128(u128::from(value))
}

/// The word of an unsigned integer of at most 128 bits.
#[must_use]
pub fn word_of_u128(value: u128) -> Word {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.to_be_bytes());
    word
}

/// The word of a signed integer of at most 128 bits: two's complement, the sign extended over 256 bits.
#[must_use]
pub fn word_of_i128(value: i128) -> Word {
    let mut word = if value < 0 { [0xff; 32] } else { [0; 32] };
    word[16..].copy_from_slice(&value.to_be_bytes());
    word
}

/// The word of an address: twelve zero bytes, then the address.
#[must_use]
pub fn word_of_address(address: &Address) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(address);
    word
}

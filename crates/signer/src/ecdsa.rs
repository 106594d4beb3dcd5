//! secp256k1 signatures as Ethereum writes them: r, s, v in 65 bytes, the signer found by recovery.
//!
//! What is accepted is narrower than the precompile `ecrecover`: s must be at most n / 2, so that nobody can make a
//! second signature out of one. Curve arithmetic is libsecp256k1's.

use merkat_values::keccak::keccak256;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use std::fmt;

/// The last twenty bytes of the hash of a public key.
pub type Address = [u8; 20];

/// The 32 bytes that are signed.
pub type Digest = [u8; 32];

/// r (32 bytes, big-endian), s (32 bytes, big-endian), v (27 or 28).
pub type Signature = [u8; 65];

/// n / 2 of the group order n, rounded down: the largest s accepted.
const LARGEST_S: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// A private key: a number from 1 to n - 1. It is not printed.
#[derive(Clone)]
pub struct Secret(SecretKey);

/// A private key is 0 or not below the group order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretOutOfRange;

impl fmt::Display for SecretOutOfRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "the private key is 0 or not below the order of secp256k1; it must be from 1 to n - 1: \
             draw 32 new random bytes",
        )
    }
}

impl std::error::Error for SecretOutOfRange {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

impl Secret {
    /// The private key of 32 big-endian bytes.
    ///
    /// # Errors
    /// `SecretOutOfRange` if it is 0 or n or more.
    pub fn new(bytes: [u8; 32]) -> Result<Self, SecretOutOfRange> {
        SecretKey::from_byte_array(bytes)
            .map(Self)
            .map_err(|_| SecretOutOfRange)
    }
}

/// The address of a private key.
#[must_use]
pub fn address_of(secret: &Secret) -> Address {
    address_of_key(&PublicKey::from_secret_key(SECP256K1, &secret.0))
}

/// Signs a digest: nonce by RFC 6979, low s, v 27 or 28.
#[must_use]
pub fn sign(secret: &Secret, digest: &Digest) -> Signature {
    let message = Message::from_digest(*digest);
    let signature = SECP256K1.sign_ecdsa_recoverable(message, &secret.0);
    let (recovery, compact) = signature.serialize_compact();
    let v = match recovery {
        RecoveryId::Zero => 27,
        RecoveryId::One => 28,
        // R has an x of n or more for one nonce in 2^127: nobody will see it.
        RecoveryId::Two | RecoveryId::Three => {
            unreachable!("invariant: the x of a nonce's point is below the group order")
        }
    };
    let mut bytes = [v; 65];
    bytes[..64].copy_from_slice(&compact);
    bytes
}

/// The address that signed this digest, or `None` if the signature is refused: v is not 27 or 28, r or s is 0 or not
/// below n, s is above n / 2, r is the x of no point, or the recovered key is the point at infinity.
///
/// Every other signature gives SOME address: the caller compares it with the one expected.
#[must_use]
pub fn recover(digest: &Digest, signature: &Signature) -> Option<Address> {
    let recovery = match signature[64] {
        27 => RecoveryId::Zero,
        28 => RecoveryId::One,
        _ => return None,
    };
    if signature[32..64] > LARGEST_S[..] {
        return None;
    }
    // Refuses r and s of n or more here, and zeros when it recovers.
    let parsed = RecoverableSignature::from_compact(&signature[..64], recovery).ok()?;
    let key = SECP256K1
        .recover_ecdsa(Message::from_digest(*digest), &parsed)
        .ok()?;
    Some(address_of_key(&key))
}

fn address_of_key(key: &PublicKey) -> Address {
    let hash = keccak256(&[&key.serialize_uncompressed()[1..]]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    address
}

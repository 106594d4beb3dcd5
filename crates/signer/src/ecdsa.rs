//! Signatures of 65 bytes: r, s, v. The v says the curve, and the signer is found by recovery (formats.md section 3,
//! sessions.md section 1).

use crate::{curve_k1, curve_r1};
use merkat_values::constants::{P256, SECP256K1};
use merkat_values::keccak::keccak256;
use merkat_values::scheme_of;
use std::fmt;

/// The last twenty bytes of the hash of a public key.
pub type Address = [u8; 20];

/// The 32 bytes that are signed.
pub type Digest = [u8; 32];

/// r (32 bytes, big-endian), s (32 bytes, big-endian), v (27 or 28: secp256k1; 29 or 30: P-256).
pub type Signature = [u8; 65];

/// A private key: a number from 1 to n - 1 of its curve. It is not printed.
#[derive(Clone)]
pub struct Secret(Key);

#[derive(Clone)]
enum Key {
    K1(secp256k1::SecretKey),
    R1(Box<p256::ecdsa::SigningKey>),
}

/// Why 32 bytes are no private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSecret {
    /// 0, or not below the group order.
    OutOfRange,
    /// A scheme that is neither 1 nor 2.
    Scheme(u8),
}

impl fmt::Display for BadSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange => formatter.write_str(
                "the private key is 0 or not below the order of its curve; it must be from 1 to n - 1: \
                 draw 32 new random bytes",
            ),
            Self::Scheme(scheme) => write!(
                formatter,
                "the scheme is {scheme}, expected 1 (secp256k1) or 2 (P-256)"
            ),
        }
    }
}

impl std::error::Error for BadSecret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

impl Secret {
    /// The private key of 32 big-endian bytes on secp256k1.
    ///
    /// # Errors
    /// `BadSecret::OutOfRange` if it is 0 or n or more.
    pub fn new(bytes: [u8; 32]) -> Result<Self, BadSecret> {
        Self::of(SECP256K1, bytes)
    }

    /// The private key of 32 big-endian bytes on the curve of a scheme.
    ///
    /// # Errors
    /// `BadSecret` if it is 0 or n or more, or the scheme is unknown.
    pub fn of(scheme: u8, bytes: [u8; 32]) -> Result<Self, BadSecret> {
        let key = match scheme {
            SECP256K1 => curve_k1::key(bytes).map(Key::K1),
            P256 => curve_r1::key(&bytes).map(|key| Key::R1(Box::new(key))),
            _ => return Err(BadSecret::Scheme(scheme)),
        };
        key.map(Self).ok_or(BadSecret::OutOfRange)
    }

    /// 1 secp256k1, 2 P-256.
    #[must_use]
    pub fn scheme(&self) -> u8 {
        match self.0 {
            Key::K1(_) => SECP256K1,
            Key::R1(_) => P256,
        }
    }
}

/// The address of a private key.
#[must_use]
pub fn address_of(secret: &Secret) -> Address {
    match &secret.0 {
        Key::K1(key) => curve_k1::address_of(key),
        Key::R1(key) => curve_r1::address_of(key),
    }
}

/// Signs a digest: nonce by RFC 6979, low s, v of the key's curve.
#[must_use]
pub fn sign(secret: &Secret, digest: &Digest) -> Signature {
    match &secret.0 {
        Key::K1(key) => curve_k1::sign(key, digest),
        Key::R1(key) => curve_r1::sign(key, digest),
    }
}

/// The address that signed this digest, or `None` if the signature is refused: v is not 27 to 30, r or s is 0 or not
/// below the n of the curve that v says, s is above n / 2, r is the x of no point, or the recovered key is the point at
/// infinity.
///
/// Every other signature gives SOME address: the caller compares it, and the scheme of v, with what it expects.
#[must_use]
pub fn recover(digest: &Digest, signature: &Signature) -> Option<Address> {
    match scheme_of(signature) {
        Some(SECP256K1) => curve_k1::recover(digest, signature),
        Some(P256) => curve_r1::recover(digest, signature),
        _ => None,
    }
}

/// The address of a public key: x and y, 64 bytes.
pub(crate) fn address_of_point(coordinates: &[u8]) -> Address {
    let hash = keccak256(&[coordinates]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    address
}

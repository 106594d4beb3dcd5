//! P-256 signatures (FIPS 186-5): v 29 or 30 by the parity of R's y, low s, the signer found by recovery.
//!
//! Curve arithmetic is the crate p256's. Signing keeps its secret in constant time; recovery knows public values only.

use crate::ecdsa::{Address, Digest, Signature, address_of_point};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Group;
use p256::elliptic_curve::bigint::U256;
use p256::elliptic_curve::ops::{Invert, LinearCombination, Reduce};
use p256::elliptic_curve::point::DecompressPoint;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::elliptic_curve::subtle::Choice;
use p256::{AffinePoint, FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};

/// v of a signature whose R has an even y.
const EVEN: u8 = 29;

/// v of a signature whose R has an odd y.
const ODD: u8 = 30;

/// n / 2 of the group order n, rounded down: the largest s accepted.
const LARGEST_S: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// The key of 32 big-endian bytes, or nothing if they are 0 or not below n.
pub(crate) fn key(bytes: &[u8; 32]) -> Option<SigningKey> {
    SigningKey::from_bytes(FieldBytes::from_slice(bytes)).ok()
}

/// The address of a private key.
pub(crate) fn address_of(key: &SigningKey) -> Address {
    address_of_key(*key.verifying_key().as_affine())
}

/// Signs a digest: nonce by RFC 6979, low s, v 29 or 30.
pub(crate) fn sign(key: &SigningKey, digest: &Digest) -> Signature {
    let (signature, recovery) = key
        .sign_prehash_recoverable(digest)
        .expect("invariant: a digest has the length of the group order");
    // R has an x of n or more for one nonce in 2^130: nobody will see it.
    assert!(
        !recovery.is_x_reduced(),
        "invariant: the x of a nonce's point is below the group order"
    );
    // s and n - s are made by R and -R: the smaller one is written.
    let low = signature.normalize_s();
    let odd = recovery.is_y_odd() != low.is_some();
    let mut bytes = [if odd { ODD } else { EVEN }; 65];
    bytes[..64].copy_from_slice(&low.unwrap_or(signature).to_bytes());
    bytes
}

/// The signer of a signature whose v is 29 or 30; see [`crate::recover`].
pub(crate) fn recover(digest: &Digest, signature: &Signature) -> Option<Address> {
    let odd = match signature[64] {
        EVEN => 0,
        ODD => 1,
        _ => return None,
    };
    if signature[32..64] > LARGEST_S[..] {
        return None;
    }
    let x = FieldBytes::from_slice(&signature[..32]);
    let r = scalar(x)?;
    let s = scalar(FieldBytes::from_slice(&signature[32..64]))?;
    // x is below n, and so below the field's order.
    let point = Option::<AffinePoint>::from(AffinePoint::decompress(x, Choice::from(odd)))?;
    let z = <Scalar as Reduce<U256>>::reduce_bytes(FieldBytes::from_slice(digest));
    // Q = (s R - z G) / r: the key that makes R the point of this signature. No need to verify what follows from that.
    let inverse = *Invert::invert(&r);
    let key = ProjectivePoint::lincomb(
        &ProjectivePoint::GENERATOR,
        &-(inverse * z),
        &ProjectivePoint::from(point),
        &(inverse * *s),
    );
    if bool::from(key.is_identity()) {
        return None;
    }
    Some(address_of_key(key.to_affine()))
}

/// A number from 1 to n - 1.
fn scalar(bytes: &FieldBytes) -> Option<NonZeroScalar> {
    Option::from(NonZeroScalar::from_repr(*bytes))
}

fn address_of_key(key: AffinePoint) -> Address {
    address_of_point(&key.to_encoded_point(false).as_bytes()[1..])
}

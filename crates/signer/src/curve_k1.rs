//! secp256k1 signatures as Ethereum writes them: v 27 or 28, the signer found by recovery.
//!
//! What is accepted is narrower than the precompile `ecrecover`: s must be at most n / 2, so that nobody can make a
//! second signature out of one. Curve arithmetic is libsecp256k1's.

use crate::ecdsa::{Address, Digest, Signature, address_of_point};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// n / 2 of the group order n, rounded down: the largest s accepted.
const LARGEST_S: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// The key of 32 big-endian bytes, or nothing if they are 0 or not below n.
pub(crate) fn key(bytes: [u8; 32]) -> Option<SecretKey> {
    SecretKey::from_byte_array(bytes).ok()
}

/// The address of a private key.
pub(crate) fn address_of(secret: &SecretKey) -> Address {
    address_of_key(&PublicKey::from_secret_key(SECP256K1, secret))
}

/// Signs a digest: nonce by RFC 6979, low s, v 27 or 28.
pub(crate) fn sign(secret: &SecretKey, digest: &Digest) -> Signature {
    let message = Message::from_digest(*digest);
    let signature = SECP256K1.sign_ecdsa_recoverable(message, secret);
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

/// The signer of a signature whose v is 27 or 28; see [`crate::recover`].
pub(crate) fn recover(digest: &Digest, signature: &Signature) -> Option<Address> {
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
    address_of_point(&key.serialize_uncompressed()[1..])
}

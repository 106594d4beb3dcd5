//! Signatures: Wycheproof's vectors for secp256k1, and every way to spoil a signature.

mod common;

use common::{bytes, data, fixed};
use merkat_signer::{
    Address, Digest, Secret, Signature, address_of, recover, recover_batch, sign, sign_batch,
};
use merkat_values::keccak::keccak256;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const HALF_ORDER: &str = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
const FIELD_MINUS_ORDER: &str = "000000000000000000000000000000014551231950b75fc4402da1722fc9baee";

fn secret(number: u64) -> Secret {
    Secret::new(keccak256(&[b"secret", &number.to_be_bytes()])).expect("below the group order")
}

/// a - b of big-endian numbers, a >= b.
fn minus(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = 0i16;
    for index in (0..32).rev() {
        let digit = i16::from(a[index]) - i16::from(b[index]) - borrow;
        borrow = i16::from(digit < 0);
        difference[index] = (digit & 0xff) as u8;
    }
    difference
}

fn with_v(r_s: &[u8], v: u8) -> Signature {
    let mut signature = [v; 65];
    signature[..64].copy_from_slice(r_s);
    signature
}

/// One file of Wycheproof: r and s of 32 bytes each, `None` for an encoding that our 65 bytes cannot hold.
fn wycheproof(file: &str, decode: impl Fn(&[u8]) -> Option<[u8; 64]>) -> Option<[usize; 5]> {
    let path = data(&format!("vectors/wycheproof/{file}"))?;
    let text = std::fs::read_to_string(path).expect("a readable vector file");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    let [
        mut accepted,
        mut high,
        mut large_x,
        mut refused,
        mut undecodable,
    ] = [0; 5];
    let half: [u8; 32] = fixed(HALF_ORDER);
    for group in vectors["testGroups"].as_array().expect("groups") {
        let key = bytes(group["publicKey"]["uncompressed"].as_str().expect("key"));
        let owner: Address = keccak256(&[&key[1..]])[12..]
            .try_into()
            .expect("twenty bytes");
        for test in group["tests"].as_array().expect("tests") {
            let name = format!("{file} {}: {}", test["tcId"], test["comment"]);
            let Some(r_s) = decode(&bytes(test["sig"].as_str().expect("sig"))) else {
                assert_ne!(
                    test["result"], "valid",
                    "{name}: a valid signature was not decoded"
                );
                undecodable += 1;
                continue;
            };
            let digest: Digest = Sha256::digest(bytes(test["msg"].as_str().expect("msg"))).into();
            if test["result"] != "valid" {
                let found = [27, 28].map(|v| recover(&digest, &with_v(&r_s, v)) == Some(owner));
                assert_eq!(found, [false; 2], "{name}: must be refused");
                refused += 1;
                continue;
            }
            let mut low = r_s;
            if r_s[32..] > half[..] {
                let both = [27, 28].map(|v| recover(&digest, &with_v(&r_s, v)));
                assert_eq!(both, [None; 2], "{name}: s above n / 2 must be refused");
                // Its low twin is the signature that the signer should have made.
                let s = minus(&fixed(ORDER), &r_s[32..].try_into().expect("32 bytes"));
                low[32..].copy_from_slice(&s);
                high += 1;
            }
            match [27, 28].map(|v| recover(&digest, &with_v(&low, v)) == Some(owner)) {
                [true, false] | [false, true] => accepted += 1,
                // v 27 and 28 name the points whose x is r; here it is r + n, which Ethereum cannot write.
                [false, false] => {
                    let with_reduction: [u8; 32] = fixed(FIELD_MINUS_ORDER);
                    assert!(low[..32] < with_reduction[..], "{name}: not recovered");
                    large_x += 1;
                }
                [true, true] => panic!("{name}: two points with the same x gave the same key"),
            }
        }
    }
    Some([accepted, high, large_x, refused, undecodable])
}

/// Strict DER: a sequence of two shortest non-negative integers of at most 32 bytes.
fn der(signature: &[u8]) -> Option<[u8; 64]> {
    let (&[0x30, length], body) = signature.split_first_chunk::<2>()? else {
        return None;
    };
    let mut rest = (usize::from(length) == body.len() && length < 0x80).then_some(body)?;
    let mut r_s = [0; 64];
    for half in r_s.chunks_exact_mut(32) {
        let (&[0x02, length], tail) = rest.split_first_chunk::<2>()? else {
            return None;
        };
        let (number, tail) = tail.split_at_checked(usize::from(length))?;
        rest = tail;
        let number = match number {
            [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => return None,
            [0, 0x80..=0xff, ..] => &number[1..],
            _ => number,
        };
        half.get_mut(32usize.checked_sub(number.len())?..)?
            .copy_from_slice(number);
    }
    rest.is_empty().then_some(r_s)
}

#[test]
fn wycheproof_p1363() {
    let file = "ecdsa_secp256k1_sha256_p1363_test.json";
    if let Some(counts) = wycheproof(file, |signature| signature.try_into().ok()) {
        assert_eq!(
            counts,
            [165, 72, 2, 67, 18],
            "accepted, high s, large x, refused, not 64 bytes"
        );
    }
}

#[test]
fn wycheproof_der() {
    if let Some(counts) = wycheproof("ecdsa_secp256k1_sha256_test.json", der) {
        assert_eq!(
            counts,
            [166, 72, 2, 74, 234],
            "accepted, high s, large x, refused, not DER"
        );
    }
}

#[test]
fn wycheproof_bitcoin() {
    if let Some(counts) = wycheproof("ecdsa_secp256k1_sha256_bitcoin_test.json", der) {
        assert_eq!(
            counts,
            [161, 0, 1, 69, 232],
            "accepted, high s, large x, refused, not DER"
        );
    }
}

#[test]
fn every_flipped_bit_is_another_signer_or_none() {
    for number in 0..4 {
        let secret = secret(number);
        let owner = Some(address_of(&secret));
        let digest = keccak256(&[b"digest", &number.to_be_bytes()]);
        let signature = sign(&secret, &digest);
        assert_eq!(recover(&digest, &signature), owner, "the signature itself");
        for bit in 0..256 {
            let mut flipped = digest;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(
                recover(&flipped, &signature),
                owner,
                "bit {bit} of the digest"
            );
        }
        for bit in 0..65 * 8 {
            let mut flipped = signature;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(
                recover(&digest, &flipped),
                owner,
                "bit {bit} of the signature"
            );
        }
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let digest = keccak256(&[b"digest"]);
    let signature = sign(&secret(1), &digest);
    let order: [u8; 32] = fixed(ORDER);
    let spoil = |range: std::ops::Range<usize>, value: [u8; 32]| {
        let mut spoiled = signature;
        spoiled[range].copy_from_slice(&value);
        recover(&digest, &spoiled)
    };
    assert!(
        recover(&digest, &signature).is_some(),
        "the signature itself"
    );
    assert_eq!(spoil(0..32, [0; 32]), None, "r = 0");
    assert_eq!(spoil(32..64, [0; 32]), None, "s = 0");
    assert_eq!(spoil(0..32, order), None, "r = n");
    assert_eq!(spoil(32..64, order), None, "s = n");
    assert_eq!(spoil(0..32, [0xff; 32]), None, "r above n");
    assert_eq!(spoil(32..64, [0xff; 32]), None, "s above n");
    let half: [u8; 32] = fixed(HALF_ORDER);
    assert!(
        spoil(32..64, half).is_some(),
        "s = n / 2 is the largest accepted"
    );
    assert_eq!(spoil(32..64, minus(&order, &half)), None, "s = n / 2 + 1");
    let low: [u8; 32] = signature[32..64].try_into().expect("32 bytes");
    let mut high = with_v(&signature[..64], 55 - signature[64]);
    high[32..64].copy_from_slice(&minus(&order, &low));
    assert_eq!(
        recover(&digest, &high),
        None,
        "the high twin with the other v"
    );
    for v in (0..=255u8).filter(|v| !(27..=30).contains(v)) {
        assert_eq!(
            recover(&digest, &with_v(&signature[..64], v)),
            None,
            "v = {v}"
        );
    }
    let mut other_v = signature;
    other_v[64] = 55 - other_v[64];
    assert_ne!(
        recover(&digest, &other_v),
        recover(&digest, &signature),
        "the other v"
    );
}

#[test]
fn secrets_out_of_range_are_refused_and_none_is_printed() {
    let order: [u8; 32] = fixed(ORDER);
    let mut one = [0; 32];
    one[31] = 1;
    assert!(Secret::new(one).is_ok() && Secret::new(minus(&order, &one)).is_ok());
    for bytes in [[0; 32], order, [0xff; 32]] {
        let error = Secret::new(bytes).expect_err("out of range");
        assert!(error.to_string().contains("from 1 to n - 1"), "{error}");
    }
    assert_eq!(format!("{:?}", secret(1)), "Secret(hidden)");
    // The address of the private key 1, known to every wallet.
    let known: Address = fixed("7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    assert_eq!(
        Secret::new(one).map(|secret| address_of(&secret)),
        Ok(known)
    );
}

#[test]
fn batches_keep_their_order() {
    for count in [0usize, 1, 15, 16, 31, 32, 33, 64, 101] {
        let work: Vec<(Secret, Digest)> = (0..count as u64)
            .map(|number| (secret(number), keccak256(&[&number.to_le_bytes()])))
            .collect();
        let signatures = sign_batch(&work);
        let mut items: Vec<(Digest, Signature)> = work
            .iter()
            .zip(&signatures)
            .map(|((_, digest), s)| (*digest, *s))
            .collect();
        let mut expected: Vec<Option<Address>> = work
            .iter()
            .map(|(secret, _)| Some(address_of(secret)))
            .collect();
        for spoiled in (0..count).step_by(7) {
            items[spoiled].1[64] = 31;
            expected[spoiled] = None;
        }
        assert_eq!(
            recover_batch(&items),
            expected,
            "{count} items, each seventh spoiled"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_is_recovered(key in any::<u64>(), digest in any::<[u8; 32]>()) {
        let secret = secret(key);
        let signature = sign(&secret, &digest);
        prop_assert_eq!(signature, sign(&secret, &digest), "the nonce is no chance");
        prop_assert!(signature[32..64] <= fixed::<32>(HALF_ORDER)[..], "low s");
        prop_assert_eq!(recover(&digest, &signature), Some(address_of(&secret)));
    }

    #[test]
    fn anything_may_be_given(digest in any::<[u8; 32]>(), r_s in any::<[[u8; 32]; 2]>(), v: u8) {
        let signature = with_v(r_s.as_flattened(), v);
        let one = recover(&digest, &signature);
        prop_assert_eq!(recover_batch(&[(digest, signature)]), vec![one]);
        if !(27..=30).contains(&v) { prop_assert_eq!(one, None); }
    }
}

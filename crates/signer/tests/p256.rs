//! P-256: Wycheproof's vectors, those of RFC 6979, and every way to spoil a signature (sessions.md section 1).

mod common;

use common::{bytes, fixed};
use merkat_signer::{
    Address, BadSecret, Digest, Secret, Signature, address_of, recover, recover_batch, sign,
    sign_batch,
};
use merkat_values::constants::{P256, SECP256K1};
use merkat_values::keccak::keccak256;
use merkat_values::scheme_of;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const HALF_ORDER: &str = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
/// p - n: an x below it may be that of two points, of which the larger cannot be written.
const FIELD_MINUS_ORDER: &str = "000000000000000000000000000000004319055358e8617b0c46353d039cdaae";

fn secret(number: u64) -> Secret {
    Secret::of(P256, keccak256(&[b"session", &number.to_be_bytes()])).expect("below n")
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

/// The address of x and y.
fn address(key: &[u8]) -> Address {
    keccak256(&[key])[12..].try_into().expect("twenty bytes")
}

fn low(r_s: [u8; 64]) -> [u8; 64] {
    let half: [u8; 32] = fixed(HALF_ORDER);
    let mut low = r_s;
    if r_s[32..] > half[..] {
        let s = minus(&fixed(ORDER), &r_s[32..].try_into().expect("32 bytes"));
        low[32..].copy_from_slice(&s);
    }
    low
}

#[test]
fn wycheproof() {
    // The specification's tests read the same file: both readers see the same 262 cases.
    let text = include_str!("../../../tests/unit/spec/wycheproof_p256.json");
    let vectors: Value = serde_json::from_str(text).expect("JSON");
    let [mut accepted, mut high, mut large_x, mut refused] = [0; 4];
    for group in vectors["groups"].as_array().expect("groups") {
        let key = bytes(group["key"].as_str().expect("key"));
        let owner = address(&key[1..]);
        for test in group["tests"].as_array().expect("tests") {
            // Number, comment, message, signature, result.
            let name = format!("{}: {}", test[0], test[1]);
            let is_valid = test[4] == "valid";
            let signature = bytes(test[3].as_str().expect("signature"));
            let Ok(r_s) = <[u8; 64]>::try_from(signature) else {
                assert!(!is_valid, "{name}: 65 bytes cannot hold it");
                refused += 1;
                continue;
            };
            let digest: Digest = Sha256::digest(bytes(test[2].as_str().expect("message"))).into();
            let signer = |r_s: &[u8; 64]| [29, 30].map(|v| recover(&digest, &with_v(r_s, v)));
            if !is_valid {
                assert!(
                    !signer(&r_s).contains(&Some(owner)),
                    "{name}: must be refused"
                );
                refused += 1;
                continue;
            }
            if low(r_s) != r_s {
                assert_eq!(
                    signer(&r_s),
                    [None; 2],
                    "{name}: s above n / 2 must be refused"
                );
                high += 1;
            }
            match signer(&low(r_s)).map(|found| found == Some(owner)) {
                [true, false] | [false, true] => accepted += 1,
                [false, false] => {
                    let bound: [u8; 32] = fixed(FIELD_MINUS_ORDER);
                    assert!(r_s[..32] < bound[..], "{name}: not recovered");
                    large_x += 1;
                }
                [true, true] => panic!("{name}: two points with the same x gave the same key"),
            }
        }
    }
    assert_eq!(
        [accepted, high, large_x, refused],
        [171, 70, 2, 89],
        "accepted, of them high s, large x, refused"
    );
}

/// RFC 6979, A.2.5: the key, then message, r and s with SHA-256.
#[test]
fn rfc_6979() {
    const KEY: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    const X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    const Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    const CASES: [(&str, &str, &str); 2] = [
        (
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    ];
    let secret = Secret::of(P256, fixed(KEY)).expect("a key");
    let owner = address(&bytes(&format!("{X}{Y}")));
    assert_eq!(address_of(&secret), owner, "of x and y");
    for (message, r, s) in CASES {
        let digest: Digest = Sha256::digest(message).into();
        let r_s: [u8; 64] = fixed(&format!("{r}{s}"));
        let signature = sign(&secret, &digest);
        assert_eq!(
            signature[..64],
            low(r_s),
            "{message}: the nonce of the RFC, low s"
        );
        assert_eq!(recover(&digest, &signature), Some(owner), "{message}");
    }
}

#[test]
fn every_flipped_bit_is_another_signer_or_none() {
    let secret = secret(1);
    let owner = Some(address_of(&secret));
    let digest = keccak256(&[b"digest"]);
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

#[test]
fn values_out_of_range_are_refused() {
    let digest = keccak256(&[b"digest"]);
    let signature = sign(&secret(1), &digest);
    let order: [u8; 32] = fixed(ORDER);
    let half: [u8; 32] = fixed(HALF_ORDER);
    let spoil = |range: std::ops::Range<usize>, value: [u8; 32]| {
        let mut spoiled = signature;
        spoiled[range].copy_from_slice(&value);
        recover(&digest, &spoiled)
    };
    assert!(
        recover(&digest, &signature).is_some(),
        "the signature itself"
    );
    for (value, what) in [([0; 32], "0"), (order, "n"), ([0xff; 32], "above n")] {
        assert_eq!(spoil(0..32, value), None, "r = {what}");
        assert_eq!(spoil(32..64, value), None, "s = {what}");
    }
    assert!(
        spoil(32..64, half).is_some(),
        "s = n / 2 is the largest accepted"
    );
    assert_eq!(spoil(32..64, minus(&order, &half)), None, "s = n / 2 + 1");
    let s: [u8; 32] = signature[32..64].try_into().expect("32 bytes");
    let mut high = with_v(&signature[..64], 59 - signature[64]);
    high[32..64].copy_from_slice(&minus(&order, &s));
    assert_eq!(
        recover(&digest, &high),
        None,
        "the high twin with the other v"
    );
    let x_of_no_point = (1_u8..=255).find(|x| {
        let mut r = [0; 32];
        r[31] = *x;
        spoil(0..32, r).is_none()
    });
    assert!(x_of_no_point.is_some(), "half of all x are of no point");
    for v in (0..=255_u8).filter(|v| !(27..=30).contains(v)) {
        let found = recover(&digest, &with_v(&signature[..64], v));
        assert_eq!(found, None, "v = {v}");
    }
}

/// r, s and digest chosen so that s R = z G: the key would be the point at infinity.
#[test]
fn a_key_at_infinity_is_nobody() {
    // The nonce 1 makes R = G; then s = z gives Q = (z G - z G) / r.
    let z: [u8; 32] = fixed("0000000000000000000000000000000000000000000000000000000000001234");
    let x = bytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let mut signature = with_v(&[0; 64], 30);
    signature[..32].copy_from_slice(&x);
    signature[32..64].copy_from_slice(&z);
    // y of the generator is odd.
    assert_eq!(recover(&z, &signature), None, "the point at infinity");
    signature[64] = 29;
    assert!(recover(&z, &signature).is_some(), "with -G it is a point");
}

#[test]
fn secrets_are_of_their_curve() {
    let order: [u8; 32] = fixed(ORDER);
    let mut one = [0; 32];
    one[31] = 1;
    assert!(Secret::of(P256, one).is_ok() && Secret::of(P256, minus(&order, &one)).is_ok());
    for bytes in [[0; 32], order, [0xff; 32]] {
        let error = Secret::of(P256, bytes).expect_err("out of range");
        assert!(error.to_string().contains("from 1 to n - 1"), "{error}");
    }
    assert!(
        Secret::of(SECP256K1, order).is_ok(),
        "below the order of the other curve"
    );
    for scheme in [0, 3, 255] {
        let error = Secret::of(scheme, one).expect_err("no scheme");
        assert_eq!(error, BadSecret::Scheme(scheme));
        assert!(error.to_string().contains("expected 1"), "{error}");
    }
    let bytes = keccak256(&[b"both"]);
    let [k1, r1] = [SECP256K1, P256].map(|scheme| Secret::of(scheme, bytes).expect("a key"));
    assert_ne!(address_of(&k1), address_of(&r1), "one number, two keys");
    assert_eq!((k1.scheme(), r1.scheme()), (SECP256K1, P256));
    assert_eq!(format!("{r1:?}"), "Secret(hidden)");
}

#[test]
fn mixed_batches_keep_their_order() {
    for count in [0_u64, 1, 3, 4, 15, 16, 33, 70] {
        for share in [1, 2, 5] {
            let work: Vec<(Secret, Digest)> = (0..count)
                .map(|number| {
                    let scheme = if number % share == 0 { P256 } else { SECP256K1 };
                    let bytes = keccak256(&[&number.to_be_bytes()]);
                    (
                        Secret::of(scheme, bytes).expect("a key"),
                        keccak256(&[&bytes]),
                    )
                })
                .collect();
            let signatures = sign_batch(&work);
            let mut items: Vec<(Digest, Signature)> = work
                .iter()
                .zip(&signatures)
                .map(|((_, digest), s)| (*digest, *s))
                .collect();
            let mut expected: Vec<_> = work
                .iter()
                .map(|(secret, _)| Some(address_of(secret)))
                .collect();
            for spoiled in (0..items.len()).step_by(7) {
                items[spoiled].1[64] = 31;
                expected[spoiled] = None;
            }
            assert_eq!(
                recover_batch(&items),
                expected,
                "{count} items, each {share}th slow"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_signed_is_recovered(key in any::<u64>(), digest in any::<[u8; 32]>()) {
        let secret = secret(key);
        let signature = sign(&secret, &digest);
        prop_assert_eq!(signature, sign(&secret, &digest), "the nonce is no chance");
        prop_assert!(signature[32..64] <= fixed::<32>(HALF_ORDER)[..], "low s");
        prop_assert_eq!(scheme_of(&signature), Some(P256));
        prop_assert_eq!(recover(&digest, &signature), Some(address_of(&secret)));
    }

    #[test]
    fn anything_may_be_given(digest in any::<[u8; 32]>(), r_s in any::<[[u8; 32]; 2]>(), v in 26_u8..32) {
        let signature = with_v(r_s.as_flattened(), v);
        let one = recover(&digest, &signature);
        prop_assert_eq!(recover_batch(&[(digest, signature)]), vec![one]);
    }
}

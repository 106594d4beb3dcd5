//! Signatures recovered and made in a second, one by one on one core and in batches on all. Prints JSON; of five
//! repetitions the fastest counts.

use merkat_signer::{Digest, Secret, Signature, recover, recover_batch, sign, sign_batch};
use merkat_values::constants::P256;
use merkat_values::keccak::keccak256;
use std::time::Instant;

const ITEMS: usize = 4096;

fn rate(name: &str, mut work: impl FnMut()) {
    let least_ns = (0..5)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_nanos()
        })
        .min()
        .expect("five repetitions");
    println!(
        "  \"{name}_per_second\": {},",
        ITEMS as u128 * 1_000_000_000 / least_ns
    );
}

fn main() {
    let work: Vec<(Secret, Digest)> = (0..ITEMS)
        .map(|number| {
            let secret = keccak256(&[b"secret", &number.to_be_bytes()]);
            let digest = keccak256(&[b"digest", &number.to_be_bytes()]);
            (Secret::new(secret).expect("below the group order"), digest)
        })
        .collect();
    let items: Vec<(Digest, Signature)> = work
        .iter()
        .map(|(secret, digest)| (*digest, sign(secret, digest)))
        .collect();
    println!("{{\n  \"items\": {ITEMS},");
    rate("sign_one_core", || {
        for (secret, digest) in &work {
            std::hint::black_box(sign(secret, digest));
        }
    });
    rate("recover_one_core", || {
        for (digest, signature) in &items {
            std::hint::black_box(recover(digest, signature));
        }
    });
    rate("sign_batches_of_4096", || {
        std::hint::black_box(sign_batch(&work));
    });
    let sessions: Vec<(Secret, Digest)> = work
        .iter()
        .map(|(_, digest)| {
            let secret = Secret::of(P256, keccak256(&[b"session", digest]));
            (secret.expect("below the group order"), *digest)
        })
        .collect();
    let of_sessions: Vec<(Digest, Signature)> = sessions
        .iter()
        .map(|(secret, digest)| (*digest, sign(secret, digest)))
        .collect();
    rate("p256_sign_one_core", || {
        for (secret, digest) in &sessions {
            std::hint::black_box(sign(secret, digest));
        }
    });
    rate("p256_recover_one_core", || {
        for (digest, signature) in &of_sessions {
            std::hint::black_box(recover(digest, signature));
        }
    });
    let mixed: Vec<_> = (0..ITEMS)
        .map(|place| if place % 16 == 0 { &of_sessions } else { &items }[place])
        .collect();
    rate("mixed_recover_batches_of_256", || {
        for batch in mixed.chunks(256) {
            std::hint::black_box(recover_batch(batch));
        }
    });
    for size in [64, 256, 4096] {
        rate(&format!("recover_batches_of_{size}"), || {
            for batch in items.chunks(size) {
                std::hint::black_box(recover_batch(batch));
            }
        });
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("  \"cores\": {cores}\n}}");
}

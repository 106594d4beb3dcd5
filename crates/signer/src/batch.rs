//! Batches over the processor's cores; results stand in the order of the input.

use crate::ecdsa::{Address, Digest, Secret, Signature, recover, sign};
use merkat_values::constants::P256;
use merkat_values::scheme_of;
use std::num::NonZero;
use std::sync::OnceLock;
use std::thread;

/// Fewest items worth a thread of its own: one item takes 20 to 40 us, starting a thread about as long.
const ITEMS_PER_THREAD_MIN: usize = 16;

/// The same of P-256, which takes several times as long.
const SLOW_ITEMS_PER_THREAD_MIN: usize = 4;

/// [`recover`] of every (digest, signature), in order.
#[must_use]
pub fn recover_batch(items: &[(Digest, Signature)]) -> Vec<Option<Address>> {
    let is_slow = |item: &(Digest, Signature)| scheme_of(&item.1) == Some(P256);
    let slow: Vec<_> = items.iter().filter(|item| is_slow(item)).collect();
    // Each curve is dealt out by itself, so that no core gets all the slow ones.
    let quick = over_cores(items, ITEMS_PER_THREAD_MIN, |item| match is_slow(item) {
        true => None,
        false => recover(&item.0, &item.1),
    });
    if slow.is_empty() {
        return quick;
    }
    let found = over_cores(&slow, SLOW_ITEMS_PER_THREAD_MIN, |item| {
        recover(&item.0, &item.1)
    });
    let mut found = found.into_iter();
    let dealt = items.iter().zip(quick);
    dealt
        .map(|(item, signer)| match is_slow(item) {
            true => found.next().expect("invariant: one result an item"),
            false => signer,
        })
        .collect()
}

/// [`sign`] of every (secret, digest), in order.
#[must_use]
pub fn sign_batch(items: &[(Secret, Digest)]) -> Vec<Signature> {
    over_cores(items, ITEMS_PER_THREAD_MIN, |(secret, digest)| {
        sign(secret, digest)
    })
}

/// The number of cores, asked once: the system reads several files to answer, which takes as long as a signature.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

fn over_cores<Item: Sync, Output: Send>(
    items: &[Item],
    least: usize,
    work: impl Fn(&Item) -> Output + Sync,
) -> Vec<Output> {
    let worth = items.len() / least;
    if worth <= 1 {
        return items.iter().map(work).collect();
    }
    let threads = cores().min(worth);
    if threads == 1 {
        return items.iter().map(work).collect();
    }
    let share = items.len().div_ceil(threads);
    let (first, rest) = items.split_at(share);
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = rest
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<_>>()))
            .collect();
        let mut outputs = Vec::with_capacity(items.len());
        outputs.extend(first.iter().map(work));
        for other in others {
            outputs.extend(
                other
                    .join()
                    .expect("invariant: recovery and signing do not panic"),
            );
        }
        outputs
    })
}

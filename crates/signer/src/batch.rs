//! Batches over the processor's cores; results stand in the order of the input.

use crate::ecdsa::{Address, Digest, Secret, Signature, recover, sign};
use std::num::NonZero;
use std::thread;

/// Fewest items worth a thread of its own: one item takes 20 to 40 us, starting a thread about as long.
const ITEMS_PER_THREAD_MIN: usize = 16;

/// [`recover`] of every (digest, signature), in order.
#[must_use]
pub fn recover_batch(items: &[(Digest, Signature)]) -> Vec<Option<Address>> {
    over_cores(items, |(digest, signature)| recover(digest, signature))
}

/// [`sign`] of every (secret, digest), in order.
#[must_use]
pub fn sign_batch(items: &[(Secret, Digest)]) -> Vec<Signature> {
    over_cores(items, |(secret, digest)| sign(secret, digest))
}

fn over_cores<Item: Sync, Output: Send>(
    items: &[Item],
    work: impl Fn(&Item) -> Output + Sync,
) -> Vec<Output> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(items.len() / ITEMS_PER_THREAD_MIN).max(1);
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

//! Matching in steady state allocates nothing. (Alone in its file: the allocator counts for the whole program.)

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use merkat_values::codec::Writer;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed to the system's allocator unchanged; counting touches no memory that it hands out.
#[allow(
    unsafe_code,
    reason = "a global allocator can be written in no other way"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Orders that rest and orders that take them, alternating sides, as ready commands.
fn commands(venue: &mut Venue, count: usize) -> Vec<(Vec<u8>, [u8; 20])> {
    let mut commands = Vec::new();
    for number in 0..count {
        let (maker, taker) = if number % 2 == 0 { (1, 2) } else { (2, 1) };
        for (account, side) in [(maker, SELL), (taker, BUY)] {
            let order = venue.order(account, side, 100_000, LOT);
            let mut command = vec![1, 1];
            order.write(&mut command);
            command.put(&[27; 65]);
            commands.push((command, owner_of(account)));
        }
    }
    commands
}

#[test]
fn matching_in_steady_state_allocates_nothing_but_growing_tables() {
    let mut venue = Venue::open(2);
    venue.check = false;
    venue.engine.reserve_orders(10_000);
    let mut out = Vec::with_capacity(1 << 20);
    let mut play = |venue: &mut Venue, commands: &[(Vec<u8>, [u8; 20])]| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let mut traded = 0;
        for (command, owner) in commands {
            out.clear();
            let log_number = venue.engine.log_number() + 1;
            venue
                .engine
                .apply(log_number, venue.time_ns, command, &[*owner], &mut out)
                .expect("the contract is kept");
            traded += usize::from(out.len() > 250);
        }
        assert!(
            traded >= commands.len() / 2,
            "every second order trades: {traded}"
        );
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    let warm = commands(&mut venue, 5_000);
    let measured = commands(&mut venue, 1_000);
    play(&mut venue, &warm);
    let allocations = play(&mut venue, &measured);
    // Settlement's table of order leaves grows with every order; it doubles, so a few allocations remain.
    assert!(
        allocations <= 8,
        "2,000 commands made {allocations} allocations"
    );
}

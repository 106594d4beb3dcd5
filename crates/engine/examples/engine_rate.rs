//! Commands a second on accounts with several positions and resting orders; prints JSON. Signatures are taken as checked.
//!
//! usage: engine_rate [accounts] [commands]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;
use std::time::Instant;

use common::{BUY, LOT, PARAMETERS, SECOND_NS, SELL, TICK, USD, Venue, owner_of};
use merkat_values::codec::Writer;

const LISTINGS: u32 = 5;
const ORDERS: i64 = 20;

fn venue_with(accounts: u32) -> Venue {
    let mut venue = Venue::new();
    venue.check = false;
    venue.group(0, PARAMETERS);
    for _ in 0..LISTINGS {
        venue.list(0, 0, 500_000);
    }
    for account in 1..=accounts {
        venue.deposit(account, 10_000_000);
    }
    venue.epoch(0, 100_000);
    for listing in 1..=LISTINGS {
        for account in 1..=accounts {
            let side = if account % 2 == 0 { BUY } else { SELL };
            let mut order = venue.order(account, side, 100_000, 100 * LOT);
            order.listing = listing;
            venue.place(&order);
        }
    }
    for account in 1..=accounts {
        for number in 0..ORDERS {
            let side = if number % 2 == 0 { BUY } else { SELL };
            let distance = 200 + number * 10 + i64::from(account % 7);
            let usd = if side == BUY {
                100_000 - distance
            } else {
                100_000 + distance
            };
            let mut order = venue.order(account, side, usd, LOT);
            order.listing = 1 + (number as u32) % LISTINGS;
            venue.place(&order);
        }
    }
    venue
}

/// Places near the market, of which many trade, and cancels of orders placed a while ago (refused if they are gone).
fn commands(venue: &mut Venue, accounts: u32, count: usize) -> Vec<(Vec<u8>, [u8; 20])> {
    let (mut state, mut commands) = (1u64, Vec::with_capacity(count));
    let mut placed = VecDeque::new();
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    while commands.len() < count {
        let account = 1 + random(u64::from(accounts)) as u32;
        let side = random(2) as u8;
        let mut order = venue.order(account, side, 100_000, LOT * (1 + random(5) as i64));
        order.listing = 1 + random(u64::from(LISTINGS)) as u32;
        let offset = random(60) as i64 * TICK - 20 * TICK;
        order.limit_price = 100_000 * USD + if side == BUY { -offset } else { offset };
        let mut command = vec![1, 1];
        order.write(&mut command);
        command.put(&[27; 65]);
        commands.push((command, owner_of(account)));
        placed.push_back(order);
        if placed.len() > 100 {
            let old = placed
                .pop_front()
                .expect("the queue has more than a hundred");
            let mut cancel = vec![1, 4];
            cancel.put_u32(old.account);
            cancel.put_u8(old.slot);
            cancel.put_u32((old.expiry_ns / common::HOUR_NS) as u32);
            cancel.put_u40(old.counter);
            cancel.put_u64(venue.nonce(old.account));
            cancel.put(&[27; 65]);
            commands.push((cancel, owner_of(old.account)));
        }
    }
    commands
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse::<u32>().ok());
    let accounts = arguments.next().unwrap_or(1_000);
    let count = arguments.next().unwrap_or(200_000) as usize;
    let mut venue = venue_with(accounts);
    venue.engine.reserve_orders(1 << 18);
    let commands = commands(&mut venue, accounts, count);
    let mut out = Vec::with_capacity(1 << 20);
    let (mut elapsed_ns, mut output_bytes, mut trades, mut epochs) = (0, 0, 0, 0);
    for chunk in commands.chunks(10_000) {
        let start = Instant::now();
        for (command, owner) in chunk {
            out.clear();
            let log_number = venue.engine.log_number() + 1;
            venue
                .engine
                .apply(log_number, venue.time_ns, command, &[*owner], &mut out)
                .expect("the contract is kept");
            output_bytes += out.len();
            trades += usize::from(out.len() > 150);
        }
        elapsed_ns += start.elapsed().as_nanos();
        epochs += 1;
        venue.wait(SECOND_NS).epoch(0, 100_000 + epochs % 3);
    }
    let rate = commands.len() as u128 * 1_000_000_000 / elapsed_ns.max(1);
    println!(
        "{{\"accounts\": {accounts}, \"commands\": {}, \"commands_per_s\": {rate}, \"ns_per_command\": {}, \
         \"trading\": {trades}, \"output_bytes\": {output_bytes}}}",
        commands.len(),
        elapsed_ns / commands.len() as u128
    );
}

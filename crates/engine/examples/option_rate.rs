//! Commands a second on accounts in portfolio margin with twenty legs and resting orders; prints JSON. Signatures are
//! taken as checked.
//!
//! usage: option_rate [accounts] [commands]

#[path = "../tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;
use std::time::Instant;

use common::derivatives::{Dated, VOL, eight};
use common::{BUY, LOT, PARAMETERS, SECOND_NS, SELL, Venue, owner_of};
use merkat_pricing::RiskSet;
use merkat_values::codec::Writer;

/// Strikes of each of two expiries; with the perpetual more than twenty listings.
const STRIKES: i64 = 10;
const LEGS: u32 = 20;
const ORDERS: u32 = 20;

struct Desk {
    venue: Venue,
    listings: u32,
    accounts: u32,
    state: u64,
}

impl Desk {
    fn new(accounts: u32) -> Self {
        let mut venue = Venue::new();
        venue.check = false;
        venue.group(0, PARAMETERS);
        venue.list(0, 0, 300_000);
        venue.risk(0, &RiskSet::default());
        for days in [3, 40] {
            let expiry_ns = eight(venue.time_ns, days);
            for number in 0..STRIKES {
                let strike = 80_000 + 4_000 * number;
                venue.list_dated(0, &Dated::call(strike, expiry_ns));
                venue.list_dated(0, &Dated::put(strike, expiry_ns));
            }
        }
        for account in 1..=accounts {
            venue.deposit(account, 10_000_000);
            venue.mode(account, 1);
        }
        venue.surface(0, 100_000);
        let mut desk = Self {
            venue,
            listings: 1 + 4 * STRIKES as u32,
            accounts,
            state: 1,
        };
        desk.fill();
        desk
    }

    fn random(&mut self, below: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    /// A price so many per cent from the mark, on tick.
    fn price(&self, listing: u32, per_mille: i64) -> i64 {
        let state = self.venue.engine.state();
        let instrument = state.instrument(listing).expect("it is listed");
        let wanted = self.venue.mark(listing) * (1_000 + per_mille) / 1_000;
        instrument.floor_to_tick(wanted).max(instrument.tick)
    }

    /// Every account gets its legs against its neighbour, and orders that rest.
    fn fill(&mut self) {
        for account in (1..self.accounts).step_by(2) {
            for leg in 0..LEGS {
                let listing = 1 + (account + 2 * leg) % self.listings;
                let price = self.price(listing, 0);
                let side = if leg % 2 == 0 { BUY } else { SELL };
                self.venue
                    .cross(account + 1, account, listing, side, price, 1_000 * LOT);
            }
        }
        for account in 1..=self.accounts {
            for number in 0..ORDERS {
                let listing = 1 + (account + 3 * number) % self.listings;
                let (side, away) = if number % 2 == 0 {
                    (BUY, -150)
                } else {
                    (SELL, 150)
                };
                let price = self.price(listing, if listing == 1 { away / 8 } else { away });
                let order = self.venue.order_in(account, listing, side, price, LOT);
                self.venue.place(&order);
            }
        }
    }

    /// Places near the market, of which many trade, and cancels of orders placed a while ago.
    fn commands(&mut self, count: usize) -> Vec<(Vec<u8>, [u8; 20])> {
        let mut commands = Vec::with_capacity(count);
        let mut placed = VecDeque::new();
        while commands.len() < count {
            let account = 1 + self.random(u64::from(self.accounts)) as u32;
            let listing = 1 + self.random(u64::from(self.listings)) as u32;
            let side = self.random(2) as u8;
            let offset = self.random(60) as i64 - 20;
            let price = self.price(listing, if side == BUY { -offset } else { offset });
            let size = LOT * (1 + self.random(5) as i64);
            let order = self.venue.order_in(account, listing, side, price, size);
            let mut command = vec![1, 1];
            order.write(&mut command);
            command.put(&[27; 65]);
            commands.push((command, owner_of(account)));
            placed.push_back(order);
            if placed.len() > 100 {
                let old = placed.pop_front().expect("more than a hundred");
                let mut cancel = vec![1, 4];
                cancel.put_u32(old.account);
                cancel.put_u8(old.slot);
                cancel.put_u32((old.expiry_ns / common::HOUR_NS) as u32);
                cancel.put_u40(old.counter);
                cancel.put_u64(self.venue.nonce(old.account));
                cancel.put(&[27; 65]);
                commands.push((cancel, owner_of(old.account)));
            }
        }
        commands
    }
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse::<u32>().ok());
    let accounts = arguments.next().unwrap_or(1_000);
    let count = arguments.next().unwrap_or(100_000) as usize;
    let mut desk = Desk::new(accounts);
    desk.venue.engine.reserve_orders(1 << 18);
    let commands = desk.commands(count);
    let venue = &mut desk.venue;
    let mut out = Vec::with_capacity(1 << 20);
    let (mut elapsed_ns, mut trades, mut refused, mut epochs) = (0, 0, 0, 0);
    let mut epoch_ns = 0;
    for chunk in commands.chunks(10_000) {
        let start = Instant::now();
        for (command, owner) in chunk {
            out.clear();
            let log_number = venue.engine.log_number() + 1;
            venue
                .engine
                .apply(log_number, venue.time_ns, command, &[*owner], &mut out)
                .expect("the contract is kept");
            trades += usize::from(out.len() > 150);
            refused += usize::from(out[14] == 1);
        }
        elapsed_ns += start.elapsed().as_nanos();
        epochs += 1;
        let vector = venue
            .wait(SECOND_NS)
            .flat_vector(0, 100_000 + epochs % 3, VOL);
        let start = Instant::now();
        let output = venue.take(&vector);
        epoch_ns += start.elapsed().as_nanos();
        assert_eq!(output.refusal(), None, "the surface is taken up");
    }
    let rate = commands.len() as u128 * 1_000_000_000 / elapsed_ns.max(1);
    println!(
        "{{\"accounts\": {accounts}, \"legs\": {LEGS}, \"commands\": {}, \"commands_per_s\": {rate}, \
         \"ns_per_command\": {}, \"trading\": {trades}, \"refused\": {refused}, \"us_per_epoch\": {}}}",
        commands.len(),
        elapsed_ns / commands.len() as u128,
        epoch_ns / 1_000 / epochs.max(1) as u128
    );
}

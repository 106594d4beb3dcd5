//! A venue under test: builders of commands, outputs in pieces, and the invariants after every command.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::collections::BTreeMap;

pub mod derivatives;

use merkat_engine::Engine;
use merkat_engine::command::signature_count;
use merkat_settle::ops::{SessionOpen, SessionRevoke};
use merkat_settle::{Order, Session};
use merkat_values::codec::Writer;
use merkat_values::constants::SECP256K1;
use merkat_values::keccak::keccak256;

pub const START_NS: u64 = 1_750_000_000_000_000_000;
pub const SECOND_NS: u64 = 1_000_000_000;
pub const HOUR_NS: u64 = 3_600 * SECOND_NS;
pub const DAY_NS: u64 = 24 * HOUR_NS;
pub const USD: i64 = 1_000_000;
/// Of a listing with size_decimals 8 and lot 1,000: 0.00001 coin.
pub const LOT: i64 = 1_000;
pub const COIN: i64 = 100_000_000;
/// 1 cent.
pub const TICK: i64 = 100_000;
pub const BUY: u8 = 0;
pub const SELL: u8 = 1;
pub const PARAMETERS: [i64; 21] = [
    65_000_000,
    50_000_000,
    30_000_000,
    5_000_000,
    2_500_000,
    200_000_000,
    100_000,
    500_000,
    5_000_000,
    5_000_000,
    100_000_000,
    20_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_150_000_000,
    2_000_000_000,
    5_000_000_000,
    30_000_000_000,
    120_000_000_000,
    0,
];

/// What a command gave, in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub bytes: Vec<u8>,
    pub events: Vec<Vec<u8>>,
    pub micro_ops: Vec<Vec<u8>>,
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        found.push(bytes[at + 2..at + 2 + length].to_vec());
        at += 2 + length;
    }
    found
}

pub fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(
        bytes[at..at + 8]
            .try_into()
            .expect("the slice has this length"),
    )
}

impl Output {
    fn decode(bytes: Vec<u8>) -> Self {
        let length = |at: usize| {
            u32::from_be_bytes(
                bytes[at..at + 4]
                    .try_into()
                    .expect("the slice has this length"),
            ) as usize
        };
        let events = length(8);
        let micro_ops = length(12 + events);
        assert_eq!(
            bytes.len(),
            16 + events + micro_ops,
            "an output has exactly its parts"
        );
        Self {
            events: frames(&bytes[12..12 + events]),
            micro_ops: frames(&bytes[16 + events..]),
            bytes,
        }
    }

    /// The kinds of the events.
    pub fn kinds(&self) -> Vec<u8> {
        self.events.iter().map(|event| event[0]).collect()
    }

    /// The kinds of the micro-ops.
    pub fn ops(&self) -> Vec<u8> {
        self.micro_ops.iter().map(|op| op[0]).collect()
    }

    /// Code and field if the command was refused.
    pub fn refusal(&self) -> Option<(u16, u8)> {
        let event = self.events.iter().find(|event| event[0] == 1)?;
        Some((u16::from_be_bytes([event[1], event[2]]), event[3]))
    }

    /// The (reason, remaining) of every cancelled event.
    pub fn cancels(&self) -> Vec<(u8, i64)> {
        let cancelled = self.events.iter().filter(|event| event[0] == 5);
        cancelled
            .map(|event| (event[13], i64_at(event, 14)))
            .collect()
    }

    /// The (price, size) of every trade.
    pub fn trades(&self) -> Vec<(i64, i64)> {
        let trades = self.events.iter().filter(|event| event[0] == 4);
        trades
            .map(|event| (i64_at(event, 30), i64_at(event, 38)))
            .collect()
    }

    pub fn events_of(&self, kind: u8) -> Vec<&Vec<u8>> {
        self.events
            .iter()
            .filter(|event| event[0] == kind)
            .collect()
    }
}

/// A venue with its clock, its oracle and its users. Signers are told, not recovered.
pub struct Venue {
    pub engine: Engine,
    pub time_ns: u64,
    nonces: BTreeMap<u32, u64>,
    items: u64,
    pub vectors: BTreeMap<u16, (u64, [u8; 31])>,
    pub check: bool,
}

pub fn node(index: u8) -> [u8; 20] {
    [100 + index; 20]
}

pub fn owner_of(account: u32) -> [u8; 20] {
    let mut owner = [7; 20];
    owner[16..].copy_from_slice(&account.to_be_bytes());
    owner
}

/// The key of a slot, 0 the wallet's.
pub fn key_of(account: u32, slot: u8) -> [u8; 20] {
    let mut key = owner_of(account);
    key[0] += slot;
    key
}

impl Default for Venue {
    fn default() -> Self {
        Self::new()
    }
}

impl Venue {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            engine: Engine::new(),
            time_ns: START_NS,
            nonces: BTreeMap::new(),
            items: 0,
            vectors: BTreeMap::new(),
            check: true,
        }
    }

    /// One group at 100,000 USD, one listing, `accounts` accounts of a million USD.
    pub fn open(accounts: u32) -> Self {
        let mut venue = Self::new();
        venue.group(0, PARAMETERS);
        venue.list(0, 0, 500_000);
        for account in 1..=accounts {
            venue.deposit(account, 1_000_000);
        }
        venue.epoch(0, 100_000);
        venue
    }

    pub fn send(&mut self, command: &[u8], signers: &[[u8; 20]]) -> Output {
        let mut bytes = Vec::new();
        let log_number = self.engine.log_number() + 1;
        self.engine
            .apply(log_number, self.time_ns, command, signers, &mut bytes)
            .expect("the sequencer's contract is kept");
        if self.check {
            self.assert_invariants();
        }
        Output::decode(bytes)
    }

    /// Section 4 of the rules, section 8 of derivatives.
    pub fn assert_invariants(&self) {
        let state = self.engine.state();
        let globals = state.globals();
        let mut total = globals.fees + globals.rebates + globals.interest - globals.bad_debt;
        total += globals.claimable_total[0] as i128;
        let mut sums: BTreeMap<u32, (i64, i64, i64)> = BTreeMap::new();
        for (_, account) in state.accounts().iter() {
            total += account.cash;
            for position in &account.positions {
                let sum = sums.entry(position.listing).or_default();
                sum.0 += position.size;
                sum.1 += position.size.max(0);
                sum.2 += position.size.abs();
            }
        }
        for group in state.groups() {
            assert!(group.fund >= 0, "a fund is negative");
            total += group.fund;
        }
        self.assert_sessions();
        let mut delivering = false;
        for (listing, instrument) in state.instruments().iter() {
            let (sum, long, gross) = sums.get(&listing).copied().unwrap_or_default();
            let expected = if instrument.state >= 3 { gross } else { long };
            let open_interest = instrument.open_interest;
            assert_eq!(
                expected, open_interest,
                "open interest of listing {listing}"
            );
            if instrument.token > 0 {
                let token = usize::from(instrument.token);
                let held = sum as u128 + globals.claimable_total[token];
                assert_eq!(held, globals.deposited[token], "coins of token {token}");
            } else if instrument.state == 3 {
                delivering = true;
            } else {
                assert_eq!(sum, 0, "the positions of listing {listing} do not sum to 0");
            }
        }
        // Between the payments of an expiry cash is under way.
        if !delivering {
            assert_eq!(
                total, globals.deposited[0] as i128,
                "cash appeared or vanished"
            );
        }
    }

    /// Section 3 of sessions: a resting order of a session has an open one that lasts as long.
    fn assert_sessions(&self) {
        let state = self.engine.state();
        for order in self.engine.resting_orders() {
            let session = state.sessions().get(order.account, order.slot);
            let lasts = session.is_some_and(|session| {
                session.state == Session::OPEN && session.expiry_ns >= order.expiry_ns
            });
            assert!(order.slot == 0 || lasts, "a session order alone: {order:?}");
        }
    }

    pub fn wait(&mut self, nanoseconds: u64) -> &mut Self {
        self.time_ns += nanoseconds;
        self
    }

    pub fn item(&mut self, item: &[u8]) -> Output {
        let mut command = vec![1, 32];
        command.put_u64(self.items);
        command.put(item);
        let output = self.send(&command, &[]);
        self.items = self.engine.state().globals().inbox_cursor;
        output
    }

    pub fn group(&mut self, group: u16, parameters: [i64; 21]) -> Output {
        let mut item = vec![2, 1];
        item.put_u16(group);
        item.put_u8(2);
        for index in 0..8 {
            item.put(&if index < 3 { node(index) } else { [0; 20] });
        }
        for value in parameters {
            item.put_i64(value);
        }
        self.item(&item)
    }

    pub fn list(&mut self, group: u16, maker_fee: i64, taker_fee: i64) -> Output {
        let mut item = vec![3, 1, 1];
        item.put_u16(group);
        item.put_u8(8);
        for value in [LOT, TICK, maker_fee, taker_fee] {
            item.put_i64(value);
        }
        self.item(&item)
    }

    pub fn instrument(
        &mut self,
        listing: u32,
        state: u8,
        maker_fee: i64,
        taker_fee: i64,
    ) -> Output {
        let mut item = vec![4, 1];
        item.put_u32(listing);
        item.put_u8(state);
        item.put_i64(maker_fee);
        item.put_i64(taker_fee);
        self.item(&item)
    }

    pub fn limits(&mut self, positions: u16, orders: u32, in_listing: u32) -> Output {
        let mut item = vec![5, 1];
        item.put_u16(positions);
        item.put_u32(orders);
        item.put_u32(in_listing);
        item.put_u64(1_000_000);
        self.item(&item)
    }

    pub fn fund(&mut self, group: u16, usd: u64) -> Output {
        let mut item = vec![6, 1];
        item.put_u16(group);
        item.put_u128(u128::from(usd) * USD as u128);
        self.item(&item)
    }

    /// Opens the account or adds to it.
    pub fn deposit(&mut self, account: u32, usd: u64) -> Output {
        let mut item = vec![1, 0, 0];
        item.put(&owner_of(account));
        let known = self.engine.state().account(account).is_some();
        item.put_u32(if known { account } else { 0 });
        item.put_u128(u128::from(usd) * USD as u128);
        self.item(&item)
    }

    /// A forced withdrawal of an account's own owner.
    pub fn force(&mut self, account: u32, amount: u128) -> Output {
        let mut item = vec![8, 0];
        item.put_u32(account);
        item.put(&owner_of(account));
        item.put_u8(0);
        item.put_u128(amount);
        self.item(&item)
    }

    pub fn signatures(count: u8) -> Vec<u8> {
        let mut bytes = vec![count];
        for index in 0..count {
            bytes.push(index);
            bytes.extend([27; 65]);
        }
        bytes
    }

    pub fn vector(&self, group: u16, index: i64, premium: i64) -> Vec<u8> {
        let (number, previous) = self.vectors.get(&group).copied().unwrap_or((0, [0; 31]));
        let mut vector = vec![1];
        vector.put_u16(group);
        vector.put_u64(number + 1);
        vector.put_u64(self.time_ns);
        vector.put(&previous);
        for value in [index, 0, premium] {
            vector.put_i64(value);
        }
        vector
    }

    /// A quorate vector at this index in USD.
    pub fn epoch(&mut self, group: u16, usd: i64) -> Output {
        self.epoch_micro(group, usd * USD, 0)
    }

    pub fn epoch_micro(&mut self, group: u16, index: i64, premium: i64) -> Output {
        let vector = self.vector(group, index, premium);
        let command = [&[1, 16], &vector[..], &Self::signatures(2)].concat();
        let output = self.send(&command, &[node(0), node(1)]);
        if output.refusal().is_none() {
            let mut hash = [0; 31];
            hash.copy_from_slice(&keccak256(&[&vector])[..31]);
            let number = self.vectors.get(&group).map_or(0, |known| known.0) + 1;
            self.vectors.insert(group, (number, hash));
        }
        output
    }

    pub fn heartbeat(&mut self, group: u16) -> Output {
        let (number, hash) = self.vectors[&group];
        let mut command = vec![1, 17];
        command.put_u16(group);
        command.put_u64(number);
        command.put_u64(self.time_ns);
        command.put(&hash);
        command.put(&Self::signatures(2));
        self.send(&command, &[node(0), node(1)])
    }

    pub fn tick(&mut self) -> Output {
        self.send(&[1, 24], &[])
    }

    /// A nonce that was not used.
    pub fn nonce(&mut self, account: u32) -> u64 {
        let nonce = self.nonces.entry(account).or_insert(1);
        *nonce += 1;
        *nonce
    }

    /// A resting order of listing 1 at a price in USD.
    pub fn order(&mut self, account: u32, side: u8, usd: i64, size: i64) -> Order {
        let nonce = self.nonce(account);
        Order {
            account,
            slot: 0,
            listing: 1,
            side,
            flags: 0,
            limit_price: usd * USD,
            size,
            fee_cap: 10_000_000,
            expiry_ns: self.time_ns + 5 * DAY_NS,
            counter: nonce,
            version: 1,
            nonce,
            renews_hour: 0,
            renews_counter: 0,
        }
    }

    /// The order of a command, signed by the key of its slot with secp256k1.
    pub fn send_order(&mut self, kind: u8, order: &Order) -> Output {
        let key = key_of(order.account, order.slot);
        self.send_signed(kind, order, key, SECP256K1)
    }

    pub fn place(&mut self, order: &Order) -> Output {
        self.send_order(1, order)
    }

    pub fn amend(&mut self, order: &Order) -> Output {
        self.send_order(2, order)
    }

    pub fn renew(&mut self, order: &Order) -> Output {
        self.send_order(3, order)
    }

    /// Places a resting order.
    pub fn limit(&mut self, account: u32, side: u8, usd: i64, size: i64) -> Output {
        let order = self.order(account, side, usd, size);
        self.place(&order)
    }

    pub fn cancel(&mut self, order: &Order) -> Output {
        let mut command = vec![1, 4];
        command.put_u32(order.account);
        command.put_u8(order.slot);
        command.put_u32((order.expiry_ns / HOUR_NS) as u32);
        command.put_u40(order.counter);
        command.put_u64(self.nonce(order.account));
        command.put(&[27; 65]);
        self.send(&command, &[owner_of(order.account)])
    }

    pub fn floor(&mut self, account: u32, floor: u64) -> Output {
        let mut command = vec![1, 5];
        command.put_u32(account);
        command.put_u40(floor);
        command.put_u64(self.nonce(account));
        command.put(&[27; 65]);
        self.send(&command, &[owner_of(account)])
    }

    pub fn withdraw(&mut self, account: u32, token: u8, amount: u128, nonce: u64) -> Output {
        let mut command = vec![1, 6];
        command.put_u32(account);
        command.put_u8(token);
        command.put_u128(amount);
        command.put_u64(nonce);
        command.put(&[27; 65]);
        self.send(&command, &[owner_of(account)])
    }

    pub fn transfer(&mut self, account: u32, to: u32, amount: u128, nonce: u64) -> Output {
        let mut command = vec![1, 7];
        command.put_u32(account);
        command.put_u32(to);
        command.put_u128(amount);
        command.put_u64(nonce);
        command.put(&[27; 65]);
        self.send(&command, &[owner_of(account)])
    }

    /// An order as `send_order`, signed by the key and scheme that are given.
    pub fn send_signed(&mut self, kind: u8, order: &Order, key: [u8; 20], scheme: u8) -> Output {
        let mut command = vec![1, kind];
        order.write(&mut command);
        command.put(&[25 + 2 * scheme; 65]);
        self.send(&command, &[key])
    }

    /// The cancel of an order, signed by the key that is given.
    pub fn cancel_signed(&mut self, order: &Order, nonce: u64, key: [u8; 20], v: u8) -> Output {
        let mut command = vec![1, 4];
        command.put_u32(order.account);
        command.put_u8(order.slot);
        command.put_u32((order.expiry_ns / HOUR_NS) as u32);
        command.put_u40(order.counter);
        command.put_u64(nonce);
        command.put(&[v; 65]);
        self.send(&command, &[key])
    }

    /// A session that may do everything for thirty days.
    pub fn session(&self, account: u32, slot: u8) -> Session {
        Session {
            state: 0,
            scheme: SECP256K1,
            key: key_of(account, slot),
            groups: u64::MAX,
            kinds: 31,
            notional: u64::MAX,
            expiry_ns: self.time_ns + 30 * DAY_NS,
        }
    }

    pub fn open_session(&mut self, account: u32, slot: u8, session: Session, nonce: u64) -> Output {
        let mut command = vec![1, 9];
        let signature = [27; 65];
        let open = SessionOpen {
            account,
            slot,
            session,
            nonce,
            signature,
        };
        open.write(&mut command);
        self.send(&command, &[owner_of(account)])
    }

    pub fn revoke_session(&mut self, account: u32, slot: u8, floor: u64, nonce: u64) -> Output {
        let mut command = vec![1, 10];
        let signature = [27; 65];
        let revoke = SessionRevoke {
            account,
            slot,
            floor,
            nonce,
            signature,
        };
        revoke.write(&mut command);
        self.send(&command, &[owner_of(account)])
    }

    /// An order as `order` that a session signs.
    pub fn session_order(
        &mut self,
        account: u32,
        slot: u8,
        side: u8,
        usd: i64,
        size: i64,
    ) -> Order {
        Order {
            slot,
            ..self.order(account, side, usd, size)
        }
    }

    /// Any bytes, with as many nonsense signers as they have signatures.
    pub fn raw(&mut self, command: &[u8], signer: [u8; 20]) -> Output {
        let signers = vec![signer; signature_count(command)];
        self.send(command, &signers)
    }

    pub fn size_of(&self, account: u32) -> i64 {
        self.engine
            .state()
            .account(account)
            .map_or(0, |leaf| leaf.size_in(1))
    }

    /// Replaces the engine by one that was read from its snapshot.
    pub fn restart(&mut self) {
        let snapshot = self.engine.snapshot();
        let mut again = Engine::from_snapshot(&snapshot).expect("a snapshot is readable");
        assert_eq!(
            again.snapshot(),
            snapshot,
            "a snapshot of a restored engine differs"
        );
        assert_eq!(
            again.state_root(),
            self.engine.state_root(),
            "the restored root differs"
        );
        assert_eq!(
            again.venue_digest(),
            self.engine.venue_digest(),
            "the digest differs"
        );
        self.engine = again;
    }
}

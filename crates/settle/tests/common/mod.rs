//! A small venue to test with. A signature is made of its signer's address: no curve is needed here.
#![allow(missing_docs, dead_code)]

pub mod options;

use merkat_settle::item::SourcedItem;
use merkat_settle::ops::{
    Epoch, Fill, Floor, Heartbeat, OrderOpen, SessionOpen, SessionRevoke, TimedOp,
};
use merkat_settle::state::{Account, Instrument, State, parameter};
use merkat_settle::{
    Domain, Effect, MicroOp, NodeSignature, Order, OrderKey, Session, Vector, apply_input,
    apply_signed,
};
use merkat_values::codec::Writer;
use merkat_values::{Address, Refusal, Signature};

pub const HOUR: u64 = 3_600_000_000_000;
pub const SECOND: u64 = 1_000_000_000;
pub const START: u64 = 500_000 * HOUR;
pub const USD: i64 = 1_000_000;

pub const DEFAULTS: [i64; 21] = [
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

pub fn owner(number: u8) -> Address {
    [number; 20]
}

pub fn sign(address: Address) -> Signature {
    let mut signature = [27; 65];
    signature[..20].copy_from_slice(&address);
    signature
}

pub fn recover(_digest: &[u8; 32], signature: &Signature) -> Option<Address> {
    signature[..20].try_into().ok()
}

pub fn domain() -> Domain {
    Domain::new(1, b"merkat-vault-version", &[7; 32])
}

pub fn item(kind: u8, source: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![kind, source];
    write(&mut bytes);
    bytes
}

pub fn deposit_item(token: u8, owner: Address, account: u32, amount: u128) -> Vec<u8> {
    item(1, 0, |bytes| {
        bytes.put_u8(token);
        bytes.put(&owner);
        bytes.put_u32(account);
        bytes.put_u128(amount);
    })
}

pub fn group_item(group: u16, threshold: u8, nodes: &[Address], parameters: [i64; 21]) -> Vec<u8> {
    item(2, 1, |bytes| {
        bytes.put_u16(group);
        bytes.put_u8(threshold);
        for index in 0..8 {
            bytes.put(nodes.get(index).unwrap_or(&[0; 20]));
        }
        parameters.iter().for_each(|value| bytes.put_i64(*value));
    })
}

pub fn list_item(kind: u8, group: u16, decimals: u8, numbers: [i64; 4]) -> Vec<u8> {
    item(3, 1, |bytes| {
        bytes.put_u8(kind);
        bytes.put_u16(group);
        bytes.put_u8(decimals);
        numbers.iter().for_each(|value| bytes.put_i64(*value));
    })
}

pub const NODES: [Address; 3] = [[0xa1; 20], [0xa2; 20], [0xa3; 20]];

/// One group of three nodes (two must sign), listing 1 of 8 decimals (lot 10^4, tick 10^6), accounts 1 to 4.
#[derive(Clone)]
pub struct World {
    pub state: State,
    pub counter: u64,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            state: State::genesis(),
            counter: 0,
        };
        world.ok(START, MicroOp::Inbox(group_item(0, 2, &NODES, DEFAULTS)));
        world.ok(
            0,
            MicroOp::Inbox(list_item(1, 0, 8, [10_000, 1_000_000, 100_000, 400_000])),
        );
        for number in 1..=4 {
            let amount = 10_000 * USD as u128;
            world.ok(0, MicroOp::Inbox(deposit_item(0, owner(number), 0, amount)));
        }
        world
    }

    /// The same with a first vector at 100 USD.
    pub fn priced() -> Self {
        let mut world = Self::new();
        world.price(SECOND, 100 * USD, 0, 0);
        world
    }

    pub fn time(&self) -> u64 {
        self.state.globals().time_ns
    }

    pub fn apply(&mut self, time_delta_ns: u64, op: &MicroOp) -> Result<Effect, Refusal> {
        let mut bytes = Vec::new();
        op.encode(time_delta_ns, 1, &mut bytes);
        let decoded = TimedOp::decode(&bytes).expect("an encoded op is well formed");
        assert_eq!(decoded.op, *op, "an op survives its encoding");
        assert_eq!(bytes.len(), op.encoded_bytes(), "length of {op:?}");
        let before = self.state.globals().clone();
        let mut twin = self.state.clone();
        let digests = decoded.op.signed_digests(&domain());
        let signers: Vec<_> = digests.iter().map(|(hash, by)| recover(hash, by)).collect();
        let ahead = apply_signed(&mut twin, &decoded, &signers);
        let result = apply_input(&mut self.state, &domain(), &bytes, &recover);
        assert_eq!(ahead, result, "signers recovered ahead of {op:?}");
        let cursor = before.input_cursor + bytes.len() as u64 + 2;
        let after = self.state.globals();
        assert_eq!(after.input_cursor, cursor, "every input moves the cursor");
        if result.is_ok() {
            assert_eq!(twin.globals(), after, "the same step");
        } else {
            assert_eq!(
                *twin.globals(),
                before,
                "nothing moves, not even the cursor"
            );
            let mut same = before;
            same.input_cursor = cursor;
            assert_eq!(*after, same, "a refused input moves nothing but the cursor");
        }
        result
    }

    pub fn ok(&mut self, time_delta_ns: u64, op: MicroOp) -> Effect {
        let result = self.apply(time_delta_ns, &op);
        let effect = result.unwrap_or_else(|refusal| panic!("{op:?}: {refusal}"));
        if let Effect::ItemRefused(refusal) = effect {
            panic!("{op:?}: {refusal}");
        }
        effect
    }

    /// The op is refused by this rule and changes nothing.
    pub fn refused(&self, op: MicroOp, code: u16, field: u8) {
        self.refused_after(0, op, code, field);
    }

    pub fn refused_after(&self, time_delta_ns: u64, op: MicroOp, code: u16, field: u8) {
        let mut world = self.clone();
        let before = world.state.encode();
        let result = world.apply(time_delta_ns, &op);
        assert_eq!(result, Err(Refusal::new(code, field)), "{op:?}");
        let (before, after) = (before, world.state.encode());
        // The cursor is in the last eight bytes of the first word.
        assert_eq!(
            before[36..],
            after[36..],
            "a refused op must write nothing: {op:?}"
        );
    }

    pub fn item_refused(&self, item: Vec<u8>, code: u16, field: u8) {
        let mut world = self.clone();
        let effect = world.apply(0, &MicroOp::Inbox(item.clone()));
        let expected = Effect::ItemRefused(Refusal::new(code, field));
        assert_eq!(effect, Ok(expected), "item {item:?}");
        let (before, after) = (self.state.globals(), world.state.globals());
        assert_eq!(
            after.inbox_cursor,
            before.inbox_cursor + 1,
            "the item is taken"
        );
        assert_ne!(after.inbox_hash, before.inbox_hash, "the item is hashed");
        let sizes = |state: &State| (state.accounts().len(), state.instruments().len());
        assert_eq!(
            sizes(&self.state),
            sizes(&world.state),
            "nothing else happens"
        );
    }

    pub fn vector(&self, time_ns: u64, index: i64, basis: i64, premium: i64) -> Vector {
        let group = self.state.group(0).expect("group 0");
        Vector {
            group: 0,
            number: group.epoch_number + 1,
            time_ns,
            previous: group.input_hash,
            index,
            basis,
            premium,
        }
    }

    pub fn epoch(&self, vector: Vector) -> Epoch {
        signed(vector, signatures())
    }

    pub fn heartbeat(&self, time_ns: u64) -> Heartbeat {
        let group = self.state.group(0).expect("group 0");
        Heartbeat {
            group: 0,
            number: group.epoch_number,
            time_ns,
            vector_hash: group.input_hash,
            signatures: signatures(),
        }
    }

    pub fn price(&mut self, delta_ns: u64, index: i64, basis: i64, premium: i64) -> Effect {
        let vector = self.vector(self.time() + delta_ns, index, basis, premium);
        self.ok(delta_ns, MicroOp::Epoch(self.epoch(vector)))
    }

    pub fn order(&mut self, account: u32, side: u8, limit_price: i64, size: i64) -> Order {
        self.counter += 1;
        Order {
            account,
            slot: 0,
            listing: 1,
            side,
            flags: 0,
            limit_price,
            size,
            fee_cap: 1_000_000,
            expiry_ns: self.time() + 24 * HOUR,
            counter: self.counter,
            version: 1,
            nonce: self.counter,
            renews_hour: 0,
            renews_counter: 0,
        }
    }

    pub fn open(&mut self, order: Order) -> OrderKey {
        self.ok(0, open_op(order));
        order.key().expect("a key")
    }

    pub fn fill_op(&self, maker: OrderKey, taker: OrderKey, price: i64, size: i64) -> Fill {
        let slot = |key: OrderKey| self.account(key.account()).slot_for(1);
        Fill {
            maker,
            taker,
            maker_slot: slot(maker),
            taker_slot: slot(taker),
            price,
            size,
            margin_rules: 0,
            names: [None; 2],
        }
    }

    /// Account `long` buys from account `short`.
    pub fn trade(&mut self, long: u32, short: u32, price: i64, size: i64) {
        let buy = self.order(long, 0, price, size);
        let sell = self.order(short, 1, price, size);
        let (buy, sell) = (self.open(buy), self.open(sell));
        let fill = self.fill_op(buy, sell, price, size);
        self.ok(0, MicroOp::Fill(fill));
    }

    pub fn account(&self, number: u32) -> &Account {
        self.state.account(number).expect("an account")
    }

    pub fn equity(&self, number: u32) -> i128 {
        self.state.figures(self.account(number)).equity
    }

    /// The invariants of rules.md section 4 and derivatives.md section 8.
    pub fn check_invariants(&self) {
        let globals = self.state.globals();
        let mut held = globals.fees + globals.rebates + globals.interest - globals.bad_debt;
        held += globals.claimable_total[0] as i128;
        for group in self.state.groups() {
            assert!(group.fund >= 0, "a fund is negative");
            held += group.fund;
        }
        for (_, account) in self.state.accounts().iter() {
            held += account.cash;
        }
        for (listing, instrument) in self.state.instruments().iter() {
            held += self.check_listing(listing, instrument);
        }
        assert_eq!(held, globals.deposited[0] as i128, "cash is conserved");
    }

    /// Gives what the holders of a delivered listing are still to be paid.
    fn check_listing(&self, listing: u32, instrument: &Instrument) -> i128 {
        let sizes: Vec<i128> = self
            .state
            .accounts()
            .iter()
            .map(|(_, account)| i128::from(account.size_in(listing)))
            .collect();
        let (net, gross): (i128, i128) = (sizes.iter().sum(), sizes.iter().map(|q| q.abs()).sum());
        let long: i128 = sizes.iter().map(|size| size.max(&0)).sum();
        let interest = i128::from(instrument.open_interest);
        if instrument.is_spot() {
            let globals = self.state.globals();
            let token = usize::from(instrument.token);
            let there = net + globals.claimable_total[token] as i128;
            assert_eq!(there, globals.deposited[token] as i128, "token {token}");
            assert_eq!(net, gross, "no spot position is short");
        }
        match instrument.state {
            3 => {
                assert_eq!(interest, gross, "what is still to be paid of {listing}");
                let price = instrument.delivery_price;
                let pay = merkat_pricing::payoff(instrument.kind, instrument.strike, price);
                let units = i128::from(pay.div_euclid(instrument.quantum()));
                return net / i128::from(instrument.lot) * units;
            }
            4 => assert_eq!((gross, interest), (0, 0), "{listing} is over"),
            _ => {
                assert_eq!(interest, long, "open interest of {listing}");
                assert!(instrument.is_spot() || net == 0, "positions of {listing}");
            }
        }
        0
    }
}

pub fn signed(vector: Vector, signatures: Vec<NodeSignature>) -> Epoch {
    Epoch {
        vector: vector.into(),
        signatures,
        chunk_hashes: Vec::new(),
    }
}

pub fn signatures() -> Vec<NodeSignature> {
    let entry = |node: u8| NodeSignature {
        node,
        signature: sign(NODES[usize::from(node)]),
    };
    vec![entry(0), entry(2)]
}

pub fn open_op(order: Order) -> MicroOp {
    let signature = sign(owner(order.account as u8));
    MicroOp::OrderOpen(OrderOpen { order, signature })
}

/// The signature of a key of scheme 1 (v 27) or 2 (v 29).
pub fn sign_as(address: Address, scheme: u8) -> Signature {
    let mut signature = sign(address);
    signature[64] = 25 + 2 * scheme;
    signature
}

/// A session that may do everything for an hour.
pub fn session(world: &World, key: Address) -> Session {
    Session {
        state: 0,
        scheme: 1,
        key,
        groups: u64::MAX,
        kinds: 31,
        notional: u64::MAX,
        expiry_ns: world.time() + HOUR,
    }
}

pub fn session_op(account: u32, slot: u8, session: Session, nonce: u64) -> MicroOp {
    MicroOp::SessionOpen(SessionOpen {
        account,
        slot,
        session,
        nonce,
        signature: sign(owner(account as u8)),
    })
}

pub fn revoke_op(account: u32, slot: u8, floor: u64, nonce: u64) -> MicroOp {
    MicroOp::SessionRevoke(SessionRevoke {
        account,
        slot,
        floor,
        nonce,
        signature: sign(owner(account as u8)),
    })
}

pub fn floor_op(account: u32, floor: u64) -> MicroOp {
    MicroOp::Floor(Floor {
        account,
        floor,
        nonce: 1,
        signature: sign(owner(account as u8)),
    })
}

pub fn with_parameter(number: usize, value: i64) -> [i64; 21] {
    let mut parameters = DEFAULTS;
    parameters[number] = value;
    let _ = parameter::BAND;
    parameters
}

pub fn decodes(item: &[u8]) -> bool {
    SourcedItem::decode(item).is_ok()
}

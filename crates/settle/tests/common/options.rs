//! The small venue with a risk set: one underlying with a perpetual, a spot listing and one expiry.

use super::{HOUR, SECOND, START, USD, World, item, open_op, owner, sign, signatures};
use merkat_pricing::{RiskSet, Surface, SurfaceVector};
use merkat_settle::item::ListDated;
use merkat_settle::ops::{Epoch, Fill, MarginMode, Names, Withdraw};
use merkat_settle::{Account, Effect, MicroOp, OrderKey};
use merkat_values::codec::Writer;

pub const COIN: i64 = 100_000_000;
pub const LOT: i64 = 10_000;
pub const DAY: u64 = 24 * HOUR;

/// 08:00 UTC, a week after the venue opens.
pub const EXPIRY: u64 = START + 7 * DAY;

pub const PERPETUAL: u32 = 1;
pub const SPOT: u32 = 2;
pub const FUTURE: u32 = 3;
/// At 100 USD.
pub const CALL: u32 = 4;
/// At 100 USD.
pub const PUT: u32 = 5;
/// At 120 USD.
pub const FAR_CALL: u32 = 6;

pub fn risk_item(group: u16, set: &RiskSet) -> Vec<u8> {
    item(9, 1, |bytes| {
        bytes.put_u16(group);
        bytes.put(&set.encode());
    })
}

/// A contract of the venue's underlying.
pub fn terms(kind: u8, strike: i64) -> ListDated {
    ListDated {
        kind,
        group: 0,
        size_decimals: 8,
        lot: LOT,
        tick: 10_000,
        coarse_tick: 50_000,
        coarse_from: 10 * USD,
        maker_fee: 100_000,
        taker_fee: 400_000,
        delivery_fee: if kind == 5 { 0 } else { 150_000 },
        strike,
        expiry_ns: if kind == 5 { 0 } else { EXPIRY },
        token: u8::from(kind == 5),
    }
}

pub fn list_dated_item(terms: &ListDated) -> Vec<u8> {
    item(10, 1, |bytes| {
        bytes.put_u8(terms.kind);
        bytes.put_u16(terms.group);
        bytes.put_u8(terms.size_decimals);
        for value in [
            terms.lot,
            terms.tick,
            terms.coarse_tick,
            terms.coarse_from,
            terms.maker_fee,
            terms.taker_fee,
            terms.delivery_fee,
            terms.strike,
        ] {
            bytes.put_i64(value);
        }
        bytes.put_u64(terms.expiry_ns);
        bytes.put_u8(terms.token);
    })
}

pub fn deliver_item(group: u16, expiry_ns: u64, price: i64) -> Vec<u8> {
    item(11, 1, |bytes| {
        bytes.put_u16(group);
        bytes.put_u64(expiry_ns);
        bytes.put_i64(price);
    })
}

pub fn mode_op(account: u32, mode: u8, nonce: u64) -> MicroOp {
    MicroOp::MarginMode(MarginMode {
        account,
        mode,
        nonce,
        signature: sign(owner(account as u8)),
    })
}

pub fn withdraw_op(account: u32, token: u8, amount: u128, nonce: u64) -> MicroOp {
    MicroOp::Withdraw(Withdraw {
        account,
        token,
        amount,
        nonce,
        signature: sign(owner(account as u8)),
    })
}

impl World {
    /// All listings and a fund of 100 million USD, beside which losses are small, without a vector.
    pub fn listed(set: &RiskSet) -> Self {
        let mut world = Self::new();
        let fund = item(6, 1, |bytes| {
            bytes.put_u16(0);
            bytes.put_u128(100_000_000 * USD as u128);
        });
        world.ok(0, MicroOp::Inbox(fund));
        world.ok(0, MicroOp::Inbox(risk_item(0, set)));
        let contracts = [(5, 0), (2, 0), (3, 100), (4, 100), (3, 120)];
        for (kind, strike) in contracts {
            let terms = terms(kind, strike * USD);
            world.ok(0, MicroOp::Inbox(list_dated_item(&terms)));
        }
        world
    }

    /// All listings with rows at 100 USD.
    pub fn options() -> Self {
        let mut world = Self::listed(&RiskSet::default());
        world.surface(SECOND, 100 * USD);
        world
    }

    /// The next vector at this index: a volatility of 80 % everywhere.
    pub fn surface_vector(&self, time_ns: u64, index: i64) -> SurfaceVector {
        let group = self.state.group(0).expect("group 0");
        let seconds = EXPIRY.saturating_sub(time_ns) / SECOND;
        let variance = (640_000_000_000_u128 * u128::from(seconds) / 31_536_000) as i64;
        let expiry = Surface {
            expiry_ns: EXPIRY,
            forward: index,
            a: variance,
            b: 0,
            rho: 0,
            m: 0,
            sigma: 100_000_000_000,
        };
        SurfaceVector {
            group: 0,
            number: group.epoch_number + 1,
            time_ns,
            previous: group.input_hash,
            index,
            basis: 0,
            premium: 0,
            confidence: 1_000_000_000,
            peg: 1_000_000_000,
            vol: 800_000_000,
            vol_mean: 900_000_000,
            expiries: if seconds > 0 {
                vec![expiry]
            } else {
                Vec::new()
            },
        }
    }

    /// The step of a vector, with the hashes of the rows that it makes.
    pub fn surface_op(&self, vector: SurfaceVector) -> Epoch {
        let taken = self.state.would_take(vector.group, vector.index);
        let prepared = taken.then(|| self.state.row_inputs(&vector).prepare());
        let chunk_hashes = match prepared {
            Some(Ok(prepared)) => prepared.commitment().chunks.clone(),
            _ => Vec::new(),
        };
        Epoch {
            vector: vector.into(),
            signatures: signatures(),
            chunk_hashes,
        }
    }

    /// A vector comes after this time.
    pub fn surface(&mut self, delta_ns: u64, index: i64) -> Effect {
        let vector = self.surface_vector(self.time() + delta_ns, index);
        let op = self.surface_op(vector);
        self.ok(delta_ns, MicroOp::Epoch(op))
    }

    /// Opens an order in any listing.
    pub fn open_in(
        &mut self,
        listing: u32,
        account: u32,
        side: u8,
        price: i64,
        size: i64,
    ) -> OrderKey {
        let order = merkat_settle::Order {
            listing,
            ..self.order(account, side, price, size)
        };
        self.ok(0, open_op(order));
        order.key().expect("a key")
    }

    /// The fill of two orders; `improving` names the accounts whose rule is `improves`.
    pub fn fill_in(
        &self,
        listing: u32,
        keys: (OrderKey, OrderKey),
        price: i64,
        size: i64,
        improving: &[u32],
    ) -> Fill {
        let (maker, taker) = keys;
        let slot = |key: OrderKey| self.account(key.account()).slot_for(listing);
        let improves = |key: OrderKey| improving.contains(&key.account());
        let names = |key: OrderKey| {
            improves(key)
                .then(|| self.names_of(key.account()))
                .flatten()
        };
        Fill {
            maker,
            taker,
            maker_slot: slot(maker),
            taker_slot: slot(taker),
            price,
            size,
            margin_rules: u8::from(improves(maker)) | u8::from(improves(taker)) << 1,
            names: [names(maker), names(taker)],
        }
    }

    /// The names of an account in mode 1.
    pub fn names_of(&self, account: u32) -> Option<Names> {
        let account = self.account(account);
        (account.margin_mode == Account::PORTFOLIO).then(|| self.state.names(account))
    }

    /// Account `long` buys from account `short`, whatever the margin says of those that improve.
    pub fn deal(&mut self, listing: u32, long: u32, short: u32, price: i64, size: i64) {
        let keys = (
            self.open_in(listing, long, 0, price, size),
            self.open_in(listing, short, 1, price, size),
        );
        let fill = self.fill_in(listing, keys, price, size, &[]);
        self.ok(0, MicroOp::Fill(fill));
    }

    /// The mark of a listing, on the coarse tick.
    pub fn mark(&self, listing: u32) -> i64 {
        let mark = self.state.quote(listing).expect("a listing").mark;
        self.state
            .instrument(listing)
            .expect("a listing")
            .floor_to_tick(mark)
    }

    /// A coin of token 1 comes to an account.
    pub fn deposit_coins(&mut self, account: u32, coins: i64) {
        let amount = (coins * COIN) as u128;
        let item = super::deposit_item(1, owner(account as u8), account, amount);
        self.ok(0, MicroOp::Inbox(item));
    }

    /// What is kept beside the leaves is what a fresh reading of the leaves makes.
    pub fn check_caches(&self) {
        let bytes = self.state.encode();
        let read =
            merkat_settle::State::decode_alone(&bytes).expect("a state that was just written");
        assert_eq!(read.encode(), bytes, "a state survives its snapshot");
        for (listing, _) in self.state.instruments().iter() {
            assert_eq!(
                read.quote(listing),
                self.state.quote(listing),
                "of {listing}"
            );
        }
        for (number, account) in self.state.accounts().iter() {
            let fresh = read.account(number).expect("the same account");
            let groups = 0..self.state.globals().next_group;
            for group in groups {
                assert_eq!(
                    account.portfolio(group),
                    fresh.portfolio(group),
                    "of {number}"
                );
            }
            let figures = self.state.figures(account);
            assert_eq!(figures, read.figures(fresh), "of {number}");
        }
    }

    /// Group parameters changed.
    pub fn with_group(&mut self, number: usize, value: i64) {
        let parameters = super::with_parameter(number, value);
        let item = super::group_item(0, 2, &super::NODES, parameters);
        self.ok(0, MicroOp::Inbox(item));
    }
}

//! Dated contracts under test: risk sets, surfaces, rows, activation, delivery.

use merkat_engine::command::signature_count;
use merkat_pricing::{RiskSet, Surface, SurfaceVector, kind};
use merkat_settle::Order;
use merkat_values::codec::Writer;

use super::{DAY_NS, LOT, Output, SECOND_NS, TICK, USD, Venue, node, owner_of};

/// 0.5 USD.
pub const COARSE_TICK: i64 = 5 * TICK;
/// From here on the coarse tick holds.
pub const COARSE_FROM: i64 = 1_000 * USD;
/// 60 % a year.
pub const VOL: i64 = 600_000_000;

/// 08:00 UTC of the day that is so many days after the one in which `time_ns` lies.
pub fn eight(time_ns: u64, days: u64) -> u64 {
    time_ns / DAY_NS * DAY_NS + days * DAY_NS + 8 * 3_600 * SECOND_NS
}

/// A listing to be made.
#[derive(Clone, Copy)]
pub struct Dated {
    pub kind: u8,
    pub strike_usd: i64,
    pub expiry_ns: u64,
    pub token: u8,
    pub maker_fee: i64,
    pub taker_fee: i64,
}

impl Dated {
    pub fn option(kind: u8, strike_usd: i64, expiry_ns: u64) -> Self {
        Self {
            kind,
            strike_usd,
            expiry_ns,
            token: 0,
            maker_fee: 0,
            taker_fee: 300_000,
        }
    }

    pub fn call(strike_usd: i64, expiry_ns: u64) -> Self {
        Self::option(kind::CALL, strike_usd, expiry_ns)
    }

    pub fn put(strike_usd: i64, expiry_ns: u64) -> Self {
        Self::option(kind::PUT, strike_usd, expiry_ns)
    }

    pub fn future(expiry_ns: u64) -> Self {
        Self::option(kind::FUTURE, 0, expiry_ns)
    }

    pub fn spot(token: u8) -> Self {
        Self {
            token,
            ..Self::option(kind::SPOT, 0, 0)
        }
    }
}

/// The total variance of a flat surface at this volatility (1e-9), 1e-12.
fn flat(vol: i64, time_ns: u64, expiry_ns: u64) -> i64 {
    let seconds = i128::from((expiry_ns - time_ns) / SECOND_NS);
    let square = i128::from(vol) * i128::from(vol);
    i64::try_from(square * seconds / 31_536_000 / 1_000_000).expect("a variance is small")
}

impl Venue {
    /// Group 0 at 100,000 USD with the default risk set: a perpetual (listing 1), two expiries, each with a future,
    /// calls and puts at 90,000, 100,000 and 110,000 USD; then coins (listing 16); accounts with a million USD in
    /// standard margin. Returns the expiries.
    pub fn with_options(accounts: u32) -> (Self, [u64; 2]) {
        let mut venue = Self::new();
        venue.group(0, super::PARAMETERS);
        venue.list(0, 0, 500_000);
        assert_eq!(venue.risk(0, &RiskSet::default()).kinds(), [40], "the set");
        let expiries = [eight(venue.time_ns, 3), eight(venue.time_ns, 40)];
        for expiry_ns in expiries {
            venue.list_dated(0, &Dated::future(expiry_ns));
            for strike in [90_000, 100_000, 110_000] {
                venue.list_dated(0, &Dated::call(strike, expiry_ns));
                venue.list_dated(0, &Dated::put(strike, expiry_ns));
            }
        }
        assert_eq!(venue.list_dated(0, &Dated::spot(1)).kinds(), [23], "coins");
        for account in 1..=accounts {
            venue.deposit(account, 1_000_000);
        }
        // Large enough that tails count damped.
        venue.fund(0, 5_000_000_000);
        let output = venue.surface(0, 100_000);
        assert_eq!(output.refusal(), None, "the first surface is taken up");
        (venue, expiries)
    }

    pub fn risk(&mut self, group: u16, set: &RiskSet) -> Output {
        let mut item = vec![9, 1];
        item.put_u16(group);
        item.put(&set.encode());
        self.item(&item)
    }

    pub fn list_dated(&mut self, group: u16, dated: &Dated) -> Output {
        let mut item = vec![10, 1, dated.kind];
        item.put_u16(group);
        item.put_u8(8);
        for value in [
            LOT,
            TICK,
            COARSE_TICK,
            COARSE_FROM,
            dated.maker_fee,
            dated.taker_fee,
            if dated.kind == kind::SPOT { 0 } else { 150_000 },
            dated.strike_usd * USD,
        ] {
            item.put_i64(value);
        }
        item.put_u64(dated.expiry_ns);
        item.put_u8(dated.token);
        self.item(&item)
    }

    /// The timelock's delivery price.
    pub fn deliver(&mut self, group: u16, expiry_ns: u64, usd: i64) -> Output {
        let mut item = vec![11, 1];
        item.put_u16(group);
        item.put_u64(expiry_ns);
        item.put_i64(usd * USD);
        self.item(&item)
    }

    /// Coins of token 1 for an account.
    pub fn deposit_coins(&mut self, account: u32, amount: u64) -> Output {
        let mut item = vec![1, 0, 1];
        item.put(&owner_of(account));
        item.put_u32(account);
        item.put_u128(u128::from(amount));
        self.item(&item)
    }

    /// A forced withdrawal of a token by the account's own owner.
    pub fn force_token(&mut self, account: u32, token: u8, amount: u64) -> Output {
        let mut item = vec![8, 0];
        item.put_u32(account);
        item.put(&owner_of(account));
        item.put_u8(token);
        item.put_u128(u128::from(amount));
        self.item(&item)
    }

    pub fn mode(&mut self, account: u32, mode: u8) -> Output {
        let nonce = self.nonce(account);
        self.mode_at(account, mode, nonce)
    }

    pub fn mode_at(&mut self, account: u32, mode: u8, nonce: u64) -> Output {
        let mut command = vec![1, 8];
        command.put_u32(account);
        command.put_u8(mode);
        command.put_u64(nonce);
        command.put(&[27; 65]);
        self.send(&command, &[owner_of(account)])
    }

    /// The next vector of a group: flat surfaces at one volatility (1e-9) of every live expiry, forwards at the index.
    pub fn flat_vector(&self, group: u16, usd: i64, vol: i64) -> SurfaceVector {
        let (number, previous) = self.vectors.get(&group).copied().unwrap_or((0, [0; 31]));
        let state = self.engine.state();
        let live = state.listings_of(group).iter();
        let live = live.filter_map(|listing| state.instrument(*listing));
        let mut expiries: Vec<u64> = live
            .filter(|one| one.is_dated() && one.is_live() && one.expiry_ns > self.time_ns)
            .map(|one| one.expiry_ns)
            .collect();
        expiries.sort_unstable();
        expiries.dedup();
        expiries.retain(|expiry_ns| expiry_ns - self.time_ns >= SECOND_NS);
        let surface = |expiry_ns: u64| Surface {
            expiry_ns,
            forward: usd * USD,
            a: flat(vol, self.time_ns, expiry_ns).max(1),
            b: 0,
            rho: 0,
            m: 0,
            sigma: 100_000_000_000,
        };
        SurfaceVector {
            group,
            number: number + 1,
            time_ns: self.time_ns,
            previous,
            index: usd * USD,
            basis: 0,
            premium: 0,
            confidence: 1_000_000_000,
            peg: 1_000_000_000,
            vol,
            vol_mean: vol,
            expiries: expiries.into_iter().map(surface).collect(),
        }
    }

    /// The command `epoch` with a vector of version 2 and a quorum.
    pub fn receive(&mut self, vector: &SurfaceVector) -> Output {
        let command = [&[1, 16], &vector.bytes()[..], &Self::signatures(2)].concat();
        assert_eq!(signature_count(&command), 2, "two signatures are counted");
        self.send(&command, &[node(0), node(1)])
    }

    /// The command `activate` with a root.
    pub fn activate_with(&mut self, group: u16, number: u64, root: &[u8; 31]) -> Output {
        let mut command = vec![1, 18];
        command.put_u16(group);
        command.put_u64(number);
        command.put(root);
        self.send(&command, &[])
    }

    /// Builds the rows of the pending vector beside the machine and takes it up.
    pub fn activate(&mut self, vector: &SurfaceVector) -> Output {
        let group = vector.group;
        let job = self.engine.row_job(group).expect("a vector is pending");
        let root = job.build().map_or([0; 31], |rows| {
            let root = rows.root();
            self.engine.offer_rows(rows);
            root
        });
        let output = self.activate_with(group, vector.number, &root);
        if output.refusal().is_none() {
            self.vectors.insert(group, (vector.number, vector.hash()));
        }
        output
    }

    /// A vector that is received and taken up.
    pub fn take(&mut self, vector: &SurfaceVector) -> Output {
        let received = self.receive(vector);
        if received.refusal().is_some() {
            return received;
        }
        self.activate(vector)
    }

    /// A flat surface at this index and [`VOL`].
    pub fn surface(&mut self, group: u16, usd: i64) -> Output {
        let vector = self.flat_vector(group, usd, VOL);
        self.take(&vector)
    }

    /// An order in a listing at a price in 1e-6 USD.
    pub fn order_in(
        &mut self,
        account: u32,
        listing: u32,
        side: u8,
        price: i64,
        size: i64,
    ) -> Order {
        Order {
            listing,
            limit_price: price,
            ..self.order(account, side, 0, size)
        }
    }

    /// Trades between two accounts at a price in 1e-6 USD: `maker` sells, `taker` buys, or the other way round.
    pub fn cross(
        &mut self,
        maker: u32,
        taker: u32,
        listing: u32,
        side: u8,
        price: i64,
        size: i64,
    ) -> Output {
        let order = self.order_in(maker, listing, 1 - side, price, size);
        let rested = self.place(&order);
        assert_eq!(rested.refusal(), None, "the maker's order rests");
        let order = self.order_in(taker, listing, side, price, size);
        self.place(&order)
    }

    pub fn size_in(&self, account: u32, listing: u32) -> i64 {
        let leaf = self.engine.state().account(account);
        leaf.map_or(0, |leaf| leaf.size_in(listing))
    }

    /// The mark of a listing, 1e-6 USD.
    pub fn mark(&self, listing: u32) -> i64 {
        self.engine
            .state()
            .quote(listing)
            .expect("it is listed")
            .mark
    }
}

//! place (rules 3.1): the checks of a new order, the match loop, what rests.

use merkat_settle::order::FLAG_IMMEDIATE;
use merkat_settle::{Instrument, Order, OrderKey, Quote};
use merkat_values::constants::{
    COUNTER_LIMIT, GROUPS_HELD_MAXIMUM, HOUR_LIMIT, HOUR_NS, IMMEDIATE_LIFE_NS, NOTIONAL_LIMIT,
    ORDER_LIFE_NS, PRICE_MAXIMUM, SIZE_LIMIT,
};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

use crate::book::{BUY, SELL};
use crate::command::SignedOrder;
use crate::engine::Engine;
use crate::events::{Event, Reason};
use crate::margin::reduces;
use crate::matching::{crosses, opposite};

/// The flags of an order that rests or is refused.
const POST_ONLY: u8 = 2;
/// The flags of an order whose limit the band may tighten.
const MARKET: u8 = 5;

impl Engine {
    /// A new order.
    pub(crate) fn place(&mut self, signed: &SignedOrder, signer: &Address) -> Result<(), Refusal> {
        let order = &signed.order;
        self.authorise_order(signed, signer)?;
        self.check_instrument(order)?;
        require(
            matches!(order.flags, 0 | 1 | POST_ONLY | MARKET),
            code::O03_BAD_FLAGS,
            field::FLAGS,
        )?;
        self.check_price(order)?;
        self.check_size(order)?;
        self.check_expiry(order)?;
        self.check_scope(order)?;
        check_first_version(order)?;
        require(!order.renews(), code::O10_BAD_RENEWS, field::RENEWS)?;
        self.check_account(order)?;
        self.check_not_halted(order)?;
        let key = self.check_new_key(order)?;
        self.check_counts(order)?;
        self.check_spot(order)?;
        let effective = self.effective_limit(order)?;
        let reducing = self.order_reduces(order, order.size, 0);
        self.check_not_stale(order, reducing)?;
        self.check_post_only(order)?;
        let index = self.add_order(order, &signed.signature, key, effective);
        if !self.margin_suffices(order.account, reducing) {
            self.forget_order(index);
            return Err(Refusal::new(code::O22_INSUFFICIENT_MARGIN, field::SIZE));
        }
        self.event(Event::Accepted {
            key,
            listing: order.listing,
            side: order.side,
            flags: order.flags,
            limit_price: order.limit_price,
            size: order.size,
        });
        self.trade_and_rest(index);
        Ok(())
    }

    /// The match loop of a stored order, then what is left of it rests or goes.
    pub(crate) fn trade_and_rest(&mut self, index: u32) {
        if !self.match_taker(index) {
            return;
        }
        let detail = self.orders.detail(index);
        if detail.order.flags & FLAG_IMMEDIATE != 0 {
            self.cancel(index, Reason::Immediate);
            return;
        }
        let key = detail.key;
        let node = self.orders.slab[index];
        self.books[node.book as usize].insert(&mut self.orders.slab, index);
        self.orders.watch_expiry(index);
        self.event(Event::Rested {
            key,
            remaining: node.remaining,
        });
    }

    /// O-01, O-23 and O-02.
    #[inline]
    fn check_instrument(&self, order: &Order) -> Result<(), Refusal> {
        let listed = self.state.instrument(order.listing).is_some();
        require(listed, code::O01_NO_LISTING, field::LISTING)?;
        self.check_row(order.listing)?;
        require(order.side <= 1, code::O02_BAD_SIDE, field::SIDE)
    }

    /// O-23: as F-16.
    #[inline]
    pub(crate) fn check_row(&self, listing: u32) -> Result<(), Refusal> {
        let tradable = self.state.row_fits(listing, self.time_ns);
        require(tradable, code::O23_NO_ROW, field::LISTING)
    }

    /// O-04.
    #[inline]
    pub(crate) fn check_price(&self, order: &Order) -> Result<(), Refusal> {
        let price = order.limit_price;
        let good =
            price > 0 && price <= PRICE_MAXIMUM && self.instrument(order.listing).on_tick(price);
        require(good, code::O04_OFF_TICK, field::LIMIT_PRICE)
    }

    /// O-05.
    #[inline]
    pub(crate) fn check_size(&self, order: &Order) -> Result<(), Refusal> {
        let lot = self.instrument(order.listing).lot;
        let good = order.size > 0
            && order.size < SIZE_LIMIT
            && order.size % lot == 0
            && i128::from(order.size) * i128::from(order.limit_price) < NOTIONAL_LIMIT;
        require(good, code::O05_BAD_SIZE, field::SIZE)
    }

    /// O-06 and O-07.
    #[inline]
    pub(crate) fn check_expiry(&self, order: &Order) -> Result<(), Refusal> {
        require(
            order.expiry_ns > self.time_ns,
            code::O06_EXPIRED,
            field::EXPIRY,
        )?;
        let immediate = order.flags & FLAG_IMMEDIATE != 0;
        let life = if immediate {
            IMMEDIATE_LIFE_NS
        } else {
            ORDER_LIFE_NS
        };
        let near = order.expiry_ns - self.time_ns <= life
            && order.expiry_ns / HOUR_NS < u64::from(HOUR_LIMIT);
        require(near, code::O07_EXPIRY_TOO_FAR, field::EXPIRY)
    }

    /// O-11, O-12 and O-13.
    #[inline]
    pub(crate) fn check_account(&self, order: &Order) -> Result<(), Refusal> {
        let leaf = self.leaf(order.account);
        require(
            order.counter > leaf.order_floor,
            code::O11_BELOW_FLOOR,
            field::COUNTER,
        )?;
        let instrument = self.instrument(order.listing);
        let fee = instrument.taker_fee.max(instrument.maker_fee);
        require(order.fee_cap >= fee, code::O12_LOW_FEE_CAP, field::FEE_CAP)?;
        require(leaf.stage == 0, code::O13_IN_LIQUIDATION, field::STAGE)
    }

    /// O-14.
    #[inline]
    pub(crate) fn check_not_halted(&self, order: &Order) -> Result<(), Refusal> {
        let group = self.state.group(self.instrument(order.listing).group);
        let halted = group
            .expect("invariant: a listing has a group")
            .halted(self.time_ns);
        require(!halted, code::O14_HALTED, field::GROUP)
    }

    /// O-15: the key of a new order.
    #[inline]
    pub(crate) fn check_new_key(&self, order: &Order) -> Result<OrderKey, Refusal> {
        let key = order
            .key()
            .expect("invariant: O-07 and C-02 keep the parts of a key in their bits");
        let new = self.orders.find(key).is_none() && self.state.order(key).is_none();
        require(new, code::O15_DUPLICATE_ORDER, field::COUNTER)?;
        Ok(key)
    }

    /// O-16, O-17 and O-18.
    #[inline]
    fn check_counts(&self, order: &Order) -> Result<(), Refusal> {
        let globals = self.state.globals();
        let record = &self.accounts[order.account as usize - 1];
        let few = record.orders < globals.open_orders_account;
        require(few, code::O16_TOO_MANY_ORDERS, field::ACCOUNT)?;
        let in_listing = record
            .listing(order.listing)
            .map_or(0, |orders| orders.count);
        let few = in_listing < globals.open_orders_listing;
        require(few, code::O16_TOO_MANY_ORDERS, field::LISTING)?;
        let leaf = self.leaf(order.account);
        // Without common listings this is the number of them: an upper bound that nearly always suffices.
        let most = leaf.positions.len() + record.listings.len() + 1;
        let limit = usize::from(globals.position_limit);
        if most > limit {
            let held = |listing: u32| leaf.position_in(listing).is_some();
            let ordered = record.listings.iter().filter(|o| !held(o.listing));
            let new = in_listing == 0 && !held(order.listing);
            let count = leaf.positions.len() + ordered.count() + usize::from(new);
            let few = count <= limit;
            require(few, code::O17_TOO_MANY_POSITIONS, field::LISTING)?;
        }
        if most.min(self.state.groups().len()) <= GROUPS_HELD_MAXIMUM {
            return Ok(());
        }
        let mut groups = [0; GROUPS_HELD_MAXIMUM];
        let mut count = 0;
        let held = leaf.positions.iter().map(|held| held.listing);
        let ordered = record.listings.iter().map(|orders| orders.listing);
        for listing in held.chain(ordered).chain([order.listing]) {
            let group = self.instrument(listing).group;
            if !groups[..count].contains(&group) {
                let few = count < GROUPS_HELD_MAXIMUM;
                require(few, code::O18_TOO_MANY_GROUPS, field::GROUP)?;
                groups[count] = group;
                count += 1;
            }
        }
        Ok(())
    }

    /// O-24: nobody sells more of a spot listing than he has.
    #[inline]
    fn check_spot(&self, order: &Order) -> Result<(), Refusal> {
        if order.side != SELL || !self.instrument(order.listing).is_spot() {
            return Ok(());
        }
        let record = &self.accounts[order.account as usize - 1];
        let sells = record
            .listing(order.listing)
            .map_or(0, |orders| orders.sells);
        let held = self.leaf(order.account).size_in(order.listing);
        let enough = sells + i128::from(order.size) <= i128::from(held);
        require(enough, code::O24_SPOT_SHORT, field::SIZE)
    }

    /// O-19: the limit within the band; that of a market order is moved into it.
    #[inline]
    pub(crate) fn effective_limit(&self, order: &Order) -> Result<i64, Refusal> {
        let quote = self.quote(order.listing);
        let limit = order.limit_price;
        if order.flags == MARKET {
            let instrument = self.instrument(order.listing);
            return Ok(market_limit(&quote, instrument, order.side, limit));
        }
        let good = if order.side == BUY {
            limit <= quote.mark + quote.band
        } else {
            limit >= quote.mark - quote.band
        };
        require(good, code::O19_BAND, field::LIMIT_PRICE)?;
        Ok(limit)
    }

    /// Whether the order reduces, with `left` of it counted and `known` of it in the account's sums.
    #[inline]
    pub(crate) fn order_reduces(&self, order: &Order, left: i64, known: i64) -> bool {
        let position = self.leaf(order.account).size_in(order.listing);
        let record = &self.accounts[order.account as usize - 1];
        let side = record
            .listing(order.listing)
            .map_or(0, |orders| orders.side(order.side));
        reduces(
            position,
            order.side,
            side + i128::from(left) - i128::from(known),
        )
    }

    /// O-20.
    #[inline]
    pub(crate) fn check_not_stale(&self, order: &Order, reducing: bool) -> Result<(), Refusal> {
        let leaf = self.leaf(order.account);
        let good = reducing || !self.state.restricted(leaf, order.listing, self.time_ns);
        require(good, code::O20_ORACLE_STALE, field::GROUP)
    }

    /// O-21.
    #[inline]
    pub(crate) fn check_post_only(&self, order: &Order) -> Result<(), Refusal> {
        if order.flags != POST_ONLY {
            return Ok(());
        }
        let best = self.books[order.listing as usize - 1].best(opposite(order.side));
        let trades = best.is_some_and(|index| {
            crosses(
                order.side,
                order.limit_price,
                self.orders.detail(index).order.limit_price,
            )
        });
        require(!trades, code::O21_WOULD_TRADE, field::FLAGS)
    }

    /// O-22, with the order counted among the account's.
    #[inline]
    pub(crate) fn margin_suffices(&mut self, account: u32, reducing: bool) -> bool {
        let figures = self.venue_figures(account);
        figures.suffices || (reducing && figures.equity >= 0)
    }
}

/// O-08 and O-09 of an order with a new key.
#[inline]
pub(crate) fn check_first_version(order: &Order) -> Result<(), Refusal> {
    require(order.version == 1, code::O08_BAD_VERSION, field::VERSION)?;
    let good = order.counter == order.nonce % COUNTER_LIMIT;
    require(good, code::O09_BAD_COUNTER, field::COUNTER)
}

/// The limit of a market order, moved into the band and to the tick on the safe side.
fn market_limit(quote: &Quote, instrument: &Instrument, side: u8, limit: i64) -> i64 {
    if side == BUY {
        instrument.floor_to_tick(limit.min(quote.mark + quote.band))
    } else {
        instrument.raise_to_tick(limit.max(quote.mark - quote.band))
    }
}

//! The steps `order_open`, `order_close`, `floor` and `drop_hour` (rules.md section 2.3).

use crate::checks::{known_account, open_order, signed_by, signed_by_owner};
use crate::machine::{Authority, Effect};
use crate::ops::{Floor, OrderOpen};
use crate::order::{FLAG_IMMEDIATE, FLAGS_KNOWN, Order, OrderKey};
use crate::orders::OrderLeaf;
use crate::sessions::Session;
use crate::state::{Instrument, State};
use merkat_values::Refusal;
use merkat_values::constants::{
    HOUR_LIMIT, HOUR_NS, IMMEDIATE_LIFE_NS, NOTIONAL_LIMIT, ORDER_LIFE_NS, PRICE_MAXIMUM,
    SECP256K1, SIZE_LIMIT,
};
use merkat_values::refusal::{code, field, require};

/// What P-03 and O-04 ask of a limit price.
#[must_use]
pub fn price_fits(instrument: &Instrument, limit_price: i64) -> bool {
    0 < limit_price && limit_price <= PRICE_MAXIMUM && instrument.on_tick(limit_price)
}

/// What P-04 and O-05 ask of a size, at a limit price that fits.
#[must_use]
pub fn size_fits(instrument: &Instrument, size: i64, limit_price: i64) -> bool {
    0 < size
        && size < SIZE_LIMIT
        && size % instrument.lot == 0
        && i128::from(size) * i128::from(limit_price) < NOTIONAL_LIMIT
}

/// What P-06 and O-07 ask of an expiry that is ahead; its hour must fit a key.
#[must_use]
pub fn expiry_near(flags: u8, expiry_ns: u64, time_ns: u64) -> bool {
    let life = match flags & FLAG_IMMEDIATE {
        0 => ORDER_LIFE_NS,
        _ => IMMEDIATE_LIFE_NS,
    };
    expiry_ns.saturating_sub(time_ns) <= life && expiry_ns / HOUR_NS < u64::from(HOUR_LIMIT)
}

fn same_terms(leaf: &OrderLeaf, order: &Order) -> bool {
    leaf.side == order.side && leaf.flags == order.flags && leaf.listing == order.listing
}

fn check_version(leaf: Option<&OrderLeaf>, order: &Order) -> Result<(), Refusal> {
    let follows = leaf.is_none_or(|leaf| {
        leaf.is_open()
            && leaf.version < order.version
            && same_terms(leaf, order)
            && order.size > leaf.filled
    });
    let holds = order.version >= 1 && follows;
    require(holds, code::P08_OPEN_VERSION, field::VERSION)
}

/// Rule P-09: the key that is renewed, if one is.
fn check_renewal(state: &State, order: &Order, key: OrderKey) -> Result<Option<OrderKey>, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::P09_OPEN_RENEWS, field::RENEWS);
    if !order.renews() {
        return Ok(None);
    }
    let old_key = order.renewed_key().ok_or(REFUSED)?;
    let continues = state.order(old_key).is_none_or(|old| {
        old.is_open() && same_terms(old, order) && order.size <= old.size - old.filled
    });
    let holds = old_key != key && continues && state.order(key).is_none();
    holds.then_some(Some(old_key)).ok_or(REFUSED)
}

/// K-10 to K-12.
const OPEN_CODES: [u16; 3] = [
    code::K10_OUT_OF_SCOPE,
    code::K11_OVER_NOTIONAL,
    code::K12_OUTLIVES_SESSION,
];

/// Rule K-09: the session that signs an order, none for the wallet.
fn signing_session<'a>(
    state: &'a State,
    order: &Order,
    time_ns: u64,
) -> Result<Option<&'a Session>, Refusal> {
    if order.slot == 0 {
        return Ok(None);
    }
    let session = state.live_session(order.account, order.slot, time_ns);
    const REFUSED: Refusal = Refusal::new(code::K09_NO_SESSION, field::SIGNER_SLOT);
    session.map(Some).ok_or(REFUSED)
}

pub(crate) fn order_open(
    state: &mut State,
    op: &OrderOpen,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    let order = &op.order;
    let account = known_account(state, order.account, field::ACCOUNT)?;
    let session = signing_session(state, order, time_ns)?;
    let (key, scheme) = session.map_or((&account.owner, SECP256K1), |session| {
        (&session.key, session.scheme)
    });
    signed_by(key, scheme, authority, &op.signature, |domain| {
        domain.order(order)
    })?;
    let unknown = Refusal::new(code::P01_OPEN_LISTING, field::LISTING);
    let instrument = state.instrument(order.listing).ok_or(unknown)?;
    require(order.side <= 1, code::P02_OPEN_SIDE, field::SIDE)?;
    let flags_known = FLAGS_KNOWN.contains(&order.flags);
    require(flags_known, code::P02_OPEN_SIDE, field::FLAGS)?;
    let price_holds = price_fits(instrument, order.limit_price);
    require(price_holds, code::P03_OPEN_PRICE, field::LIMIT_PRICE)?;
    let size_holds = size_fits(instrument, order.size, order.limit_price);
    require(size_holds, code::P04_OPEN_SIZE, field::SIZE)?;
    let ahead = order.expiry_ns > time_ns;
    require(ahead, code::P05_OPEN_EXPIRED, field::EXPIRY)?;
    let near = expiry_near(order.flags, order.expiry_ns, time_ns);
    require(near, code::P06_OPEN_FAR, field::EXPIRY)?;
    if let Some(session) = session {
        state.check_scope(session, order, instrument, OPEN_CODES)?;
    }
    let above_floor = order.counter > account.order_floor;
    require(above_floor, code::P07_OPEN_FLOOR, field::COUNTER)?;
    let key = order.key().expect("invariant: P-06 bounds the hour");
    let leaf = state.order(key);
    let filled = leaf.map_or(0, |leaf| leaf.filled);
    check_version(leaf, order)?;
    let renewed = check_renewal(state, order, key)?;

    if let Some(old_key) = renewed {
        state.orders.write(old_key).state = OrderLeaf::CLOSED;
    }
    *state.orders.write(key) = OrderLeaf {
        state: OrderLeaf::OPEN,
        side: order.side,
        flags: order.flags,
        version: order.version,
        listing: order.listing,
        expiry_ns: order.expiry_ns,
        limit_price: order.limit_price,
        size: order.size,
        filled,
        fee_cap: order.fee_cap,
    };
    Ok(Effect::None)
}

pub(crate) fn order_close(state: &mut State, key: OrderKey) -> Result<Effect, Refusal> {
    let open = open_order(state, key).is_some();
    require(open, code::P10_CLOSE_ABSENT, field::COUNTER)?;
    state.orders.write(key).state = OrderLeaf::CLOSED;
    Ok(Effect::None)
}

pub(crate) fn floor(
    state: &mut State,
    op: &Floor,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by_owner(account, authority, &op.signature, |domain| domain.floor(op))?;
    let larger = op.floor > account.order_floor;
    require(larger, code::P11_FLOOR_NOT_LARGER, field::FLOOR)?;
    state.account_mut(op.account).order_floor = op.floor;
    Ok(Effect::None)
}

/// What P-12 asks of an hour.
#[must_use]
pub fn hour_is_over(hour: u32, time_ns: u64) -> bool {
    // (2^20 + 1) x 3.6e12 is below 2^62.
    hour < HOUR_LIMIT && (u64::from(hour) + 1) * HOUR_NS + ORDER_LIFE_NS <= time_ns
}

pub(crate) fn drop_hour(state: &mut State, hour: u32, time_ns: u64) -> Result<Effect, Refusal> {
    let over = hour_is_over(hour, time_ns);
    require(over, code::P12_DROP_EARLY, field::HOUR)?;
    state.orders.drop_hour(hour);
    Ok(Effect::None)
}

//! Sessions: keys of an account that sign its orders within a scope (sessions.md), and the steps that open and revoke
//! them.

use crate::checks::{known_account, signed_by_owner};
use crate::machine::{Authority, Effect};
use crate::ops::{SessionOpen, SessionRevoke};
use crate::order::{NO_ADDRESS, Order};
use crate::state::{Instrument, State};
use alloc::collections::BTreeMap;
use merkat_values::constants::{ACCOUNT_LIMIT, DAY_NS, P256, SECP256K1, SLOTS};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

/// The longest that a session may be ahead of its expiry.
pub const SESSION_LIFE_NS: u64 = 180 * DAY_NS;

/// Bits of `kinds`: one a kind of listing.
const KINDS: core::ops::RangeInclusive<u8> = 1..=31;

/// The leaf of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// 1 open, 2 revoked.
    pub state: u8,
    /// 1 secp256k1, 2 P-256.
    pub scheme: u8,
    /// The address of its public key.
    pub key: Address,
    /// Bit g: group g; all bits: every group.
    pub groups: u64,
    /// Bit 0 perpetuals, 1 futures, 2 calls, 3 puts, 4 spot.
    pub kinds: u8,
    /// The most one order may be worth, in 1e-6 USD.
    pub notional: u64,
    /// No order of the session lasts longer, ns since the epoch.
    pub expiry_ns: u64,
}

impl Session {
    /// State of a session that was not revoked.
    pub const OPEN: u8 = 1;

    /// State of a session that was.
    pub const REVOKED: u8 = 2;

    /// Whether it may sign now.
    #[must_use]
    pub fn is_live(&self, time_ns: u64) -> bool {
        self.state == Self::OPEN && self.expiry_ns > time_ns
    }

    /// What K-10 and O-25 ask: the listing's kind and group are in its scope.
    #[must_use]
    pub fn covers(&self, instrument: &Instrument) -> bool {
        let kind = self.kinds >> (instrument.kind - 1) & 1 == 1;
        let group = self.groups == u64::MAX
            || instrument.group < 64 && self.groups >> instrument.group & 1 == 1;
        kind && group
    }

    /// Whether kind, groups and notional are those of a scope (rule K-04).
    #[must_use]
    pub(crate) fn has_scope(&self) -> bool {
        KINDS.contains(&self.kinds) && self.groups != 0 && self.notional != 0
    }
}

/// Who may sign an order: the key and its scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer<'a> {
    /// Of a public key.
    pub address: &'a Address,
    /// 1 secp256k1, 2 P-256.
    pub scheme: u8,
}

/// The sessions of all accounts, by account x 16 + slot.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    leaves: BTreeMap<u32, Session>,
}

/// Where a session stands; both parts are known to fit.
fn place(account: u32, slot: u8) -> u32 {
    account << 4 | u32::from(slot)
}

impl Sessions {
    /// The leaf at account x 16 + slot.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<&Session> {
        self.leaves.get(&place)
    }

    /// The session of a slot, revoked or expired ones too.
    #[must_use]
    pub fn get(&self, account: u32, slot: u8) -> Option<&Session> {
        if account >= ACCOUNT_LIMIT || slot >= SLOTS {
            return None; // Else the place would be another's. That of slot 0 is empty.
        }
        self.leaves.get(&place(account, slot))
    }

    /// The sessions of an account that may sign now, with their slots, ascending.
    pub fn live(&self, account: u32, time_ns: u64) -> impl Iterator<Item = (u8, &Session)> {
        let places = place(account, 0)..=place(account, SLOTS - 1);
        self.leaves
            .range(places)
            .filter(move |(_, session)| session.is_live(time_ns))
            .map(|(place, session)| ((place & 15) as u8, session))
    }

    /// Every session with account x 16 + slot, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Session)> {
        self.leaves.iter().map(|(place, session)| (*place, session))
    }

    pub(crate) fn write(&mut self, place: u32, session: Session) {
        self.leaves.insert(place, session);
    }
}

impl State {
    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The session of a slot, if it may sign now.
    #[must_use]
    pub fn live_session(&self, account: u32, slot: u8, time_ns: u64) -> Option<&Session> {
        let session = self.sessions.get(account, slot);
        session.filter(|session| session.is_live(time_ns))
    }

    fn write_session(&mut self, account: u32, slot: u8, session: Session) {
        self.sessions.write(place(account, slot), session);
        self.session_marks.note(place(account, slot));
    }

    /// Whether an order of this size and limit is worth at most a session's notional (K-11, O-26, M-09): the larger of
    /// limit and index counts, rounded up.
    #[must_use]
    pub fn is_within(&self, session: &Session, order: &Order, instrument: &Instrument) -> bool {
        let index = self.groups[usize::from(instrument.group)].index;
        // Below 2^56 times at most 2^52.
        let worth = i128::from(order.size) * i128::from(order.limit_price.max(index));
        worth <= i128::from(session.notional) * i128::from(instrument.coin())
    }

    /// K-10 to K-12, or with other codes O-25 to O-27, of an order that a session signed.
    ///
    /// # Errors
    /// The first of them that fails.
    pub fn check_scope(
        &self,
        session: &Session,
        order: &Order,
        instrument: &Instrument,
        codes: [u16; 3],
    ) -> Result<(), Refusal> {
        let [scope, notional, life] = codes;
        require(session.covers(instrument), scope, field::SCOPE)?;
        let within = self.is_within(session, order, instrument);
        require(within, notional, field::SIZE)?;
        let outlived = order.expiry_ns <= session.expiry_ns;
        require(outlived, life, field::EXPIRY)
    }
}

/// Rules K-01 to K-06, of an account that exists.
///
/// # Errors
/// The first of them that fails.
pub fn check_session_open(state: &State, op: &SessionOpen, time_ns: u64) -> Result<(), Refusal> {
    let Session { scheme, key, .. } = op.session;
    check_slot(op.slot)?;
    let known = [SECP256K1, P256].contains(&scheme);
    require(known, code::K02_SESSION_SCHEME, field::SCHEME)?;
    let owner = state.accounts.at(op.account).owner;
    let mut live = state.sessions.live(op.account, time_ns);
    let new = key != NO_ADDRESS && key != owner && live.all(|(_, session)| session.key != key);
    require(new, code::K03_SESSION_KEY, field::KEY)?;
    let scope = op.session.has_scope();
    require(scope, code::K04_SESSION_SCOPE, field::SCOPE)?;
    let expiry_ns = op.session.expiry_ns;
    let near = expiry_ns > time_ns && expiry_ns - time_ns <= SESSION_LIFE_NS;
    require(near, code::K05_SESSION_EXPIRY, field::EXPIRY)?;
    let free = state.live_session(op.account, op.slot, time_ns).is_none();
    require(free, code::K06_SESSION_TAKEN, field::SIGNER_SLOT)
}

/// Rules K-01, K-07 and K-08, of an account that exists.
///
/// # Errors
/// The first of them that fails.
pub fn check_session_revoke(state: &State, op: &SessionRevoke) -> Result<(), Refusal> {
    check_slot(op.slot)?;
    let session = state.sessions.get(op.account, op.slot);
    let open = session.is_some_and(|session| session.state == Session::OPEN);
    require(open, code::K07_SESSION_ABSENT, field::SIGNER_SLOT)?;
    let kept = op.floor >= state.accounts.at(op.account).order_floor;
    require(kept, code::K08_REVOKE_FLOOR, field::FLOOR)
}

/// Rule K-01.
fn check_slot(slot: u8) -> Result<(), Refusal> {
    let holds = (1..SLOTS).contains(&slot);
    require(holds, code::K01_SESSION_SLOT, field::SIGNER_SLOT)
}

pub(crate) fn session_open(
    state: &mut State,
    op: &SessionOpen,
    time_ns: u64,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by_owner(account, authority, &op.signature, |domain| {
        domain.session_open(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    check_session_open(state, op, time_ns)?;

    state.account_mut(op.account).nonce = op.nonce;
    let session = Session {
        state: Session::OPEN,
        ..op.session
    };
    state.write_session(op.account, op.slot, session);
    Ok(Effect::None)
}

pub(crate) fn session_revoke(
    state: &mut State,
    op: &SessionRevoke,
    authority: Authority<'_>,
) -> Result<Effect, Refusal> {
    let account = known_account(state, op.account, field::ACCOUNT)?;
    signed_by_owner(account, authority, &op.signature, |domain| {
        domain.session_revoke(op)
    })?;
    let later = op.nonce > account.nonce;
    require(later, code::S04_NONCE_NOT_LARGER, field::NONCE)?;
    check_session_revoke(state, op)?;

    let account = state.account_mut(op.account);
    (account.nonce, account.order_floor) = (op.nonce, op.floor);
    let session = state.sessions.get(op.account, op.slot);
    let session = Session {
        state: Session::REVOKED,
        ..*session.expect("invariant: K-07 found it")
    };
    state.write_session(op.account, op.slot, session);
    Ok(Effect::None)
}

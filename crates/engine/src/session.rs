//! session_open, session_revoke (sessions.md section 3), and what an order of a session must keep to.

use merkat_settle::ops::{MicroOp, SessionOpen, SessionRevoke};
use merkat_settle::sessions::{check_session_open, check_session_revoke};
use merkat_settle::{Order, Session};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

use crate::authority::Signed;
use crate::engine::Engine;
use crate::events::{Event, Reason};

/// O-25 to O-27.
const SCOPE_CODES: [u16; 3] = [
    code::O25_OUT_OF_SCOPE,
    code::O26_OVER_NOTIONAL,
    code::O27_OUTLIVES_SESSION,
];

impl Engine {
    /// The wallet lets a key trade.
    pub(crate) fn open_session(
        &mut self,
        open: &SessionOpen,
        signer: &Address,
    ) -> Result<(), Refusal> {
        let by = Signed {
            signature: &open.signature,
            signer,
        };
        self.authorise_strictly(open.account, open.nonce, by)?;
        check_session_open(&self.state, open, self.time_ns)?;
        self.emit(&MicroOp::SessionOpen(*open));
        self.event(Event::SessionOpened {
            account: open.account,
            slot: open.slot,
            session: open.session,
        });
        Ok(())
    }

    /// The wallet ends a session: its orders leave, and all with a counter up to the floor.
    pub(crate) fn revoke_session(
        &mut self,
        revoke: &SessionRevoke,
        signer: &Address,
    ) -> Result<(), Refusal> {
        let SessionRevoke {
            account,
            slot,
            floor,
            ..
        } = *revoke;
        let by = Signed {
            signature: &revoke.signature,
            signer,
        };
        self.authorise_strictly(account, revoke.nonce, by)?;
        check_session_revoke(&self.state, revoke)?;
        self.emit(&MicroOp::SessionRevoke(*revoke));
        for index in self.orders_by_key(account) {
            let order = &self.orders.detail(index).order;
            if order.counter <= floor {
                self.cancel(index, Reason::Floor);
            } else if order.slot == slot {
                self.cancel(index, Reason::Session);
            }
        }
        self.event(Event::SessionRevoked {
            account,
            slot,
            floor,
        });
        Ok(())
    }

    /// The session that an order names, which C-08 found live when it came; none for the wallet's.
    fn session_of(&self, order: &Order) -> Option<&Session> {
        self.state.sessions().get(order.account, order.slot)
    }

    /// O-25, O-26 and O-27.
    #[inline]
    pub(crate) fn check_scope(&self, order: &Order) -> Result<(), Refusal> {
        if order.slot == 0 {
            return Ok(());
        }
        let session = self.session_of(order);
        let session = session.expect("invariant: C-08 found the session");
        let instrument = self.instrument(order.listing);
        self.state
            .check_scope(session, order, instrument, SCOPE_CODES)
    }

    /// O-25, O-26 (of the old order too, where settlement must see its newest body before) and O-27 of a renewal.
    pub(crate) fn check_renewal_scope(&self, index: u32, order: &Order) -> Result<(), Refusal> {
        let old = self.orders.detail(index);
        let shown = old.opened_version == 0 || old.opened_version == old.order.version;
        if order.slot > 0 && !shown {
            let session = self.session_of(order);
            let session = session.expect("invariant: C-08 found the session");
            let instrument = self.instrument(order.listing);
            let covers = session.covers(instrument);
            require(covers, code::O25_OUT_OF_SCOPE, field::SCOPE)?;
            let within = self.state.is_within(session, &old.order, instrument);
            require(within, code::O26_OVER_NOTIONAL, field::SIZE)?;
        }
        self.check_scope(order)
    }

    /// M-09: settlement, which has not seen the newest body of this maker, would refuse it for its notional.
    #[inline]
    pub(crate) fn maker_over_notional(&self, maker: u32) -> bool {
        let detail = self.orders.detail(maker);
        let order = &detail.order;
        if order.slot == 0 || detail.opened_version == order.version {
            return false;
        }
        let session = self.session_of(order);
        let session = session.expect("invariant: a resting order of a session has its leaf");
        !self
            .state
            .is_within(session, order, self.instrument(order.listing))
    }
}

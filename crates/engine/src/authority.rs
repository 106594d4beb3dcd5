//! Who may give a command: C-02, C-07, C-08, C-03 and C-04 in this order (rules 3, sessions 3).

use merkat_settle::Account;
use merkat_values::constants::{SECP256K1, SLOTS};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal, Signature, scheme_of};

use crate::command::{Cancel, SignedOrder};
use crate::engine::Engine;

/// A signature with the address that was recovered from it (zero for none).
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub signature: &'a Signature,
    pub signer: &'a Address,
}

impl Signed<'_> {
    /// Whether a key of a scheme signed.
    #[inline]
    fn is_by(&self, key: &Address, scheme: u8) -> bool {
        self.signer == key && scheme_of(self.signature) == Some(scheme)
    }
}

impl Engine {
    /// Of place, amend and renew; the nonce is used up from here on.
    #[inline]
    pub(crate) fn authorise_order(
        &mut self,
        signed: &SignedOrder,
        signer: &Address,
    ) -> Result<(), Refusal> {
        let order = &signed.order;
        let by = Signed {
            signature: &signed.signature,
            signer,
        };
        let leaf = self.known(order.account)?;
        check_slot(order.slot)?;
        let good = if order.slot == 0 {
            by.is_by(&leaf.owner, SECP256K1)
        } else {
            let session = self
                .state
                .live_session(order.account, order.slot, self.time_ns);
            let none = Refusal::new(code::C08_NO_SESSION, field::SIGNER_SLOT);
            let session = session.ok_or(none)?;
            by.is_by(&session.key, session.scheme)
        };
        require(good, code::C03_WRONG_SIGNATURE, field::SIGNATURE)?;
        self.take_nonce(order.account, order.slot, order.nonce)
    }

    /// Of cancel, which the owner or any live session of the account may sign, whoever signed the order.
    #[inline]
    pub(crate) fn authorise_cancel(
        &mut self,
        cancel: &Cancel,
        signer: &Address,
    ) -> Result<(), Refusal> {
        let by = Signed {
            signature: &cancel.signature,
            signer,
        };
        let leaf = self.known(cancel.account)?;
        check_slot(cancel.slot)?;
        let slot = if by.is_by(&leaf.owner, SECP256K1) {
            0
        } else {
            let mut live = self.state.sessions().live(cancel.account, self.time_ns);
            // No two live sessions of an account have one key (K-03).
            let found = live.find(|(_, session)| by.is_by(&session.key, session.scheme));
            let nobody = Refusal::new(code::C03_WRONG_SIGNATURE, field::SIGNATURE);
            found.ok_or(nobody)?.0
        };
        self.take_nonce(cancel.account, slot, cancel.nonce)
    }

    /// Of what the wallet alone may give, with a nonce of its window.
    pub(crate) fn authorise(
        &mut self,
        account: u32,
        nonce: u64,
        by: Signed<'_>,
    ) -> Result<(), Refusal> {
        self.check_owner(account, by)?;
        self.take_nonce(account, 0, nonce)
    }

    /// The same with a nonce that must be larger than every one before.
    pub(crate) fn authorise_strictly(
        &mut self,
        account: u32,
        nonce: u64,
        by: Signed<'_>,
    ) -> Result<(), Refusal> {
        self.check_owner(account, by)?;
        let record = &mut self.accounts[account as usize - 1];
        let larger = nonce > record.strict_nonce;
        require(larger, code::C04_USED_NONCE, field::NONCE)?;
        record.strict_nonce = nonce;
        Ok(())
    }

    /// C-02 and C-03 of the wallet.
    fn check_owner(&self, account: u32, by: Signed<'_>) -> Result<(), Refusal> {
        let leaf = self.known(account)?;
        let good = by.is_by(&leaf.owner, SECP256K1);
        require(good, code::C03_WRONG_SIGNATURE, field::SIGNATURE)
    }

    /// C-02.
    #[inline]
    fn known(&self, account: u32) -> Result<&Account, Refusal> {
        let none = Refusal::new(code::C02_NO_ACCOUNT, field::ACCOUNT);
        self.state.account(account).ok_or(none)
    }

    /// C-04 with a slot's window.
    #[inline]
    fn take_nonce(&mut self, account: u32, slot: u8, nonce: u64) -> Result<(), Refusal> {
        let time_ns = self.time_ns;
        let window = self.accounts[account as usize - 1].window(slot);
        let free = window.may_use(nonce, time_ns);
        require(free, code::C04_USED_NONCE, field::NONCE)?;
        window.add(nonce);
        Ok(())
    }
}

/// C-07.
#[inline]
fn check_slot(slot: u8) -> Result<(), Refusal> {
    require(slot < SLOTS, code::C07_BAD_SLOT, field::SIGNER_SLOT)
}

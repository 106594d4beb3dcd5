//! cancel, floor (rules 3.2), withdraw and transfer (rules 3.3).

use merkat_settle::ops::{Floor, MicroOp, Transfer, Withdraw};
use merkat_settle::{Effect, OrderKey};
use merkat_values::constants::AMOUNT_LIMIT;
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

use crate::command::Cancel;
use crate::engine::Engine;
use crate::events::{Event, Reason};

impl Engine {
    /// A resting order leaves.
    pub(crate) fn cancel_command(
        &mut self,
        cancel: &Cancel,
        signer: &Address,
    ) -> Result<(), Refusal> {
        self.authorise(cancel.account, cancel.nonce, signer, false)?;
        let none = Refusal::new(code::X01_ORDER_NOT_OPEN, field::COUNTER);
        let index = OrderKey::new(
            u64::from(cancel.expiry_hour),
            cancel.account,
            cancel.counter,
        )
        .and_then(|key| self.orders.find(key))
        .ok_or(none)?;
        self.cancel(index, Reason::User);
        Ok(())
    }

    /// Every order with a counter up to the floor leaves, in settlement too.
    pub(crate) fn raise_floor(&mut self, floor: &Floor, signer: &Address) -> Result<(), Refusal> {
        self.authorise(floor.account, floor.nonce, signer, false)?;
        let raised = floor.floor > self.leaf(floor.account).order_floor;
        require(raised, code::X06_FLOOR_NOT_RAISED, field::FLOOR)?;
        self.emit(&MicroOp::Floor(*floor));
        for index in self.orders_by_key(floor.account) {
            if self.orders.detail(index).order.counter <= floor.floor {
                self.cancel(index, Reason::Floor);
            }
        }
        self.event(Event::FloorRaised {
            account: floor.account,
            floor: floor.floor,
        });
        Ok(())
    }

    /// Cash leaves the venue.
    pub(crate) fn withdraw(
        &mut self,
        withdraw: &Withdraw,
        signer: &Address,
    ) -> Result<(), Refusal> {
        self.authorise(withdraw.account, withdraw.nonce, signer, true)?;
        require(withdraw.token == 0, code::W01_WITHDRAW_TOKEN, field::TOKEN)?;
        check_amount(withdraw.amount)?;
        self.check_payable(withdraw.account, withdraw.amount)?;
        let Effect::Withdrawn { claimable } = self.emit(&MicroOp::Withdraw(*withdraw)) else {
            panic!("invariant: a withdrawal has the effect of one");
        };
        self.event(Event::Withdrawn {
            account: withdraw.account,
            token: withdraw.token,
            amount: withdraw.amount,
            claimable,
        });
        Ok(())
    }

    /// Cash goes to another account.
    pub(crate) fn transfer(
        &mut self,
        transfer: &Transfer,
        signer: &Address,
    ) -> Result<(), Refusal> {
        self.authorise(transfer.account, transfer.nonce, signer, true)?;
        check_amount(transfer.amount)?;
        let unknown = Refusal::new(code::S02_UNKNOWN_ACCOUNT, field::TO_ACCOUNT);
        let target = self.state.account(transfer.to_account).ok_or(unknown)?;
        let good = transfer.to_account != transfer.account && target.stage != 3;
        require(good, code::W03_TRANSFER_TARGET, field::TO_ACCOUNT)?;
        self.check_payable(transfer.account, transfer.amount)?;
        self.emit(&MicroOp::Transfer(*transfer));
        self.event(Event::Transferred {
            account: transfer.account,
            to_account: transfer.to_account,
            amount: transfer.amount,
        });
        Ok(())
    }

    /// W-04, W-05 and W-06 with the margin of open orders.
    fn check_payable(&mut self, account: u32, amount: u128) -> Result<(), Refusal> {
        let leaf = self.leaf(account);
        let good = leaf.stage == 0 || (leaf.stage == 3 && leaf.positions.is_empty());
        require(good, code::W04_WITHDRAW_STAGE, field::STAGE)?;
        let fresh = self.state.all_fresh(leaf, self.time_ns);
        require(fresh, code::W05_WITHDRAW_STALE, field::GROUP)?;
        let delta = self.state.delta_requirement(leaf);
        let figures = self.venue_figures(account);
        let free = figures.equity - figures.venue_initial.max(delta);
        let amount = i128::try_from(amount).expect("invariant: W-02 keeps an amount below 2^96");
        require(amount <= free, code::W06_WITHDRAW_MARGIN, field::AMOUNT)
    }
}

/// W-02.
fn check_amount(amount: u128) -> Result<(), Refusal> {
    let good = amount > 0 && amount < AMOUNT_LIMIT;
    require(good, code::W02_WITHDRAW_AMOUNT, field::AMOUNT)
}

//! cancel, floor (rules 3.2), withdraw and transfer (rules 3.3).

use merkat_settle::cash::{check_amount, check_removal, check_target, check_token};
use merkat_settle::margin::Change;
use merkat_settle::ops::{Floor, MarginMode, MicroOp, Transfer, Withdraw};
use merkat_settle::{Effect, OrderKey};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

use crate::authority::Signed;
use crate::command::Cancel;
use crate::engine::Engine;
use crate::events::{Event, Reason};
use crate::ranked::Trial;

impl Engine {
    /// A resting order leaves.
    pub(crate) fn cancel_command(
        &mut self,
        cancel: &Cancel,
        signer: &Address,
    ) -> Result<(), Refusal> {
        self.authorise_cancel(cancel, signer)?;
        let none = Refusal::new(code::X01_ORDER_NOT_OPEN, field::COUNTER);
        let index = OrderKey::new(
            u64::from(cancel.expiry_hour),
            cancel.account,
            cancel.slot,
            cancel.counter,
        )
        .and_then(|key| self.orders.find(key))
        .ok_or(none)?;
        self.cancel(index, Reason::User);
        Ok(())
    }

    /// Every order with a counter up to the floor leaves, in settlement too.
    pub(crate) fn raise_floor(&mut self, floor: &Floor, signer: &Address) -> Result<(), Refusal> {
        let by = Signed {
            signature: &floor.signature,
            signer,
        };
        self.authorise(floor.account, floor.nonce, by)?;
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
        let by = Signed {
            signature: &withdraw.signature,
            signer,
        };
        self.authorise_strictly(withdraw.account, withdraw.nonce, by)?;
        let Withdraw {
            account,
            token,
            amount,
            ..
        } = *withdraw;
        match check_token(&self.state, self.leaf(account), token, amount)? {
            Some(change) => self.check_payable(account, Some(change), 0)?,
            None => self.check_payable(account, None, -(amount as i128))?,
        }
        let Effect::Withdrawn { claimable } = self.emit(&MicroOp::Withdraw(*withdraw)) else {
            panic!("invariant: a withdrawal has the effect of one");
        };
        self.event(Event::Withdrawn {
            account,
            token,
            amount,
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
        let by = Signed {
            signature: &transfer.signature,
            signer,
        };
        self.authorise_strictly(transfer.account, transfer.nonce, by)?;
        let amount = check_amount(transfer.amount)?;
        check_target(&self.state, transfer.account, transfer.to_account)?;
        self.check_payable(transfer.account, None, -amount)?;
        self.emit(&MicroOp::Transfer(*transfer));
        self.event(Event::Transferred {
            account: transfer.account,
            to_account: transfer.to_account,
            amount: transfer.amount,
        });
        Ok(())
    }

    /// An account counts its margin another way.
    pub(crate) fn margin_mode(
        &mut self,
        command: &MarginMode,
        signer: &Address,
    ) -> Result<(), Refusal> {
        let MarginMode { account, mode, .. } = *command;
        let by = Signed {
            signature: &command.signature,
            signer,
        };
        self.authorise_strictly(account, command.nonce, by)?;
        let leaf = self.leaf(account);
        let new = mode <= 1 && mode != leaf.margin_mode;
        require(new, code::W07_MODE_VALUE, field::MODE)?;
        require(leaf.stage == 0, code::W08_MODE_STAGE, field::STAGE)?;
        let fresh = self.state.all_fresh(leaf, self.time_ns);
        require(fresh, code::W09_MODE_STALE, field::GROUP)?;
        let suffices = self.suffices_in(account, mode);
        require(suffices, code::W10_MODE_MARGIN, field::MODE)?;
        self.emit(&MicroOp::MarginMode(*command));
        let record = &mut self.accounts[account as usize - 1];
        record.losses.clear();
        for sums in &mut record.listings {
            // The terms of its orders depend on the mode.
            sums.terms_version = 0;
        }
        self.event(Event::MarginModeSet { account, mode });
        Ok(())
    }

    /// W-04, W-05 and W-06 with the margin of open orders, for cash or a spot position that leaves.
    fn check_payable(
        &mut self,
        account: u32,
        change: Option<Change>,
        cash: i128,
    ) -> Result<(), Refusal> {
        let venue_initial = match change {
            None => self.venue_figures(account).venue_initial,
            Some(change) => self.venue_initial_after(account, change),
        };
        let leaf = self.leaf(account);
        let after = self.state.removed(leaf, change, cash);
        check_removal(
            &self.state,
            leaf,
            &after,
            venue_initial,
            change,
            self.time_ns,
        )
    }

    /// IM_venue of an account whose spot position shrinks.
    fn venue_initial_after(&mut self, account: u32, change: Change) -> i128 {
        let needs = self.order_needs(
            account,
            Some(Trial {
                listing: change.listing,
                after: change.size,
                order: None,
            }),
        );
        self.state
            .removed(self.leaf(account), Some(change), 0)
            .initial
            + needs
    }
}

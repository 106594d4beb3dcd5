//! The waterfall of a group (rules 3.7): who is visited, in which order, and what a visit does.

mod aim;
mod slice;
mod tear_up;

use std::cmp::Ordering;

use merkat_settle::liquidation::is_ruined;
use merkat_settle::ops::{Bankrupt, MicroOp, Stage};
use merkat_settle::{Account, Effect, Figures};
use merkat_values::wide::compare_products;

use crate::engine::Engine;
use crate::events::{Event, Reason};

/// Micro-ops of a command after which a waterfall waits for the next one.
const MICRO_OPS_MAXIMUM: usize = 4_096;

/// The waterfall stops here: the command has emitted enough.
pub(crate) struct Full;

/// A waterfall under way.
struct Run {
    group: u16,
    /// Whether a position was torn up since the queue was made.
    torn: bool,
}

/// A place in the queue.
struct Candidate {
    account: u32,
    class: u8,
    equity: i128,
    maintenance: i128,
}

impl Candidate {
    /// (class, E / MM, index); only class 1 has a ratio.
    fn compare(&self, other: &Self) -> Ordering {
        let by_ratio = || {
            if self.class != 1 {
                return Ordering::Equal;
            }
            compare_products(
                self.equity,
                other.maintenance,
                other.equity,
                self.maintenance,
            )
        };
        (self.class.cmp(&other.class))
            .then_with(by_ratio)
            .then(self.account.cmp(&other.account))
    }
}

impl Engine {
    /// Liquidates and closes what the group's marks demand.
    pub(crate) fn waterfall(&mut self, group: u16) {
        let leaf = self
            .state
            .group(group)
            .expect("invariant: a waterfall is of a group");
        if !leaf.fresh(self.time_ns) {
            return;
        }
        self.pending.remove(&group);
        if self.run_waterfall(group).is_err() {
            self.pending.insert(group);
            self.event(Event::WaterfallPending { group });
        }
    }

    fn run_waterfall(&mut self, group: u16) -> Result<(), Full> {
        let mut run = Run { group, torn: false };
        let mut queue = self.queue(group, Self::is_candidate);
        loop {
            run.torn = false;
            for candidate in &queue {
                self.visit(&mut run, candidate.account)?;
            }
            if !run.torn {
                return Ok(());
            }
            queue = self.queue(group, |engine, leaf, figures| {
                leaf.stage != 3 && figures.equity < 0 && !engine.holds_coins(leaf)
            });
        }
    }

    /// The accounts that hold a position in the group or none at all, as `chosen` picks them, in order.
    fn queue(
        &self,
        group: u16,
        chosen: impl Fn(&Self, &Account, &Figures) -> bool,
    ) -> Vec<Candidate> {
        let mut queue = Vec::new();
        for (account, leaf) in self.state.accounts().iter() {
            let mut held = leaf.positions.iter();
            let concerned = leaf.positions.is_empty()
                || held.any(|position| self.instrument(position.listing).group == group);
            if !concerned {
                continue;
            }
            let figures = self.state.figures(leaf);
            if !chosen(self, leaf, &figures) || !self.state.all_fresh(leaf, self.time_ns) {
                continue;
            }
            let Figures {
                equity,
                maintenance,
                ..
            } = figures;
            let class = match (maintenance, equity) {
                (0, ..0) => 0,
                (1.., _) => 1,
                _ => 2,
            };
            queue.push(Candidate {
                account,
                class,
                equity,
                maintenance,
            });
        }
        queue.sort_unstable_by(Candidate::compare);
        queue
    }

    /// Whether collateral is held: then nobody is bankrupt yet.
    fn holds_coins(&self, leaf: &Account) -> bool {
        let mut held = leaf.positions.iter();
        held.any(|held| held.size > 0 && self.instrument(held.listing).is_spot())
    }

    fn is_candidate(&self, leaf: &Account, figures: &Figures) -> bool {
        if leaf.positions.is_empty() {
            return match leaf.stage {
                1 => true,
                3 => leaf.cash < 0,
                _ => figures.equity < 0,
            };
        }
        leaf.stage != 0 || figures.in_danger()
    }

    /// The limit of micro-ops, tested before each decision.
    pub(crate) fn check_limit(&self) -> Result<(), Full> {
        if self.micro_op_count >= MICRO_OPS_MAXIMUM {
            Err(Full)
        } else {
            Ok(())
        }
    }

    fn visit(&mut self, run: &mut Run, account: u32) -> Result<(), Full> {
        self.check_limit()?;
        self.expire_delivered(account);
        let leaf = self.leaf(account);
        let figures = self.state.figures(leaf);
        let stage = leaf.stage;
        if leaf.positions.is_empty() && figures.equity >= 0 {
            if stage == 1 {
                self.leave_stage(account, &figures);
            }
            return Ok(());
        }
        if stage == Account::BANKRUPT {
            return self.tear_up_all(run, account);
        }
        if is_ruined(&self.state, leaf, &figures, self.time_ns) {
            self.bankrupt(run, account, &figures);
            return self.tear_up_all(run, account);
        }
        if stage == 1 && self.state.safe(leaf, &figures) {
            self.leave_stage(account, &figures);
            return Ok(());
        }
        if stage == 0 {
            if !figures.in_danger() {
                return Ok(());
            }
            self.enter_stage(account, &figures);
        }
        self.slice(run.group, account)
    }

    fn cancel_for_liquidation(&mut self, account: u32) {
        for index in self.orders_by_key(account) {
            self.cancel(index, Reason::Liquidation);
        }
    }

    fn bankrupt(&mut self, run: &Run, account: u32, figures: &Figures) {
        self.cancel_for_liquidation(account);
        let group = self
            .state
            .largest_group(self.leaf(account))
            .unwrap_or(run.group);
        let effect = self.emit(&MicroOp::Bankrupt(Bankrupt { account, group }));
        let Effect::Bankrupt { payment, .. } = effect else {
            panic!("invariant: a bankruptcy has the effect of one");
        };
        let equity = figures.equity;
        self.event(Event::Bankrupt {
            account,
            group,
            equity,
            fund_payment: payment,
        });
    }

    fn enter_stage(&mut self, account: u32, figures: &Figures) {
        self.cancel_for_liquidation(account);
        let group = self.state.largest_group(self.leaf(account));
        let group = group.expect("invariant: danger without ruin needs a position");
        self.emit(&MicroOp::Stage(Stage {
            account,
            group,
            stage: 1,
        }));
        self.stage_event(account, 1, figures);
        self.accounts[account as usize - 1].empty_slices = 0;
    }

    fn leave_stage(&mut self, account: u32, figures: &Figures) {
        let group = self.leaf(account).stage_group;
        self.emit(&MicroOp::Stage(Stage {
            account,
            group,
            stage: 0,
        }));
        self.stage_event(account, 0, figures);
    }

    fn stage_event(&mut self, account: u32, stage: u8, figures: &Figures) {
        let Figures {
            equity,
            maintenance,
            initial,
            ..
        } = *figures;
        self.event(Event::Stage {
            account,
            stage,
            equity,
            maintenance,
            initial,
        });
    }
}

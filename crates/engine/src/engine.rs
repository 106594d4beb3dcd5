//! The machine itself: what it holds, how a command passes through it, how a micro-op is emitted.

use std::collections::{BTreeMap, BTreeSet};

use merkat_commit::Committer;
use merkat_settle::Effect;
use merkat_settle::ops::{MicroOp, OrderOpen};
use merkat_settle::state::State;
use merkat_settle::surfaces::PreparedRows;
use merkat_values::codec::Writer;
use merkat_values::refusal::{code, field};
use merkat_values::{Address, Refusal, constants::CLOCK_LIMIT};

use crate::accounts::VenueAccount;
use crate::book::Book;
use crate::command::{Command, signature_count};
use crate::error::SequenceError;
use crate::events::{Event, Reason};
use crate::numbered::Numbered;
use crate::orders::Orders;
use crate::surface::PendingVector;

/// What the margin of resting orders depends on, with a version that grows when it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MarketVersion {
    pub mark: i64,
    pub taker_fee: i64,
    /// Of the group's rows, 0 without rows.
    pub rows: u64,
    pub version: u64,
}

/// The venue machine: a single writer over commands in the order of the log.
#[derive(Debug, Default)]
pub struct Engine {
    pub(crate) state: State,
    /// The trees over the settlement state's leaves.
    pub(crate) committer: Committer,
    /// Listing n stands at n - 1, as in the settlement state.
    pub(crate) books: Numbered<Book>,
    pub(crate) versions: Numbered<MarketVersion>,
    /// Account n stands at n - 1.
    pub(crate) accounts: Numbered<VenueAccount>,
    pub(crate) orders: Orders,
    /// Groups whose waterfall stopped at the limit of micro-ops.
    pub(crate) pending: BTreeSet<u16>,
    /// Vectors that wait for their rows, by group.
    pub(crate) vectors: BTreeMap<u16, PendingVector>,
    /// Rows that were built beside the machine, by group; no part of the state.
    pub(crate) offered: BTreeMap<u16, PreparedRows>,
    /// (expiry, listing) of every dated listing whose orders were not swept yet.
    pub(crate) expiring: BTreeSet<(u64, u32)>,
    /// Whether any group has a risk set: then not every listing is a perpetual by rules.md.
    pub(crate) has_sets: bool,
    /// Groups with a delivery price that may have listings or positions to settle.
    pub(crate) settling: BTreeSet<u16>,
    /// Of the last command.
    pub(crate) log_number: u64,
    /// Of the last command.
    pub(crate) time_ns: u64,
    pub(crate) events: Vec<u8>,
    pub(crate) micro_ops: Vec<u8>,
    pub(crate) micro_op_count: usize,
}

impl Engine {
    /// The venue before the first command.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for so many orders at once without another allocation.
    pub fn reserve_orders(&mut self, orders: usize) {
        self.orders.reserve(orders);
    }

    /// The log number of the last command.
    #[must_use]
    pub fn log_number(&self) -> u64 {
        self.log_number
    }

    /// The time of the last command, ns since the Unix epoch.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The settlement state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Applies one command and appends its output (formats, section 5).
    ///
    /// `signers` has the recovered address of every signature of the command, in their order; the zero address stands
    /// for a signature that names nobody.
    ///
    /// # Errors
    /// When the sequencer breaks its contract: the log number is not the last plus one, time goes back or leaves 63
    /// bits, the number of signers is not that of the signatures. Nothing has happened then.
    pub fn apply(
        &mut self,
        log_number: u64,
        time_ns: u64,
        command: &[u8],
        signers: &[Address],
        out: &mut Vec<u8>,
    ) -> Result<(), SequenceError> {
        Self::check_step(self.log_number, self.time_ns, log_number, time_ns)?;
        let expected = signature_count(command);
        if signers.len() != expected {
            return Err(SequenceError::Signers {
                log_number,
                found: signers.len(),
                expected,
            });
        }
        (self.log_number, self.time_ns) = (log_number, time_ns);
        self.events.clear();
        self.micro_ops.clear();
        self.micro_op_count = 0;
        let malformed = Refusal::new(code::C01_MALFORMED_COMMAND, field::COMMAND);
        let result = Command::decode(command)
            .map_err(|_| malformed)
            .and_then(|command| self.execute(&command, signers));
        if let Err(Refusal { code, field }) = result {
            assert!(
                self.events.is_empty() && self.micro_ops.is_empty(),
                "invariant: a refused command did nothing"
            );
            self.event(Event::Refused { code, field });
        }
        self.append_output(out);
        Ok(())
    }

    fn append_output(&self, out: &mut Vec<u8>) {
        let length =
            |part: &[u8]| u32::try_from(part.len()).expect("invariant: an output is short");
        out.put_u64(self.log_number);
        out.put_u32(length(&self.events));
        out.put(&self.events);
        out.put_u32(length(&self.micro_ops));
        out.put(&self.micro_ops);
    }

    /// The sequencer's contract for a command that follows the one of `last_log_number` and `last_time_ns`.
    ///
    /// # Errors
    /// As `apply`.
    pub fn check_step(
        last_log_number: u64,
        last_time_ns: u64,
        log_number: u64,
        time_ns: u64,
    ) -> Result<(), SequenceError> {
        let expected = last_log_number + 1;
        if log_number != expected || log_number >= CLOCK_LIMIT {
            return Err(SequenceError::LogNumber {
                found: log_number,
                expected,
            });
        }
        if time_ns < last_time_ns || time_ns >= CLOCK_LIMIT {
            return Err(SequenceError::Time {
                log_number,
                found: time_ns,
                last: last_time_ns,
            });
        }
        Ok(())
    }

    #[inline]
    fn execute(&mut self, command: &Command<'_>, signers: &[Address]) -> Result<(), Refusal> {
        match command {
            Command::Place(signed) => self.place(signed, &signers[0]),
            Command::Amend(signed) => self.amend(signed, &signers[0]),
            Command::Renew(signed) => self.renew(signed, &signers[0]),
            Command::Cancel(cancel) => self.cancel_command(cancel, &signers[0]),
            Command::SessionOpen(open) => self.open_session(open, &signers[0]),
            Command::SessionRevoke(revoke) => self.revoke_session(revoke, &signers[0]),
            Command::Floor(floor) => self.raise_floor(floor, &signers[0]),
            Command::Withdraw(withdraw) => self.withdraw(withdraw, &signers[0]),
            Command::Transfer(transfer) => self.transfer(transfer, &signers[0]),
            Command::MarginMode(mode) => self.margin_mode(mode, &signers[0]),
            Command::Epoch(epoch) => self.epoch(epoch, signers),
            Command::Activate(activate) => self.activate(activate),
            Command::Heartbeat(heartbeat) => self.heartbeat(heartbeat, signers),
            Command::Tick => {
                self.tick();
                Ok(())
            }
            Command::Inbox { index, item } => self.inbox(*index, item),
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        event.append_framed(&mut self.events);
    }

    /// What a micro-op of this command says of its time and log number.
    #[inline]
    fn deltas(&self) -> (u64, u32) {
        let globals = self.state.globals();
        let log_delta = u32::try_from(self.log_number - globals.log_number)
            .expect("invariant: a micro-op at least every 2^32 commands");
        (self.time_ns - globals.time_ns, log_delta)
    }

    /// Applies a micro-op to the settlement state and, when it is accepted, emits it.
    #[inline]
    pub(crate) fn try_emit(&mut self, op: &MicroOp) -> Result<Effect, Refusal> {
        let (time_delta_ns, log_delta) = self.deltas();
        let effect = merkat_settle::apply(&mut self.state, op, time_delta_ns, log_delta)?;
        self.append_op(op, time_delta_ns, log_delta);
        Ok(effect)
    }

    #[inline]
    fn append_op(&mut self, op: &MicroOp, time_delta_ns: u64, log_delta: u32) {
        let length = u16::try_from(op.encoded_bytes()).expect("invariant: a micro-op is short");
        self.micro_ops.put_u16(length);
        op.encode(time_delta_ns, log_delta, &mut self.micro_ops);
        self.micro_op_count += 1;
    }

    /// Emits a vector that was checked, with the rows that it makes if it will be taken up.
    pub(crate) fn emit_with_rows(&mut self, op: &MicroOp, rows: Option<&PreparedRows>) -> Effect {
        let (time_delta_ns, log_delta) = self.deltas();
        let result =
            merkat_settle::apply_prepared(&mut self.state, op, time_delta_ns, log_delta, rows);
        match result {
            Ok(effect) => {
                self.append_op(op, time_delta_ns, log_delta);
                effect
            }
            Err(refusal) => panic!("invariant: the vector was checked: {refusal}"),
        }
    }

    /// Emits a micro-op whose checks the venue has made: settlement must accept it.
    #[inline]
    pub(crate) fn emit(&mut self, op: &MicroOp) -> Effect {
        match self.try_emit(op) {
            Ok(effect) => effect,
            Err(refusal) => {
                panic!("invariant: settlement accepts what the venue emits: {op:?}: {refusal}")
            }
        }
    }

    /// Shows settlement the newest version of an order.
    pub(crate) fn open_order(&mut self, index: u32) {
        let detail = self.orders.detail(index);
        if detail.opened_version == detail.order.version {
            return;
        }
        let (order, signature) = (detail.order, detail.signature);
        self.emit(&MicroOp::OrderOpen(OrderOpen { order, signature }));
        self.orders.detail_mut(index).opened_version = order.version;
    }

    /// What is left of an order goes: out of its book if it rests, out of the sums, and closed in settlement.
    pub(crate) fn cancel(&mut self, index: u32, reason: Reason) {
        let node = self.orders.slab[index];
        if node.resting {
            self.books[node.book as usize].remove(&mut self.orders.slab, index);
        }
        let detail = self.orders.detail(index);
        let (key, opened) = (detail.key, detail.opened_version > 0);
        self.event(Event::Cancelled {
            key,
            reason,
            remaining: node.remaining,
        });
        self.forget_order(index);
        let open = opened && self.state.order(key).is_some_and(|leaf| leaf.is_open());
        if open && reason != Reason::Floor {
            self.emit(&MicroOp::OrderClose(key));
        }
    }

    /// The indices of an account's orders, ascending by key.
    pub(crate) fn orders_by_key(&self, account: u32) -> Vec<u32> {
        let record = &self.accounts[account as usize - 1];
        let mut found = Vec::with_capacity(record.orders as usize);
        for listing in &record.listings {
            let mut index = listing.first;
            while index != crate::book::NONE {
                found.push(index);
                index = self.orders.detail(index).next;
            }
        }
        found.sort_unstable_by_key(|index| self.orders.detail(*index).key);
        found
    }

    /// Makes the venue's records of every account and listing that settlement has.
    pub(crate) fn grow(&mut self) {
        for (account, _) in self.state.accounts().iter() {
            self.accounts.ensure(account);
        }
        let listings: Vec<u32> = self
            .state
            .instruments()
            .iter()
            .map(|(listing, _)| listing)
            .collect();
        for listing in listings {
            self.add_listing(listing);
        }
    }

    /// Makes the venue's records of a listing.
    pub(crate) fn add_listing(&mut self, listing: u32) {
        self.books.ensure(listing);
        self.versions.ensure(listing);
        self.watch_listing(listing);
    }

    /// Of a group's rows; 0 without rows.
    pub(crate) fn rows_version(&self, group: u16) -> u64 {
        self.state.risk(group).map_or(0, |risk| risk.version())
    }

    /// Gives the group's listings a new version where the margin of their orders changed.
    pub(crate) fn refresh_group(&mut self, group: u16) {
        self.has_sets |= self.state.risk(group).is_some();
        let rows = self.rows_version(group);
        for listing in self.state.listings_of(group) {
            let quote = self
                .state
                .quote(*listing)
                .expect("invariant: a listing has its quote");
            let taker_fee = self
                .state
                .instrument(*listing)
                .expect("invariant: it is listed")
                .taker_fee;
            let known = &mut self.versions[*listing as usize - 1];
            let same = (known.mark, known.taker_fee, known.rows) == (quote.mark, taker_fee, rows);
            if known.version == 0 || !same {
                let version = known.version + 1;
                *known = MarketVersion {
                    mark: quote.mark,
                    taker_fee,
                    rows,
                    version,
                };
            }
        }
    }
}

//! Vectors of version 2: received in one command, taken up in another (derivatives, section 3).

use std::sync::Arc;

use merkat_pricing::SurfaceVector;
use merkat_settle::NodeSignature;
use merkat_settle::ops::{Epoch, MicroOp};
use merkat_settle::order::AnyVector;
use merkat_settle::surfaces::{PreparedRows, RowInputs};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

use crate::command::{Activate, SignedVector};
use crate::engine::Engine;
use crate::events::Event;

/// The row root of a vector that makes no rows.
const NO_ROWS: [u8; 31] = [0; 31];

/// A vector that waits for its rows.
#[derive(Clone, Debug)]
pub(crate) struct PendingVector {
    pub vector: SurfaceVector,
    pub signatures: Vec<NodeSignature>,
    /// Who signed, one a signature: the nodes may change until it is taken up.
    pub signers: Vec<Address>,
}

/// All that the rows of a pending vector depend on, to be built on any thread.
#[derive(Clone, Debug)]
pub struct RowJob {
    vector: SurfaceVector,
    /// Nothing where the vector will be held; a refusal where `activate` would drop it.
    inputs: Result<Option<RowInputs>, Refusal>,
}

/// What a [`RowJob`] makes.
#[derive(Clone, Debug)]
pub struct OfferedRows {
    group: u16,
    /// Nothing where the vector will be held, or its rows are refused.
    built: Option<PreparedRows>,
}

impl RowJob {
    /// The pending vector.
    #[must_use]
    pub fn vector(&self) -> &SurfaceVector {
        &self.vector
    }

    /// Builds the rows: a pure function.
    ///
    /// # Errors
    /// What `activate` will refuse the vector with.
    pub fn build(self) -> Result<OfferedRows, Refusal> {
        let group = self.vector.group;
        let built = self.inputs?.map(RowInputs::prepare).transpose()?;
        Ok(OfferedRows { group, built })
    }
}

impl OfferedRows {
    /// What `activate` has to name.
    #[must_use]
    pub fn root(&self) -> [u8; 31] {
        root_of(self.built.as_ref())
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.built
            .as_ref()
            .map_or(0, |built| built.rows().rows().len())
    }
}

fn root_of(rows: Option<&PreparedRows>) -> [u8; 31] {
    rows.map_or(NO_ROWS, |rows| rows.commitment().root)
}

impl Engine {
    /// The vector of version 2 becomes the group's pending one.
    pub(crate) fn receive(
        &mut self,
        epoch: &SignedVector,
        vector: &SurfaceVector,
        signers: &[Address],
    ) -> Result<(), Refusal> {
        let pending = PendingVector {
            vector: vector.clone(),
            signatures: epoch.signatures.clone(),
            signers: signers.to_vec(),
        };
        self.check_epoch(&self.epoch_op(&pending))?;
        let (group, number, time_ns) = (vector.group, vector.number, vector.time_ns);
        self.vectors.insert(group, pending);
        self.event(Event::EpochReceived {
            group,
            number,
            time_ns,
        });
        Ok(())
    }

    /// The micro-op of a pending vector, without rows; without signatures where they are no quorum, which E-06 refuses.
    fn epoch_op(&self, pending: &PendingVector) -> Epoch {
        let PendingVector {
            vector,
            signatures,
            signers,
        } = pending;
        let quorum = self.is_quorum(vector.group, signatures, signers);
        Epoch {
            vector: AnyVector::Two(vector.clone()),
            signatures: if quorum {
                signatures.clone()
            } else {
                Vec::new()
            },
            chunk_hashes: Vec::new(),
        }
    }

    fn check_epoch(&self, op: &Epoch) -> Result<(), Refusal> {
        self.state
            .check_epoch(&op.vector, &op.signatures, self.time_ns)
    }

    /// The pending vectors, ascending by group.
    pub fn pending_vectors(&self) -> impl Iterator<Item = &SurfaceVector> {
        self.vectors.values().map(|pending| &pending.vector)
    }

    /// What a worker needs to build the rows of a group's pending vector; nothing if it has none.
    #[must_use]
    pub fn row_job(&self, group: u16) -> Option<RowJob> {
        let pending = self.vectors.get(&group)?;
        let vector = pending.vector.clone();
        // Listings may have come since the vector was received: only what holds now has rows.
        let checked = self.check_epoch(&self.epoch_op(pending));
        let inputs = checked.map(|()| self.row_inputs(&vector));
        Some(RowJob { vector, inputs })
    }

    fn row_inputs(&self, vector: &SurfaceVector) -> Option<RowInputs> {
        let taken = self.state.would_take(vector.group, vector.index);
        taken.then(|| self.state.row_inputs(vector))
    }

    /// Rows that a worker has built. They are used by `activate` if they are those of the pending vector then.
    pub fn offer_rows(&mut self, rows: OfferedRows) {
        if let Some(built) = rows.built {
            self.offered.insert(rows.group, built);
        }
    }

    /// The rows that a vector makes, offered or built here.
    fn rows_of(&mut self, vector: &SurfaceVector) -> Result<Option<PreparedRows>, Refusal> {
        let Some(inputs) = self.row_inputs(vector) else {
            return Ok(None);
        };
        match self.offered.remove(&vector.group) {
            Some(built) if *built.inputs() == inputs => Ok(Some(built)),
            _ => inputs.prepare().map(Some),
        }
    }

    /// The pending vector takes effect.
    pub(crate) fn activate(&mut self, command: &Activate) -> Result<(), Refusal> {
        let group = command.group;
        let waiting = self.vectors.get(&group).cloned();
        let waiting = waiting.filter(|pending| pending.vector.number == command.number);
        let none = Refusal::new(code::A01_NO_PENDING, field::NUMBER);
        let pending = waiting.ok_or(none)?;
        let mut op = self.epoch_op(&pending);
        let checked = self.check_epoch(&op);
        let rows = match checked.and_then(|()| self.rows_of(&pending.vector)) {
            Ok(rows) => rows,
            Err(refusal) => {
                self.vectors.remove(&group);
                return Err(refusal);
            }
        };
        let root = root_of(rows.as_ref());
        if let Err(refusal) = require(root == command.row_root, code::A02_WRONG_ROWS, field::ROWS) {
            // The vector stays, and so do its rows.
            self.offered.extend(rows.map(|built| (group, built)));
            return Err(refusal);
        }
        self.vectors.remove(&group);
        self.sweep_expired(Some(group));
        let gap_ns = self.gap(group);
        if let Some(built) = &rows {
            op.chunk_hashes.clone_from(&built.commitment().chunks);
        }
        let fixed = self.take_up(&pending.vector, &op, rows);
        if let Some(samples) = fixed {
            self.delivery_fixed(group, samples);
        }
        self.after_oracle(group, gap_ns);
        Ok(())
    }

    /// Emits the micro-op of a checked vector and says what came of it; gives the samples of a delivery price.
    fn take_up(
        &mut self,
        vector: &SurfaceVector,
        op: &Epoch,
        rows: Option<PreparedRows>,
    ) -> Option<u32> {
        let taken = rows.is_some();
        let effect = self.emit_with_rows(&MicroOp::Epoch(op.clone()), rows.as_ref());
        let (held, fixed) = self.epoch_effect(vector.group, effect);
        self.event(Event::Epoch {
            group: vector.group,
            number: vector.number,
            time_ns: vector.time_ns,
            index: vector.index,
            basis: vector.basis,
            held,
        });
        if taken {
            self.row_events(vector.group);
            self.greeks_events(vector.group);
        }
        fixed
    }

    fn row_events(&mut self, group: u16) {
        let rows = self.state.risk(group).and_then(|risk| risk.rows());
        let Some(rows) = rows.map(Arc::clone) else {
            return;
        };
        for row in rows.rows() {
            self.event(Event::Row {
                listing: row.listing,
                mark: row.mark,
                delta: row.delta,
                gamma: row.gamma,
                vega: row.vega,
                theta: row.theta,
            });
        }
    }

    /// What every account of a group holds in Greeks.
    fn greeks_events(&mut self, group: u16) {
        let mut found = Vec::new();
        for (account, leaf) in self.state.accounts().iter() {
            if let Some(greeks) = self.greeks_of(leaf, group) {
                found.push((account, greeks));
            }
        }
        for (account, greeks) in found {
            self.event(Event::AccountGreeks {
                account,
                group,
                delta: greeks.delta,
                gamma: greeks.gamma,
                vega: greeks.vega,
                theta: greeks.theta,
            });
        }
    }
}

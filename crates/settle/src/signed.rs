//! What the signatures of a micro-op are over, so that they can be recovered before the machine comes to it.

use crate::ops::MicroOp;
use crate::typed_data::Domain;
use alloc::vec::Vec;
use merkat_values::Signature;

impl MicroOp {
    /// The EIP-712 digest of every signature that the op carries, with the signature, in the order of its bytes.
    #[must_use]
    pub fn signed_digests(&self, domain: &Domain) -> Vec<([u8; 32], Signature)> {
        let (digest, nodes) = match self {
            Self::Withdraw(op) => return Vec::from([(domain.withdraw(op), op.signature)]),
            Self::Transfer(op) => return Vec::from([(domain.transfer(op), op.signature)]),
            Self::OrderOpen(op) => return Vec::from([(domain.order(&op.order), op.signature)]),
            Self::Floor(op) => return Vec::from([(domain.floor(op), op.signature)]),
            Self::MarginMode(op) => return Vec::from([(domain.margin_mode(op), op.signature)]),
            Self::SessionOpen(op) => return Vec::from([(domain.session_open(op), op.signature)]),
            Self::SessionRevoke(op) => {
                return Vec::from([(domain.session_revoke(op), op.signature)]);
            }
            Self::Epoch(op) => (domain.vector(&op.vector), &op.signatures),
            Self::Heartbeat(op) => (domain.heartbeat(op), &op.signatures),
            _ => return Vec::new(),
        };
        nodes.iter().map(|node| (digest, node.signature)).collect()
    }
}

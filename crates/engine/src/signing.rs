//! What the signatures of a command are over: EIP-712 digests in the order in which the command carries them.

use merkat_settle::Domain;
use merkat_values::Signature;

use crate::command::{Command, signature_count};

/// A digest with the signature that a command carries for it.
pub type SignedDigest = ([u8; 32], Signature);

/// The digest of every signature of a command, as many as `signature_count` says. A command that is malformed otherwise
/// has signatures over nothing: they name nobody.
#[must_use]
pub fn signed_digests(domain: &Domain, command: &[u8]) -> Vec<SignedDigest> {
    let Ok(decoded) = Command::decode(command) else {
        return vec![([0; 32], [0; 65]); signature_count(command)];
    };
    match decoded {
        Command::Place(signed) | Command::Amend(signed) | Command::Renew(signed) => {
            vec![(domain.order(&signed.order), signed.signature)]
        }
        Command::Cancel(cancel) => {
            let digest = domain.cancel(
                cancel.account,
                cancel.slot,
                cancel.expiry_hour,
                cancel.counter,
                cancel.nonce,
            );
            vec![(digest, cancel.signature)]
        }
        Command::Floor(floor) => vec![(domain.floor(&floor), floor.signature)],
        Command::Withdraw(withdraw) => vec![(domain.withdraw(&withdraw), withdraw.signature)],
        Command::Transfer(transfer) => vec![(domain.transfer(&transfer), transfer.signature)],
        Command::MarginMode(mode) => vec![(domain.margin_mode(&mode), mode.signature)],
        Command::SessionOpen(open) => vec![(domain.session_open(&open), open.signature)],
        Command::SessionRevoke(revoke) => {
            vec![(domain.session_revoke(&revoke), revoke.signature)]
        }
        Command::Epoch(epoch) => {
            let digest = domain.vector(&epoch.vector);
            epoch
                .signatures
                .iter()
                .map(|entry| (digest, entry.signature))
                .collect()
        }
        Command::Heartbeat(heartbeat) => {
            let digest = domain.heartbeat(&heartbeat);
            heartbeat
                .signatures
                .iter()
                .map(|entry| (digest, entry.signature))
                .collect()
        }
        Command::Activate(_) | Command::Tick | Command::Inbox { .. } => Vec::new(),
    }
}

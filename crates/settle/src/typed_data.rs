//! What wallets and oracle nodes sign: EIP-712 digests (formats.md section 3, sessions.md section 1).

use crate::ops::{Floor, Heartbeat, MarginMode, SessionOpen, SessionRevoke, Transfer, Withdraw};
use crate::order::{AnyVector, Order, Vector};
use merkat_values::Address;
use merkat_values::keccak::keccak256;

/// The venue's domain: chain, contract and salt are its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    separator: [u8; 32],
}

/// The contract in the domain until a Vault is deployed: the ASCII text `merkat-vault-version`.
pub const VAULT_PLACEHOLDER: Address = *b"merkat-vault-version";

const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,uint256 chainId,\
address verifyingContract,bytes32 salt)";
const ORDER_TYPE: &str = "Order(uint32 account,uint8 slot,uint32 listing,uint8 side,uint8 flags,\
int64 limitPrice,int64 size,int64 feeCap,uint64 expiry,uint40 counter,uint32 version,uint64 nonce,\
uint32 renewsHour,uint40 renewsCounter)";
const CANCEL_TYPE: &str =
    "Cancel(uint32 account,uint8 slot,uint32 expiryHour,uint40 counter,uint64 nonce)";
const FLOOR_TYPE: &str = "Floor(uint32 account,uint40 floor,uint64 nonce)";
const WITHDRAW_TYPE: &str = "Withdraw(uint32 account,uint8 token,uint128 amount,uint64 nonce)";
const TRANSFER_TYPE: &str = "Transfer(uint32 account,uint32 toAccount,uint128 amount,uint64 nonce)";
const EPOCH_TYPE: &str = "Epoch(uint16 group,uint64 number,uint64 time,bytes31 previous,\
int64 index,int64 basis,int64 premium)";
const SURFACE_TYPE: &str = "Surface(bytes vector)";
const MARGIN_MODE_TYPE: &str = "MarginMode(uint32 account,uint8 mode,uint64 nonce)";
const SESSION_OPEN_TYPE: &str = "SessionOpen(uint32 account,uint8 slot,uint8 scheme,address key,\
uint64 groups,uint8 kinds,uint64 notional,uint64 expiry,uint64 nonce)";
const SESSION_REVOKE_TYPE: &str =
    "SessionRevoke(uint32 account,uint8 slot,uint40 floor,uint64 nonce)";
const HEARTBEAT_TYPE: &str = "Heartbeat(uint16 group,uint64 number,uint64 time,bytes31 vector)";
const RECEIPT_TYPE: &str = "Receipt(bytes32 venueSalt,uint64 logNumber,bytes32 commandHash,\
bytes32 journalHash)";

type Word = [u8; 32];

fn unsigned(value: impl Into<u128>) -> Word {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.into().to_be_bytes());
    word
}

fn signed(value: i64) -> Word {
    let mut word = if value < 0 { [0xff; 32] } else { [0; 32] };
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

/// An address stands at the low end of its word.
fn address(value: &Address) -> Word {
    let mut word = [0; 32];
    word[12..].copy_from_slice(value);
    word
}

/// A bytes31 stands at the high end of its word.
fn bytes31(value: &[u8; 31]) -> Word {
    let mut word = [0; 32];
    word[..31].copy_from_slice(value);
    word
}

impl Domain {
    /// The domain of a venue.
    #[must_use]
    pub fn new(chain_id: u64, verifying_contract: &Address, salt: &[u8; 32]) -> Self {
        let words = [
            keccak256(&[DOMAIN_TYPE.as_bytes()]),
            keccak256(&[b"merkat"]),
            keccak256(&[b"1"]),
            unsigned(chain_id),
            address(verifying_contract),
            *salt,
        ];
        let separator = keccak256(&[words.as_flattened()]);
        Self { separator }
    }

    /// The domain separator.
    #[must_use]
    pub fn separator(&self) -> [u8; 32] {
        self.separator
    }

    fn digest<const WORDS: usize>(&self, type_string: &str, words: [Word; WORDS]) -> Word {
        let type_hash = keccak256(&[type_string.as_bytes()]);
        let struct_hash = keccak256(&[&type_hash, words.as_flattened()]);
        keccak256(&[&[0x19, 0x01], &self.separator, &struct_hash])
    }

    /// What the owner of an order signs.
    #[must_use]
    pub fn order(&self, order: &Order) -> Word {
        let words = [
            unsigned(order.account),
            unsigned(order.slot),
            unsigned(order.listing),
            unsigned(order.side),
            unsigned(order.flags),
            signed(order.limit_price),
            signed(order.size),
            signed(order.fee_cap),
            unsigned(order.expiry_ns),
            unsigned(order.counter),
            unsigned(order.version),
            unsigned(order.nonce),
            unsigned(order.renews_hour),
            unsigned(order.renews_counter),
        ];
        self.digest(ORDER_TYPE, words)
    }

    /// What the owner signs to cancel an order.
    #[must_use]
    pub fn cancel(
        &self,
        account: u32,
        slot: u8,
        expiry_hour: u32,
        counter: u64,
        nonce: u64,
    ) -> Word {
        let words = [
            unsigned(account),
            unsigned(slot),
            unsigned(expiry_hour),
            unsigned(counter),
            unsigned(nonce),
        ];
        self.digest(CANCEL_TYPE, words)
    }

    /// What the owner signs to raise the floor.
    #[must_use]
    pub fn floor(&self, op: &Floor) -> Word {
        let words = [unsigned(op.account), unsigned(op.floor), unsigned(op.nonce)];
        self.digest(FLOOR_TYPE, words)
    }

    /// What the owner signs to withdraw.
    #[must_use]
    pub fn withdraw(&self, op: &Withdraw) -> Word {
        let words = [
            unsigned(op.account),
            unsigned(op.token),
            unsigned(op.amount),
            unsigned(op.nonce),
        ];
        self.digest(WITHDRAW_TYPE, words)
    }

    /// What the owner signs to transfer.
    #[must_use]
    pub fn transfer(&self, op: &Transfer) -> Word {
        let words = [
            unsigned(op.account),
            unsigned(op.to_account),
            unsigned(op.amount),
            unsigned(op.nonce),
        ];
        self.digest(TRANSFER_TYPE, words)
    }

    /// What the owner signs to choose a margin mode.
    #[must_use]
    pub fn margin_mode(&self, op: &MarginMode) -> Word {
        let words = [unsigned(op.account), unsigned(op.mode), unsigned(op.nonce)];
        self.digest(MARGIN_MODE_TYPE, words)
    }

    /// What the owner signs to open a session.
    #[must_use]
    pub fn session_open(&self, op: &SessionOpen) -> Word {
        let words = [
            unsigned(op.account),
            unsigned(op.slot),
            unsigned(op.session.scheme),
            address(&op.session.key),
            unsigned(op.session.groups),
            unsigned(op.session.kinds),
            unsigned(op.session.notional),
            unsigned(op.session.expiry_ns),
            unsigned(op.nonce),
        ];
        self.digest(SESSION_OPEN_TYPE, words)
    }

    /// What the owner signs to revoke one.
    #[must_use]
    pub fn session_revoke(&self, op: &SessionRevoke) -> Word {
        let words = [
            unsigned(op.account),
            unsigned(op.slot),
            unsigned(op.floor),
            unsigned(op.nonce),
        ];
        self.digest(SESSION_REVOKE_TYPE, words)
    }

    /// What an oracle node signs for a vector of either version.
    #[must_use]
    pub fn vector(&self, vector: &AnyVector) -> Word {
        match vector {
            AnyVector::One(vector) => self.epoch(vector),
            AnyVector::Two(vector) => self.surface(&vector.bytes()),
        }
    }

    /// What an oracle node signs for a vector of version 2, given all its bytes.
    #[must_use]
    pub fn surface(&self, vector: &[u8]) -> Word {
        self.digest(SURFACE_TYPE, [keccak256(&[vector])])
    }

    /// What an oracle node signs for a vector of version 1.
    #[must_use]
    pub fn epoch(&self, vector: &Vector) -> Word {
        let words = [
            unsigned(vector.group),
            unsigned(vector.number),
            unsigned(vector.time_ns),
            bytes31(&vector.previous),
            signed(vector.index),
            signed(vector.basis),
            signed(vector.premium),
        ];
        self.digest(EPOCH_TYPE, words)
    }

    /// What an oracle node signs for a heartbeat.
    #[must_use]
    pub fn heartbeat(&self, op: &Heartbeat) -> Word {
        let words = [
            unsigned(op.group),
            unsigned(op.number),
            unsigned(op.time_ns),
            bytes31(&op.vector_hash),
        ];
        self.digest(HEARTBEAT_TYPE, words)
    }

    /// What the sequencer signs for a command that the journal holds.
    #[must_use]
    pub fn receipt(
        &self,
        venue_salt: &[u8; 32],
        log_number: u64,
        command_hash: &[u8; 32],
        journal_hash: &[u8; 32],
    ) -> Word {
        let words = [
            *venue_salt,
            unsigned(log_number),
            *command_hash,
            *journal_hash,
        ];
        self.digest(RECEIPT_TYPE, words)
    }
}

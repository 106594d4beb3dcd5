//! Snapshot and digests (formats, section 8).

use merkat_commit::Committer;
use merkat_pricing::SurfaceVector;
use merkat_settle::order::{read_signatures, write_signatures};
use merkat_settle::{Domain, NodeSignature, Order, OrderKey, Session, State};
use merkat_values::Address;
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::constants::SLOTS;
use merkat_values::keccak::keccak256;

use crate::accounts::{NONCES, NonceWindow};
use crate::book::{BUY, SELL};
use crate::engine::Engine;
use crate::error::SnapshotError;
use crate::signing::SignedDigest;
use crate::surface::PendingVector;

/// Bytes of an account record without windows of nonces.
const ACCOUNT_BYTES: usize = 4 + 8 + 1 + 8 + 1;
const BOOK_BYTES: usize = 4 + 4 + 4;
/// Bytes of a pending vector without expiries and signatures.
const VECTOR_BYTES: usize = 2 + 2 + SurfaceVector::bytes_of(0) + 2 + 1;
const RESTING_BYTES: usize = Order::BYTES + 65 + 8 + 4;

type Result<T> = std::result::Result<T, SnapshotError>;

fn bad<T>(message: impl Into<String>) -> Result<T> {
    Err(SnapshotError(message.into()))
}

/// The field that ended too early.
fn cut(what: &'static str) -> impl Fn(Short) -> SnapshotError {
    move |_| SnapshotError(format!("it ends inside {what}"))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32(u32::try_from(count).expect("invariant: fewer than 2^32 entries"));
}

fn put_framed(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u16(u16::try_from(bytes.len()).expect("invariant: a vector is short"));
    out.put(bytes);
}

impl Engine {
    /// The root over the settlement leaves.
    pub fn state_root(&mut self) -> [u8; 32] {
        self.committer.root(&mut self.state)
    }

    /// keccak of the venue part of a snapshot.
    #[must_use]
    pub fn venue_digest(&self) -> [u8; 32] {
        keccak256(&[&self.venue_part()])
    }

    /// Everything, as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = self.state.encode();
        out.extend_from_slice(&self.venue_part());
        out
    }

    fn venue_part(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_u64(self.log_number);
        out.put_u64(self.time_ns);
        put_count(&mut out, self.state.accounts().len());
        for (account, _) in self.state.accounts().iter() {
            let record = &self.accounts[account as usize - 1];
            out.put_u32(account);
            out.put_u64(record.strict_nonce);
            out.put_u8(record.empty_slices);
            out.put_u64(record.visited_time);
            out.put_u8(record.windows().count() as u8); // At most 16.
            for (slot, window) in record.windows() {
                out.put_u8(slot);
                out.put_u8(window.used().len() as u8); // At most 100.
                window.used().iter().for_each(|nonce| out.put_u64(*nonce));
            }
        }
        put_count(&mut out, self.state.instruments().len());
        for (listing, _) in self.state.instruments().iter() {
            out.put_u32(listing);
            self.put_side(&mut out, listing, BUY);
            self.put_side(&mut out, listing, SELL);
        }
        put_count(&mut out, self.pending.len());
        for group in &self.pending {
            out.put_u16(*group);
        }
        put_count(&mut out, self.vectors.len());
        for (group, pending) in &self.vectors {
            out.put_u16(*group);
            put_framed(&mut out, &pending.vector.bytes());
            let mut signatures = Vec::new();
            write_signatures(&pending.signatures, &mut signatures);
            put_framed(&mut out, &signatures);
        }
        out
    }

    fn put_side(&self, out: &mut Vec<u8>, listing: u32, side: u8) {
        let book = &self.books[listing as usize - 1];
        put_count(out, book.orders(&self.orders.slab, side).count());
        for index in book.orders(&self.orders.slab, side) {
            let detail = self.orders.detail(index);
            detail.order.write(out);
            out.put(&detail.signature);
            out.put_i64(detail.filled);
            out.put_u32(detail.opened_version);
        }
    }

    /// The engine that made a snapshot.
    ///
    /// # Errors
    /// `SnapshotError` with the first thing that is not as this version writes it.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self> {
        let (state, read) =
            State::decode(bytes).map_err(|error| SnapshotError(error.to_string()))?;
        let mut engine = Self {
            state,
            committer: Committer::new(),
            ..Self::default()
        };
        engine.grow();
        for group in 0..engine.state.globals().next_group {
            engine.refresh_group(group);
            if engine.state.groups()[usize::from(group)].has_risk_set() {
                engine.settling.insert(group);
            }
        }
        let reader = &mut Reader::new(&bytes[read..]);
        engine.log_number = reader.u64().map_err(cut("the log number"))?;
        engine.time_ns = reader.u64().map_err(cut("the time"))?;
        let globals = engine.state.globals();
        if engine.log_number < globals.log_number || engine.time_ns < globals.time_ns {
            return bad("the venue's log number or time is before that of its settlement part");
        }
        if engine.log_number >= 1 << 63 || engine.time_ns >= 1 << 63 {
            return bad("the venue's log number or time is not below 2^63");
        }
        engine.read_accounts(reader)?;
        engine.read_books(reader)?;
        engine.read_pending(reader)?;
        engine.read_vectors(reader)?;
        if !reader.is_done() {
            return bad(format!("{} bytes follow its end", reader.left()));
        }
        Ok(engine)
    }

    fn read_accounts(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let expected = self.state.accounts().len();
        let count = read_count(reader, "account records", ACCOUNT_BYTES)?;
        if count != expected {
            return bad(format!(
                "it has {count} account records, expected {expected}: one each"
            ));
        }
        let numbers: Vec<u32> = self
            .state
            .accounts()
            .iter()
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            self.read_account(reader, number).map_err(|error| {
                SnapshotError(format!("account record of account {number}: {}", error.0))
            })?;
        }
        Ok(())
    }

    fn read_account(&mut self, reader: &mut Reader<'_>, number: u32) -> Result<()> {
        let end = cut("the record");
        let account = reader.u32().map_err(&end)?;
        if account != number {
            return bad(format!("it names account {account}: one each, ascending"));
        }
        let nonce = self.leaf(account).nonce;
        let record = &mut self.accounts[account as usize - 1];
        record.strict_nonce = reader.u64().map_err(&end)?;
        record.empty_slices = reader.u8().map_err(&end)?;
        record.visited_time = reader.u64().map_err(&end)?;
        if record.strict_nonce < nonce {
            return bad("strict_nonce is below the leaf's nonce");
        }
        let mut last_slot = None;
        for _ in 0..reader.u8().map_err(&end)? {
            let slot = reader.u8().map_err(&end)?;
            if slot >= SLOTS || last_slot.is_some_and(|last| last >= slot) {
                return bad("the windows of nonces are not of slots 0 to 15, ascending");
            }
            last_slot = Some(slot);
            read_window(reader, record.window(slot))?;
        }
        Ok(())
    }

    fn read_books(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let expected = self.state.instruments().len();
        let count = read_count(reader, "books", BOOK_BYTES)?;
        if count != expected {
            return bad(format!(
                "it has {count} books, expected {expected}: one a listing"
            ));
        }
        let listings: Vec<u32> = self
            .state
            .instruments()
            .iter()
            .map(|(number, _)| number)
            .collect();
        for listing in listings {
            let found = reader.u32().map_err(cut("a book"))?;
            if found != listing {
                return bad(format!("a book names listing {found}, expected {listing}"));
            }
            for side in [BUY, SELL] {
                let count = read_count(reader, "resting orders", RESTING_BYTES)?;
                let mut last = None;
                for _ in 0..count {
                    let ticks = self.read_resting(reader, listing, side).map_err(|error| {
                        SnapshotError(format!("book of listing {listing}: {}", error.0))
                    })?;
                    let better = last.is_some_and(|last| {
                        if side == BUY {
                            ticks > last
                        } else {
                            ticks < last
                        }
                    });
                    if better {
                        return bad(format!("the book of listing {listing} is not in priority"));
                    }
                    last = Some(ticks);
                }
            }
        }
        Ok(())
    }

    /// Reads one resting order and puts it at the end of its price's queue; gives its price in ticks.
    fn read_resting(&mut self, reader: &mut Reader<'_>, listing: u32, side: u8) -> Result<i64> {
        let end = cut("a resting order");
        let order = Order::read(reader).map_err(&end)?;
        let signature = reader.array().map_err(&end)?;
        let filled = reader.i64().map_err(&end)?;
        let opened_version = reader.u32().map_err(&end)?;
        let key = self.check_resting(&order, listing, side, filled, opened_version)?;
        let index = self.add_order(&order, &signature, key, order.limit_price);
        let detail = self.orders.detail_mut(index);
        (detail.filled, detail.opened_version) = (filled, opened_version);
        self.change_order(index, order.size - filled, order.limit_price);
        self.books[listing as usize - 1].insert(&mut self.orders.slab, index);
        self.orders.watch_expiry(index);
        Ok(self.orders.slab[index].ticks)
    }

    fn check_resting(
        &self,
        order: &Order,
        listing: u32,
        side: u8,
        filled: i64,
        opened_version: u32,
    ) -> Result<OrderKey> {
        if order.listing != listing || order.side != side {
            return bad("an order stands in another book or on another side than it says");
        }
        if self.state.account(order.account).is_none() {
            return bad(format!(
                "an order names account {}, which does not exist",
                order.account
            ));
        }
        if !matches!(order.flags, 0 | 2) || order.version == 0 || opened_version > order.version {
            return bad("an order has flags or versions that no resting order has");
        }
        let terms = self
            .check_price(order)
            .and_then(|()| self.check_size(order));
        let lot = self.instrument(listing).lot;
        if terms.is_err() || filled < 0 || filled >= order.size || filled % lot != 0 {
            return bad("an order has a price, size or filled size that no resting order has");
        }
        let session = self.state.sessions().get(order.account, order.slot);
        let outlived = session.is_some_and(|session| {
            session.state == Session::OPEN && session.expiry_ns >= order.expiry_ns
        });
        if order.slot > 0 && !outlived {
            return bad("an order of a session has none that lasts as long");
        }
        match order.key() {
            Some(key) if self.orders.find(key).is_none() => Ok(key),
            Some(_) => bad("two orders have the same key"),
            None => bad("an order's expiry is beyond the last hour of a key"),
        }
    }

    fn read_pending(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        for _ in 0..read_count(reader, "pending groups", 2)? {
            let group = reader.u16().map_err(cut("the pending groups"))?;
            if self.state.group(group).is_none() {
                return bad(format!("pending group {group} does not exist"));
            }
            if self.pending.last().is_some_and(|last| *last >= group) {
                return bad("the pending groups do not ascend");
            }
            self.pending.insert(group);
        }
        Ok(())
    }

    fn read_vectors(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let end = cut("the pending vectors");
        for _ in 0..read_count(reader, "pending vectors", VECTOR_BYTES)? {
            let group = reader.u16().map_err(&end)?;
            let vector = read_framed(reader, SurfaceVector::read)?;
            let signatures = read_framed(reader, read_signatures)?;
            let Some(leaf) = self.state.group(group) else {
                return bad(format!(
                    "a vector waits for group {group}, which does not exist"
                ));
            };
            if vector.group != group {
                return bad(format!("the vector of group {group} names another group"));
            }
            let last = self.vectors.last_key_value();
            if last.is_some_and(|(last, _)| *last >= group) {
                return bad("the pending vectors do not ascend");
            }
            // Who signed is not kept: the nodes of now, unless the caller recovers them.
            let node = |entry: &NodeSignature| leaf.nodes.get(usize::from(entry.node));
            let signers = signatures.iter().map(|entry| node(entry).copied());
            let signers = signers.map(Option::unwrap_or_default).collect();
            let pending = PendingVector {
                vector,
                signatures,
                signers,
            };
            self.vectors.insert(group, pending);
        }
        Ok(())
    }

    /// The groups with a pending vector, and the digest and signature of each of its signatures.
    #[must_use]
    pub fn pending_digests(&self, domain: &Domain) -> Vec<(u16, Vec<SignedDigest>)> {
        let digests = |pending: &PendingVector| {
            let digest = domain.surface(&pending.vector.bytes());
            let signed = pending.signatures.iter();
            signed.map(|entry| (digest, entry.signature)).collect()
        };
        let pending = self.vectors.iter();
        pending
            .map(|(group, pending)| (*group, digests(pending)))
            .collect()
    }

    /// Tells who signed a pending vector that came from a snapshot: the recovered address of each signature.
    ///
    /// # Panics
    /// If the group has no pending vector or the number of signers is not that of its signatures.
    pub fn set_pending_signers(&mut self, group: u16, signers: Vec<Address>) {
        let pending = self.vectors.get_mut(&group);
        let pending = pending.expect("the group has a pending vector");
        assert_eq!(
            signers.len(),
            pending.signatures.len(),
            "one signer for every signature"
        );
        pending.signers = signers;
    }
}

/// The nonces of a slot.
fn read_window(reader: &mut Reader<'_>, window: &mut NonceWindow) -> Result<()> {
    let end = cut("the nonces");
    let count = usize::from(reader.u8().map_err(&end)?);
    if !(1..=NONCES).contains(&count) {
        return bad(format!(
            "a window has {count} nonces, expected 1 to {NONCES}"
        ));
    }
    for _ in 0..count {
        let nonce = reader.u64().map_err(&end)?;
        if window.used().last().is_some_and(|last| *last >= nonce) {
            return bad("the nonces do not ascend");
        }
        window.add(nonce);
    }
    Ok(())
}

/// A part after its length as u16, all of which it must take.
fn read_framed<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> std::result::Result<T, Short>,
) -> Result<T> {
    let end = cut("the pending vectors");
    let length = reader.u16().map_err(&end)?;
    let bytes = reader.take(length.into()).map_err(&end)?;
    let inner = &mut Reader::new(bytes);
    match read(inner) {
        Ok(part) if inner.is_done() => Ok(part),
        _ => bad("a pending vector or its signatures are not of their length"),
    }
}

/// A count of entries of at least `least_bytes` each, for which bytes are left.
fn read_count(reader: &mut Reader<'_>, what: &'static str, least_bytes: usize) -> Result<usize> {
    let count = reader.u32().map_err(cut(what))? as usize;
    if count > reader.left() / least_bytes {
        return bad(format!(
            "it announces {count} {what}, its bytes cannot hold them"
        ));
    }
    Ok(count)
}

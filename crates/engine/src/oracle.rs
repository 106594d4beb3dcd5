//! inbox (rules 3.4), epoch and heartbeat (3.5), tick (3.6).

use merkat_settle::ops::{Epoch, Heartbeat, MicroOp};
use merkat_settle::order::AnyVector;
use merkat_settle::state::parameter;
use merkat_settle::{Effect, NodeSignature};
use merkat_values::codec::Reader;
use merkat_values::constants::{DAY_NS, HOUR_LIMIT, HOUR_NS, ITEM_BYTES, NODES_MAXIMUM, SECP256K1};
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal, scheme_of};

use crate::book::{BUY, SELL};
use crate::command::SignedVector;
use crate::engine::Engine;
use crate::events::{Event, Reason};

/// Expired orders that one tick cancels.
const EXPIRED_MAXIMUM: usize = 4_096;

/// The kind of the item that names a delivery price.
const DELIVER: u8 = 11;

impl Engine {
    /// The next item of the inbox.
    pub(crate) fn inbox(&mut self, index: u64, item: &[u8]) -> Result<(), Refusal> {
        let next = index == self.state.globals().inbox_cursor;
        require(next, code::C05_INBOX_INDEX, field::ITEM)?;
        require(
            ITEM_BYTES.contains(&item.len()),
            code::C06_ITEM_SIZE,
            field::ITEM,
        )?;
        let effect = self.emit(&MicroOp::Inbox(item.to_vec()));
        match effect {
            Effect::ItemRefused(Refusal { code, field }) => {
                self.event(Event::InboxRefused { index, code, field });
                return Ok(());
            }
            Effect::Deposited { account, .. } => self.accounts.ensure(account),
            Effect::Listed { listing } => self.add_listing(listing),
            _ => {}
        }
        if matches!(item[0], 2..=4 | 9..=11) {
            for group in 0..self.state.globals().next_group {
                self.refresh_group(group);
            }
        }
        if item[0] == DELIVER {
            let group = u16::from_be_bytes([item[2], item[3]]);
            self.delivery_fixed(group, 0);
            self.settle(group);
            return Ok(());
        }
        let event = item_event(item, effect);
        self.event(event);
        Ok(())
    }

    /// Whether the signatures are those of enough nodes of the group, in ascending order.
    pub(crate) fn is_quorum(
        &self,
        group: u16,
        signatures: &[NodeSignature],
        signers: &[Address],
    ) -> bool {
        let Some(group) = self.state.group(group) else {
            return false;
        };
        let ascending = signatures
            .windows(2)
            .all(|pair| pair[0].node < pair[1].node);
        let signed = signatures.iter().zip(signers).all(|(signature, signer)| {
            let node = usize::from(signature.node);
            let of_node = node < NODES_MAXIMUM && group.nodes[node] == *signer;
            of_node && *signer != [0; 20] && scheme_of(&signature.signature) == Some(SECP256K1)
        });
        ascending && signed && signatures.len() >= usize::from(group.threshold)
    }

    /// A new vector: taken up at once (version 1), or kept until its rows are there (version 2).
    pub(crate) fn epoch(
        &mut self,
        epoch: &SignedVector,
        signers: &[Address],
    ) -> Result<(), Refusal> {
        let vector = match &epoch.vector {
            AnyVector::One(vector) => *vector,
            AnyVector::Two(vector) => return self.receive(epoch, vector, signers),
        };
        let gap_ns = self.gap(vector.group);
        let signatures = if self.is_quorum(vector.group, &epoch.signatures, signers) {
            epoch.signatures.clone()
        } else {
            // Refused by E-06 unless an earlier rule fails.
            Vec::new()
        };
        let effect = self.try_emit(&MicroOp::Epoch(Epoch {
            vector: epoch.vector.clone(),
            signatures,
            chunk_hashes: Vec::new(),
        }))?;
        let (held, _) = self.epoch_effect(vector.group, effect);
        self.event(Event::Epoch {
            group: vector.group,
            number: vector.number,
            time_ns: vector.time_ns,
            index: vector.index,
            basis: vector.basis,
            held,
        });
        self.after_oracle(vector.group, gap_ns);
        Ok(())
    }

    /// The standing vector still holds.
    pub(crate) fn heartbeat(
        &mut self,
        beat: &Heartbeat,
        signers: &[Address],
    ) -> Result<(), Refusal> {
        let gap_ns = self.gap(beat.group);
        let mut op = beat.clone();
        if !self.is_quorum(beat.group, &beat.signatures, signers) {
            op.signatures.clear();
        }
        self.check_beat(&op)?;
        self.sweep_expired(Some(beat.group));
        let effect = self.try_emit(&MicroOp::Heartbeat(op))?;
        let (_, fixed) = self.epoch_effect(beat.group, effect);
        self.event(Event::Heartbeat {
            group: beat.group,
            number: beat.number,
            time_ns: beat.time_ns,
        });
        if let Some(samples) = fixed {
            self.delivery_fixed(beat.group, samples);
        }
        self.after_oracle(beat.group, gap_ns);
        Ok(())
    }

    /// E-01 to E-06 of a heartbeat: what is swept before it must not be swept for one that is refused.
    fn check_beat(&self, beat: &Heartbeat) -> Result<(), Refusal> {
        let group = self.state.group(beat.group);
        let group = group.ok_or(Refusal::new(code::E01_EPOCH_GROUP, field::GROUP))?;
        let standing = beat.number == group.epoch_number && beat.number >= 1;
        require(standing, code::E02_EPOCH_NUMBER, field::NUMBER)?;
        let same = beat.vector_hash == group.input_hash;
        require(same, code::E03_EPOCH_PREVIOUS, field::PREVIOUS)?;
        let timely = beat.time_ns > group.epoch_time_ns && beat.time_ns <= self.time_ns;
        require(timely, code::E04_EPOCH_TIME, field::TIME)?;
        let enough = beat.signatures.len() >= usize::from(group.threshold);
        require(enough, code::E06_EPOCH_QUORUM, field::SIGNATURES)
    }

    /// The event of a closed hour; gives what the held run has and the samples of a delivery price that was fixed.
    pub(crate) fn epoch_effect(&mut self, group: u16, effect: Effect) -> (u8, Option<u32>) {
        let Effect::Epoch {
            held,
            funding,
            fixed,
        } = effect
        else {
            panic!("invariant: a vector has the effect of one");
        };
        if let Some(paid) = funding {
            let (hour, rate, cumulative) = (paid.hour, paid.rate, paid.cumulative);
            self.event(Event::Funding {
                group,
                hour,
                rate,
                cumulative,
            });
        }
        (held, fixed.map(|fixed| fixed.samples))
    }

    /// The time since the group's last vector or heartbeat, 0 before the first.
    pub(crate) fn gap(&self, group: u16) -> u64 {
        let group = self.state.group(group).filter(|group| group.had_vector());
        group.map_or(0, |group| self.time_ns - group.epoch_time_ns)
    }

    /// What follows the events of a vector or heartbeat.
    pub(crate) fn after_oracle(&mut self, group: u16, gap_ns: u64) {
        self.refresh_group(group);
        self.settle(group);
        let leaf = self
            .state
            .group(group)
            .expect("invariant: the vector was accepted");
        if gap_ns > leaf.unsigned(parameter::HALT_NS) {
            self.event(Event::GapEnded { group, gap_ns });
            self.cancel_outside_band(group);
        }
        self.waterfall(group);
    }

    /// Orders that would trade too far from the mark of today.
    fn cancel_outside_band(&mut self, group: u16) {
        for listing in self.state.listings_of(group).to_vec() {
            let quote = self.quote(listing);
            let book = &self.books[listing as usize - 1];
            let mut outside = Vec::new();
            for side in [BUY, SELL] {
                outside.extend(book.orders(&self.orders.slab, side).take_while(|index| {
                    let limit = self.orders.detail(*index).order.limit_price;
                    if side == BUY {
                        limit > quote.mark + quote.band
                    } else {
                        limit < quote.mark - quote.band
                    }
                }));
            }
            for index in outside {
                self.cancel(index, Reason::Band);
            }
        }
    }

    /// Time passes: expired orders leave, stopped settlings and waterfalls go on, old hours are dropped.
    pub(crate) fn tick(&mut self) {
        self.sweep_expired(None);
        for _ in 0..EXPIRED_MAXIMUM {
            let Some(index) = self.orders.next_expired(self.time_ns) else {
                break;
            };
            self.cancel(index, Reason::Expired);
        }
        let settling: Vec<u16> = self.settling.iter().copied().collect();
        for group in settling {
            self.settle(group);
        }
        let pending: Vec<u16> = self.pending.iter().copied().collect();
        for group in pending {
            self.waterfall(group);
        }
        let week = 7 * DAY_NS;
        let over =
            |hour: u32| hour < HOUR_LIMIT && (u64::from(hour) + 1) * HOUR_NS + week <= self.time_ns;
        let hours: Vec<u32> = self
            .state
            .orders()
            .hours()
            .take_while(|hour| over(*hour))
            .collect();
        for hour in hours {
            self.emit(&MicroOp::DropHour(hour));
            self.event(Event::HourDropped { hour });
        }
    }
}

/// The event of an item that was accepted.
fn item_event(item: &[u8], effect: Effect) -> Event {
    let read = |item: &[u8]| {
        let reader = &mut Reader::new(&item[2..]);
        Ok::<_, merkat_values::codec::Short>(match (item[0], effect) {
            (1, Effect::Deposited { account, opened }) => {
                let token = reader.u8()?;
                reader.take(20 + 4)?;
                Event::Deposited {
                    token,
                    account,
                    amount: reader.u128()?,
                    opened,
                }
            }
            (2, _) => Event::GroupSet {
                group: reader.u16()?,
            },
            (3, Effect::Listed { listing }) => {
                reader.u8()?;
                Event::Listed {
                    listing,
                    group: reader.u16()?,
                }
            }
            (4, _) => Event::InstrumentSet {
                listing: reader.u32()?,
                state: reader.u8()?,
            },
            (5, _) => Event::VenueSet,
            (6, Effect::FundDeposited { fund }) => Event::FundDeposited {
                group: reader.u16()?,
                amount: reader.u128()?,
                fund,
            },
            (7, Effect::FeesSwept { amount, repaid }) => Event::FeesSwept {
                account: reader.u32()?,
                amount,
                repaid,
            },
            (8, Effect::ForcedWithdrawn { amount, claimable }) => {
                let account = reader.u32()?;
                reader.take(20)?;
                Event::ForcedWithdrawn {
                    account,
                    token: reader.u8()?,
                    asked: reader.u128()?,
                    amount,
                    claimable,
                }
            }
            (9, _) => Event::RiskSet {
                group: reader.u16()?,
            },
            (10, Effect::Listed { listing }) => {
                reader.u8()?;
                Event::Listed {
                    listing,
                    group: reader.u16()?,
                }
            }
            (kind, _) => panic!("invariant: an accepted item of kind {kind} has its effect"),
        })
    };
    read(item).expect("invariant: an accepted item has its exact length")
}

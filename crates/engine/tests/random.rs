//! Random streams: no byte string panics, invariants hold, a restored engine goes on alike.

mod common;

use common::*;
use merkat_engine::Engine;
use merkat_settle::Order;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    Order {
        account: u32,
        side: u8,
        flags: u8,
        offset: i64,
        lots: i64,
        kind: u8,
        slot: u8,
    },
    Session {
        account: u32,
        slot: u8,
        usd: u64,
        seconds: u64,
    },
    Revoke {
        account: u32,
        slot: u8,
        floor: u64,
    },
    Mutated {
        byte: usize,
        value: u8,
        kind: u8,
    },
    Cancel(u32, u8),
    Floor(u32, u64),
    Cash {
        account: u32,
        to: u32,
        amount: u64,
    },
    Deposit(u32, u64),
    Force(u32, u64),
    Epoch(i64),
    Heartbeat,
    Tick(u64),
    State(u8, i64, i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Bytes),
        20 => (1u32..9, 0u8..2, prop_oneof![Just(0u8), Just(1), Just(2), Just(5)], -300i64..300, 1i64..4_000_000, 1u8..4, 0u8..4)
            .prop_map(|(account, side, flags, offset, lots, kind, slot)| Step::Order { account, side, flags, offset, lots, kind, slot }),
        1 => (1u32..9, 0u8..4, 1u64..4_000_000, 1u64..400)
            .prop_map(|(account, slot, usd, seconds)| Step::Session { account, slot, usd, seconds }),
        1 => (1u32..9, 0u8..4, 0u64..40).prop_map(|(account, slot, floor)| Step::Revoke { account, slot, floor }),
        2 => (0usize..140, any::<u8>(), 1u8..11).prop_map(|(byte, value, kind)| Step::Mutated { byte, value, kind }),
        2 => (1u32..9, 0u8..4).prop_map(|(account, slot)| Step::Cancel(account, slot)),
        1 => (1u32..9, 0u64..40).prop_map(|(account, floor)| Step::Floor(account, floor)),
        2 => (1u32..10, 0u32..10, 0u64..2_000_000).prop_map(|(account, to, amount)| Step::Cash { account, to, amount }),
        1 => (1u32..9, 1u64..1_000_000).prop_map(|(account, usd)| Step::Deposit(account, usd)),
        1 => (0u32..10, 0u64..2_000_000).prop_map(|(account, usd)| Step::Force(account, usd)),
        6 => (-4_000i64..4_000).prop_map(Step::Epoch),
        1 => Just(Step::Heartbeat),
        3 => (1u64..4_000).prop_map(Step::Tick),
        1 => (1u8..3, -500_000i64..500_000, 0i64..1_000_000).prop_map(|(state, maker, taker)| Step::State(state, maker, taker)),
        1 => Just(Step::Restart),
    ]
}

struct Player {
    venue: Venue,
    index: i64,
    last: Vec<Order>,
}

impl Player {
    fn new() -> Self {
        let mut venue = Venue::open(8);
        venue.fund(0, 1_000_000);
        for account in 1..=8 {
            for slot in 1..=3 {
                let mut session = venue.session(account, slot);
                session.notional = 100_000 * u64::from(slot) * USD as u64;
                let nonce = venue.nonce(account);
                venue.open_session(account, slot, session, nonce);
            }
        }
        Self {
            venue,
            index: 100_000,
            last: Vec::new(),
        }
    }

    fn order(
        &mut self,
        account: u32,
        side: u8,
        flags: u8,
        offset: i64,
        lots: i64,
        (kind, slot): (u8, u8),
    ) -> Output {
        let usd = self.index + offset;
        let venue = &mut self.venue;
        let mut order = venue.session_order(account, slot, side, usd, lots * LOT);
        if slot > 0 {
            order.expiry_ns = venue.time_ns + 60 * SECOND_NS;
            // Worth about what its session allows: an index that moves decides.
            if let Some(session) = venue.engine.state().sessions().get(account, slot) {
                let most = i128::from(session.notional) * i128::from(COIN) / i128::from(usd * USD);
                let size = most * i128::from(980 + lots % 40) / 1_000;
                order.size = (size as i64 / LOT).max(1) * LOT;
            }
        }
        order.flags = flags;
        if flags & 1 == 1 {
            order.expiry_ns = self.venue.time_ns + 10 * SECOND_NS;
        }
        let known = self
            .last
            .iter()
            .rev()
            .find(|known| known.account == account)
            .copied();
        match (kind, known) {
            (2, Some(known)) => {
                let nonce = order.nonce;
                order = Order {
                    limit_price: order.limit_price,
                    size: order.size,
                    ..known
                };
                (order.nonce, order.version) = (nonce, known.version + 1);
                self.last.push(order);
                self.venue.amend(&order)
            }
            (3, Some(known)) => {
                let (nonce, counter) = (order.nonce, order.counter);
                order = Order {
                    nonce,
                    counter,
                    version: 1,
                    ..known
                };
                (order.renews_hour, order.renews_counter) =
                    ((known.expiry_ns / HOUR_NS) as u32, known.counter);
                self.venue.renew(&order)
            }
            _ => {
                self.last.push(order);
                self.venue.place(&order)
            }
        }
    }

    fn mutated(&mut self, byte: usize, value: u8, kind: u8) -> Output {
        let order = self.venue.order(1, BUY, self.index, LOT);
        let mut command = vec![1, kind];
        order.write(&mut command);
        command.extend([27; 65]);
        let place = byte % command.len();
        command[place] = value;
        self.venue.raw(&command, owner_of(1))
    }

    fn play(&mut self, step: &Step) -> Option<Output> {
        let venue = &mut self.venue;
        Some(match step {
            Step::Bytes(bytes) => venue.raw(bytes, owner_of(1)),
            Step::Order {
                account,
                side,
                flags,
                offset,
                lots,
                kind,
                slot,
            } => self.order(*account, *side, *flags, *offset, *lots, (*kind, *slot)),
            Step::Session {
                account,
                slot,
                usd,
                seconds,
            } => {
                let mut session = venue.session(*account, *slot);
                session.notional = usd * USD as u64;
                session.expiry_ns = venue.time_ns + seconds * SECOND_NS;
                let nonce = venue.nonce(*account);
                venue.open_session(*account, *slot, session, nonce)
            }
            Step::Revoke {
                account,
                slot,
                floor,
            } => {
                let nonce = venue.nonce(*account);
                venue.revoke_session(*account, *slot, *floor, nonce)
            }
            Step::Mutated { byte, value, kind } => self.mutated(*byte, *value, *kind),
            Step::Cancel(account, slot) => {
                let known = self
                    .last
                    .iter()
                    .rev()
                    .find(|known| known.account == *account)?;
                let (known, key) = (*known, key_of(*account, *slot));
                let nonce = venue.nonce(*account);
                venue.cancel_signed(&known, nonce, key, 27)
            }
            Step::Floor(account, floor) => venue.floor(*account, *floor),
            Step::Cash {
                account,
                to,
                amount,
            } => {
                let nonce = venue.nonce(*account);
                let amount = u128::from(*amount) * USD as u128;
                if *to == 0 {
                    venue.withdraw(*account, 0, amount, nonce)
                } else {
                    venue.transfer(*account, *to, amount, nonce)
                }
            }
            Step::Deposit(account, usd) => venue.deposit(*account, *usd),
            Step::Force(account, usd) => venue.force(*account, u128::from(*usd) * USD as u128),
            Step::Epoch(change) => {
                self.index = (self.index + change).clamp(30_000, 300_000);
                venue.wait(SECOND_NS).epoch(0, self.index)
            }
            Step::Heartbeat => venue.wait(SECOND_NS).heartbeat(0),
            Step::Tick(seconds) => venue.wait(seconds * SECOND_NS / 100).tick(),
            Step::State(state, maker, taker) => venue.instrument(1, *state, *maker, *taker),
            Step::Restart => {
                venue.restart();
                return None;
            }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_streams_keep_the_invariants_and_survive_a_restart(
        steps in prop::collection::vec(step(), 1..250)
    ) {
        let (mut player, mut twin) = (Player::new(), Player::new());
        for step in &steps {
            let output = player.play(step);
            if !matches!(step, Step::Restart) {
                let expected = twin.play(step);
                prop_assert_eq!(output, expected, "a restored engine goes on otherwise");
            }
        }
        prop_assert_eq!(player.venue.engine.snapshot(), twin.venue.engine.snapshot());
        prop_assert_eq!(player.venue.engine.state_root(), twin.venue.engine.state_root());
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_read_but_never_panics(
        steps in prop::collection::vec(step(), 20..60), byte in any::<prop::sample::Index>(), value in any::<u8>()
    ) {
        let mut player = Player::new();
        for step in &steps {
            player.play(step);
        }
        let mut snapshot = player.venue.engine.snapshot();
        let cut = &snapshot[..byte.index(snapshot.len())];
        prop_assert!(Engine::from_snapshot(cut).is_err(), "a cut snapshot was read");
        let place = byte.index(snapshot.len());
        snapshot[place] = value;
        if let Ok(engine) = Engine::from_snapshot(&snapshot) {
            prop_assert_eq!(engine.snapshot(), snapshot, "what is read is what was written");
        }
    }
}

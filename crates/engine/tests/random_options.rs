//! Random streams with options, collateral, margin modes, surfaces, activation and delivery: the invariants of section 8
//! hold after every command, kept sums equal those made anew, a restored engine goes on alike.

mod common;

use common::derivatives::*;
use common::*;
use merkat_engine::Engine;
use merkat_engine::command::signature_count;
use merkat_settle::Order;
use proptest::prelude::*;

const LISTINGS: u32 = 16;
const ACCOUNTS: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
    Order {
        account: u32,
        listing: u32,
        side: u8,
        flags: u8,
        /// Of the mark, in per cent.
        share: i64,
        lots: i64,
        amends: bool,
    },
    /// One rests at the mark, another takes it.
    Cross {
        maker: u32,
        taker: u32,
        listing: u32,
        side: u8,
        lots: i64,
    },
    Cancel(u32),
    Mode(u32, u8),
    Cash {
        account: u32,
        token: u8,
        amount: u64,
    },
    Coins(u32, u64),
    Force(u32, u64),
    /// A surface at a changed index and volatility.
    Surface(i64, i64),
    /// One that stays pending.
    Receive(i64),
    Activate,
    Heartbeat(u64),
    Tick(u64),
    /// To shortly before, or after, the first expiry that is left.
    Jump(bool),
    Deliver(i64),
    /// A surface, an activation or a margin mode with one byte changed.
    Mutated {
        kind: u8,
        byte: usize,
        value: u8,
    },
    List(i64, bool),
    State(u32, u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let account = 1..=ACCOUNTS;
    prop_oneof![
        24 => (account.clone(), 1..=LISTINGS, 0u8..2, prop_oneof![Just(0u8), Just(1), Just(2), Just(5)], 96i64..105, 1i64..3_000_000, 0u8..8)
            .prop_map(|(account, listing, side, flags, share, lots, amends)| Step::Order { account, listing, side, flags, share, lots, amends: amends == 0 }),
        16 => (account.clone(), account.clone(), 1..=LISTINGS, 0u8..2, 1i64..5_000_000)
            .prop_map(|(maker, taker, listing, side, lots)| Step::Cross { maker, taker, listing, side, lots }),
        2 => account.clone().prop_map(Step::Cancel),
        4 => (account.clone(), 0u8..3).prop_map(|(account, mode)| Step::Mode(account, mode)),
        2 => (account.clone(), 0u8..3, 0u64..2_000_000).prop_map(|(account, token, amount)| Step::Cash { account, token, amount }),
        2 => (account.clone(), 1u64..40).prop_map(|(account, coins)| Step::Coins(account, coins)),
        1 => (account.clone(), 0u64..40).prop_map(|(account, coins)| Step::Force(account, coins)),
        8 => (-9_000i64..9_000, -30_000_000i64..30_000_000).prop_map(|(usd, vol)| Step::Surface(usd, vol)),
        2 => (-6_000i64..6_000).prop_map(Step::Receive),
        2 => Just(Step::Activate),
        2 => (1u64..200).prop_map(Step::Heartbeat),
        2 => (1u64..300).prop_map(Step::Tick),
        1 => any::<bool>().prop_map(Step::Jump),
        1 => (-5_000i64..5_000).prop_map(Step::Deliver),
        3 => (0u8..3, 0usize..400, any::<u8>()).prop_map(|(kind, byte, value)| Step::Mutated { kind, byte, value }),
        1 => (80i64..120, any::<bool>()).prop_map(|(strike, is_call)| Step::List(strike, is_call)),
        1 => (1..=LISTINGS, 1u8..3).prop_map(|(listing, state)| Step::State(listing, state)),
        1 => Just(Step::Restart),
    ]
}

struct Player {
    venue: Venue,
    expiries: Vec<u64>,
    usd: i64,
    vol: i64,
    last: Vec<Order>,
}

impl Player {
    fn new() -> Self {
        let (mut venue, expiries) = Venue::with_options(ACCOUNTS);
        venue.deposit(1, 20_000_000);
        Self {
            venue,
            expiries: expiries.to_vec(),
            usd: 100_000,
            vol: VOL,
            last: Vec::new(),
        }
    }

    fn order(&mut self, step: &Step) -> Output {
        let Step::Order {
            account,
            listing,
            side,
            flags,
            share,
            lots,
            amends,
        } = *step
        else {
            unreachable!("only orders come here");
        };
        let instrument = self.venue.engine.state().instrument(listing);
        let price = instrument.map_or(0, |instrument| {
            let wanted = self.venue.mark(listing) * share / 100;
            instrument.floor_to_tick(wanted.max(0)).max(TICK)
        });
        let mut order = self
            .venue
            .order_in(account, listing, side, price, lots * LOT);
        order.flags = flags;
        if flags & 1 == 1 {
            order.expiry_ns = self.venue.time_ns + 10 * SECOND_NS;
        }
        let mut known = self.last.iter().rev();
        let known = known.find(|known| known.account == account).copied();
        match known.filter(|_| amends) {
            Some(known) => {
                order = Order {
                    limit_price: order.limit_price,
                    size: order.size,
                    nonce: order.nonce,
                    version: known.version + 1,
                    ..known
                };
                self.last.push(order);
                self.venue.amend(&order)
            }
            None => {
                self.last.push(order);
                self.venue.place(&order)
            }
        }
    }

    fn jump(&mut self, beyond: bool) -> Option<Output> {
        let time_ns = self.venue.time_ns;
        let next = self.expiries.iter().find(|expiry_ns| **expiry_ns > time_ns);
        let next = *next?;
        self.venue.time_ns = if beyond {
            next
        } else {
            (next - 30 * SECOND_NS).max(time_ns)
        };
        Some(self.venue.tick())
    }

    fn mutated(&mut self, kind: u8, byte: usize, value: u8) -> Output {
        let venue = self.venue.wait(SECOND_NS);
        let mut command = match kind {
            0 => {
                let vector = venue.flat_vector(0, self.usd, self.vol);
                [&[1, 16], &vector.bytes()[..], &Venue::signatures(2)].concat()
            }
            1 => [&[1, 18, 0, 0][..], &[0; 39]].concat(),
            _ => [
                &[1, 8, 0, 0, 0, 1, 1][..],
                &venue.nonce(1).to_be_bytes(),
                &[27; 65],
            ]
            .concat(),
        };
        let place = byte % command.len();
        command[place] = value;
        // The quorum of a surface, the owner of a mode.
        let signers = [node(0), node(1), owner_of(1)];
        let signers = match signature_count(&command) {
            1 => signers[2..].to_vec(),
            2 => signers[..2].to_vec(),
            count => vec![node(0); count],
        };
        venue.send(&command, &signers)
    }

    fn surface(&mut self, usd: i64, vol: i64) -> Output {
        self.usd = (self.usd + usd).clamp(40_000, 250_000);
        self.vol = (self.vol + vol).clamp(200_000_000, 1_500_000_000);
        let venue = self.venue.wait(SECOND_NS);
        let vector = venue.flat_vector(0, self.usd, self.vol);
        venue.take(&vector)
    }

    fn play(&mut self, step: &Step) -> Option<Output> {
        let venue = &mut self.venue;
        Some(match step {
            Step::Order { .. } => self.order(step),
            Step::Cross {
                maker,
                taker,
                listing,
                side,
                lots,
            } => {
                let instrument = venue.engine.state().instrument(*listing)?;
                let price = instrument.floor_to_tick(venue.mark(*listing)).max(TICK);
                let size = lots * LOT;
                let order = venue.order_in(*maker, *listing, 1 - side, price, size);
                venue.place(&order);
                let order = venue.order_in(*taker, *listing, *side, price, size);
                venue.place(&order)
            }
            Step::Cancel(account) => {
                let mut known = self.last.iter().rev();
                let known = *known.find(|known| known.account == *account)?;
                venue.cancel(&known)
            }
            Step::Mode(account, mode) => venue.mode(*account, *mode),
            Step::Cash {
                account,
                token,
                amount,
            } => {
                let nonce = venue.nonce(*account);
                let unit = if *token == 0 { USD } else { LOT };
                venue.withdraw(*account, *token, u128::from(*amount) * unit as u128, nonce)
            }
            Step::Coins(account, coins) => venue.deposit_coins(*account, coins * COIN as u64 + 3),
            Step::Force(account, coins) => venue.force_token(*account, 1, *coins * COIN as u64),
            Step::Surface(usd, vol) => self.surface(*usd, *vol),
            Step::Receive(usd) => {
                let usd = (self.usd + usd).clamp(40_000, 250_000);
                let vector = venue.wait(SECOND_NS).flat_vector(0, usd, self.vol);
                venue.receive(&vector)
            }
            Step::Activate => {
                let vector = venue.engine.row_job(0)?.vector().clone();
                venue.wait(SECOND_NS / 2).activate(&vector)
            }
            Step::Mutated { kind, byte, value } => self.mutated(*kind, *byte, *value),
            Step::Heartbeat(hundredths) => venue.wait(hundredths * SECOND_NS / 100).heartbeat(0),
            Step::Tick(hundredths) => venue.wait(hundredths * SECOND_NS / 100).tick(),
            Step::Jump(beyond) => return self.jump(*beyond),
            Step::Deliver(usd) => {
                let past = self.expiries.iter().rev();
                let mut past = past.filter(|expiry_ns| **expiry_ns <= venue.time_ns);
                let expiry_ns = *past.next()?;
                venue.deliver(0, expiry_ns, self.usd + usd)
            }
            Step::List(strike, is_call) => {
                let expiry_ns = eight(venue.time_ns, 2);
                let dated = if *is_call {
                    Dated::call(strike * 1_000, expiry_ns)
                } else {
                    Dated::put(strike * 1_000, expiry_ns)
                };
                self.expiries.push(expiry_ns);
                self.expiries.sort_unstable();
                venue.list_dated(0, &dated)
            }
            Step::State(listing, state) => venue.instrument(*listing, *state, 0, 300_000),
            Step::Restart => {
                venue.restart();
                return None;
            }
        })
    }
}

/// The figures of all accounts, by the sums that the engine keeps and by those that it makes after a restart.
fn assert_sums(venue: &mut Venue) {
    let snapshot = venue.engine.snapshot();
    let mut fresh = Engine::from_snapshot(&snapshot).expect("a snapshot is readable");
    for account in 1..=ACCOUNTS {
        assert_eq!(
            venue.engine.account_figures(account),
            fresh.account_figures(account),
            "kept sums of account {account} have gone astray"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_streams_of_options_keep_the_invariants(steps in prop::collection::vec(step(), 1..200)) {
        let (mut player, mut twin) = (Player::new(), Player::new());
        for (number, step) in steps.iter().enumerate() {
            let output = player.play(step);
            if !matches!(step, Step::Restart) {
                let expected = twin.play(step);
                prop_assert_eq!(output, expected, "a restored engine goes on otherwise");
            }
            if number % 20 == 19 {
                assert_sums(&mut twin.venue);
            }
        }
        prop_assert_eq!(player.venue.engine.snapshot(), twin.venue.engine.snapshot());
        prop_assert_eq!(player.venue.engine.state_root(), twin.venue.engine.state_root());
    }

    #[test]
    fn a_damaged_snapshot_with_rows_is_refused_or_read_but_never_panics(
        steps in prop::collection::vec(step(), 20..60), byte in any::<prop::sample::Index>(), value in any::<u8>()
    ) {
        let mut player = Player::new();
        for step in &steps {
            player.play(step);
        }
        let vector = player.venue.wait(SECOND_NS).flat_vector(0, player.usd, player.vol);
        player.venue.receive(&vector);
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

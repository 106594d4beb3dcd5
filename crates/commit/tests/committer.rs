//! The root that follows each step is the root of the leaves alone.
#![allow(missing_docs)]

#[path = "../../settle/tests/common/mod.rs"]
mod world;

use merkat_commit::{
    Committer, SparseTree, ZERO_HASH, fold, leaf_hash, leaf_words, narrow, positions_root,
    state_root,
};
use merkat_settle::{MicroOp, State};
use proptest::prelude::*;
use world::{HOUR, SECOND, USD, World, open_op};

const COIN: i64 = 100_000_000;

fn leaf(words: &[[u8; 32]]) -> [u8; 32] {
    let words: Vec<_> = words
        .iter()
        .map(|word| narrow(*word).expect("31 bytes"))
        .collect();
    leaf_hash(&words)
}

/// The root by its definition, from the leaves.
fn naive(state: &State) -> [u8; 32] {
    let mut accounts = SparseTree::new(28);
    for (number, account) in state.accounts().iter() {
        let word = |word: [u8; 32]| narrow(word).expect("31 bytes");
        let held: Vec<_> = account
            .positions
            .iter()
            .map(|p| (p.slot, word(p.word())))
            .collect();
        let mut words = account.words().to_vec();
        let mut cut = [0; 32];
        cut[1..].copy_from_slice(&positions_root(&held)[..31]);
        words.push(cut);
        accounts.set(u128::from(number), leaf(&words));
    }
    let mut orders = SparseTree::new(92);
    for (key, order) in state.orders().sorted() {
        orders.set(key.value(), leaf(&order.words()));
    }
    let mut sessions = SparseTree::new(32);
    for (place, session) in state.sessions().iter() {
        sessions.set(u128::from(place), leaf(&session.words()));
    }
    let mut instruments = SparseTree::new(32);
    for (listing, instrument) in state.instruments().iter() {
        instruments.set(u128::from(listing), leaf(&instrument.words()));
    }
    let mut groups = SparseTree::new(16);
    for (number, group) in (0..).zip(state.groups()) {
        groups.set(number, leaf(&group.words()));
    }
    let globals = leaf(&state.globals().words());
    let (accounts, orders) = (accounts.root(), orders.root());
    state_root(&[
        accounts,
        orders,
        sessions.root(),
        instruments.root(),
        groups.root(),
        globals,
    ])
}

fn hex(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_root_of_genesis_is_fixed() {
    let mut state = State::genesis();
    let root = Committer::new().root(&mut state);
    assert_eq!(root, naive(&state), "by definition");
    assert_eq!(
        hex(root),
        GENESIS_ROOT,
        "a changed format must be a decision"
    );
}

const GENESIS_ROOT: &str = "5d6158ac6cfc6a5455a0365b117e1176cec04df05f838fa435f7b6f259e70dab";

/// A kind of step, two accounts, an amount.
type Step = (u8, u32, u32, i64);

/// Changes the world by one command and calls `after` behind each of its steps.
fn play(
    world: &mut World,
    (kind, account, other, amount): Step,
    after: &mut dyn FnMut(&mut State),
) {
    let mut apply = |world: &mut World, delta_ns, op: &MicroOp| {
        let _ = world.apply(delta_ns, op);
        after(&mut world.state);
    };
    let price = world.state.quote(1).map_or(100 * USD, |quote| quote.mark) / USD * USD;
    let order = world.order(account, 0, price, amount * COIN);
    match kind {
        0 => {
            let time_ns = world.time() + SECOND;
            let vector = world.vector(time_ns, (amount + 80) * USD, 0, 0);
            let epoch = world.epoch(vector);
            apply(world, SECOND, &MicroOp::Epoch(epoch));
        }
        1 => apply(world, 0, &open_op(order)),
        2 => {
            let sell = world.order(other, 1, price, amount * COIN);
            apply(world, 0, &open_op(order));
            apply(world, 0, &open_op(sell));
            let keys = order.key().zip(sell.key());
            let (maker, taker) = keys.expect("keys");
            let fill = world.fill_op(maker, taker, price, amount * COIN);
            apply(world, 0, &MicroOp::Fill(fill));
        }
        3 => {
            let hour = world.state.hour() as u32 - 200;
            let mut renewal = order;
            (renewal.renews_hour, renewal.renews_counter) = (hour, 1);
            apply(world, 0, &open_op(renewal));
        }
        4 => {
            let first = world.state.orders().hours().next().unwrap_or(0);
            apply(world, HOUR, &MicroOp::DropHour(first));
        }
        5 | 6 => {
            let slot = 1 + amount as u8 % 15;
            let nonce = world.account(account).nonce + 1;
            let floor = world.account(account).order_floor;
            let session = world::session(world, [amount as u8; 20]);
            let open = world::session_op(account, slot, session, nonce);
            let revoke = world::revoke_op(account, slot, floor, nonce);
            apply(world, 0, if kind == 5 { &open } else { &revoke });
        }
        _ => apply(world, 0, &world::floor_op(account, amount as u64)),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..8_u8, 1..5_u32, 1..5_u32, 1..90_i64), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_root_follows_every_step(steps in steps()) {
        let mut world = World::priced();
        let mut committer = Committer::new();
        let mut before = [0; 32];
        for step in steps {
            play(&mut world, step, &mut |state| {
                let root = committer.root(state);
                assert_eq!(root, naive(state), "after a step of {step:?}");
                assert_ne!(root, before, "time, log number or cursor moved: so does the root");
                before = root;
            });
        }
        let mut read = State::decode_alone(&world.state.encode()).expect("a snapshot");
        prop_assert_eq!(Committer::new().root(&mut read), before, "rebuilt from a snapshot");
    }

    #[test]
    fn checkpoints_of_a_run_are_the_roots_after_its_steps(steps in steps(), cut in 0..60_usize) {
        let mut world = World::priced();
        let mut committer = Committer::new();
        let (first, second) = steps.split_at(cut.min(steps.len()));
        for steps in [first, second] {
            let mut run = committer.checkpoints(&mut world.state);
            let mut expected = Vec::new();
            for step in steps {
                play(&mut world, *step, &mut |state| {
                    expected.push(naive(state));
                    run.step(state);
                });
            }
            let roots = run.finish();
            prop_assert_eq!(roots, expected, "steps {:?}", steps);
            let root = committer.root(&mut world.state);
            prop_assert_eq!(root, naive(&world.state), "the trees have followed");
        }
    }
}

#[test]
fn a_run_that_is_given_up_leaves_the_trees_up_to_date() {
    let mut world = World::priced();
    let mut committer = Committer::new();
    let mut run = committer.checkpoints(&mut world.state);
    play(&mut world, (2, 1, 2, 1), &mut |state| run.step(state));
    drop(run);
    assert_eq!(committer.root(&mut world.state), naive(&world.state));
}

#[test]
fn a_long_run_is_computed_in_parts() {
    let mut world = World::priced();
    let mut twin = world.state.clone();
    let (mut committer, mut single) = (Committer::new(), Committer::new());
    let mut run = committer.checkpoints(&mut world.state);
    let mut expected = Vec::new();
    for amount in 1..=2_500 {
        let item = world::deposit_item(0, world::owner(1), 1 + amount % 3, u128::from(amount));
        let op = MicroOp::Inbox(item);
        for state in [&mut world.state, &mut twin] {
            merkat_settle::apply(state, &op, 1, 1).expect("a deposit");
        }
        run.step(&mut world.state);
        expected.push(single.root(&mut twin));
    }
    assert_eq!(run.finish(), expected, "three parts, the last one short");
}

#[test]
fn a_number_beyond_a_gap_costs_no_memory_between() {
    let mut world = World::new();
    let mut bytes = world.state.encode();
    let next_account = 4 + 64 - 10;
    bytes[next_account..next_account + 4].copy_from_slice(&((1_u32 << 28) - 1).to_be_bytes());
    world.state = State::decode_alone(&bytes).expect("a gap may be");
    let mut committer = Committer::new();
    committer.root(&mut world.state);
    let deposit = world::deposit_item(0, world::owner(9), 0, 5_000_000);
    world.ok(0, MicroOp::Inbox(deposit));
    assert_eq!(
        committer.root(&mut world.state),
        naive(&world.state),
        "the last account"
    );
}

#[test]
fn a_proof_leads_from_an_account_to_the_root() {
    let mut world = World::priced();
    world.trade(1, 2, 100 * USD, COIN);
    let mut committer = Committer::new();
    for account in [0, 1, 2, 4, 5, (1 << 28) - 1] {
        let proof = committer.account_proof(&mut world.state, account);
        assert_eq!(
            state_root(&proof.parts),
            naive(&world.state),
            "the parts make the root"
        );
        let mut hash = leaf(&proof.words);
        let present = world.state.account(account).is_some();
        assert_eq!(hash != ZERO_HASH, present, "account {account}");
        let top = fold(28, u128::from(account), &hash, &proof.siblings);
        assert_eq!(top, Some(proof.parts[0]), "account {account} in its tree");
        hash[0] ^= 1;
        let forged = fold(28, u128::from(account), &hash, &proof.siblings);
        assert_ne!(
            forged,
            Some(proof.parts[0]),
            "another leaf does not lead there"
        );
        assert_eq!(proof.to_bytes().len(), (9 + 28 + 6) * 32, "its bytes");
        assert_eq!(proof.words, leaf_words(&world.state, account));
    }
}

#[test]
fn the_root_follows_rows_coins_and_delivery() {
    use world::options::{CALL, EXPIRY, deliver_item, mode_op};
    let mut world = World::options();
    let mut committer = Committer::new();
    let mut last = committer.root(&mut world.state);
    let mut follow = |world: &mut World, what: &str| {
        let root = committer.root(&mut world.state);
        assert_eq!(root, naive(&world.state), "{what}");
        assert_ne!(root, last, "{what} is in the root");
        last = root;
    };
    world.ok(0, mode_op(1, 1, 1));
    follow(&mut world, "a margin mode");
    world.deposit_coins(1, 3);
    follow(&mut world, "coins");
    world.deal(CALL, 1, 2, world.mark(CALL), COIN);
    follow(&mut world, "a trade");
    world.surface(SECOND, 101 * USD);
    follow(&mut world, "rows");
    world.surface(EXPIRY - world.time() - SECOND, 101 * USD);
    let item = deliver_item(0, EXPIRY, 103 * USD);
    world.ok(SECOND, MicroOp::Inbox(item));
    follow(&mut world, "a fixed price");
    world.ok(0, MicroOp::Deliver(CALL));
    follow(&mut world, "a delivery");
    for account in [1, 2] {
        let slot = world.account(account).slot_for(CALL);
        world.ok(0, MicroOp::Expire { account, slot });
        follow(&mut world, "a payment");
    }
    let words = leaf_words(&world.state, 1);
    assert_eq!(
        words[0][32 - 4],
        1,
        "margin_mode stands before stage and stage_group"
    );
}

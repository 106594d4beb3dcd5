//! Checkpoints a second: the state root after each of many fills and after each of many order_opens, all computed together
//! and one by one as the control. Prints JSON. Signatures are taken as checked; applying the steps alone is told too.
//!
//! usage: checkpoint_rate [accounts] [steps]
#![allow(missing_docs)]

#[path = "../../settle/tests/common/mod.rs"]
mod world;

use std::time::Instant;

use merkat_commit::Committer;
use merkat_settle::ops::Fill;
use merkat_settle::{MicroOp, OrderKey, State, apply};
use world::{USD, World, deposit_item, list_item, open_op, owner};

const COIN: i64 = 100_000_000;
const PRICE: i64 = 100 * USD;
const LISTINGS: u32 = 5;
const LOT: i64 = 10_000;

/// Accounts of ten million USD each.
fn venue(accounts: u32) -> World {
    let mut world = World::priced();
    for _ in 1..LISTINGS {
        let item = list_item(1, 0, 8, [LOT, 1_000_000, 100_000, 400_000]);
        step(&mut world.state, &MicroOp::Inbox(item));
    }
    for account in 1..=accounts {
        let known = if account <= 4 { account } else { 0 };
        let amount = 10_000_000 * USD as u128;
        let item = deposit_item(0, owner(((account - 1) % 255 + 1) as u8), known, amount);
        step(&mut world.state, &MicroOp::Inbox(item));
    }
    world
}

fn step(state: &mut State, op: &MicroOp) {
    apply(state, op, 1, 1).expect("the step is accepted");
}

/// An order of each account and side in every listing, large enough for every fill.
fn orders(world: &mut World, accounts: u32) -> Vec<(MicroOp, OrderKey)> {
    let mut found = Vec::new();
    for listing in 1..=LISTINGS {
        for account in 1..=accounts {
            for side in [0, 1] {
                let mut order = world.order(account, side, PRICE, 1_000 * COIN);
                order.listing = listing;
                found.push((open_op(order), order.key().expect("a key")));
            }
        }
    }
    found
}

/// Fills of random buyers and sellers of random listings; `state` is carried along to know the slots.
fn fills(
    state: &mut State,
    orders: &[(MicroOp, OrderKey)],
    accounts: u32,
    count: usize,
) -> Vec<MicroOp> {
    let mut seed = 1_u64;
    let mut random = move |below: u32| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u32 % below
    };
    let mut ops = Vec::with_capacity(count);
    while ops.len() < count {
        let (listing, buyer) = (random(LISTINGS), random(accounts));
        let seller = (buyer + 1 + random(accounts.min(200))) % accounts;
        let key = |account: u32, side: u32| {
            orders[(2 * (listing * accounts + account) + side) as usize].1
        };
        let (maker, taker) = (key(buyer, 0), key(seller, 1));
        let slot = |key: OrderKey| {
            let account = state.account(key.account());
            account.expect("it is open").slot_for(listing + 1)
        };
        let fill = Fill {
            maker,
            taker,
            maker_slot: slot(maker),
            taker_slot: slot(taker),
            price: PRICE,
            size: LOT,
            margin_rules: 0,
            names: [None; 2],
        };
        let op = MicroOp::Fill(fill);
        if apply(state, &op, 1, 1).is_ok() {
            ops.push(op);
        }
    }
    ops
}

fn per_second(count: usize, nanoseconds: u128) -> u128 {
    count as u128 * 1_000_000_000 / nanoseconds.max(1)
}

/// Prints the rates of these steps from this state; returns the state after them.
fn measure(name: &str, state: &State, ops: &[MicroOp]) -> State {
    let mut alone = state.clone();
    let start = Instant::now();
    ops.iter().for_each(|op| step(&mut alone, op));
    let alone_ns = start.elapsed().as_nanos();

    let (mut together, mut committer) = (state.clone(), Committer::new());
    committer.root(&mut together);
    let start = Instant::now();
    let mut run = committer.checkpoints(&mut together);
    for op in ops {
        step(&mut together, op);
        run.step(&mut together);
    }
    let roots = run.finish();
    let together_ns = start.elapsed().as_nanos();

    let (mut single, mut committer) = (state.clone(), Committer::new());
    committer.root(&mut single);
    let control = &ops[..ops.len() / 4];
    let start = Instant::now();
    for (op, root) in control.iter().zip(&roots) {
        step(&mut single, op);
        assert_eq!(
            committer.root(&mut single),
            *root,
            "both ways give one root"
        );
    }
    let single_ns = start.elapsed().as_nanos();
    println!(
        "  \"{name}\": {{\"steps\": {}, \"together_per_s\": {}, \"one_by_one_per_s\": {}, \"apply_alone_per_s\": {}}},",
        ops.len(),
        per_second(ops.len(), together_ns),
        per_second(control.len(), single_ns),
        per_second(ops.len(), alone_ns)
    );
    together
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok());
    let accounts = arguments.next().unwrap_or(1_000).max(3);
    let count = arguments.next().unwrap_or(50_000) as usize;
    let mut world = venue(accounts);
    let orders = orders(&mut world, accounts);
    let opens: Vec<_> = orders.iter().map(|(op, _)| op.clone()).collect();
    println!("{{");
    // The changes so far are those of a state that was just read: a new committer takes all of it.
    let world_state = State::decode_alone(&world.state.encode()).expect("its own snapshot");
    let opened = measure("order_open", &world_state, &opens);
    let mut carried = opened.clone();
    let fills = fills(&mut carried, &orders, accounts, count);
    let opened = State::decode_alone(&opened.encode()).expect("its own snapshot");
    measure("fill", &opened, &fills);
    println!("  \"accounts\": {accounts}\n}}");
}

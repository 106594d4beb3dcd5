//! The step `inbox` (rules.md section 2.1, derivatives.md section 2), and the items of groups and of the venue.

use crate::deposits::{deposit, fee_sweep, forced_withdraw, fund_deposit};
use crate::item::{Item, SourcedItem};
use crate::listings::{deliver, list, list_dated, set_instrument, set_risk};
use crate::machine::Effect;
use crate::order::NO_ADDRESS;
use crate::state::{Group, State, parameter};
use merkat_values::codec::Short;
use merkat_values::constants::{NODES_MAXIMUM, PARAMETERS, POSITION_SLOTS};
use merkat_values::keccak::keccak256;
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

const OPEN_ORDERS_MAXIMUM: u32 = 4_096;

/// Hashes the item, then does what it asks for if its checks hold; the step itself is always accepted.
pub(crate) fn inbox(state: &mut State, item: &[u8], time_ns: u64) -> Effect {
    let globals = &mut state.globals;
    globals.inbox_hash = keccak256(&[&globals.inbox_hash, &keccak256(&[item])]);
    globals.inbox_cursor = globals.inbox_cursor.saturating_add(1);
    match checked_item(state, item, time_ns) {
        Ok(effect) => effect,
        Err(refusal) => Effect::ItemRefused(refusal),
    }
}

fn checked_item(state: &mut State, item: &[u8], time_ns: u64) -> Result<Effect, Refusal> {
    let SourcedItem { timelock, item } = SourcedItem::decode(item)
        .map_err(|Short| Refusal::new(code::I01_MALFORMED_ITEM, field::ITEM))?;
    let user = matches!(item, Item::Deposit { .. } | Item::ForcedWithdraw { .. });
    require(timelock || user, code::I02_NOT_TIMELOCK, field::SOURCE)?;
    match item {
        Item::Deposit {
            token,
            owner,
            account,
            amount,
        } => deposit(state, token, owner, account, amount),
        Item::Group {
            group,
            threshold,
            nodes,
            parameters,
        } => set_group(state, group, threshold, nodes, parameters),
        Item::List { .. } => list(state, &item),
        Item::Instrument { .. } => set_instrument(state, &item),
        Item::Venue { .. } => set_venue(state, &item),
        Item::FundDeposit { group, amount } => fund_deposit(state, group, amount, time_ns),
        Item::FeeSweep { account } => fee_sweep(state, account),
        Item::ForcedWithdraw {
            account,
            owner,
            token,
            amount,
        } => forced_withdraw(state, account, owner, token, amount),
        Item::Risk { group, set } => set_risk(state, group, set),
        Item::ListDated(terms) => list_dated(state, &terms, time_ns),
        Item::Deliver {
            group,
            expiry_ns,
            price,
        } => deliver(state, group, expiry_ns, price, time_ns),
    }
}

/// Least and most of each parameter, where they do not depend on another one.
const PARAMETER_BOUNDS: [(i64, i64); PARAMETERS] = [
    (0, 1_000_000_000), // at least maintenance_rate
    (1_000_000, 500_000_000),
    (1_000_000, 500_000_000),
    (0, 20_000_000),
    (0, 50_000_000),
    (10_000_000, 1_000_000_000),
    (-10_000_000, 10_000_000),
    (0, 10_000_000),
    (0, 100_000_000),
    (0, 100_000_000),
    (1_000_000, 1_000_000_000),
    (1_000_000, 1_000_000_000),
    (0, 1_000_000_000),
    (0, 1_000_000_000),
    (0, 1_000_000_000),
    (1_000_000_000, 2_000_000_000),
    (100_000_000, 3_600_000_000_000),
    (100_000_000, 3_600_000_000_000),
    (0, 86_400_000_000_000), // at least stale_ns
    (1_000_000_000, 86_400_000_000_000),
    (0, 0),
];

/// The first parameter out of its bounds.
pub(crate) fn bad_parameter(parameters: &[i64; PARAMETERS]) -> Option<u8> {
    let numbered = (0_u8..).zip(parameters.iter().zip(&PARAMETER_BOUNDS));
    for (number, (value, (least, most))) in numbered {
        let least = match usize::from(number) {
            parameter::INITIAL_RATE => parameters[parameter::MAINTENANCE_RATE],
            parameter::HALT_NS => parameters[parameter::STALE_NS],
            _ => *least,
        };
        if *value < least || value > most {
            return Some(number);
        }
    }
    None
}

/// How many nodes are used, or nothing unless the used ones come first and differ.
pub(crate) fn used_nodes(nodes: &[Address; NODES_MAXIMUM]) -> Option<usize> {
    let used = nodes
        .iter()
        .position(|node| *node == NO_ADDRESS)
        .unwrap_or(NODES_MAXIMUM);
    let first = (0..used).all(|index| !nodes[..index].contains(&nodes[index]));
    let rest_is_zero = nodes[used..].iter().all(|node| *node == NO_ADDRESS);
    (first && rest_is_zero).then_some(used)
}

fn set_group(
    state: &mut State,
    group: u16,
    threshold: u8,
    nodes: [Address; NODES_MAXIMUM],
    parameters: [i64; PARAMETERS],
) -> Result<Effect, Refusal> {
    let next = state.globals.next_group;
    let known = group <= next && group < u16::MAX;
    require(known, code::I08_UNKNOWN_GROUP, field::GROUP)?;
    if let Some(number) = bad_parameter(&parameters) {
        let field = field::PARAMETER + number;
        return Err(Refusal::new(code::I09_BAD_PARAMETER, field));
    }
    let used = used_nodes(&nodes).ok_or(Refusal::new(code::I10_BAD_NODES, field::NODES))?;
    let reachable = (1..=used).contains(&usize::from(threshold));
    require(reachable, code::I10_BAD_NODES, field::THRESHOLD)?;
    if group == next {
        state.add_group(Group::default());
        state.globals.next_group += 1;
    }
    let leaf = state.group_mut(group);
    leaf.parameters = parameters;
    leaf.nodes = nodes;
    leaf.threshold = threshold;
    state.refresh_quotes(group);
    Ok(Effect::None)
}

fn set_venue(state: &mut State, item: &Item) -> Result<Effect, Refusal> {
    let Item::Venue {
        position_limit,
        open_orders_account,
        open_orders_listing,
        new_account_minimum,
    } = *item
    else {
        unreachable!("invariant: called with a venue item");
    };
    let limit = |holds, field| require(holds, code::I19_BAD_LIMITS, field);
    let orders = 1..=OPEN_ORDERS_MAXIMUM;
    limit(
        (1..=POSITION_SLOTS).contains(&position_limit),
        field::POSITION_LIMIT,
    )?;
    limit(
        orders.contains(&open_orders_account),
        field::OPEN_ORDERS_ACCOUNT,
    )?;
    limit(
        orders.contains(&open_orders_listing),
        field::OPEN_ORDERS_LISTING,
    )?;
    limit(new_account_minimum >= 1, field::NEW_ACCOUNT_MINIMUM)?;
    let globals = &mut state.globals;
    globals.position_limit = position_limit;
    globals.open_orders_account = open_orders_account;
    globals.open_orders_listing = open_orders_listing;
    globals.new_account_minimum = new_account_minimum;
    Ok(Effect::None)
}

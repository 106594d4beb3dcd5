//! The step `inbox` (rules.md section 2.1).

use crate::checks::{bounded_count, bounded_sum, turn_day};
use crate::item::{Item, SourcedItem};
use crate::machine::Effect;
use crate::order::NO_ADDRESS;
use crate::state::{Account, Group, Instrument, State, parameter};
use alloc::vec::Vec;
use merkat_values::codec::Short;
use merkat_values::constants::{
    ACCOUNT_LIMIT, AMOUNT_LIMIT, NODES_MAXIMUM, PARAMETERS, POSITION_SLOTS,
};
use merkat_values::keccak::keccak256;
use merkat_values::refusal::{code, field, require};
use merkat_values::{Address, Refusal};

/// Most base units a coin can be divided into: 10^18.
const SIZE_DECIMALS_MAXIMUM: u8 = 18;

const TICK_MAXIMUM: i64 = 1 << 40;

const FEE_MAXIMUM: i64 = 10_000_000;

const OPEN_ORDERS_MAXIMUM: u32 = 4_096;

/// Positions that a new account has room for without growing.
const POSITIONS_EXPECTED: usize = 4;

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
    }
}

fn check_amount(amount: u128) -> Result<i128, Refusal> {
    let holds = 0 < amount && amount < AMOUNT_LIMIT;
    require(holds, code::I04_BAD_AMOUNT, field::AMOUNT)?;
    Ok(amount as i128)
}

fn deposit(
    state: &mut State,
    token: u8,
    owner: Address,
    account: u32,
    amount: u128,
) -> Result<Effect, Refusal> {
    const TOO_MUCH: Refusal = Refusal::new(code::I04_BAD_AMOUNT, field::AMOUNT);
    require(token == 0, code::I03_UNKNOWN_TOKEN, field::TOKEN)?;
    let cash = check_amount(amount)?;
    require(owner != NO_ADDRESS, code::I05_BAD_OWNER, field::OWNER)?;
    let deposited = bounded_count(state.globals.deposited[0], amount, TOO_MUCH)?;
    let holder = state.account(account);
    let known = holder.filter(|holder| holder.stage != Account::BANKRUPT && holder.owner == owner);
    if let Some(holder) = known {
        let cash = bounded_sum(holder.cash, cash, TOO_MUCH)?;
        state.account_mut(account).cash = cash;
        state.globals.deposited[0] = deposited;
        let opened = false;
        return Ok(Effect::Deposited { account, opened });
    }
    let minimum = u128::from(state.globals.new_account_minimum);
    require(amount >= minimum, code::I06_BELOW_MINIMUM, field::AMOUNT)?;
    let account = state.globals.next_account;
    require(
        account < ACCOUNT_LIMIT,
        code::I07_ACCOUNTS_FULL,
        field::ACCOUNT,
    )?;
    let opening = Account {
        owner,
        cash,
        positions: Vec::with_capacity(POSITIONS_EXPECTED),
        ..Account::default()
    };
    state.add_account(account, opening);
    state.globals.next_account += 1;
    state.globals.deposited[0] = deposited;
    let opened = true;
    Ok(Effect::Deposited { account, opened })
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
        state.groups.push(Group::default());
        state.group_listings.push(Vec::new());
        state.globals.next_group += 1;
    }
    let leaf = state.group_mut(group);
    leaf.parameters = parameters;
    leaf.nodes = nodes;
    leaf.threshold = threshold;
    state.refresh_quotes(group);
    Ok(Effect::None)
}

fn check_fees(maker_fee: i64, taker_fee: i64) -> Result<(), Refusal> {
    let taker_holds = (0..=FEE_MAXIMUM).contains(&taker_fee);
    require(taker_holds, code::I15_BAD_FEE, field::TAKER_FEE)?;
    let maker_holds = (-taker_fee..=FEE_MAXIMUM).contains(&maker_fee);
    require(maker_holds, code::I15_BAD_FEE, field::MAKER_FEE)
}

/// Rules I-12 to I-14: what makes values whole and keeps the quantum at most 2^40.
pub(crate) fn check_units(size_decimals: u8, lot: i64, tick: i64) -> Result<(), Refusal> {
    let decimals_hold = size_decimals <= SIZE_DECIMALS_MAXIMUM;
    require(
        decimals_hold,
        code::I12_BAD_SIZE_DECIMALS,
        field::SIZE_DECIMALS,
    )?;
    let coin = 10_i64.pow(u32::from(size_decimals));
    let lot_holds = lot > 0 && coin % lot == 0;
    require(lot_holds, code::I13_BAD_LOT, field::LOT)?;
    let quantum = coin / lot;
    let tick_holds = 0 < tick && tick <= TICK_MAXIMUM && tick % quantum == 0;
    require(tick_holds, code::I14_BAD_TICK, field::TICK)
}

fn list(state: &mut State, item: &Item) -> Result<Effect, Refusal> {
    let Item::List {
        kind,
        group,
        size_decimals,
        lot,
        tick,
        maker_fee,
        taker_fee,
    } = *item
    else {
        unreachable!("invariant: called with a list item");
    };
    let known = group < state.globals.next_group;
    require(known, code::I08_UNKNOWN_GROUP, field::GROUP)?;
    require(kind == 1, code::I11_BAD_KIND, field::KIND)?;
    check_units(size_decimals, lot, tick)?;
    check_fees(maker_fee, taker_fee)?;
    let listing = state.globals.next_listing;
    require(listing < u32::MAX, code::I16_LISTINGS_FULL, field::LISTING)?;
    let instrument = Instrument {
        kind,
        state: 1,
        group,
        size_decimals,
        lot,
        tick,
        maker_fee,
        taker_fee,
        open_interest: 0,
    };
    state.add_instrument(listing, instrument);
    state.globals.next_listing += 1;
    Ok(Effect::Listed { listing })
}

fn set_instrument(state: &mut State, item: &Item) -> Result<Effect, Refusal> {
    let Item::Instrument {
        listing,
        state: new_state,
        maker_fee,
        taker_fee,
    } = *item
    else {
        unreachable!("invariant: called with an instrument item");
    };
    check_fees(maker_fee, taker_fee)?;
    let known = state.instrument(listing).is_some();
    require(known, code::I17_UNKNOWN_LISTING, field::LISTING)?;
    let state_holds = new_state == 1 || new_state == 2;
    require(state_holds, code::I18_BAD_STATE, field::STATE)?;
    let instrument = state.instrument_mut(listing);
    instrument.state = new_state;
    instrument.maker_fee = maker_fee;
    instrument.taker_fee = taker_fee;
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

fn fund_deposit(
    state: &mut State,
    group: u16,
    amount: u128,
    time_ns: u64,
) -> Result<Effect, Refusal> {
    const TOO_MUCH: Refusal = Refusal::new(code::I04_BAD_AMOUNT, field::AMOUNT);
    let cash = check_amount(amount)?;
    let unknown = Refusal::new(code::I08_UNKNOWN_GROUP, field::GROUP);
    let leaf = state.group(group).ok_or(unknown)?;
    let fund = bounded_sum(leaf.fund, cash, TOO_MUCH)?;
    let deposited = bounded_count(state.globals.deposited[0], amount, TOO_MUCH)?;
    let leaf = state.group_mut(group);
    turn_day(leaf, time_ns);
    leaf.fund = fund;
    state.globals.deposited[0] = deposited;
    Ok(Effect::FundDeposited { fund })
}

fn fee_sweep(state: &mut State, account: u32) -> Result<Effect, Refusal> {
    const REFUSED: Refusal = Refusal::new(code::I20_NO_SUCH_ACCOUNT, field::ACCOUNT);
    let holder = state.account(account).ok_or(REFUSED)?;
    if holder.stage == Account::BANKRUPT {
        return Err(REFUSED);
    }
    let fees = state.globals.fees;
    if fees < 0 {
        let (amount, repaid) = (0, 0);
        return Ok(Effect::FeesSwept { amount, repaid });
    }
    let repaid = fees.min(state.globals.bad_debt);
    let amount = fees - repaid;
    let cash = bounded_sum(holder.cash, amount, REFUSED)?;
    state.globals.fees = 0;
    state.globals.bad_debt -= repaid;
    state.account_mut(account).cash = cash;
    Ok(Effect::FeesSwept { amount, repaid })
}

/// What a forced withdrawal of at most `amount` pays: the largest amount that margin allows at the newest vectors,
/// however old they are.
fn forced_amount(state: &State, account: &Account, amount: i128) -> i128 {
    let frozen =
        account.stage == 1 || account.stage == Account::BANKRUPT && !account.positions.is_empty();
    if frozen {
        return 0;
    }
    let figures = state.figures(account);
    let required = figures.initial.max(state.delta_requirement(account));
    amount.min(figures.equity - required).max(0)
}

fn forced_withdraw(
    state: &mut State,
    account: u32,
    owner: Address,
    token: u8,
    amount: u128,
) -> Result<Effect, Refusal> {
    const TOO_MUCH: Refusal = Refusal::new(code::I04_BAD_AMOUNT, field::AMOUNT);
    const UNKNOWN: Refusal = Refusal::new(code::I21_FORCED_OWNER, field::ACCOUNT);
    require(token == 0, code::I03_UNKNOWN_TOKEN, field::TOKEN)?;
    let asked = check_amount(amount)?;
    let holder = state.account(account).ok_or(UNKNOWN)?;
    require(holder.owner == owner, code::I21_FORCED_OWNER, field::OWNER)?;
    let paid = forced_amount(state, holder, asked);
    let amount = paid.unsigned_abs();
    let cash = bounded_sum(holder.cash, -paid, TOO_MUCH)?;
    let claimable = bounded_count(holder.claimable[0], amount, TOO_MUCH)?;
    let total = bounded_count(state.globals.claimable_total[0], amount, TOO_MUCH)?;
    if paid > 0 {
        let holder = state.account_mut(account);
        holder.cash = cash;
        holder.claimable[0] = claimable;
        state.globals.claimable_total[0] = total;
    }
    Ok(Effect::ForcedWithdrawn { amount, claimable })
}

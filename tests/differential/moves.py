"""What happens next in a random market: one command a move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from merkat.spec import messages
from merkat.spec.messages import (
    Deposit,
    FeeSweep,
    FundDeposit,
    InboxCommand,
    Item,
    SetInstrument,
    SetVenue,
    encode_command,
    encode_item,
)
from merkat.spec.orders import Order
from merkat.spec.settle import margin
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, ONE, SELL, WEEK_NS
from merkat.spec.vectors.draws import Draws
from merkat.spec.vectors.script import FEE_CAP, USD, Trader
from merkat.spec.venue.money import free_cash
from tests.differential.session_moves import (
    canceller,
    fitted,
    open_session,
    revoke_session,
    session_of,
    signer_of,
    signing,
)
from tests.differential.walk import ACCOUNTS_MAX, MAKERS, SECOND, Walk

GTC, IOC, POST_ONLY, MARKET = 0, 1, 2, 5
EXTREMES = (0, 1, 2, 2**16, 2**31, 2**40 - 1, 2**52, 2**56, 2**63 - 1)
Move = Callable[[Walk], None]


def step(walk: Walk) -> None:
    """Let time pass and send one command."""
    walk.pass_time()
    group = walk.due()
    if group is not None:
        walk.speak(group)
        return
    walk.draws.weighted(walk.moves or MOVES)(walk)


# Orders


def _price(walk: Walk, listing: int, side: int) -> int:
    draws, mark = walk.draws, walk.mark(listing)
    instrument = walk.script.state.instruments[listing]
    opposite = walk.script.venue.books[listing].best(1 - side)
    kind = draws.below(100)
    if kind < 25 and opposite is not None:
        price = opposite.order.limit_price
    elif kind < 80:
        width = 500 if instrument.is_option else 60
        price = mark + mark * draws.between(-width, width) // 10_000
    else:
        price = mark + mark * draws.between(-700, 700) // 10_000
    tick = instrument.tick_at(price)
    price = max(tick, price // tick * tick)
    return price + (1 if draws.permille(5) else 0)


def _size(walk: Walk, by: Trader, listing: int, price: int) -> int:
    draws, state = walk.draws, walk.script.state
    instrument = state.instruments[listing]
    held = state.accounts[by.account].size_of(listing)
    if held and draws.chance(20):
        return abs(held)
    equity = max(USD, margin.figures(state, by.account).equity)
    unit = max(price, walk.unit_price(listing))
    most = equity * draws.choice((1, 3, 8, 12, 14, 15)) * 10**instrument.size_decimals // unit
    lots = max(1, min(most, 2**54) // instrument.lot)
    return instrument.lot * draws.between(max(1, lots // 3), lots) + (1 if draws.permille(4) else 0)


def _life(draws: Draws, flags: int) -> int:
    if flags % 2:
        return draws.choice((SECOND, 30 * SECOND, 60 * SECOND))
    return draws.weighted(
        [
            (50, HOUR_NS),
            (15, 5 * SECOND),
            (10, 600 * SECOND),
            (15, DAY_NS),
            (9, WEEK_NS),
            (1, WEEK_NS + SECOND),
        ]
    )


def _new_order(walk: Walk, by: Trader) -> Order:
    draws = walk.draws
    listing, side = draws.choice(walk.listings), draws.below(2)
    held = walk.script.state.accounts[by.account].size_of(listing)
    if held and draws.chance(25):
        side = SELL if held > 0 else BUY
    flags = draws.weighted([(70, GTC), (12, IOC), (8, POST_ONLY), (10, MARKET)])
    price = _price(walk, listing, side)
    instrument = walk.script.state.instruments[listing]
    least = max(instrument.maker_fee, instrument.taker_fee)
    fee_cap = draws.weighted([(60, FEE_CAP), (35, least), (5, 0)])
    return walk.script.order(
        by,
        side,
        price,
        _size(walk, by, listing, price),
        listing=listing,
        flags=flags,
        fee_cap=fee_cap,
        life_ns=_life(draws, flags),
    )


def place(walk: Walk) -> None:
    """An owner places an order, as large as its leverage allows or a little larger."""
    by = signing(walk, walk.standing_trader())
    walk.script.send_place(fitted(walk, _new_order(walk, by)), by.wallet)


def quote(walk: Walk) -> None:
    """A maker with money places an order near the mark."""
    draws = walk.draws
    by = signing(walk, walk.traders[draws.below(MAKERS)])
    listing, side = draws.choice(walk.listings), draws.below(2)
    instrument, mark = walk.script.state.instruments[listing], walk.mark(listing)
    away = mark * draws.between(1, 40) // 10_000
    tick = instrument.tick_at(mark)
    price = (mark - away if side == BUY else mark + away) // tick * tick
    price = max(tick, price)
    unit = max(price, walk.unit_price(listing))
    size = draws.between(500, 40_000) * USD * 10**instrument.size_decimals // unit
    size = max(1, size // instrument.lot) * instrument.lot
    order = walk.script.order(by, side, price, size, listing=listing, life_ns=_life(draws, GTC))
    walk.script.send_place(fitted(walk, order), by.wallet)


def spoilt_order(walk: Walk) -> None:
    """An order of which one field is anything."""
    draws = walk.draws
    by = signing(walk, walk.standing_trader())
    order = _new_order(walk, by)
    name = draws.choice(tuple(Order.__dataclass_fields__))
    value = (
        draws.choice(EXTREMES) if draws.chance(70) else getattr(order, name) + draws.between(-2, 2)
    )
    widths = {"slot": 8, "side": 8, "flags": 8, "counter": 40, "renews_counter": 40}
    signed = name in ("limit_price", "size", "fee_cap")
    unsigned = value % 2 ** widths.get(name, 64 if name in ("expiry", "nonce") else 32)
    spoilt = replace(order, **{name: min(value, 2**63 - 1) if signed else unsigned})
    script = walk.script
    send = draws.choice((script.send_place, script.send_amend, script.send_renew))
    send(spoilt, by.wallet)


def awkward_order(walk: Walk) -> None:
    """An order whose counter somebody has used, or below the floor, or an amend of other terms."""
    draws, script = walk.draws, walk.script
    resting = walk.resting()
    by = walk.standing_trader() if resting is None else walk.trader_of(resting.order.account)
    order = _new_order(walk, by)
    kind = draws.below(3)
    if kind == 0 and resting is not None:
        old = resting.order
        nonce = old.nonce - 2**40 if old.nonce >= 2**40 else old.nonce + 2**40
        twin = replace(order, nonce=nonce, counter=old.counter, expiry=old.expiry)
        script.send_place(twin, by.wallet)
    elif kind == 1 or resting is None:
        floor_now = script.state.accounts[by.account].order_floor
        below = replace(order, nonce=floor_now, counter=floor_now % 2**40)
        script.send_place(below, by.wallet)
    else:
        name = draws.choice(("listing", "side", "flags"))
        value = draws.below(5)
        if draws.chance(50):
            script.amend(by, resting.order, **{name: value})
        else:
            script.renew(by, resting.order, resting.remaining, **{name: value})


def amend(walk: Walk) -> None:
    """An owner changes an order: its price, size, expiry, or nothing."""
    resting = walk.resting()
    if resting is None:
        return place(walk)
    draws, old = walk.draws, resting.order
    instrument = walk.script.state.instruments[old.listing]
    changes: dict[str, int] = {}
    kind = draws.below(100)
    if kind < 35:
        changes["limit_price"] = _price(walk, old.listing, old.side)
    if kind < 75:
        left = draws.between(-2, 2 * max(1, resting.remaining // instrument.lot))
        changes["size"] = resting.filled + left * instrument.lot
    elif kind < 85:
        changes["expiry"] = old.expiry + draws.between(-2, 2) * draws.choice((SECOND, HOUR_NS // 2))
    if draws.chance(4):
        changes["version"] = old.version
    amended = walk.script.amended(old, **changes)
    walk.script.send_amend(amended, signer_of(walk, old).wallet)
    return None


def renew(walk: Walk) -> None:
    """An owner continues an order under a new key."""
    resting = walk.resting()
    if resting is None:
        return place(walk)
    draws = walk.draws
    lot = walk.script.state.instruments[resting.order.listing].lot
    left = resting.remaining + (lot if draws.chance(5) else 0)
    renewal = walk.script.renewal(resting.order, left, life_ns=_life(draws, GTC))
    session = session_of(walk, renewal)
    if session is not None and draws.chance(90):
        renewal = replace(renewal, expiry=min(renewal.expiry, session.expiry))
    walk.script.send_renew(renewal, signer_of(walk, resting.order).wallet)
    return None


def cancel(walk: Walk) -> None:
    """An owner cancels an order that rests, or one that does not."""
    resting = walk.resting()
    if resting is None:
        return place(walk)
    order = resting.order
    if walk.draws.chance(8):
        name = walk.draws.choice(("counter", "slot"))
        order = replace(order, **{name: getattr(order, name) + 1})
    walk.script.cancel(canceller(walk, resting.order), order)
    return None


def floor(walk: Walk) -> None:
    """An owner voids its older orders."""
    trader = walk.trader()
    resting = list(walk.script.venue.accounts[trader.account].open_orders.by_key.values())
    if resting:
        value = walk.draws.choice(resting).order.counter
    else:
        value = walk.script.state.accounts[trader.account].order_floor + walk.draws.below(2)
    walk.script.floor(trader, value)


# Money


def _amount(walk: Walk, trader: Trader) -> int:
    draws = walk.draws
    free = free_cash(walk.script.venue, trader.account)
    if draws.chance(60):
        return max(draws.below(2), free - (draws.below(20) - 1 if draws.chance(30) else 0))
    return max(draws.below(2), free * draws.between(1, 120) // 100)


def withdraw(walk: Walk) -> None:
    """An owner takes out what is free, or a little more."""
    trader = walk.standing_trader() if walk.draws.chance(75) else walk.trader()
    token = 1 if walk.draws.permille(20) else 0
    walk.script.withdraw(trader, _amount(walk, trader), token=token)


def transfer(walk: Walk) -> None:
    """An owner moves money to another account."""
    trader, to = walk.standing_trader(), walk.trader().account
    if walk.draws.permille(30):
        to = walk.draws.choice((0, 2**28, len(walk.traders) + 1))
    walk.script.transfer(trader, to, _amount(walk, trader))


def rescue(walk: Walk) -> None:
    """An owner adds money, or opens another account."""
    draws = walk.draws
    if len(walk.traders) < ACCOUNTS_MAX and draws.chance(35):
        walk.open_account()
        return None
    trader = walk.trader()
    account = trader.account if draws.chance(90) else walk.trader().account
    before = walk.script.state.globals_.next_account
    if len(walk.traders) >= ACCOUNTS_MAX and walk.script.state.accounts[account].stage == 3:
        return quote(walk)
    amount = draws.choice((USD // 2, 20 * USD, 500 * USD))
    walk.script.item(Deposit(0, 0, trader.wallet.address, account, amount))
    if walk.script.state.globals_.next_account > before:
        walk.traders.append(Trader(before, trader.wallet))
    return None


# Inbox, ticks, noise


def item(walk: Walk) -> None:
    """The timelock changes something."""
    draws = walk.draws
    listing = draws.choice(walk.listings)
    taker = draws.choice((0, 300_000, 3_000_000))
    source = 0 if draws.chance(6) else 1
    chosen: list[tuple[int, Item]] = [
        (20, SetInstrument(source, listing, 1, draws.choice((-taker // 2, 0, taker)), taker)),
        (8, SetInstrument(source, listing, 2, 0, taker)),
        (3, SetVenue(source, draws.choice((1, 2, 128)), draws.choice((3, 40, 1_000)), 40, 1)),
        (20, SetVenue(source, 128, 1_000, 200, 1_000_000)),
        (12, FundDeposit(source, draws.below(3), draws.choice((0, 5, 900)) * USD)),
        (14, FeeSweep(source, draws.choice(walk.traders).account)),
        (10, replace(walk.group_item(draws.below(2)), source=source)),
        (4, replace(walk.group_item(0), threshold=draws.below(9))),
        (4, Deposit(0, draws.below(2), bytes(20), 0, 5 * USD)),
    ]
    data = encode_item(draws.weighted(chosen))
    if draws.chance(5):
        data = draws.data(draws.between(0, 40))
    cursor = walk.script.state.globals_.inbox_cursor
    walk.script.say(InboxCommand(cursor + (1 if draws.chance(3) else 0), data))


def tick(walk: Walk) -> None:
    """The sequencer lets time be noticed."""
    walk.script.tick()


def bad_epoch(walk: Walk) -> None:
    """A vector or heartbeat with one thing wrong."""
    draws, script = walk.draws, walk.script
    group = draws.below(2)
    leaf = script.group_leaf(group)
    signers = draws.choice(([0, 1], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [0, 1, 2, 5, 7], []))
    if draws.chance(40):
        script.heartbeat(group, signers=signers, number=leaf.epoch_number + draws.between(-1, 1))
        return
    spoilt: dict[str, int | bytes] = draws.choice(
        (
            {"number": leaf.epoch_number},
            {"previous": bytes(31)},
            {"time": leaf.epoch_time},
            {"time": script.time_ns + HOUR_NS},
            {"index": draws.choice((0, -1, 2**52 + 1))},
            {"basis": ONE},
            {"premium": -ONE},
            {"group": 5},
            {},
        )
    )
    script.say(script.epoch_body(group, leaf.index, signers=signers, **spoilt))


def mangled(walk: Walk) -> None:
    """An earlier command again, or with a few bytes changed, cut or added."""
    draws, script = walk.draws, walk.script
    earlier = [sent.command for sent in getattr(script, "log", script.sent)[-60:] if sent.command]
    command = draws.choice(earlier)
    kind = draws.below(100)
    if kind < 25:
        script.send(command)
    elif kind < 70:
        changed = bytearray(command)
        for _ in range(draws.between(1, 3)):
            changed[draws.below(len(changed))] = draws.below(256)
        script.send(bytes(changed))
    elif kind < 85:
        script.send(command[: draws.below(len(command) + 1)])
    else:
        script.send(command + draws.data(draws.between(1, 70)))


def stolen(walk: Walk) -> None:
    """An order that somebody else signs, or nobody."""
    draws = walk.draws
    by = walk.trader()
    thief = walk.owner(draws.below(20)) if draws.chance(60) else signing(walk, by).wallet
    order = _new_order(walk, by)
    if draws.chance(30):
        walk.script.send(encode_command(messages.Place(order, bytes(65))))
    else:
        walk.script.send_place(order, thief)


def contagion(walk: Walk) -> None:
    """One fails so deeply that the holder of its other position fails by the tear-up too.

    The first buys a group on credit and sells the other group to the second, who drains what is
    free; then the first group falls by half at once.
    """
    if len(walk.traders) + 2 > ACCOUNTS_MAX:
        return quote(walk)
    draws, script = walk.draws, walk.script
    falling = draws.below(2)
    if draws.chance(40):
        script.wait(DAY_NS)  # a fund pays by what it held when the day began
    shares = draws.choice((0, 250_000_000, 10**9))
    for group in walk.groups:
        parameters = {"fund_event_share": shares, "fund_day_share": shares, "jump": 10**9}
        script.item(walk.group_item(group.number, **parameters))
        script.epoch(group.number, script.group_leaf(group.number).index)
    first, second = walk.open_account(9_000), walk.open_account(3_000)
    bought, sold = 1 + 2 * falling + draws.below(2), 3 - 2 * falling + draws.below(2)
    _trade(walk, walk.traders[draws.below(MAKERS)], first, bought, draws.between(60, 110) * 900)
    _trade(walk, first, second, sold, draws.between(10, 40) * 900)
    script.withdraw(second, max(0, free_cash(script.venue, second.account)))
    fallen = script.group_leaf(falling).index * draws.between(20, 80) // 100
    script.epoch(falling, fallen)
    walk.speak(walk.groups[1 - falling])
    return None


def dearer(walk: Walk) -> None:
    """The maker fee of a listing goes above what its best order accepts, and somebody takes it."""
    draws, script = walk.draws, walk.script
    listing, side = draws.choice(walk.listings), draws.below(2)
    best = script.venue.books[listing].best(side)
    if best is None or best.order.fee_cap >= FEE_CAP:
        return quote(walk)
    fee = max(0, best.order.fee_cap + draws.below(2))
    script.item(SetInstrument(1, listing, 1, fee, fee))
    by, price = walk.standing_trader(), best.order.limit_price
    script.place(by, 1 - side, price, best.remaining, listing=listing, flags=draws.below(2))
    return None


def _trade(walk: Walk, seller: Trader, buyer: Trader, listing: int, dollars: int) -> None:
    """Have two traders meet at the mark."""
    instrument = walk.script.state.instruments[listing]
    price = max(1, walk.mark(listing) // instrument.tick) * instrument.tick
    size = dollars * USD * 10**instrument.size_decimals // price
    size = max(1, size // instrument.lot) * instrument.lot
    walk.script.place(seller, SELL, price, size, listing=listing)
    walk.script.place(buyer, BUY, price, size, listing=listing)


MOVES: list[tuple[int, Move]] = [
    (400, place),
    (140, quote),
    (80, amend),
    (28, renew),
    (45, cancel),
    (5, floor),
    (28, withdraw),
    (12, transfer),
    (18, rescue),
    (22, item),
    (30, tick),
    (12, bad_epoch),
    (30, mangled),
    (16, spoilt_order),
    (10, awkward_order),
    (10, stolen),
    (5, contagion),
    (8, dearer),
    (50, open_session),
    (9, revoke_session),
]

"""Orders and trades: what the events of a command make of orders, books and positions."""

from __future__ import annotations

from collections.abc import Callable

from merkat.market import layout
from merkat.market.step import Step
from merkat.market.types import ANY_LISTING, Forced, Order, OrderState, Trade, UserTrade
from merkat.market.view import CLOSED_ORDERS_MAX

_BUY = 0


class OrderEvents:
    """Handlers of the events of orders; each gets the place of the event's body."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.view = step.view
        self.orders = step.view.orders
        self.handlers: dict[int, Callable[[int], None]] = {
            2: self.accepted,
            3: self.rested,
            4: self.trade,
            5: self.cancelled,
            6: self.amended,
            7: self.renewed,
            16: self.liquidation,
            19: self.tear_up,
            38: self.hedge,
        }

    # --- the life of an order ---

    def accepted(self, at: int) -> None:
        """Take a new order; it does not rest before it is said to."""
        step = self.step
        key, listing, side, flags, price, size = layout.ACCEPTED.unpack_from(step.outputs, at)
        word = int.from_bytes(key[3:7], "big")
        account = word >> 4
        order = Order(
            key,
            key,
            account,
            word & 15,
            listing,
            side,
            flags,
            price,
            size,
            self._expiry(),
            step.time_ns,
            step.time_ns,
            step.log_number,
            step.log_number,
        )
        self.orders[key] = order
        self.view.accounts[account].open_orders.add(key)
        self._changed(order)

    def rested(self, at: int) -> None:
        """Put what is left of an order into the book."""
        step = self.step
        key, remaining = layout.KEYED.unpack_from(step.outputs, at)
        order = self.orders[key]
        order.resting = True
        step.touch(order.listing).add(order.side, order.price, remaining)

    def cancelled(self, at: int) -> None:
        """End an order, or what is left of it."""
        step = self.step
        key, reason, remaining = layout.CANCELLED.unpack_from(step.outputs, at)
        order = self.orders[key]
        if order.resting:
            step.touch(order.listing).add(order.side, order.price, -remaining)
        order.reason = reason
        self._close(order, OrderState.CANCELLED)
        self._changed(order)

    def amended(self, at: int) -> None:
        """Give an order new terms, in its place or out of its queue."""
        step = self.step
        key, version, price, size, kept = layout.AMENDED.unpack_from(step.outputs, at)
        order = self.orders[key]
        book = step.touch(order.listing)
        book.add(order.side, order.price, order.filled - order.size)
        order.version, order.price, order.size = version, price, size
        order.expiry_ns = self._expiry()
        order.amended = True
        if kept:
            book.add(order.side, price, order.size - order.filled)
        else:
            order.resting = False
        self._changed(order)

    def renewed(self, at: int) -> None:
        """Let an order take another's place in the queue; the book stays as it is."""
        step = self.step
        old_key, new_key, remaining = layout.RENEWED.unpack_from(step.outputs, at)
        old = self.orders[old_key]
        order = Order(
            new_key,
            old.origin,
            old.account,
            old.slot,
            old.listing,
            old.side,
            old.flags,
            old.price,
            remaining,
            self._expiry(),
            old.created_ns,
            step.time_ns,
            old.log_number,
            step.log_number,
            resting=True,
            amended=old.amended,
            carried_filled=old.filled + old.carried_filled,
            carried_value=old.value + old.carried_value,
            carried_fees=old.fees + old.carried_fees,
        )
        self.orders[new_key] = order
        self.view.chains[order.origin] = new_key
        self.view.accounts[order.account].open_orders.add(new_key)
        self._close(old, OrderState.RENEWED)
        self._changed(order)

    def _expiry(self) -> int:
        """Return the expiry in the order of the command under way."""
        step = self.step
        at = step.command_at + layout.ORDER_EXPIRY_AT
        found: int = layout.EXPIRY.unpack_from(step.batch, at)[0]
        return found

    def _changed(self, order: Order) -> None:
        step = self.step
        order.updated_ns, order.updated_log = step.time_ns, step.log_number
        account = order.account
        step.topics.add(("orders", account))
        watched = self.view.watched.get(account)
        if watched is not None:
            watched.orders.append(order)

    def _close(self, order: Order, state: OrderState) -> None:
        """End an order; history keeps it, the view for a while."""
        view = self.view
        order.state = int(state)
        order.resting = False
        view.accounts[order.account].open_orders.discard(order.key)
        if state != OrderState.RENEWED:
            self.step.records.orders.append(order)
        closed = view.closed_orders
        closed.append(order.key)
        if len(closed) > CLOSED_ORDERS_MAX:
            gone = self.orders.pop(closed.popleft(), None)
            if gone is not None and view.chains.get(gone.origin) == gone.key:
                del view.chains[gone.origin]

    # --- trades ---

    def trade(self, at: int) -> None:
        """Fill two orders against each other."""
        listing, maker_key, taker_key, side, price, size, mh, ml, th, tl = layout.TRADE.unpack_from(
            self.step.outputs, at
        )
        trade = self._public(listing, side, price, size, Forced.NO)
        self._fill(self.orders[maker_key], trade, mh << 64 | ml, maker=True)
        self._fill(self.orders[taker_key], trade, th << 64 | tl, maker=False)

    def liquidation(self, at: int) -> None:
        """Trade for an account in liquidation against an order of the book."""
        self._forced(at, Forced.LIQUIDATION)

    def hedge(self, at: int) -> None:
        """Trade the hedge of an option book in liquidation."""
        self._forced(at, Forced.HEDGE)

    def _forced(self, at: int, kind: Forced) -> None:
        found = layout.LIQUIDATION.unpack_from(self.step.outputs, at)
        account, listing, maker_key, side, price, size, mh, ml, th, tl, lh, ll = found
        trade = self._public(listing, side, price, size, kind)
        self._fill(self.orders[maker_key], trade, mh << 64 | ml, maker=True)
        fee = (th << 64 | tl) + (lh << 64 | ll)
        self._take(account, side, trade, fee)

    def tear_up(self, at: int) -> None:
        """Close a bankrupt position against another's; no order, no fee, no public trade."""
        step = self.step
        found = layout.TEAR_UP.unpack_from(step.outputs, at)
        account, other, listing, price_high, price_low, size, surplus_high, surplus_low = found
        price = price_high << 64 | price_low
        long = self.view.accounts[account].positions[listing].size > 0
        side = 1 if long else 0
        trade = self._trade(listing, side, price, size, Forced.TEAR_UP)
        self._take(account, side, trade, 0)
        self._take(other, 1 - side, trade, 0)
        surplus = surplus_high << 64 | surplus_low
        if surplus:
            step.settle(account, "surplus", -surplus)

    def _trade(self, listing: int, side: int, price: int, size: int, forced: Forced) -> Trade:
        """Return a trade with its place in the command and what stood when it was made."""
        step, view = self.step, self.view
        place = step.place
        step.place = place + 1
        public = forced != Forced.TEAR_UP
        seq = view.trade_seq[listing]
        if public:
            seq += 1
            view.trade_seq[listing] = seq
        return Trade(
            step.log_number,
            place,
            listing,
            seq if public else 0,
            side,
            price,
            size,
            step.time_ns,
            view.marks.get(listing, 0),
            view.index_of(listing),
            view.minutes[listing].direction(price) if public else 0,
            int(forced),
        )

    def _public(self, listing: int, side: int, price: int, size: int, forced: Forced) -> Trade:
        """Return a trade that everybody sees, counted and recorded."""
        step, view = self.step, self.view
        trade = self._trade(listing, side, price, size, forced)
        candle = view.minutes[listing].add(step.time_ns, price, size)
        view.trades[listing].append(trade)
        view.all_trades.append(trade)
        step.records.trades.append(trade)
        step.records.candles[listing, candle.minute] = candle
        step.topics.add(("trades", listing))
        step.topics.add(("trades", ANY_LISTING))
        step.topics.add(("ticker", listing))
        return trade

    def _fill(self, order: Order, trade: Trade, fee: int, maker: bool) -> None:
        """Fill a part of an order."""
        size, price = trade.size, trade.price
        order.filled += size
        order.value += price * size
        order.fees += fee
        side = order.side
        if order.resting:
            self.step.touch(order.listing).add(side, order.price, -size)
        if order.filled == order.size:
            self._close(order, OrderState.FILLED)
        self._changed(order)
        account = order.account
        by = size if side == _BUY else -size
        position, realized = self.step.move(account, order.listing, by, price)
        self._record(
            UserTrade(
                trade,
                account,
                side,
                fee,
                maker,
                order.origin,
                order.flags,
                order.state,
                realized,
                position,
            )
        )

    def _take(self, account: int, side: int, trade: Trade, fee: int) -> None:
        """Move an account's position by a trade for which it gave no order."""
        by = trade.size if side == _BUY else -trade.size
        position, realized = self.step.move(account, trade.listing, by, trade.price)
        state = int(OrderState.FILLED)
        self._record(UserTrade(trade, account, side, fee, False, b"", 0, state, realized, position))

    def _record(self, user_trade: UserTrade) -> None:
        step, account = self.step, user_trade.account
        self.view.accounts[account].fees_paid += user_trade.fee
        step.records.user_trades.append(user_trade)
        step.topics.add(("user_trades", account))
        watched = self.view.watched.get(account)
        if watched is not None:
            watched.trades.append(user_trade)

"""Vectors, marks, funding and deliveries: what oracle steps make of groups and listings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from merkat.market import layout
from merkat.market.instruments import funding_quanta, perpetual_mark
from merkat.market.step import Step
from merkat.market.types import Funding, Group, ListingState, Row
from merkat.sdk.commands import EPOCH, HOUR_NS

PARAMETER_BASIS_CLAMP: Final = 9
FUNDING_KEPT: Final = 8


class OracleEvents:
    """Handlers of the events of oracle steps; each gets the place of the event's body."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.view = step.view
        self.handlers: dict[int, Callable[[int], None]] = {
            11: self.epoch,
            12: self.heartbeat,
            14: self.funding,
            32: self.received,
            33: self.row,
            35: self.delivery_fixed,
            36: self.delivered,
            37: self.expired,
        }

    # --- vectors ---

    def received(self, at: int) -> None:
        """Keep the numbers of a vector that waits for its rows."""
        number = layout.GROUP_ONLY.unpack_from(self.step.outputs, at)[0]
        self.view.groups[number].pending = self._vector()

    def _vector(self) -> tuple[int, int, int, int]:
        """Return number, index, basis and premium of the vector in the command."""
        step = self.step
        _, number, index, basis, premium = layout.VECTOR_NUMBERS.unpack_from(
            step.batch, step.command_at + layout.VECTOR_AT
        )
        return number, index, basis, premium

    def epoch(self, at: int) -> None:
        """Take a vector up, or note that it is held (rules.md section 2.5)."""
        step = self.step
        number, vector_number, time_ns, index, basis, held = layout.EPOCH.unpack_from(
            step.outputs, at
        )
        group = self.view.groups[number]
        self._turn_hour(group, time_ns)
        group.number, group.held = vector_number, held
        if not held:
            vector = self._vector() if step.command_kind == EPOCH else group.pending
            assert vector is not None, "a vector of version 2 was received before it is taken up"
            group.index, group.basis, group.premium = index, basis, vector[3]
            self._marks(group)
        group.pending = None
        self._sample(group, time_ns)
        step.topics.add(("index", number))
        for listing in group.listings:
            step.topics.add(("ticker", listing))
            for account in self.view.holders[listing]:
                step.topics.add(("portfolio", account))

    def heartbeat(self, at: int) -> None:
        """Renew the age of a standing vector."""
        number, _, time_ns = layout.HEARTBEAT.unpack_from(self.step.outputs, at)
        group = self.view.groups[number]
        self._turn_hour(group, time_ns)
        self._sample(group, time_ns)

    def _turn_hour(self, group: Group, time_ns: int) -> None:
        hour = time_ns // HOUR_NS
        if hour != group.premium_hour:
            group.premium_sum = group.premium_count = 0
            group.premium_hour = hour

    def _sample(self, group: Group, time_ns: int) -> None:
        group.epoch_time = time_ns
        if not group.held:
            group.premium_sum += group.premium
            group.premium_count += 1

    def _marks(self, group: Group) -> None:
        """Set the marks of a group without rows; of others the rows that follow bring them."""
        view = self.view
        if group.has_risk_set:
            group.has_rows = True
            group.option_band = view.option_bands[group.group]
            for listing in group.listings:  # one that has expired has no row any more
                view.marks.pop(listing, None)
                view.rows.pop(listing, None)
            return
        clamp = group.parameters[PARAMETER_BASIS_CLAMP]
        for listing in group.listings:
            instrument = view.instruments[listing]
            if instrument.is_perpetual:
                quantum = instrument.quantum
                view.marks[listing] = perpetual_mark(group.index, group.basis, clamp, quantum)

    def row(self, at: int) -> None:
        """Take mark and Greeks of a listing."""
        listing, mark, delta, gamma, vega, theta = layout.ROW.unpack_from(self.step.outputs, at)
        self.view.marks[listing] = mark
        self.view.rows[listing] = Row(delta, gamma, vega, theta)

    def funding(self, at: int) -> None:
        """Close an hour of funding: it comes before the epoch or heartbeat that ends the hour."""
        step, view = self.step, self.view
        number, hour, rate, high, low = layout.FUNDING.unpack_from(step.outputs, at)
        group = view.groups[number]
        group.cumulative_funding = high << 64 | low
        previous = group.funding_index or group.index
        group.funding_index = group.index
        group.funding_rates = [*group.funding_rates[1 - FUNDING_KEPT :], (hour, rate)]
        funding = Funding(number, hour, rate, group.index, previous, step.time_ns)
        step.records.funding.append((step.log_number, funding))
        for listing in group.listings:
            instrument = view.instruments[listing]
            if instrument.is_perpetual:
                self._pay(listing, funding_quanta(group.cumulative_funding, instrument))

    def _pay(self, listing: int, funding: int) -> None:
        """Let F of a perpetual be what it is now; every holder pays or is paid."""
        view, step = self.view, self.step
        before = view.funding.get(listing, 0)
        view.funding[listing] = funding
        coin = view.instruments[listing].coin
        mark = view.marks.get(listing, 0)
        for account in sorted(view.holders[listing]):
            size = view.accounts[account].positions[listing].size
            paid = size * (funding - before) // coin
            step.settle(account, "funding", -paid, listing, size, mark)
        step.topics.add(("ticker", listing))

    # --- delivery ---

    def delivery_fixed(self, at: int) -> None:
        """Note the price at which an expiry will be delivered."""
        number, expiry_ns, price = layout.DELIVERY_FIXED.unpack_from(self.step.outputs, at)
        self.view.groups[number].delivered[expiry_ns] = price

    def delivered(self, at: int) -> None:
        """End a listing: its positions will be expired."""
        listing, price = layout.DELIVERED.unpack_from(self.step.outputs, at)
        instrument = self.view.instruments[listing]
        instrument.delivery_price = price
        empty = not self.view.holders[listing]
        instrument.state = int(ListingState.CLOSED if empty else ListingState.DELIVERED)
        self.step.touch_instrument(listing)

    def expired(self, at: int) -> None:
        """Pay a position out."""
        step, view = self.step, self.view
        found = layout.EXPIRED.unpack_from(step.outputs, at)
        account, listing, size, price, high, low = found
        fee = high << 64 | low
        instrument = view.instruments[listing]
        step.move(account, listing, -size, price)
        view.accounts[account].fees_paid += fee
        amount = size * price // instrument.coin - fee
        step.settle(account, "delivery", amount, listing, size, price)
        if not view.holders[listing]:
            instrument.state = int(ListingState.CLOSED)
            step.touch_instrument(listing)

"""Accounts, groups and listings: money that moves, sessions, and what the Inbox sets up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from merkat.market import layout
from merkat.market.instruments import from_item
from merkat.market.positions import move
from merkat.market.step import Step
from merkat.market.types import Account, Session
from merkat.sdk.risk_sets import RiskSet

_RISK_ITEM_AT: Final = layout.ITEM_BODY_AT + layout.ITEM_RISK.size


class AccountEvents:
    """Handlers of the events of accounts and of the Inbox; each gets the place of its body."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.view = step.view
        self.handlers: dict[int, Callable[[int], None]] = {
            8: self.floor_raised,
            9: self.withdrawn,
            10: self.transferred,
            15: self.stage,
            18: self.bankrupt,
            20: self.write_off,
            21: self.deposited,
            22: self.group_set,
            23: self.listed,
            24: self.instrument_set,
            27: self.fees_swept,
            31: self.forced_withdrawn,
            39: self.margin_mode_set,
            40: self.risk_set,
            41: self.session_opened,
            42: self.session_revoked,
        }

    # --- money ---

    def deposited(self, at: int) -> None:
        """Credit a deposit; of a token of its own it becomes a spot position."""
        step, view = self.step, self.view
        token, number, high, low, opened = layout.DEPOSITED.unpack_from(step.outputs, at)
        amount = high << 64 | low
        if opened:
            owner = step.item(layout.DEPOSIT_OWNER_AT)[:20]
            view.accounts[number] = Account(number, owner, step.time_ns)
        if token:
            self._move_spot(number, token, amount)
        else:
            view.accounts[number].deposited += amount
        step.settle(number, "deposit", amount, token=token)

    def withdrawn(self, at: int) -> None:
        """Debit a withdrawal."""
        number, token, high, low = layout.WITHDRAWN.unpack_from(self.step.outputs, at)
        self._withdraw(number, token, high << 64 | low)

    def forced_withdrawn(self, at: int) -> None:
        """Debit what the Inbox forced out."""
        number, token, high, low = layout.FORCED_WITHDRAWN.unpack_from(self.step.outputs, at)
        self._withdraw(number, token, high << 64 | low)

    def _withdraw(self, number: int, token: int, amount: int) -> None:
        if not amount:
            return
        if token:
            self._move_spot(number, token, -amount)
        else:
            self.view.accounts[number].withdrawn += amount
        self.step.settle(number, "withdrawal", -amount, token=token)

    def _move_spot(self, number: int, token: int, amount: int) -> None:
        """Let whole lots of a token enter or leave a position: at the mark, so without a profit.

        What is no whole lot goes to what can be claimed, as does a deposit for which the account
        has no slot; the position of the engine would show it.
        """
        step, view = self.step, self.view
        listing = view.spot_listings[token]
        instrument = view.instruments[listing]
        by = amount // instrument.lot * instrument.lot if amount > 0 else amount
        if not by:
            return
        account = view.accounts[number]
        position = account.positions.get(listing)
        old = position.size if position is not None else 0
        price = view.marks.get(listing, 0)
        if position is not None and by < 0:
            price = position.cost // position.size
        new, _ = move(account, listing, by, price, 0, instrument.coin, step.time_ns)
        step.count_holder(number, listing, old, new)

    def transferred(self, at: int) -> None:
        """Move money between two accounts."""
        sender, receiver, high, low = layout.TRANSFERRED.unpack_from(self.step.outputs, at)
        amount = high << 64 | low
        self.view.accounts[sender].withdrawn += amount
        self.view.accounts[receiver].deposited += amount
        self.step.settle(sender, "transfer", -amount)
        self.step.settle(receiver, "transfer", amount)

    def fees_swept(self, at: int) -> None:
        """Credit the fees that the timelock sends to an account."""
        number, high, low = layout.FEES_SWEPT.unpack_from(self.step.outputs, at)
        self.view.accounts[number].deposited += high << 64 | low
        self.step.settle(number, "transfer", high << 64 | low)

    # --- liquidation ---

    def stage(self, at: int) -> None:
        """Note that an account enters or leaves liquidation."""
        number, stage = layout.STAGE.unpack_from(self.step.outputs, at)
        self.view.accounts[number].stage = stage
        self.step.topics.add(("portfolio", number))

    def bankrupt(self, at: int) -> None:
        """Note a bankruptcy, and what the fund paid."""
        number, _, _, _, high, low = layout.BANKRUPT.unpack_from(self.step.outputs, at)
        self.view.accounts[number].stage = 3
        self.step.settle(number, "fund_payment", high << 64 | low)

    def write_off(self, at: int) -> None:
        """Note what was written off."""
        found = layout.WRITE_OFF.unpack_from(self.step.outputs, at)
        number, _, paid_high, paid_low, debt_high, debt_low = found
        amount = (paid_high << 64 | paid_low) + (debt_high << 64 | debt_low)
        self.step.settle(number, "write_off", amount)

    # --- what an account is ---

    def floor_raised(self, at: int) -> None:
        """Note the floor of an account's counters."""
        number, high, low = layout.FLOOR_RAISED.unpack_from(self.step.outputs, at)
        self.view.accounts[number].floor = high << 32 | low

    def margin_mode_set(self, at: int) -> None:
        """Note the margin mode of an account."""
        number, mode = layout.MARGIN_MODE_SET.unpack_from(self.step.outputs, at)
        self.view.accounts[number].mode = mode
        self.step.topics.add(("portfolio", number))

    def session_opened(self, at: int) -> None:
        """Note a session key."""
        number, slot, *terms = layout.SESSION_OPENED.unpack_from(self.step.outputs, at)
        self.view.accounts[number].sessions[slot] = Session(slot, *terms)

    def session_revoked(self, at: int) -> None:
        """End a session key, and every order of the account up to the floor."""
        number, slot, high, low = layout.SESSION_REVOKED.unpack_from(self.step.outputs, at)
        account = self.view.accounts[number]
        account.floor = high << 32 | low
        old = account.sessions[slot]
        account.sessions[slot] = Session(
            slot, old.scheme, old.key, old.groups, old.kinds, old.notional, old.expiry_ns, False
        )

    # --- what the timelock sets up ---

    def group_set(self, at: int) -> None:
        """Take a group and its parameters."""
        found = layout.ITEM_GROUP.unpack_from(
            self.step.item(layout.INBOX_ITEM_AT), layout.ITEM_BODY_AT
        )
        self.view.add_group(found[0], tuple(found[2:]))

    def risk_set(self, at: int) -> None:
        """Note that a group has a risk set; it takes effect with the next vector."""
        number = layout.GROUP_ONLY.unpack_from(self.step.outputs, at)[0]
        encoded = self.step.item(layout.INBOX_ITEM_AT)[_RISK_ITEM_AT:]
        self.view.groups[number].has_risk_set = True
        self.view.option_bands[number] = RiskSet.decode(encoded).scalars.option_band

    def listed(self, at: int) -> None:
        """Take a listing."""
        step, view = self.step, self.view
        listing, number = layout.LISTED.unpack_from(step.outputs, at)
        group = view.groups[number]
        item = step.item(layout.INBOX_ITEM_AT)
        instrument = from_item(item, listing, group.base, step.time_ns)
        view.add_instrument(instrument, step.log_number)
        step.touch_instrument(listing)

    def instrument_set(self, at: int) -> None:
        """Take another state and other fees of a listing."""
        step, view = self.step, self.view
        listing, state = layout.INSTRUMENT_SET.unpack_from(step.outputs, at)
        item = step.item(layout.INBOX_ITEM_AT)
        _, _, maker_fee, taker_fee = layout.ITEM_INSTRUMENT.unpack_from(item, layout.ITEM_BODY_AT)
        instrument = view.instruments[listing]
        instrument.state, instrument.maker_fee, instrument.taker_fee = state, maker_fee, taker_fee
        step.touch_instrument(listing)

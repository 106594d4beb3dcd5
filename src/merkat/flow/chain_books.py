"""Accounts as their owners keep them: cash, positions, funds, read from events alone.

The books never look at the venue's state: what they say at the end is held against it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from merkat.flow.tally import Tally
from merkat.sdk.layouts import EVENTS, show_event

_KINDS: Final = {name: kind for kind, (name, _) in EVENTS.items()}
MICRO: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
DAY_S: Final = 86_400
SAMPLED_FROM_S: Final = 27_000  # 07:30:00 UTC
SAMPLED_TO_S: Final = 28_800  # 08:00:00 UTC
CARRIED_S: Final = 5
STAGE_ENTERED: Final = 1
PERPETUAL: Final = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """A listing: group, kind, strike (1e-6 USD), expiry, base units of a coin, quantum."""

    name: str
    group: int
    kind: int
    strike: int
    expiry_ns: int
    coin: int
    quantum: int


@dataclass(slots=True)
class Account:
    """Cash in 1e-6 USD, positions in base units by listing."""

    cash: int = 0
    positions: dict[int, int] = field(default_factory=dict)
    stage: int = 0
    mode: int = 0


@dataclass(slots=True)
class GroupState:
    """What the books know of a group: fund, funding, clock, and the delivery samples of a day."""

    fund: int = 0
    cumulative_funding: int = 0
    index: int = 0
    number: int = 0
    epoch_time: int = 0
    held: int = 0
    sample_day: int = 0
    sample_count: int = 0
    sample_sum: int = 0
    delivered: dict[int, int] = field(default_factory=dict)

    def sample(self, time_ns: int) -> None:
        """Count the whole seconds of the delivery window that a step at `time_ns` covers.

        derivatives.md section 6: from the standing signature on, five seconds at most.
        """
        start = self.epoch_time
        if not start or self.held:
            return
        first = -(-start // SECOND_NS)
        end = -(-min(time_ns, start + CARRIED_S * SECOND_NS + 1) // SECOND_NS)
        midnight = start // (DAY_S * SECOND_NS) * DAY_S
        low = max(first, midnight + SAMPLED_FROM_S)
        count = min(end, midnight + SAMPLED_TO_S) - low
        if count <= 0:
            return
        day = start // (DAY_S * SECOND_NS)
        if day != self.sample_day:
            self.sample_day, self.sample_count, self.sample_sum = day, 0, 0
        self.sample_count += count
        self.sample_sum += count * self.index


Event = dict[str, Any]
Hook = Callable[[Event], None]


_NAMES: Final = (
    "deposited",
    "fund_deposited",
    "funding",
    "epoch",
    "heartbeat",
    "trade",
    "liquidation",
    "hedge",
    "tear_up",
    "bankrupt",
    "write_off",
    "expired",
    "delivery_fixed",
    "stage",
    "margin_mode_set",
)


class Books:
    """Cash and positions of every account, from the events of a tally; `terms` by listing.

    Hooks `before` and `after` get the fields of an event; what they see in the books is from
    before or after it.
    """

    def __init__(self, tally: Tally) -> None:
        self.accounts: dict[int, Account] = {}
        self.groups: dict[int, GroupState] = {}
        self.terms: dict[int, Terms] = {}
        self.counts: Counter[str] = Counter()
        self.fees = 0
        self.bad_debt = 0
        self.deficits = 0  # what bankrupts lacked, 1e-6 USD
        self.expiry_fees = 0
        self.expiry_cash = 0
        self.before: defaultdict[str, list[Hook]] = defaultdict(list)
        self.after: defaultdict[str, list[Hook]] = defaultdict(list)
        self._bankrupt_group: dict[int, int] = {}
        for name in _NAMES:
            self._follow(tally, name, getattr(self, f"_on_{name}"))

    def _follow(self, tally: Tally, name: str, method: Hook) -> None:
        kind = _KINDS[name]
        head = bytes([kind])

        def hook(log_number: int, body: bytes) -> None:
            event = dict(show_event(head + body).fields)
            for one in self.before[name]:
                one(event)
            method(event)
            for one in self.after[name]:
                one(event)

        tally.hook(kind, hook)

    def account(self, number: int) -> Account:
        """Return an account, made empty where it was not known."""
        return self.accounts.setdefault(number, Account())

    def group(self, number: int) -> GroupState:
        """Return a group, made empty where it was not known."""
        return self.groups.setdefault(number, GroupState())

    def funding_of(self, listing: int) -> int:
        """Return F of a listing, 1e-6 USD a coin: whole quanta of a perpetual's funding."""
        terms = self.terms[listing]
        if terms.kind != PERPETUAL:
            return 0
        cumulative = self.group(terms.group).cumulative_funding
        return cumulative // (terms.quantum * MICRO) * terms.quantum

    # --- what moves cash and positions ---

    def _move(self, account: Account, listing: int, size: int, price: int) -> None:
        """Add a signed size at a price; cash follows, funding apart."""
        paid = price - self.funding_of(listing)
        account.cash -= size * paid // self.terms[listing].coin
        position = account.positions.get(listing, 0) + size
        account.positions.pop(listing, None)
        if position:
            account.positions[listing] = position

    def _on_deposited(self, event: Event) -> None:
        self.account(event["account"]).cash += event["amount"]

    def _on_fund_deposited(self, event: Event) -> None:
        self.group(event["group"]).fund = event["fund"]

    def _on_funding(self, event: Event) -> None:
        self.group(event["group"]).cumulative_funding = event["cumulative"]

    def _on_trade(self, event: Event) -> None:
        self.counts["trades"] += 1
        signed = event["size"] if event["taker_side"] == 0 else -event["size"]
        for side, size in (("taker", signed), ("maker", -signed)):
            account = self.account(_account(event[side]))
            self._move(account, event["listing"], size, event["price"])
            account.cash -= event[f"{side}_fee"]
            self.fees += event[f"{side}_fee"]

    def _on_liquidation(self, event: Event) -> None:
        self.counts["liquidations"] += 1
        self._forced(event)

    def _on_hedge(self, event: Event) -> None:
        self.counts["hedges"] += 1
        self._forced(event)

    def _forced(self, event: Event) -> None:
        signed = event["size"] if event["side"] == 0 else -event["size"]
        account, maker = self.account(event["account"]), self.account(_account(event["maker"]))
        self._move(account, event["listing"], signed, event["price"])
        self._move(maker, event["listing"], -signed, event["price"])
        maker.cash -= event["maker_fee"]
        account.cash -= event["taker_fee"] + event["liquidation_fee"]
        self.fees += event["maker_fee"] + event["taker_fee"]
        group = self.terms[event["listing"]].group
        self.group(group).fund += event["liquidation_fee"]

    def _on_tear_up(self, event: Event) -> None:
        self.counts["tear_ups"] += 1
        account, other = self.account(event["account"]), self.account(event["other"])
        long = account.positions.get(event["listing"], 0) > 0
        signed = -event["size"] if long else event["size"]
        self._move(account, event["listing"], signed, event["price"])
        self._move(other, event["listing"], -signed, event["price"])
        account.cash -= event["surplus"]
        self.group(self._bankrupt_group[event["account"]]).fund += event["surplus"]

    def _on_bankrupt(self, event: Event) -> None:
        self.counts["bankrupts"] += 1
        self.deficits += max(0, -event["equity"])
        account = self.account(event["account"])
        account.stage = 3
        account.cash += event["fund_payment"]
        self.group(event["group"]).fund -= event["fund_payment"]
        self._bankrupt_group[event["account"]] = event["group"]

    def _on_write_off(self, event: Event) -> None:
        self.counts["write_offs"] += 1
        account = self.account(event["account"])
        account.cash += event["fund_payment"] + event["bad_debt"]
        self.bad_debt += event["bad_debt"]
        self.group(event["group"]).fund -= event["fund_payment"]

    def _on_expired(self, event: Event) -> None:
        self.counts["expiries"] += 1
        account = self.account(event["account"])
        value = event["size"] * event["price"] // self.terms[event["listing"]].coin
        account.cash += value - event["fee"]
        account.positions.pop(event["listing"])
        self.fees += event["fee"]
        self.expiry_fees += event["fee"]
        self.expiry_cash += value - event["fee"]

    # --- what moves the clock and the stages ---

    def _on_epoch(self, event: Event) -> None:
        group = self.group(event["group"])
        group.sample(event["time"])
        group.held = event["held"]
        group.epoch_time = event["time"]
        if not event["held"]:
            group.index, group.number = event["index"], event["number"]

    def _on_heartbeat(self, event: Event) -> None:
        group = self.group(event["group"])
        group.sample(event["time"])
        group.epoch_time = event["time"]

    def _on_delivery_fixed(self, event: Event) -> None:
        self.counts["by_samples" if event["samples"] else "by_timelock"] += 1
        self.group(event["group"]).delivered[event["expiry"]] = event["price"]

    def _on_stage(self, event: Event) -> None:
        self.account(event["account"]).stage = event["stage"]
        self.counts["stage_entries"] += event["stage"] == STAGE_ENTERED

    def _on_margin_mode_set(self, event: Event) -> None:
        self.account(event["account"]).mode = event["mode"]


def _account(key: str) -> int:
    """Return the account in a shown order key, account/counter@hour."""
    return int(key.partition("/")[0])

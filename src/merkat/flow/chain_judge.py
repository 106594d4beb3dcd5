"""Was it right to liquidate? Every entry, slice and bankruptcy, held against margin in floats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from merkat.flow.chain_books import STAGE_ENTERED, Books, Event
from merkat.flow.float_margin import figures
from merkat.flow.float_model import NOTHING, Figures, Group, Listing, Rows, Samples, build
from merkat.sdk.surfaces import Surface

SLACK: Final = 1e-6
MICRO: Final = 1e6


@dataclass(frozen=True, slots=True)
class Wrong:
    """A liquidation that the float model does not see the need of; amounts in USD."""

    what: str
    account: int
    equity: float
    bound: float


@dataclass(slots=True)
class Judge:
    """Keeps float rows of every group and an opinion on every forced step.

    Tell `surfaces` each vector by (group, number) before its answer is read.
    """

    books: Books
    groups: dict[int, Group]
    stop_ratio: float
    surfaces: dict[tuple[int, int], Surface] = field(default_factory=dict)
    rows: dict[int, Rows] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    judged: int = 0
    deviation: float = 0.0

    def attach(self) -> None:
        """Begin to listen to the books."""
        self.books.after["epoch"].append(self._on_epoch)
        self.books.before["stage"].append(self._on_stage)
        self.books.before["bankrupt"].append(self._on_bankrupt)
        self.books.before["liquidation"].append(self._on_slice)
        self.books.before["hedge"].append(self._on_slice)

    def listings(self, group: int) -> list[Listing]:
        """Return the listings of a group as the float model takes them."""
        return [
            Listing(number, one.kind, one.strike / MICRO, one.expiry_ns, one.quantum / MICRO)
            for number, one in sorted(self.books.terms.items())
            if one.group == group
        ]

    def _on_epoch(self, event: Event) -> None:
        if event["held"] or (event["group"], event["number"]) not in self.surfaces:
            return
        group = event["group"]
        state = self.books.group(group)
        samples = Samples(state.sample_day, state.sample_count, state.sample_sum / MICRO)
        delivered = {expiry: price / MICRO for expiry, price in state.delivered.items()}
        surface = self.surfaces[group, event["number"]]
        listings = self.listings(group)
        standing = self.rows.get(group)
        self.rows[group] = build(
            self.groups[group], surface, listings, samples, delivered, standing
        )

    def figures(self, account: int, extra: dict[int, int] | None = None) -> Figures:
        """Return what an account's positions, with `extra` sizes added, are worth and require."""
        held = self.books.account(account)
        sizes = dict(held.positions)
        for listing, size in (extra or {}).items():
            sizes[listing] = sizes.get(listing, 0) + size
        total = NOTHING
        for group, rows in self.rows.items():
            own = {one: size for one, size in sizes.items() if self.books.terms[one].group == group}
            if own:
                fund = self.books.group(group).fund / MICRO
                total += figures(self.groups[group], rows, own, held.mode, fund)
        return total

    def equity(self, account: int, value: float) -> float:
        """Return E in USD of an account whose positions are worth `value` at mark."""
        held = self.books.account(account)
        funding = sum(
            size * self.books.funding_of(listing) / self.books.terms[listing].coin
            for listing, size in held.positions.items()
        )
        return (held.cash - funding) / MICRO + value

    def _judge(self, what: str, account: int, bound: float, found: Figures) -> float:
        equity = self.equity(account, found.value)
        self.judged += 1
        if equity >= bound + SLACK * abs(bound):
            self.wrong.append(Wrong(what, account, equity, bound))
        return equity

    def _on_stage(self, event: Event) -> None:
        if event["stage"] != STAGE_ENTERED:
            return
        account = event["account"]
        found = self.figures(account)
        equity = self._judge("stage", account, found.maintenance, found)
        scale = max(1.0, abs(event["equity"]) / MICRO, event["maintenance"] / MICRO)
        apart = max(
            abs(equity - event["equity"] / MICRO),
            abs(found.maintenance - event["maintenance"] / MICRO),
        )
        self.deviation = max(self.deviation, apart / scale)

    def _on_bankrupt(self, event: Event) -> None:
        found = self.figures(event["account"])
        self._judge("bankrupt", event["account"], found.maintenance, found)

    def _on_slice(self, event: Event) -> None:
        found = self.figures(event["account"])
        stop = min(self.stop_ratio * found.maintenance, found.initial)
        self._judge("slice", event["account"], stop, found)

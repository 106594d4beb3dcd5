"""What happens, in words: listens to the observer and tells what is worth a line, with numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from merkat.api.numbers import coins, rate, usd
from merkat.demo.cast import Cast
from merkat.demo.observer import Observer
from merkat.demo.view import Teller, short_name

_SOLD: Final = ("bought back", "sold")
STAGE_LIQUIDATION: Final = 1


class Chronicle:
    """Tells liquidations, funding and deliveries as the log announces them."""

    def __init__(self, observer: Observer, teller: Teller, cast: Cast) -> None:
        self._observer = observer
        self._teller = teller
        self._names = {member.account: member.name for member in cast.members}
        self._expired: dict[int, list[Decimal]] = {}
        self.liquidated: list[str] = []
        for name in ("stage", "liquidation", "bankrupt", "funding", "delivery_fixed"):
            observer.on(name, getattr(self, f"_on_{name}"))

    def _who(self, account: int) -> str:
        return self._names.get(account, f"account {account}")

    def _on_stage(self, log_number: int, fields: dict[str, Any]) -> None:
        name = self._who(fields["account"])
        equity, maintenance = usd(fields["equity"]), usd(fields["maintenance"])
        if fields["stage"] == STAGE_LIQUIDATION:
            self.liquidated.append(name)
            self._teller.line(
                "liquidation",
                f"{name} has {equity:,.2f}, must have {maintenance:,.2f}: short of "
                f"{maintenance - equity:,.2f}",
            )
        elif fields["stage"] == 0:
            held = f"must have {maintenance:,.2f}" if maintenance else "nothing is left to lose"
            text = f"{name} is out of liquidation: has {equity:,.2f}, {held}"
            self._teller.line("liquidation", text)

    def _on_liquidation(self, log_number: int, fields: dict[str, Any]) -> None:
        instrument = self._observer.instrument(fields["listing"])
        size = coins(fields["size"], instrument.size_decimals)
        fee = usd(fields["liquidation_fee"])
        self._teller.line(
            "liquidation",
            f"{size:.3f} {short_name(instrument.name)} of {self._who(fields['account'])} "
            f"{_SOLD[fields['side']]} at {usd(fields['price']):,.1f}, fee {fee:,.2f}",
        )

    def _on_bankrupt(self, log_number: int, fields: dict[str, Any]) -> None:
        self._teller.line(
            "liquidation",
            f"{self._who(fields['account'])} is bankrupt at {usd(fields['equity']):,.2f}; the fund "
            f"pays {usd(fields['fund_payment']):,.2f}",
        )

    def _on_funding(self, log_number: int, fields: dict[str, Any]) -> None:
        text = f"the hour's rate is {rate(fields['rate']):+.4%} for 8 h: longs and shorts settle"
        self._teller.line("funding", text)

    def _on_delivery_fixed(self, log_number: int, fields: dict[str, Any]) -> None:
        self._teller.line(
            "expiry",
            f"delivery at {usd(fields['price']):,.2f}, the mean of {fields['samples']:,} samples",
        )

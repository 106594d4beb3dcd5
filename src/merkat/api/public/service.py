"""What public methods need of the service, the registry that they fill, and their look-ups."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final, Protocol, cast

from merkat.api.errors import ApiError, invalid_params
from merkat.api.registry import Context, Registry
from merkat.market.replica import Replica
from merkat.market.types import Group, Instrument
from merkat.market.view import View
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT, KIND_SPOT

MS_NS: Final = 1_000_000
LATEST_NS: Final = (1 << 63) - 1  # the end of all times that the venue can say
QUOTE: Final = "USDC"
ANY: Final = "any"
# Currencies that clients of the dialect ask for everywhere: there is nothing of them, no error.
KNOWN_CURRENCIES: Final = frozenset(("BTC", "ETH", "SOL", "XRP", QUOTE, "USDT", "EURR"))
KINDS: Final[dict[str, tuple[int, ...]]] = {
    ANY: (KIND_PERPETUAL, KIND_FUTURE, KIND_CALL, KIND_PUT, KIND_SPOT),
    "future": (KIND_PERPETUAL, KIND_FUTURE),
    "option": (KIND_CALL, KIND_PUT),
    "spot": (KIND_SPOT,),
    "future_combo": (),
    "option_combo": (),
    "combo": (),
}

registry = Registry()


class Service(Protocol):
    """What `Context.service` must be able to do for public methods."""

    @property
    def replica(self) -> Replica:
        """The verified copy of the venue."""
        ...

    def now_ns(self) -> int:
        """Return the venue's clock."""
        ...


def service_of(context: Context) -> Service:
    """Return the service that the server was built over."""
    return cast(Service, context.service)


def view_of(context: Context) -> View:
    """Return what is known of the venue."""
    return service_of(context).replica.view


def instrument_of(context: Context, name: str, field: str = "instrument_name") -> Instrument:
    """Return the instrument of a name. Raises ApiError 13020."""
    view = view_of(context)
    found = view.by_name.get(name)
    if found is None:
        close = get_close_matches(name, list(view.by_name), n=1)
        guess = f"did you mean {close[0]}? " if close else ""
        hint = f"{guess}public/get_instruments lists all, such as BTC_USDC-PERPETUAL"
        raise ApiError(13020, f"there is no instrument {name[:80]!r}", hint, field=field)
    return found


def check_currency(view: View, currency: str | None, field: str = "currency") -> str | None:
    """Return a currency in capitals, None for any. Raises ApiError -32602 for one nobody knows."""
    if currency is None or currency.lower() == ANY:
        return None
    upper = currency.upper()
    bases = {group.base for group in view.groups.values()}
    if upper not in KNOWN_CURRENCIES and upper not in bases:
        expected = ", ".join(sorted(bases | {QUOTE})) + ' or "any"'
        raise invalid_params(field, currency, expected)
    return upper


def select(
    view: View, currency: str | None, kind: str | None, field: str = "currency"
) -> list[Instrument]:
    """Return the instruments of a currency (base, quote or any) and a kind, all states."""
    wanted = check_currency(view, currency, field)
    kinds = KINDS[kind or ANY]
    return [
        instrument
        for instrument in view.instruments.values()
        if instrument.kind in kinds
        and (wanted is None or wanted in (instrument.contract.base, QUOTE))
    ]


def index_name(group: Group) -> str:
    """Return what the index of a group is called."""
    return f"{group.base.lower()}_{QUOTE.lower()}"


def group_of_index(view: View, name: str, field: str = "index_name") -> Group:
    """Return the group of an index: `btc_usdc`, or `btc_usd`. Raises ApiError -32602."""
    wanted = name.lower()
    for group in view.groups.values():
        if wanted in (index_name(group), index_name(group)[:-1]):
            return group
    names = ", ".join(index_name(group) for group in view.groups.values()) or "none yet"
    raise invalid_params(field, name, names)


def state_of(instrument: Instrument, time_ns: int) -> str:
    """Return the state of an instrument in the words of the dialect."""
    if instrument.state >= 4:
        return "closed"
    if instrument.state == 3:
        return "settled"
    return "open" if instrument.active(time_ns) else "locked"


def kind_of(instrument: Instrument) -> str:
    """Return the kind of an instrument in the words of the dialect."""
    if instrument.is_option:
        return "option"
    return "spot" if instrument.kind == KIND_SPOT else "future"


def milliseconds(time_ns: int) -> int:
    """Return a time as the dialect has it."""
    return time_ns // MS_NS


def time_range(
    start_ms: int | None, end_ms: int | None, first: str = "start_timestamp"
) -> tuple[int, int]:
    """Return a span in ns, both ends included. Raises ApiError -32602 where it is turned round."""
    start = 0 if start_ms is None else start_ms
    end = LATEST_NS // MS_NS if end_ms is None else end_ms
    if start > end:
        raise invalid_params(first, start, f"a time in ms that is not after end_timestamp {end}")
    return first_ns(start), last_ns(end)


def first_ns(time_ms: int) -> int:
    """Return the first nanosecond of a millisecond, the last of all times where it is later."""
    return min(time_ms * MS_NS, LATEST_NS)


def last_ns(time_ms: int) -> int:
    """Return the last nanosecond of a millisecond, the last of all times where it is later."""
    return min(time_ms * MS_NS + MS_NS - 1, LATEST_NS)

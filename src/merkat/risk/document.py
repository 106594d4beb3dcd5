"""The portfolio document: JSON in, cases out; every error names its field.

The format is documented in docs/reference/portfolio.md. Amounts are decimal strings or JSON
numbers, read exactly (a number never passes through a float).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn

from merkat.risk.market import Market, Parameters, Quote, Underlying
from merkat.risk.portfolio import PORTFOLIO, STANDARD, Order, Portfolio, Position
from merkat.spec.risk.parameters import (
    SCENARIOS_MAX,
    RiskSet,
    Scalars,
    Scenario,
    bad_scalar,
    scenarios_fit,
)
from merkat.spec.values import ONE

MICRO = 10**6
SVI_ONE = 10**12
SECOND_NS = 10**9
CASES_MAX = 10_000
EXPIRIES_MAX = 16
SIZE_DECIMALS_MAX = 18
NUMBER_DIGITS_MAX = 40
MODES = {"standard": STANDARD, "portfolio": PORTFOLIO}
VOLS = {"same": 0, "up": 1, "down": 2, "skew_linear": 3, "skew_absolute": 4}
RATES = ("maintenance_rate", "initial_rate", "basis_clamp", "linear_fee", "option_fee")


class DocumentError(ValueError):
    """A portfolio document that cannot be taken: field, what was found, what was expected."""


@dataclass(frozen=True, slots=True)
class Case:
    """One named portfolio with its market and parameters."""

    name: str
    portfolio: Portfolio
    market: Market
    parameters: Parameters


def read_cases(path: Path, *, mode: int | None = None) -> list[Case]:
    """Read the cases of a portfolio document.

    With a mode every portfolio is read in it, whatever its own.

    Raises DocumentError (the message names the file and the field) and OSError.
    """
    try:
        document = _load(path.read_bytes())
        cases = _cases(document, path.stem)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None
    if mode is None:
        return cases
    return [replace(case, portfolio=replace(case.portfolio, mode=mode)) for case in cases]


def _load(data: bytes) -> Fields:
    def constant(name: str) -> NoReturn:
        raise DocumentError(f"{name} is no number of this format; expected a decimal number")

    def pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(members)
        if len(found) != len(members):
            twice = next(key for key, _ in members if sum(key == other for other, _ in members) > 1)
            raise DocumentError(f"{twice!r} stands twice in one object; expected it once")
        return found

    try:
        value = json.loads(
            data, parse_float=Decimal, parse_constant=constant, object_pairs_hook=pairs
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DocumentError(f"not JSON: {error}; expected one JSON object") from None
    return Fields(value, "")


class Fields:
    """A JSON object that is read member by member; what was not read is an error."""

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(f"{name or 'the document'} is {_kind(value)}; expected an object")
        self._members: Mapping[str, object] = value
        self._name = name
        self._read: set[str] = set()

    def path(self, key: str) -> str:
        """Return the name of a member as errors spell it."""
        return f"{self._name}.{key}" if self._name else key

    def has(self, key: str) -> bool:
        """Return whether the member is there."""
        return key in self._members

    def get(self, key: str) -> object:
        """Return a member, which must be there."""
        if key not in self._members:
            raise DocumentError(f"{self.path(key)} is missing; expected it beside its siblings")
        self._read.add(key)
        return self._members[key]

    def child(self, key: str) -> Fields:
        """Return a member that is an object."""
        return Fields(self.get(key), self.path(key))

    def items(self, key: str, most: int) -> list[object]:
        """Return a member that is a list of at most `most`."""
        value = self.get(key)
        if not isinstance(value, list) or len(value) > most:
            found = f"{len(value)} long" if isinstance(value, list) else _kind(value)
            raise DocumentError(f"{self.path(key)} is {found}; expected a list of at most {most}")
        return value

    def text(self, key: str) -> str:
        """Return a member that is a non-empty string."""
        value = self.get(key)
        if not isinstance(value, str) or not value:
            raise DocumentError(f"{self.path(key)} is {_kind(value)}; expected a non-empty string")
        return value

    def choice(self, key: str, choices: Mapping[str, int]) -> int:
        """Return the number that a word stands for."""
        word = self.text(key)
        if word not in choices:
            raise DocumentError(
                f"{self.path(key)} is {word!r}; expected one of {', '.join(choices)}"
            )
        return choices[word]

    def scaled(self, key: str, unit: int, default: int | None = None) -> int:
        """Return a number in whole units of 1 / unit."""
        if default is not None and key not in self._members:
            return default
        return scaled(self.get(key), unit, self.path(key))

    def integer(self, key: str, default: int, most: int) -> int:
        """Return a small whole number."""
        if key not in self._members:
            return default
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise DocumentError(f"{self.path(key)} is {value!r}; expected an integer, 0 to {most}")
        return value

    def names(self) -> list[str]:
        """Return the names of all members."""
        return list(self._members)

    def finish(self) -> None:
        """Refuse members that nothing read."""
        unread = sorted(set(self._members) - self._read)
        if unread:
            raise DocumentError(
                f"{self.path(unread[0])} is unknown; expected only {', '.join(sorted(self._read))}"
            )


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "a boolean", str: "a string", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else "a number")


def scaled(value: object, unit: int, name: str) -> int:
    """Return a decimal string or JSON number in whole units of 1 / unit, exactly."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise DocumentError(f"{name} is {_kind(value)}; expected a decimal number or string")
    text = str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise DocumentError(f"{name} is {text!r}; expected a decimal number") from None
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) > NUMBER_DIGITS_MAX or abs(exponent) > 30:
        raise DocumentError(f"{name} is {text!r}; expected a finite number of ordinary size")
    whole = int("".join(map(str, digits)) or "0") * unit
    if exponent >= 0:
        whole *= int(10**exponent)
    else:
        whole, rest = divmod(whole, 10**-exponent)
        if rest:
            raise DocumentError(f"{name} is {text}; expected a multiple of 1/{unit}")
    if whole >= 1 << 100:
        raise DocumentError(f"{name} is {text}; expected a number below 2^100 units of 1/{unit}")
    return -whole if sign else whole


def time_ns(text: str, name: str) -> int:
    """Return the nanoseconds since the Unix epoch of an ISO 8601 time in UTC, whole seconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
        raise DocumentError(f"{name} is {text!r}; expected a UTC time as 2026-02-05T21:29:37Z")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    if since.days < 0:
        raise DocumentError(f"{name} is {text!r}; expected a time after 1970")
    micro = (since.days * 86_400 + since.seconds) * MICRO + since.microseconds
    return micro * 1_000


def _cases(document: Fields, stem: str) -> list[Case]:
    """Read one case, or a list of them that share what stands beside the list."""
    if not document.has("cases"):
        return [_case(document, {}, stem)]
    items = document.items("cases", CASES_MAX)
    shared = {name: document.child(name) for name in ("market", "parameters") if document.has(name)}
    document.finish()
    return [
        _case(Fields(item, f"cases[{number}]"), shared, f"{stem}-{number}")
        for number, item in enumerate(items)
    ]


def _case(fields: Fields, shared: Mapping[str, Fields], default_name: str) -> Case:
    name = fields.text("case") if fields.has("case") else default_name
    market_fields = fields.child("market") if fields.has("market") else shared.get("market")
    if market_fields is None:
        raise DocumentError(f"{fields.path('market')} is missing; expected it here or beside cases")
    market = _market(market_fields)
    parameter_fields = (
        fields.child("parameters") if fields.has("parameters") else shared.get("parameters")
    )
    parameters = _parameters(parameter_fields) if parameter_fields else Parameters()
    portfolio = _portfolio(fields.child("portfolio"), market)
    fields.finish()
    return Case(name, portfolio, market, parameters)


def _market(fields: Fields) -> Market:
    at = time_ns(fields.text("time"), fields.path("time"))
    underlyings = fields.child("underlyings")
    found = {name: _underlying(underlyings.child(name)) for name in underlyings.names()}
    if not 1 <= len(found) <= 8:
        raise DocumentError(f"{fields.path('underlyings')} has {len(found)}; expected 1 to 8")
    market = Market(at, found, fields.scaled("peg", ONE, ONE))
    fields.finish()
    return market


def _underlying(fields: Fields) -> Underlying:
    decimals = fields.integer("size_decimals", 8, SIZE_DECIMALS_MAX)
    coin = 10**decimals
    lot = fields.scaled("lot", coin, max(1, coin // 1_000))
    if lot <= 0 or coin % lot:
        raise DocumentError(
            f"{fields.path('lot')} is {lot} base units; expected a divisor of 10^{decimals}"
        )
    quotes = (
        [
            _quote(Fields(item, f"{fields.path('expiries')}[{number}]"))
            for number, item in enumerate(fields.items("expiries", EXPIRIES_MAX))
        ]
        if fields.has("expiries")
        else []
    )
    vol = fields.scaled("vol", ONE, 500_000_000)
    underlying = Underlying(
        index=fields.scaled("index", MICRO),
        expiries=tuple(sorted(quotes, key=lambda quote: quote.expiry_ns)),
        basis=fields.scaled("basis", ONE, 0),
        vol=vol,
        vol_mean=fields.scaled("vol_mean", ONE, vol),
        confidence=fields.scaled("confidence", ONE, ONE),
        fund=fields.scaled("fund", MICRO, 0),
        size_decimals=decimals,
        lot=lot,
    )
    fields.finish()
    return underlying


def _quote(fields: Fields) -> Quote:
    svi = fields.child("svi")
    shape = {name: svi.scaled(name, SVI_ONE) for name in ("a", "b", "rho", "m", "sigma")}
    svi.finish()
    expiry = time_ns(fields.text("expiry"), fields.path("expiry"))
    if expiry % SECOND_NS:
        raise DocumentError(f"{fields.path('expiry')} is not whole; expected whole seconds")
    quote = Quote(expiry_ns=expiry, forward=fields.scaled("forward", MICRO), **shape)
    fields.finish()
    return quote


def _portfolio(fields: Fields, market: Market) -> Portfolio:
    mode = fields.choice("mode", MODES) if fields.has("mode") else PORTFOLIO
    positions: dict[str, Position] = {}
    for number, item in enumerate(fields.items("positions", 1_024)):
        each = Fields(item, f"{fields.path('positions')}[{number}]")
        name = each.text("instrument")
        if name in positions:
            raise DocumentError(f"{each.path('instrument')}: {name} stands twice; expected it once")
        size = each.scaled("size", _coin_of(name, market, each.path("instrument")))
        entry = each.scaled("entry", MICRO) if each.has("entry") else None
        positions[name] = Position(name, size, entry)
        each.finish()
    orders = []
    for number, item in enumerate(fields.items("orders", 4_096) if fields.has("orders") else []):
        each = Fields(item, f"{fields.path('orders')}[{number}]")
        name = each.text("instrument")
        size = each.scaled("size", _coin_of(name, market, each.path("instrument")))
        limit = each.scaled("limit", MICRO)
        if size <= 0 or limit <= 0:
            raise DocumentError(f"{each.path('size')} and limit: expected both above zero")
        is_buy = each.choice("side", {"buy": 1, "sell": 0}) == 1
        orders.append(Order(name, is_buy, size, limit))
        each.finish()
    cash = fields.scaled("cash", MICRO)
    fields.finish()
    held = tuple(each for _, each in sorted(positions.items()) if each.size)
    return Portfolio(cash, held, tuple(orders), mode)


def _coin_of(instrument: str, market: Market, name: str) -> int:
    base = instrument.split("_", 1)[0]
    if base not in market.underlyings:
        raise DocumentError(
            f"{name} is {instrument!r}; expected a contract on {', '.join(market.underlyings)}"
        )
    return market.underlyings[base].coin


def _parameters(fields: Fields) -> Parameters:
    given = fields.child("scalars") if fields.has("scalars") else None
    defaults = Parameters()
    scalars, scenarios = Scalars(), defaults.risk_set.scenarios
    if given is not None:
        known = set(scalars.__dataclass_fields__)
        for name in given.names():
            if name not in known:
                raise DocumentError(f"{given.path(name)} is no scalar; see docs/spec/risk.md")
        scalars = replace(scalars, **{name: given.scaled(name, 1) for name in given.names()})
    if (wrong := bad_scalar(scalars)) is not None:
        name = list(scalars.__dataclass_fields__)[wrong]
        raise DocumentError(
            f"{fields.path('scalars')}.{name} is {getattr(scalars, name)}: "
            f"out of the bounds of docs/spec/risk.md section 1"
        )
    if fields.has("scenarios"):
        scenarios = tuple(
            _scenario(Fields(item, f"{fields.path('scenarios')}[{number}]"))
            for number, item in enumerate(fields.items("scenarios", SCENARIOS_MAX))
        )
    if not scenarios_fit(scenarios):
        raise DocumentError(
            f"{fields.path('scenarios')}: expected 1 to {SCENARIOS_MAX} within their bounds, "
            f"one of them ordinary and undamped (docs/spec/risk.md section 1)"
        )
    rates = {name: fields.scaled(name, ONE, getattr(defaults, name)) for name in RATES}
    for name, rate in rates.items():
        if not 0 <= rate <= ONE:
            raise DocumentError(f"{fields.path(name)} is {rate} (1e-9); expected 0 to 1")
    fields.finish()
    return Parameters(risk_set=RiskSet(scalars, scenarios), **rates)


def _scenario(fields: Fields) -> Scenario:
    scenario = Scenario(
        price=fields.scaled("price", MICRO, 0),
        vol=fields.choice("vol", VOLS),
        damp=fields.scaled("damp", MICRO, MICRO),
    )
    fields.finish()
    return scenario

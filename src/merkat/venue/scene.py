"""The scene of a new venue: groups, listings, limits and first deposits, from a strict JSON file.

Every refusal names the field, what it was and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NoReturn

from merkat.products.names import Contract, ContractNameError, parse_name
from merkat.products.terms import UNDERLYINGS
from merkat.sdk import commands
from merkat.sdk.commands import GroupParameters
from merkat.sdk.risk_sets import RiskSet

SCENE_BYTES_MAX: Final = 16 << 20
GROUPS_MAX: Final = len(UNDERLYINGS)
LISTINGS_MAX: Final = 10_000
DEPOSITS_MAX: Final = 100_000
USD_MICRO: Final = 1_000_000
AMOUNT_END: Final = 1 << 96
TIME_END: Final = 1 << 63
# A timelock's delay and some time lie before the first command.
START_LEAST_NS: Final = 10 * 86_400 * 1_000_000_000


class SceneError(ValueError):
    """A file that is no scene; the text names the field, what it was and what was expected."""


@dataclass(frozen=True, slots=True)
class VenueLimits:
    """The limits of the venue (formats.md, item 5); amounts in 1e-6 USD."""

    position_limit: int = 128
    open_orders_account: int = 1_000
    open_orders_listing: int = 200
    new_account_minimum: int = USD_MICRO


@dataclass(frozen=True, slots=True)
class SceneGroup:
    """A group: its underlying, oracle, risk set and listings; the fund in 1e-6 USD."""

    underlying: str
    nodes: list[bytes]
    threshold: int
    parameters: GroupParameters
    risk: bool
    fund: int
    listings: list[Contract]


@dataclass(frozen=True, slots=True)
class SceneDeposit:
    """A first deposit, which opens an account: owner of 20 bytes, amount in 1e-6 USD."""

    owner: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class VenueScene:
    """What a new venue is set up with. `start_ns` None: when it is started."""

    start_ns: int | None = None
    limits: VenueLimits = VenueLimits()
    groups: list[SceneGroup] = field(default_factory=list)
    deposits: list[SceneDeposit] = field(default_factory=list)

    def items(self) -> list[bytes]:
        """Return the Inbox items in order: rules first, then the deposits, as accounts 1, 2 ..."""
        return [item for _, item in self.placed_items()]

    def placed_items(self) -> list[tuple[str, bytes]]:
        """Return the items, each with the field of the scene that it comes from."""
        limits = self.limits
        venue = commands.venue(
            limits.position_limit,
            limits.open_orders_account,
            limits.open_orders_listing,
            limits.new_account_minimum,
        )
        items = [("limits", venue)]
        for number, group in enumerate(self.groups):
            path = f"groups[{number}]"
            parts = (number, group.threshold, group.nodes, group.parameters)
            items.append((f"{path}.parameters", commands.group(*parts)))
            if group.risk:
                items.append((f"{path}.risk", commands.risk(number, RiskSet().encode())))
            terms = UNDERLYINGS[group.underlying]
            items += [
                (f"{path}.listings[{place}]", terms.item(contract, number))
                for place, contract in enumerate(group.listings)
            ]
            if group.fund:
                items.append((f"{path}.fund", commands.fund_deposit(number, group.fund)))
        items += [
            (f"deposits[{place}]", commands.deposit(one.owner, one.amount))
            for place, one in enumerate(self.deposits)
        ]
        return items


def read_scene(path: Path) -> VenueScene:
    """Return the scene of a file. Raises SceneError; OSError where it cannot be read."""
    data = path.read_bytes()
    try:
        return parse_scene(data)
    except SceneError as error:
        raise SceneError(f"{path}: {error}") from None


def parse_scene(data: bytes) -> VenueScene:
    """Return the scene of a JSON text. Raises SceneError."""
    if len(data) > SCENE_BYTES_MAX:
        _refuse("scene", f"{len(data)} bytes", f"at most {SCENE_BYTES_MAX}")
    try:
        content = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except UnicodeDecodeError:
        raise SceneError("scene: bytes that are no UTF-8; expected a JSON text") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise SceneError(f"scene: no JSON ({error}); expected one object") from None
    top = _Object("scene", content, ("start_ns", "limits", "groups", "deposits"))
    scene = VenueScene(
        start_ns=top.optional("start_ns", _start_ns, None),
        limits=top.optional("limits", _limits, VenueLimits()),
        groups=top.required("groups", _list(_group, GROUPS_MAX)),
        deposits=top.optional("deposits", _list(_deposit, DEPOSITS_MAX), []),
    )
    _check_whole(scene)
    return scene


def _check_whole(scene: VenueScene) -> None:
    """Refuse what is right by itself and wrong together."""
    count = 0
    for number, (group, coin) in enumerate(zip(scene.groups, UNDERLYINGS, strict=False)):
        count += len(group.listings)
        if group.underlying != coin:
            _refuse(
                f"groups[{number}].underlying",
                group.underlying,
                f"{coin}: the log numbers groups in the order {', '.join(UNDERLYINGS)}",
            )
    if count > LISTINGS_MAX:
        _refuse("groups", f"{count} listings", f"at most {LISTINGS_MAX}")
    least = scene.limits.new_account_minimum
    for number, deposit in enumerate(scene.deposits):
        if deposit.amount < least:
            _refuse(
                f"deposits[{number}].amount",
                _usd(deposit.amount),
                f"at least {_usd(least)}, limits.new_account_minimum",
            )


class _Object:
    """A JSON object of which each field is taken once, and none is unknown."""

    def __init__(self, path: str, content: object, names: tuple[str, ...]) -> None:
        if not isinstance(content, dict):
            _refuse(path, content, f"an object with {', '.join(names)}")
        unknown = sorted(set(content) - set(names))
        if unknown:
            _refuse(f"{path}.{unknown[0]}", "unknown", f"one of {', '.join(names)}")
        self.path = path
        self.content: Mapping[str, object] = content

    def required(self, name: str, parse: Callable[[str, object], Any]) -> Any:
        if name not in self.content:
            _refuse(self._place(name), "absent", "a value")
        return parse(self._place(name), self.content[name])

    def optional(self, name: str, parse: Callable[[str, object], Any], default: Any) -> Any:
        if name not in self.content:
            return default
        return parse(self._place(name), self.content[name])

    def _place(self, name: str) -> str:
        return name if self.path == "scene" else f"{self.path}.{name}"


def _limits(path: str, content: object) -> VenueLimits:
    names = tuple(one.name for one in fields(VenueLimits))
    given = _Object(path, content, names)
    default = VenueLimits()
    counts = {
        name: given.optional(name, _integer(1, end), getattr(default, name))
        for name, end in (
            ("position_limit", 1 << 10),
            ("open_orders_account", 1 << 32),
            ("open_orders_listing", 1 << 32),
        )
    }
    least = given.optional("new_account_minimum", _amount(1 << 63), default.new_account_minimum)
    return VenueLimits(**counts, new_account_minimum=least)


def _group(path: str, content: object) -> SceneGroup:
    names = ("underlying", "nodes", "threshold", "parameters", "risk", "fund", "listings")
    given = _Object(path, content, names)
    underlying = given.required("underlying", _underlying)
    nodes = given.required("nodes", _list(_address, commands.NODES_MAX))
    if not nodes:
        _refuse(f"{path}.nodes", "[]", f"1 to {commands.NODES_MAX} addresses")
    for place, node in enumerate(nodes):
        if node in nodes[:place]:
            _refuse(f"{path}.nodes[{place}]", "0x" + node.hex(), "another address than before")
    group = SceneGroup(
        underlying=underlying,
        nodes=nodes,
        threshold=given.required("threshold", _integer(1, len(nodes) + 1)),
        parameters=given.optional("parameters", _parameters, GroupParameters()),
        risk=given.optional("risk", _boolean, False),
        fund=given.optional("fund", _amount(AMOUNT_END), 0),
        listings=given.required("listings", _list(_listing, LISTINGS_MAX)),
    )
    for place, contract in enumerate(group.listings):
        _check_listing(f"{path}.listings[{place}]", contract, group)
        if contract in group.listings[:place]:
            _refuse(f"{path}.listings[{place}]", "a second time", "each contract once")
    return group


def _check_listing(path: str, contract: Contract, group: SceneGroup) -> None:
    if contract.base != group.underlying:
        _refuse(path, f"a contract on {contract.base}", f"one on {group.underlying}, as its group")
    if contract.kind == commands.KIND_SPOT:
        _refuse(path, "a spot market", "a perpetual, a future or an option: a scene has one token")
    if contract.kind != commands.KIND_PERPETUAL and not group.risk:
        _refuse(path, "a dated contract", 'perpetuals only, or "risk": true for the group')
    quantum = UNDERLYINGS[group.underlying].quantum(contract)
    if contract.strike is not None and contract.strike % quantum:
        _refuse(path, f"strike {_usd(contract.strike)}", f"a multiple of {_usd(quantum)}")


def _parameters(path: str, content: object) -> GroupParameters:
    names = tuple(one.name for one in fields(GroupParameters))
    given = _Object(path, content, names)
    whole = _integer(-(1 << 63), 1 << 63)
    return GroupParameters(**{name: given.required(name, whole) for name in given.content})


def _deposit(path: str, content: object) -> SceneDeposit:
    given = _Object(path, content, ("owner", "amount"))
    owner = given.required("owner", _address)
    return SceneDeposit(owner, given.required("amount", _amount(AMOUNT_END)))


# --- values ---


def _start_ns(path: str, value: object) -> int | None:
    if value is None:
        return None
    return _integer(START_LEAST_NS, TIME_END)(path, value)


def _underlying(path: str, value: object) -> str:
    if not isinstance(value, str) or value not in UNDERLYINGS:
        _refuse(path, value, f"one of {', '.join(UNDERLYINGS)}")
    return value


def _listing(path: str, value: object) -> Contract:
    if not isinstance(value, str):
        _refuse(path, value, "a name such as BTC_USDC-PERPETUAL")
    try:
        contract = parse_name(value)
    except ContractNameError as error:
        raise SceneError(f"{path}: was {_shown(value)}; {error}") from None
    if contract.quote != "USDC":
        _refuse(path, value, "a contract that is quoted in USDC")
    return contract


def _integer(least: int, end: int) -> Callable[[str, object], int]:
    def parse(path: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < end:
            _refuse(path, value, f"an integer from {least} to {end - 1}")
        return value

    return parse


def _amount(end: int) -> Callable[[str, object], int]:
    """Return the parser of an amount of USD, a decimal string, to 1e-6 USD."""

    def parse(path: str, value: object) -> int:
        expected = 'USD as a decimal string such as "250000.00", at most 6 decimals'
        if not isinstance(value, str) or len(value) > 40 or not value.isascii():
            _refuse(path, value, expected)
        if not value.replace(".", "", 1).isdigit():
            _refuse(path, value, expected)
        try:
            micro = Decimal(value).scaleb(6)
        except InvalidOperation:
            _refuse(path, value, expected)
        if micro != micro.to_integral_value() or not 0 <= micro < end:
            _refuse(path, value, expected)
        return int(micro)

    return parse


def _boolean(path: str, value: object) -> bool:
    if not isinstance(value, bool):
        _refuse(path, value, "true or false")
    return value


def _address(path: str, value: object) -> bytes:
    expected = "an address: 0x and 40 hex digits, not all zero"
    if not isinstance(value, str) or len(value) != 42 or not value.startswith("0x"):
        _refuse(path, value, expected)
    try:
        address = bytes.fromhex(value[2:])
    except ValueError:
        _refuse(path, value, expected)
    if len(address) != 20 or not any(address):
        _refuse(path, value, expected)
    return address


def _list(
    parse: Callable[[str, object], Any], length_max: int
) -> Callable[[str, object], list[Any]]:
    def parse_list(path: str, value: object) -> list[Any]:
        if not isinstance(value, list):
            _refuse(path, value, "a list")
        if len(value) > length_max:
            _refuse(path, f"{len(value)} entries", f"at most {length_max}")
        return [parse(f"{path}[{place}]", one) for place, one in enumerate(value)]

    return parse_list


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            _refuse(name, "there twice", "each field once")
        found[name] = value
    return found


def _no_float(text: str) -> NoReturn:
    raise SceneError(f"scene: the number {text}; expected integers, and amounts as strings")


def _usd(micro: int) -> str:
    return f"{Decimal(micro).scaleb(-6):f}"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _refuse(path: str, found: object, expected: str) -> NoReturn:
    raise SceneError(f"{path}: was {_shown(found)}, expected {expected}")

"""The registry of rules: every check has an id, and its refusal a code and a field.

A rule is registered in the module that checks it. `rule.require(condition)` refuses the step;
`rule.holds(condition)` only tells, for the rules of the match loop. Both report to a tracer, so
that tests know which rules were met from which side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BASES = {
    "S": 100,
    "I": 200,
    "W": 300,
    "P": 400,
    "F": 500,
    "E": 600,
    "Q": 700,
    "C": 800,
    "O": 900,
    "X": 1000,
    "M": 1100,
    "A": 1200,
    "D": 1300,
    "K": 1400,
}

_NAMED_FIELDS = (
    *("command", "account", "listing", "side", "flags", "limit_price", "size", "fee_cap"),
    *("expiry", "counter", "version", "nonce", "renews", "signature", "amount", "token"),
    *("to_account", "floor", "group", "number", "previous", "time", "index", "basis"),
    *("premium", "signatures", "item", "owner", "source", "kind", "state", "lot", "tick"),
    *("size_decimals", "maker_fee", "taker_fee", "threshold", "nodes", "price", "slot"),
    *("margin_rule", "position_limit", "open_orders_account", "open_orders_listing"),
    *("new_account_minimum", "hour", "stage"),
    *("strike", "surface", "rows", "confidence", "peg", "vol", "vol_mean", "forward"),
    *("scenarios", "coarse_tick", "coarse_from", "delivery_fee", "mode"),
    *("session_slot", "scheme", "key", "scope"),
)
PARAMETER_COUNT = 21
SCALAR_COUNT = 53
FIELDS: dict[str, int] = (
    {name: number for number, name in enumerate(_NAMED_FIELDS)}
    | {f"parameter_{number}": 64 + number for number in range(PARAMETER_COUNT)}
    | {f"scalar_{number}": 96 + number for number in range(SCALAR_COUNT)}
)


class Refused(Exception):  # noqa: N818 - a refusal is a result of the rules, not an error
    """A step, command or inbox item that a rule refuses; `rule` says why, `field` where."""

    def __init__(self, rule: Rule, field: str) -> None:
        super().__init__(f"{rule.id} {rule.name}: holds when {rule.text} (field: {field})")
        self.rule = rule
        self.field = field

    @property
    def code(self) -> int:
        """The refusal code that events and results carry."""
        return self.rule.code

    @property
    def field_number(self) -> int:
        """The number of the refused field (formats.md 5, derivatives.md 1, sessions.md 1)."""
        return FIELDS[self.field]


@dataclass(frozen=True, slots=True)
class Rule:
    """One numbered rule: `text` says when it holds, `field` is named unless the check says else."""

    id: str
    name: str
    field: str
    text: str
    code: int

    def holds(self, condition: bool) -> bool:
        """Report whether the rule holds to the tracer, and return it. Never raises."""
        if _tracer is not None:
            _tracer(self, condition)
        return condition

    def require(self, condition: bool, field: str | None = None) -> None:
        """Raise Refused with this rule unless `condition` holds."""
        if _tracer is not None:
            _tracer(self, condition)
        if not condition:
            raise Refused(self, field or self.field)


Tracer = Callable[[Rule, bool], None]
_registry: dict[str, Rule] = {}
_tracer: Tracer | None = None


def rule(rule_id: str, name: str, field: str, text: str) -> Rule:
    """Register a rule such as ("S-03", "bad_signature", "signature", "the signer is ...")."""
    letter, number = rule_id.split("-")
    assert rule_id not in _registry, f"rule {rule_id} is registered twice"
    assert field in FIELDS, f"rule {rule_id} names the unknown field {field}"
    registered = Rule(rule_id, name, field, text, BASES[letter] + int(number))
    _registry[rule_id] = registered
    return registered


def all_rules() -> list[Rule]:
    """Return every registered rule in the order of the refusal codes."""
    return sorted(_registry.values(), key=lambda registered: registered.code)


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """Call `tracer(rule, held)` for every rule that is tested inside the `with` block."""
    global _tracer
    previous, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = previous

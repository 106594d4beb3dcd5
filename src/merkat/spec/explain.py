"""Why a command gave what it gave: every rule that was tested, and every figure that moved.

`explain` runs a command on a copy of the venue, so it can be asked about any command of a log at
the state before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from merkat.spec import typed_data
from merkat.spec.codec import MalformedError, Record, layout
from merkat.spec.explain_steps import WatchedVenue, worst_in_words
from merkat.spec.messages import (
    Cancel,
    Command,
    Epoch,
    Floor,
    Heartbeat,
    InboxCommand,
    MarginMode,
    SignedOrder,
    Transfer,
    Withdraw,
    decode_command,
    decode_item,
)
from merkat.spec.orders import encode_key
from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.rules import FIELDS, Rule, all_rules, tracing
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle import margin, ops
from merkat.spec.settle.ops import Inbox, NamedRecord, decode_op
from merkat.spec.settle.state import State
from merkat.spec.venue.events import decode_event, describe_event
from merkat.spec.venue.machine import Venue

KEY_FIELDS = ("key", "maker_key", "taker_key")


@dataclass(frozen=True)
class Explanation:
    """One command and what it did.

    Attributes:
        log_number, time_ns: as given to the machine.
        command: the decoded command, `{"malformed": hex}` when it is none.
        signer: hex address that signed, None for unsigned commands; a list for oracle commands.
        rules: every test in order: id, name, text, field, held.
        events, micro_ops: decoded, in order.
        steps: every slice, hedge, bankrupt and tear_up, with `[before, after]` of its account's
            equity, MM, IM, loan and worst scenario.
        changes: `{leaf: {figure: [before, after]}}` of every leaf that moved.
    """

    log_number: int
    time_ns: int
    command: dict[str, Any]
    signer: str | list[str | None] | None
    rules: list[dict[str, Any]]
    events: list[dict[str, Any]]
    micro_ops: list[dict[str, Any]]
    steps: list[dict[str, Any]] = field(default_factory=list)
    changes: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A dict of plain values, ready for JSON."""
        return {
            "log_number": self.log_number,
            "time_ns": self.time_ns,
            "command": self.command,
            "signer": self.signer,
            "rules": self.rules,
            "events": self.events,
            "micro_ops": self.micro_ops,
            "steps": self.steps,
            "changes": self.changes,
        }

    def text(self) -> str:
        """The explanation for reading, a few lines a section."""
        return render(self.to_dict())


def render(told: dict[str, Any]) -> str:
    """Return the text of an explanation that `Explanation.to_dict` gave (or JSON kept)."""
    lines = [f"command {told['log_number']} at {told['time_ns']} ns", _line(told["command"])]
    lines.append(f"signer: {json.dumps(told['signer'])}")
    lines.append("rules:")
    lines += [
        f"  {rule['id']} {'holds' if rule['held'] else 'FAILS'}: {rule['text']}"
        for rule in told["rules"]
    ]
    for title, records in (("events", told["events"]), ("micro-ops", told["micro_ops"])):
        lines.append(f"{title}:" if records else f"{title}: none")
        lines += [f"  {_line(record)}" for record in records]
    if told["steps"]:
        lines.append("liquidation, step by step:")
        lines += [_step_line(step) for step in told["steps"]]
    lines.append("changes:" if told["changes"] else "changes: none")
    for leaf, figures in told["changes"].items():
        lines.append(f"  {leaf}")
        lines += [f"    {name}: {old} -> {new}" for name, (old, new) in figures.items()]
    return "\n".join(lines)


def explain(venue_before: Venue, log_number: int, time_ns: int, command: bytes) -> Explanation:
    """Run a command on a copy of the venue and tell everything about it.

    Args:
        venue_before: the venue before the command; it stays as it is.
        log_number, time_ns, command: as for `Venue.apply`.
    """
    venue = WatchedVenue.from_snapshot(
        venue_before.config,
        venue_before.snapshot(),
        venue_before.recover,
        venue_before.waterfall_limit,
    )
    before = _figures(venue)
    tested: list[dict[str, Any]] = []

    def record(rule: Rule, held: bool) -> None:
        tested.append(
            {
                "id": rule.id,
                "name": rule.name,
                "text": rule.text,
                "field": rule.field,
                "held": held,
            }
        )

    decoded, signer = _describe_command(venue, command)
    with tracing(record):
        output = venue.apply(log_number, time_ns, command)
    events = [_explain_refusal(describe_event(decode_event(event))) for event in output.events]
    micro_ops = [describe_op(op) for op in output.micro_ops]
    changes = _changes(before, _figures(venue))
    steps = venue.noted or []
    return Explanation(
        log_number, time_ns, decoded, signer, tested, events, micro_ops, steps, changes
    )


def describe(record: Record) -> dict[str, Any]:
    """Fields of a record by name, nested records as dicts, bytes and order keys in hex."""
    described: dict[str, Any] = {}
    for name, _ in layout(type(record)):
        value = getattr(record, name)
        described[name] = _key_or_plain(name, value)
    return described


def describe_op(op_bytes: bytes) -> dict[str, Any]:
    """Name, deltas and fields of an encoded micro-op."""
    op, time_delta_ns, log_delta = decode_op(op_bytes)
    described: dict[str, Any] = {
        "op": type(op).__name__,
        "time_delta_ns": time_delta_ns,
        "log_delta": log_delta,
    }
    if isinstance(op, ops.Epoch):
        hashes = [one.hex() for one in op.chunk_hashes]
        return described | _describe_epoch(op) | ({"chunk_hashes": hashes} if hashes else {})
    described |= describe(op)
    if isinstance(op, NamedRecord):
        described |= {name: getattr(op, name).hex() for name, _ in op.NAMED if getattr(op, name)}
    if isinstance(op, Inbox):
        described["item"] = _describe_item(op.item)
    return described


def _describe_command(
    venue: Venue, data: bytes
) -> tuple[dict[str, Any], str | list[str | None] | None]:
    """The command by name and field, and who signed it."""
    try:
        command = decode_command(data)
    except MalformedError as error:
        return {"malformed": data.hex(), "why": str(error)}, None
    described: dict[str, Any] = {"command": type(command).__name__}
    if isinstance(command, Epoch):
        described |= _describe_epoch(command)
    else:
        described |= describe(command)
    if isinstance(command, InboxCommand):
        described["item"] = _describe_item(command.item)
    return described, _signer(venue, command)


def _signer(venue: Venue, command: Command) -> str | list[str | None] | None:
    """The recovered address, or addresses, of a signed command."""
    config = venue.config
    match command:
        case SignedOrder():
            digest = typed_data.order_digest(config, command.order)
        case Cancel():
            digest = typed_data.cancel_digest(config, command)
        case Floor():
            digest = typed_data.floor_digest(config, command)
        case Withdraw():
            digest = typed_data.withdraw_digest(config, command)
        case Transfer():
            digest = typed_data.transfer_digest(config, command)
        case MarginMode():
            digest = typed_data.margin_mode_digest(config, command)
        case SessionOpen():
            digest = typed_data.session_open_digest(config, command)
        case SessionRevoke():
            digest = typed_data.session_revoke_digest(config, command)
        case Epoch():
            digest = typed_data.vector_digest(config, command.vector)
            return [_recovered(venue, digest, one.signature) for one in command.signatures.each]
        case Heartbeat():
            digest = typed_data.heartbeat_digest(config, command)
            return [_recovered(venue, digest, one.signature) for one in command.signatures.each]
        case _:
            return None
    return _recovered(venue, digest, command.signature)


def _recovered(venue: Venue, digest: bytes, signature: bytes) -> str | None:
    address = venue.recover(digest, signature)
    return address.hex() if address is not None else None


def _describe_epoch(epoch: Epoch | ops.Epoch) -> dict[str, Any]:
    vector = describe(epoch.vector)
    if isinstance(epoch.vector, SurfaceVector):
        vector["expiries"] = [describe(quote) for quote in epoch.vector.expiries]
    signatures = [describe(one) for one in epoch.signatures.each]
    return {"vector": vector, "signatures": signatures}


def _describe_item(item: bytes) -> dict[str, Any]:
    try:
        decoded = decode_item(item)
    except MalformedError as error:
        return {"malformed": item.hex(), "why": str(error)}
    return {"item": type(decoded).__name__} | describe(decoded)


def _explain_refusal(event: dict[str, Any]) -> dict[str, Any]:
    """Add the rule's id and the field's name to a refusal's numbers."""
    if "code" not in event:
        return event
    rules = {rule.code: rule for rule in all_rules()}
    names = {number: name for name, number in FIELDS.items()}
    rule = rules[event["code"]]
    return event | {"rule": rule.id, "name": rule.name, "field_name": names[event["field"]]}


def _key_or_plain(name: str, value: Any) -> Any:
    is_key = name in KEY_FIELDS and isinstance(value, int)  # a session's key is bytes
    return encode_key(value).hex() if is_key else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, RiskSet):
        scenarios = [describe(scenario) for scenario in value.scenarios]
        return {"scalars": describe(value.scalars), "scenarios": scenarios}
    if isinstance(value, Record):
        return describe(value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


# Figures before and after


def _figures(venue: Venue) -> dict[str, dict[str, Any]]:
    """Every figure of every leaf, by leaf and name."""
    state = venue.settlement
    figures = {"globals": describe_leaf(state.globals_)}
    for number, group in state.groups.items():
        figures[f"group {number}"] = describe_leaf(group)
    for listing, instrument in state.instruments.items():
        prices = {
            "mark": margin.mark(state, listing),
            "band": margin.band(state, listing),
            "F": margin.funding_price(state, listing),
        }
        figures[f"listing {listing}"] = describe_leaf(instrument) | prices
    for number in state.accounts:
        figures[f"account {number}"] = _account_figures(venue, state, number)
    for key, leaf in state.orders.items():
        figures[f"order {encode_key(key).hex()}"] = describe_leaf(leaf)
    for key, session in state.sessions.items():
        figures[f"session {key & 0xF} of account {key >> 4}"] = describe_leaf(session)
    for number, record in venue.accounts.items():
        for key, resting in record.open_orders.by_key.items():
            figures[f"resting {encode_key(key).hex()}"] = {
                "account": number,
                "slot": resting.order.slot,
                "limit_price": resting.order.limit_price,
                "remaining": resting.remaining,
                "version": resting.order.version,
                "opened_version": resting.opened_version,
            }
    return figures


def describe_leaf(leaf: Any) -> dict[str, Any]:
    """Fields of a settlement leaf by name."""
    return {name: _plain(getattr(leaf, name)) for name, _ in layout(type(leaf))}


def _account_figures(venue: Venue, state: State, number: int) -> dict[str, Any]:
    account, record = state.accounts[number], venue.accounts[number]
    of = margin.figures(state, number)
    described = describe_leaf(account)
    for position in account.positions.values():
        described[f"position in {position.listing}"] = position.size
        described[f"base size in {position.listing}"] = position.base_size
    return described | {
        "equity": of.equity,
        "E_w": of.wide_equity,
        "MM": of.maintenance,
        "IM": of.initial,
        "loan": of.loan,
        "loan limit": of.loan_limit,
        "worst": worst_in_words(state, number),
        "strict_nonce": record.strict_nonce,
        "nonces": {str(slot): len(nonces) for slot, nonces in sorted(record.windows.items())},
        "empty_slices": record.empty_slices,
        "visited_time": record.visited_time,
        "resting_orders": len(record.open_orders),
    }


def _changes(
    before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> dict[str, dict[str, list[Any]]]:
    """The figures that differ; a leaf or figure that is absent counts as None."""
    changes: dict[str, dict[str, list[Any]]] = {}
    for leaf in [*before, *(leaf for leaf in after if leaf not in before)]:
        old, new = before.get(leaf, {}), after.get(leaf, {})
        names = [*old, *(name for name in new if name not in old)]
        moved = {
            name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)
        }
        if moved:
            changes[leaf] = moved
    return changes


def _step_line(step: dict[str, Any]) -> str:
    """One step of a liquidation: what was traded, then every figure before -> after."""
    told = [
        f"{name} {value[0]} -> {value[1]}" if isinstance(value, list) else f"{name} {value}"
        for name, value in step.items()
        if name != "step"
    ]
    return f"  {step['step']}: {', '.join(told)}"


def _line(record: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in record.items())

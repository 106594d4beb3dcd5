"""The settlement machine alone: real inputs, and mutated ones, through both readers.

A random market is played by the specification with real signatures. Its micro-ops are given to both
settlement machines; before some of them come inputs that are changed: fields, bytes, lengths,
kinds, deltas. Code, field and root are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from merkat import _core
from merkat.spec import typed_data
from merkat.spec.messages import Floor, MarginMode, Transfer, Withdraw
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.ops import MicroOp, OrderOpen, decode_op, encode_op
from merkat.spec.settle.state import State
from merkat.spec.signatures import P256
from merkat.spec.vectors.draws import Draws
from merkat.spec.vectors.script import CONFIG, START_NS, Script
from merkat.spec.vectors.wallets import CurveSigner, Wallet, p256_wallet, wallet
from merkat.spec.venue.machine import Venue
from tests.differential.moves import step
from tests.differential.readers import DOMAIN, DifferenceError
from tests.differential.walk import Walk

ROOT_EVERY = 16
SIGNED: dict[type, Callable[[Any], bytes]] = {
    OrderOpen: lambda op: typed_data.order_digest(CONFIG, op.order),
    Withdraw: lambda op: typed_data.withdraw_digest(CONFIG, op),
    Transfer: lambda op: typed_data.transfer_digest(CONFIG, op),
    Floor: lambda op: typed_data.floor_digest(CONFIG, op),
    MarginMode: lambda op: typed_data.margin_mode_digest(CONFIG, op),
    SessionOpen: lambda op: typed_data.session_open_digest(CONFIG, op),
    SessionRevoke: lambda op: typed_data.session_revoke_digest(CONFIG, op),
}
EXTREMES = (0, 1, 2, 255, 1_023, 1_024, 2**28, 2**32 - 1, 2**40 - 1, 2**52, 2**56, 2**63 - 1)


@dataclass
class Tally:
    """How many inputs were refused by which code; 0 counts the accepted ones."""

    codes: Counter[int] = field(default_factory=Counter)


def real_owner(number: int) -> Wallet:
    """Return an owner with a key."""
    return wallet(f"owner {number}")


def real_key(number: int, scheme: int) -> Wallet:
    """Return a session key of a scheme."""
    return p256_wallet(f"key {number}") if scheme == P256 else wallet(f"key {number}")


class Machines:
    """Both settlement machines in the same state."""

    def __init__(self, settlement: bytes, tally: Tally) -> None:
        self.tally = tally
        self.inputs = 0
        self.restore(settlement)

    def restore(self, settlement: bytes) -> None:
        """Go back to a state."""
        self.state = State.decode(CONFIG, settlement)
        self.core = _core.Settlement(*DOMAIN, settlement)

    def give(self, op_bytes: bytes) -> bool:
        """Give an input to both; return whether the state changed by more than the cursor."""
        try:
            result = apply_input(self.state, op_bytes, _core.recover_digest)
        except Exception as error:
            raise DifferenceError(
                f"the specification broke: {error!r} at {op_bytes.hex()}"
            ) from error
        found = self.core.apply_input(op_bytes)
        if found != (result.code, result.field):
            raise DifferenceError(f"{result} and {found} for the input {op_bytes.hex()}")
        self.tally.codes[result.code] += 1
        self.inputs += 1
        if self.inputs % ROOT_EVERY == 0 or result.accepted:
            self.compare_roots(op_bytes)
        return result.accepted

    def compare_roots(self, op_bytes: bytes) -> None:
        """Compare the roots after an input."""
        if self.state.root() != self.core.root():
            raise DifferenceError(f"roots differ after the input {op_bytes.hex()}")


class Mutations:
    """Makes wrong inputs out of right ones."""

    def __init__(self, draws: Draws, owners: dict[tuple[int, int], Wallet]) -> None:
        self.draws = draws
        self.owners = owners
        """By account and slot: the owner's wallet in slot 0, session keys in the others."""
        self.earlier: list[bytes] = []
        self.signer = CurveSigner()

    def of(self, op_bytes: bytes) -> bytes:
        """Return an input that resembles the one given."""
        draws = self.draws
        kind = draws.below(100)
        if kind < 55:
            return self._field(op_bytes)
        if kind < 65:
            changed = bytearray(op_bytes)
            changed[draws.below(len(changed))] ^= 1 << draws.below(8)
            return bytes(changed)
        if kind < 72:
            return op_bytes[: draws.below(len(op_bytes))]
        if kind < 77:
            return op_bytes + draws.data(draws.between(1, 9))
        if kind < 84:
            return bytes([draws.below(25)]) + op_bytes[1:]
        if kind < 90:
            return op_bytes[:1] + self._delta() + op_bytes[9:]
        return draws.choice(self.earlier) if self.earlier else b""

    def _delta(self) -> bytes:
        seconds = self.draws.choice((6, 40, 130, 3_600, 9 * 86_400))
        delta = self.draws.choice((seconds * 10**9, 2**63, 2**64 - 1))
        return delta.to_bytes(8, "big")

    def _field(self, op_bytes: bytes) -> bytes:
        decoded, time_delta_ns, log_delta = decode_op(op_bytes)
        op: Any = decoded
        changed: Any = op
        inner = op.order if isinstance(op, OrderOpen) and self.draws.chance(90) else op
        names = [each.name for each in fields(inner) if isinstance(getattr(inner, each.name), int)]
        if not names:
            return op_bytes[:-1]
        name = self.draws.choice(names)
        value = self._near(getattr(inner, name))
        if inner is op:
            changed = replace(op, **{name: value})
        else:
            changed = replace(changed, order=replace(changed.order, **{name: value}))
        try:
            return encode_op(self._signed(changed), time_delta_ns, log_delta)
        except (AssertionError, OverflowError):  # names that do not fit margin_rules too
            return op_bytes + b"\0"

    def _near(self, value: int) -> int:
        draws = self.draws
        kind = draws.below(10)
        if kind < 3:
            return value + draws.choice((-1, 1))
        if kind < 6:
            power: int = 10 ** draws.between(1, 12)
            return value + draws.choice((-1, 1)) * power
        if kind < 8:
            return draws.below(8)
        return draws.choice(EXTREMES)

    def _signed(self, op: Any) -> MicroOp:
        """Sign a changed body again, mostly."""
        digest_of = SIGNED.get(type(op))
        if isinstance(op, OrderOpen):
            key = (op.order.account, op.order.slot)
        else:
            key = (getattr(op, "account", 0), 0)
        signed: MicroOp = op
        if digest_of is not None and key in self.owners and self.draws.chance(85):
            signature = self.signer.sign(digest_of(op), self.owners[key])
            signed = replace(op, signature=signature)
        return signed


def run_inputs(
    seed: int,
    commands: int,
    tally: Tally | None = None,
    make_walk: type[Walk] = Walk,
) -> int:
    """Play a market's inputs and mutations of them; return how many inputs both machines took.

    Raises DifferenceError with the input when the machines differ.
    """
    script = Script(Venue(CONFIG, _core.recover_digest), CurveSigner(), 0, START_NS)
    walk = make_walk(script, seed, real_owner, real_key)
    walk.open()
    machines = Machines(Venue(CONFIG).settlement.encode(), tally or Tally())
    mutations = Mutations(Draws(seed + 1), {})
    played = 0
    while len(script.sent) < commands:
        step(walk)
        mutations.owners = {(each.account, 0): each.wallet for each in walk.traders}
        mutations.owners |= {key: trader.wallet for key, trader in walk.keys.items()}
        for sent in script.sent[played:]:
            for op_bytes in sent.output.micro_ops:
                _play(machines, mutations, op_bytes)
        played = len(script.sent)
    if machines.state.encode() != machines.core.encode():
        raise DifferenceError("the settlement parts differ at the end")
    return machines.inputs


def _play(machines: Machines, mutations: Mutations, op_bytes: bytes) -> None:
    """Give mutations of an input, each on the same state, and then the input itself."""
    kept = machines.state.encode()
    for _ in range(mutations.draws.below(4)):
        if machines.give(mutations.of(op_bytes)):
            machines.restore(kept)
    mutations.earlier.append(op_bytes)
    machines.give(op_bytes)

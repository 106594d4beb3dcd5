"""A small venue with its contracts on an embedded chain: an engine, a custody, a few owners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret
from merkat.sdk.layouts import micro_ops_of
from merkat.sequencer.admission import Command, frame
from merkat.settlement.custody import SECOND_NS, Custody
from merkat.settlement.data import CALLDATA
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config

START_NS = 1_767_225_600_000_000_000
NODES = [_core.address_of(derive_secret(7, "node", node)) for node in range(3)]
SECRETS = [derive_secret(7, "owner", owner) for owner in range(3)]
OWNERS = [_core.address_of(secret) for secret in SECRETS]
CASH = 5_000_000_000


class SmallVenue:
    """Owners 1 to 3 with 5,000 USD each, one listing, nothing traded."""

    def __init__(self, directory: Path, mode: int = CALLDATA) -> None:
        self.custody = Custody.create(directory, START_NS, mode)
        self.engine = _core.Engine(*self.custody.domain.parts)
        items = [
            commands.group(0, 2, NODES),
            commands.venue(128, 1_000, 200, 1_000_000),
            commands.list_perpetual(0, 4, 1, 100_000, 0, 500_000),
            commands.fund_deposit(0, 3_000_000),
        ]
        items += [commands.deposit(owner, CASH) for owner in OWNERS]
        taken = self.custody.set_up(items)
        self.custody.clock.now_s = START_NS // SECOND_NS
        self.apply(taken)

    def apply(self, sent: Sequence[bytes]) -> None:
        """Apply commands at the clock's time and commit what they give."""
        time_ns = max(self.custody.clock.now_s * SECOND_NS, START_NS, self.engine.time_ns)
        batch = frame(self.engine.log_number + 1, [Command(time_ns, one) for one in sent])
        self.custody.take_micro_ops(micro_ops_of(self.engine.apply(batch, None)))

    def withdraw(self, account: int, amount: int) -> None:
        """Withdraw with the owner's signature."""
        nonce = self.engine.log_number + 1
        command = commands.withdraw(account, amount, nonce)
        framed = len(command).to_bytes(4, "big") + command
        secret = SECRETS[account - 1]
        signed = _core.sign_commands(*self.custody.domain.parts, framed, secret)
        self.apply([signed[4:]])

    def specification(self) -> State:
        """Return the state that the specification reads from the committer's machine."""
        return State.decode(Config(*self.custody.domain.parts), self.custody.machine.encode())

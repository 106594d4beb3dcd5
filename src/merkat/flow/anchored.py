"""The end of an anchored flow: last batch, windows, claims; then the state from the chain alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from merkat import _core
from merkat.flow.player import Player
from merkat.flow.wallets import MS_NS, Wallets
from merkat.sdk import commands
from merkat.settlement.chain import EmbeddedChain
from merkat.settlement.custody import Custody
from merkat.settlement.data import CALLDATA
from merkat.settlement.rebuild import rebuild_from_chain
from merkat.spec.settle.state import State

WITHDRAWERS: Final = 5
WITHDRAWN: Final = 1_000_000_000  # each, 1e-6 USD


@dataclass(frozen=True, slots=True)
class AnchorOptions:
    """How a flow is anchored: its data mode, and where evidence of it is to be written."""

    mode: int = CALLDATA
    evidence: Path | None = None


@dataclass(frozen=True, slots=True)
class Anchored:
    """What the chain made of a flow. Amounts in 1e-6 USD."""

    batches: int
    batch_bytes: int
    micro_ops: int
    fills: int
    anchored_root: bytes
    rebuilt_root: bytes
    withdrawn: int
    claimed: int
    claims: int
    blocks: int
    gas: dict[str, tuple[int, int]]
    rebuild_s: float

    @property
    def bytes_per_fill(self) -> float:
        """Return bytes of all batches for each trade, liquidations included."""
        return round(self.batch_bytes / self.fills, 1) if self.fills else 0.0

    @property
    def good(self) -> bool:
        """Return whether the roots are equal, and everything withdrawn is paid out."""
        return self.anchored_root == self.rebuilt_root and self.withdrawn == self.claimed


def withdraw_some(player: Player, wallets: Wallets) -> None:
    """Have the first owners withdraw: recorded flows have none of their own to claim."""
    for account in range(1, min(WITHDRAWERS, len(wallets)) + 1):
        nonce = player.time_ns // MS_NS + 1
        command = commands.withdraw(account, WITHDRAWN, nonce)
        player.send(player.time_ns, command, wallets.secret(account))


def close_out(custody: Custody, player: Player) -> int:
    """Post the rest, wait out the window, claim what is open; returns the last final batch."""
    player.settle()
    batch = custody.make_final()
    custody.claim_all(batch)
    return batch


def look_back(custody: Custody, player: Player) -> tuple[Anchored, State]:
    """Rebuild the state from the chain's folder alone; the custody's chain is closed by this."""
    gas: dict[str, list[int]] = {}
    for note in custody.contracts.gas:
        gas.setdefault(note.name, []).append(note.gas)
    blocks = custody.chain.block_number()
    custody.close()
    start_s = time.perf_counter()
    chain = EmbeddedChain.reopen(custody.directory)
    try:
        found = rebuild_from_chain(chain, _core.recover_digest)
    finally:
        chain.close()
    kinds = found.rebuilder.kinds
    anchored = Anchored(
        batches=found.last_batch,
        batch_bytes=sum(len(data) for data in custody.batches),
        micro_ops=found.rebuilder.micro_ops,
        fills=kinds["Fill"] + kinds["Liquidate"],
        anchored_root=found.anchored_root,
        rebuilt_root=found.rebuilt_root,
        withdrawn=player.tally.withdrawn,
        claimed=custody.claimed,
        claims=len(custody.claims),
        blocks=blocks,
        gas={name: (min(used), max(used)) for name, used in sorted(gas.items())},
        rebuild_s=time.perf_counter() - start_s,
    )
    return anchored, found.rebuilder.state

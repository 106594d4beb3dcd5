"""What `make demo` tells of custody: in, trades, out by proof, out by force, and a kill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from merkat.flow.anchored import close_out
from merkat.flow.player import Player
from merkat.flow.wallets import Wallets
from merkat.sdk.layouts import EVENTS
from merkat.settlement.custody import SECOND_NS, Custody
from merkat.settlement.data import MODES

Tell = Callable[[str], None]

MICRO: Final = 1_000_000
FORCED_AMOUNT: Final = 1_234_500_000
_DEPOSITED: Final = next(kind for kind, (name, _) in EVENTS.items() if name == "deposited")


def dollars(amount: int) -> str:
    """Return an amount of 1e-6 USD for people."""
    return f"{amount / MICRO:,.2f} tUSD"


def tell_custody(custody: Custody, player: Player, wallets: Wallets, tell: Tell) -> None:
    """Close the flow on the chain, then force a withdrawal of an owner; tell each step."""
    tally, contracts = player.tally, custody.contracts
    vault = contracts.addresses.vault
    tell(
        f"deposit     {tally.events[_DEPOSITED]:,} deposits through the Vault "
        f"0x{vault.hex()}, which holds {dollars(custody.token_balance(vault))}; each was taken "
        f"from the Inbox {custody.watcher.confirmations} blocks later"
    )
    tell(f"trades      {tally.trades:,} trades of {tally.commands:,} commands")
    batch = close_out(custody, player)
    data_bytes = sum(len(data) for data in custody.batches)
    tell(
        f"batches     {len(custody.batches):,} batches posted as {MODES[custody.poster.mode]}, "
        f"{data_bytes:,} bytes, a checkpoint after every step"
    )
    root = contracts.read("Anchor", "finalRoot", batch)
    tell(f"final       batch {batch} after its window of {custody.poster.window_s:,} s")
    tell(f"            state root 0x{root.hex()}")
    tell(
        f"claims      {len(custody.claims)} owners showed their leaf under that root: "
        f"the Vault paid {dollars(custody.claimed)}, everything withdrawn"
    )
    _tell_force(custody, player, wallets, tell)


def _tell_force(custody: Custody, player: Player, wallets: Wallets, tell: Tell) -> None:
    """Have the last owner leave through the Inbox, without the venue's consent."""
    account = len(wallets)
    owner = wallets.addresses[account - 1]
    before = custody.token_balance(owner)
    index = custody.force_withdrawal(owner, account, FORCED_AMOUNT)
    items = custody.confirm()
    player.take_items(custody.clock.now_s * SECOND_NS, items)
    player.settle()
    batch = custody.make_final()
    claims = custody.claim_all(batch)
    paid = sum(claim.amount for claim in claims)
    tell(
        f"forced      owner 0x{owner.hex()} of account {account} put {dollars(FORCED_AMOUNT)} into "
        f"the Inbox as item {index}"
    )
    tell(
        f"            taken in batch {batch}, final, claimed: {dollars(paid)} "
        f"(the owner's tokens: {dollars(before)} -> {dollars(custody.token_balance(owner))})"
    )

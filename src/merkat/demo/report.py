"""What a run of the demonstration found, and whether all of it holds. Nothing here is assumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

TRADES_LEAST: Final = 500
OPTION_TRADES_LEAST: Final = 50


@dataclass(slots=True)
class Report:
    """The findings. Every default is the finding of a run in which nothing happened.

    Attributes:
        trades, options: all trades, and those of options.
        state_root, venue_digest: of the venue at its last command, as it said before it stopped.
        replayed_*: of a fresh engine over the journal that it left.
        killed_*, returned_*: before kill -9, and after the return.
        profits: of each bot, USD: equity and what it withdrew, less what it came with.
    """

    seed: int
    trades: int = 0
    options: int = 0
    liquidations: int = 0
    fundings: int = 0
    expiries: int = 0
    batches: int = 0
    commands: int = 0
    log_number: int = 0
    state_root: bytes = b""
    replayed_state_root: bytes = b""
    venue_digest: bytes = b""
    replayed_venue_digest: bytes = b""
    killed_state_root: bytes = b""
    returned_state_root: bytes = b""
    killed_venue_digest: bytes = b""
    returned_venue_digest: bytes = b""
    trades_after_return: int = 0
    conservation: bool = False
    proof_verified: bool = False
    tampered_refused: bool = False
    withdrawal_paid: bool = False
    first_trade_s: float = 0.0
    seconds: float = 0.0
    profits: dict[str, Decimal] = field(default_factory=dict)

    def broken(self) -> list[str]:
        """Return every claim that does not hold, in words; empty when all do."""
        claims = (
            (
                self.trades >= TRADES_LEAST,
                f"{self.trades} trades, at least {TRADES_LEAST} expected",
            ),
            (
                self.options >= OPTION_TRADES_LEAST,
                f"{self.options} trades of options, at least {OPTION_TRADES_LEAST} expected",
            ),
            (self.liquidations >= 1, "nobody was liquidated"),
            (self.fundings >= 1, "no funding was paid"),
            (self.expiries >= 1, "nothing expired"),
            (self.batches >= 1, "no batch was anchored"),
            (
                bool(self.state_root) and self.state_root == self.replayed_state_root,
                "the journal does not lead to the venue's state root",
            ),
            (
                bool(self.venue_digest) and self.venue_digest == self.replayed_venue_digest,
                "the journal does not lead to the venue's digest",
            ),
            (self.returned, "the venue came back from kill -9 in another state"),
            (self.trades_after_return >= 1, "nothing was traded after the venue's return"),
            (self.conservation, "what is owned is not what was deposited"),
            (self.proof_verified, "the balance proof does not lead to the root on the chain"),
            (self.tampered_refused, "a proof with a flipped bit was accepted"),
            (self.withdrawal_paid, "the withdrawal was not paid"),
        )
        return [text for holds, text in claims if not holds]

    @property
    def returned(self) -> bool:
        """Return whether the killed venue came back with the two digests it had."""
        before = self.killed_state_root, self.killed_venue_digest
        after = self.returned_state_root, self.returned_venue_digest
        return all(before) and before == after

    @property
    def good(self) -> bool:
        """Return whether everything holds."""
        return not self.broken()

    def described(self) -> dict[str, Any]:
        """Return the contract's JSON object: counts and seconds numbers, money decimal strings."""
        return {
            "seed": self.seed,
            "trades": self.trades,
            "options": self.options,
            "liquidations": self.liquidations,
            "fundings": self.fundings,
            "expiries": self.expiries,
            "batches": self.batches,
            "commands": self.commands,
            "log_number": self.log_number,
            "state_root": "0x" + self.state_root.hex(),
            "replayed_state_root": "0x" + self.replayed_state_root.hex(),
            "venue_digest": "0x" + self.venue_digest.hex(),
            "replayed_venue_digest": "0x" + self.replayed_venue_digest.hex(),
            "returned_after_kill": self.returned,
            "trades_after_return": self.trades_after_return,
            "conservation": self.conservation,
            "proof_verified": self.proof_verified,
            "tampered_refused": self.tampered_refused,
            "withdrawal_paid": self.withdrawal_paid,
            "profits": {name: f"{profit:f}" for name, profit in self.profits.items()},
            "first_trade_seconds": round(self.first_trade_s, 3),
            "seconds": round(self.seconds, 3),
        }

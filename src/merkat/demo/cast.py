"""Who takes part: one wallet and one session key each, derived from the seed. Burner keys, all.

The scene file opens their accounts, 1, 2, 3 ... in the order of the cast; the keys file lets the
gateway trade for them. Wallet keys stay here: a withdrawal is signed by a wallet, never a session.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.demo.listings import Listings
from merkat.flow.oracle import THRESHOLD
from merkat.gateway.keys import KeyedClient
from merkat.products.terms import BTC
from merkat.sdk import commands
from merkat.sdk.keys import Domain, derive_secret

MICRO: Final = 1_000_000
SESSION_SLOT: Final = 1
SESSION_LIFE_NS: Final = 90 * 86_400 * 1_000_000_000
# What one order of a bot's session may be worth, and of yours: there your margin is the limit.
SESSION_NOTIONAL: Final = 2_000_000 * MICRO
YOUR_NOTIONAL: Final = 2**64 - 1
FUND_USD: Final = 1_000_000
# Of an account, and in a listing: the most that the rules allow (I-19), room for anybody's tests.
OPEN_ORDERS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Role:
    """One part: its name, what it does, its deposit in USD, and its margin mode."""

    name: str
    does: str
    deposit_usd: int
    portfolio_margin: bool = False


OPTION_MAKER: Final = "ada"
PERPETUAL_MAKER: Final = "bela"
FUTURE_MAKER: Final = "finn"
TAKER: Final = "tom"
OPTION_TAKER: Final = "tess"
HEDGER: Final = "hedy"
BULL: Final = "carol"
YOU: Final = "you"

ROLES: Final = (
    Role(OPTION_MAKER, "makes 24 option markets", 3_000_000, portfolio_margin=True),
    Role(PERPETUAL_MAKER, "makes the perpetual", 2_000_000),
    Role(FUTURE_MAKER, "makes the future", 1_000_000),
    Role(TAKER, "takes perpetuals, futures", 1_000_000),
    Role(OPTION_TAKER, "takes options", 500_000),
    Role(HEDGER, "buys options, hedges delta", 500_000, portfolio_margin=True),
    Role(BULL, "buys with all the leverage", 20_000),
    Role(YOU, "your account", 250_000),
)


@dataclass(frozen=True)
class Member:
    """One of the cast: a role, its account and its keys."""

    role: Role
    account: int
    seed: int

    @property
    def name(self) -> str:
        """Return the name of the role."""
        return self.role.name

    @cached_property
    def wallet(self) -> bytes:
        """Return the wallet's private key."""
        return derive_secret(self.seed, "wallet", self.account)

    @cached_property
    def owner(self) -> bytes:
        """Return the wallet's address, which owns the account."""
        return _core.address_of(self.wallet)

    @cached_property
    def session(self) -> bytes:
        """Return the session's private key, which the gateway holds."""
        return derive_secret(self.seed, "session", self.account)

    @property
    def client_id(self) -> str:
        """Return the name under which the gateway knows it."""
        return f"demo-{self.name}"

    @cached_property
    def client_secret(self) -> str:
        """Return the secret of its API credentials."""
        text = f"merkat demonstration credentials {self.seed} {self.name}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def deposit(self) -> Decimal:
        """Return what it came with, USD."""
        return Decimal(self.role.deposit_usd)

    def open_session(self, domain: Domain, now_ns: int, nonce: int) -> bytes:
        """Return the wallet's signed command that lets the session key trade, never withdraw."""
        command = commands.session_open(
            self.account,
            SESSION_SLOT,
            commands.SECP256K1,
            _core.address_of(self.session),
            commands.ALL_GROUPS,
            commands.ALL_KINDS,
            YOUR_NOTIONAL if self.name == YOU else SESSION_NOTIONAL,
            now_ns + SESSION_LIFE_NS,
            nonce,
        )
        return self.sign(domain, command)

    def sign(self, domain: Domain, command: bytes) -> bytes:
        """Return a command with the wallet's signature."""
        framed = _core.sign_commands(
            *domain.parts, len(command).to_bytes(4, "big") + command, self.wallet
        )
        return framed[4:]


class Cast:
    """Everybody of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.members = [Member(role, number, seed) for number, role in enumerate(ROLES, start=1)]
        self._by_name = {member.name: member for member in self.members}

    def __getitem__(self, name: str) -> Member:
        """Return a member by name."""
        return self._by_name[name]

    def set_up(self, domain: Domain, now_ns: int) -> list[bytes]:
        """Return everybody's first wallet commands: sessions, then margin modes."""
        nonce = now_ns // MICRO
        signed = [member.open_session(domain, now_ns, nonce) for member in self.members]
        for member in self.members:
            if member.role.portfolio_margin:
                mode = commands.margin_mode(member.account, commands.PORTFOLIO, nonce + 1)
                signed.append(member.sign(domain, mode))
        return signed


def scene_of(
    cast: Cast, listed: Listings, nodes: list[bytes], start_ns: int | None
) -> dict[str, Any]:
    """Return the scene of the venue (`merkat up --scene`); `nodes` are addresses of the oracle."""
    return {
        "start_ns": start_ns,
        "limits": {
            "open_orders_account": OPEN_ORDERS_MAX,
            "open_orders_listing": OPEN_ORDERS_MAX,
        },
        "groups": [
            {
                "underlying": BTC.base,
                "nodes": ["0x" + node.hex() for node in nodes],
                "threshold": THRESHOLD,
                "risk": True,
                "fund": str(FUND_USD),
                "listings": listed.names,
            }
        ],
        "deposits": [
            {"owner": "0x" + member.owner.hex(), "amount": str(member.role.deposit_usd)}
            for member in cast.members
        ],
    }


def write_scene(path: Path, scene: dict[str, Any]) -> None:
    """Write a scene file."""
    path.write_text(json.dumps(scene, indent=1) + "\n", encoding="utf-8")


def keyed_clients(cast: Cast) -> list[KeyedClient]:
    """Return everybody's API credentials and session key, as the gateway's keys file has them."""
    return [
        KeyedClient(
            client_id=member.client_id,
            secret=member.client_secret,
            account=member.account,
            slot=SESSION_SLOT,
            scheme=commands.SECP256K1,
            session_secret=member.session,
        )
        for member in cast.members
    ]

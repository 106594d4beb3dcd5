"""Opens an account on a demonstration venue: burner wallet, deposit over the chain, session key.

The way is that of any wallet: the deposit goes through the Vault, the venue takes it from the
Inbox, the wallet signs SessionOpen once, and from then on only the session's key is needed. Only
the money comes from the demonstration's treasurer, and the wallet from a random number.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.api.client import RpcClient, RpcError
from merkat.api.numbers import usd
from merkat.gateway.addresses import api_url, chain_url
from merkat.gateway.keys import SCHEMES, KeyedClient, KeysFileError, write_keys
from merkat.gateway.signing import Signer, sign_all
from merkat.link import LinkClient, LinkClosedError, ReleasedFrame
from merkat.sdk import commands
from merkat.sdk.layouts import decode_output, show_event, split_outputs
from merkat.settlement.chain import ChainError, RpcChain, development_secrets
from merkat.settlement.contracts import find

WALLET_FILE: Final = "wallet.json"
KEYS_FILE: Final = "keys.json"
SLOT: Final = 1
DAY_NS: Final = 86_400_000_000_000
DEPOSIT_S_MAX: Final = 120.0
BLOCKS_DEEP: Final = 3
_ITEM_AT: Final = 10
_DEPOSIT_KIND: Final = 1
_OWNER: Final = slice(_ITEM_AT + 3, _ITEM_AT + 23)
_HEAD: Final = 20

Say = Callable[[str], None]


class OpeningError(Exception):
    """An account could not be opened; the text says what has been done and what to do."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An account with a session."""

    account: int
    owner: bytes
    scheme: str
    session_key: bytes
    session_expiry_ns: int
    notional_micro: int
    amount_micro: int
    client_id: str
    keys: Path


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: amounts in 1e-6 USD, the session's life in days."""

    scheme: str
    amount_micro: int
    notional_micro: int
    days: int


async def open_account(link_address: str, directory: Path, wish: Wish, say: Say) -> Opened:
    """Open an account and write its keys file.

    Raises:
        OpeningError: it could not be done.
        KeysFileError: the folder has a keys file.
    """
    keys = directory / KEYS_FILE
    if keys.exists():
        raise KeysFileError(f"{keys}: exists; keys are never overwritten, name another folder")
    wallet = _wallet(directory, say)
    owner = _core.address_of(wallet)
    arrivals = _Arrivals(owner)
    try:
        link = await LinkClient.connect(link_address)
    except LinkClosedError as error:
        raise OpeningError(str(error)) from error
    hello = link.hello
    await link.close()
    if not hello.demo:
        raise OpeningError(
            "the venue is no demonstration: deposit from your own wallet and sign SessionOpen with"
            " it (venue/register_session_key)"
        )
    link = await LinkClient.connect(
        link_address, follow_from=hello.head + 1, on_released=arrivals.on_released
    )
    try:
        say(f"depositing {usd(wish.amount_micro)} USDC of the demonstration's treasurer")
        await asyncio.to_thread(_deposit, chain_url(link_address), owner, wish.amount_micro)
        account = await arrivals.account(hello.virtual)
    finally:
        await link.close()
    say(f"the venue has opened account {account} for 0x{owner.hex()}")
    session = secrets.token_bytes(32)
    scheme = SCHEMES[wish.scheme]
    key = _core.address_of(session, scheme)
    expiry_ns = await _open_session(link_address, hello.domain, wallet, account, scheme, key, wish)
    say(f"the wallet has let {wish.scheme} key 0x{key.hex()} trade for it, for {wish.days} days")
    client = KeyedClient(
        f"account-{account}", secrets.token_urlsafe(24), account, SLOT, scheme, session
    )
    write_keys(keys, [client])
    return Opened(
        account,
        owner,
        wish.scheme,
        key,
        expiry_ns,
        wish.notional_micro,
        wish.amount_micro,
        client.client_id,
        keys,
    )


def _wallet(directory: Path, say: Say) -> bytes:
    """Return the wallet of a folder, a new one where there is none yet."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / WALLET_FILE
    if path.exists():
        say(f"using the wallet of {path}")
        return bytes.fromhex(json.loads(path.read_text())["secret"].removeprefix("0x"))
    wallet = secrets.token_bytes(32)
    kept = {"address": "0x" + _core.address_of(wallet).hex(), "secret": "0x" + wallet.hex()}
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(kept, indent=2) + "\n")
    say(f"made a burner wallet {kept['address']} in {path}; it is worth nothing elsewhere")
    return wallet


def _deposit(chain_address: str, owner: bytes, amount_micro: int) -> None:
    """Let the demonstration's treasurer deposit for an owner, deep enough to be taken."""
    treasurer = development_secrets(1)[0]
    try:
        chain = RpcChain(chain_address, [treasurer])
        try:
            contracts = find(chain)
            fee_wei = contracts.read("Inbox", "feeWei")
            sender = _core.address_of(treasurer)
            contracts.send(sender, "Vault", "deposit", 0, amount_micro, owner, 0, value_wei=fee_wei)
            for _ in range(BLOCKS_DEEP):
                chain.mine()
        finally:
            chain.close()
    except ChainError as error:
        raise OpeningError(f"the deposit was not made: {error}") from error


class _Arrivals:
    """Sees the account of an owner being opened in the log."""

    def __init__(self, owner: bytes) -> None:
        self._owner = owner
        self._found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def account(self, virtual: bool) -> int:
        """Return the account's number. Raises OpeningError."""
        try:
            async with asyncio.timeout(DEPOSIT_S_MAX):
                return await self._found
        except TimeoutError:
            why = "its clock is virtual and nobody moves it" if virtual else "it is slow or stuck"
            raise OpeningError(
                f"the venue did not take the deposit within {DEPOSIT_S_MAX:g} s: {why}"
            ) from None

    def on_released(self, frame: ReleasedFrame) -> None:
        """Look for a deposit of the owner that opened an account."""
        outputs = dict(split_outputs(frame.outputs))
        batch, at = frame.batch, 0
        for number in range(frame.first_log_number, frame.first_log_number + frame.count):
            start = at + _HEAD
            at = start + int.from_bytes(batch[at : at + 4], "big")
            command = batch[start:at]
            deposits = command[1] == commands.INBOX and command[_ITEM_AT] == _DEPOSIT_KIND
            if not deposits or command[_OWNER] != self._owner:
                continue
            for event in map(show_event, decode_output(outputs[number]).events):
                if event.kind == "deposited" and event.fields["opened"] and not self._found.done():
                    self._found.set_result(int(event.fields["account"]))


async def _open_session(
    link_address: str,
    domain: Any,
    wallet: bytes,
    account: int,
    scheme: int,
    key: bytes,
    wish: Wish,
) -> int:
    """Register a session key with the wallet's signature; returns when it expires."""
    try:
        client = await RpcClient.connect(api_url(link_address))
    except OSError as error:
        raise OpeningError(f"the venue's methods cannot be reached: {error}") from error
    try:
        now_ns = int(await client.call("public/get_time")) * 1_000_000
        expiry_ns, nonce = now_ns + wish.days * DAY_NS, now_ns // 1_000_000
        body = commands.session_open(
            account,
            SLOT,
            scheme,
            key,
            commands.ALL_GROUPS,
            commands.ALL_KINDS,
            wish.notional_micro,
            expiry_ns,
            nonce,
        )
        owner = Signer(account, commands.WALLET_SLOT, commands.SECP256K1, wallet)
        [signed] = sign_all(domain, [body], [owner])
        answer = await client.call(
            "venue/register_session_key",
            {
                "account": account,
                "slot": SLOT,
                "scheme": wish.scheme,
                "key": "0x" + key.hex(),
                "notional": str(Decimal(wish.notional_micro) / 1_000_000),
                "expiry_ns": str(expiry_ns),
                "nonce": str(nonce),
                "signature": "0x" + signed[-commands.SIGNATURE_BYTES :].hex(),
            },
        )
    except RpcError as error:
        raise OpeningError(f"the session was not opened: {error}") from error
    finally:
        await client.close()
    if answer["refused"] is not None:
        raise OpeningError(f"the venue refuses the session: {answer['refused']}")
    return expiry_ns

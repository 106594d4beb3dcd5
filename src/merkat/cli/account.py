"""Open an account on a demonstration venue, or show what an account has."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from merkat.cli import _common
from merkat.cli._account import show

command = App(name="account", help=__doc__)
command.command(show, name="show")

MICRO = 1_000_000
DAYS_MAX = 180
USD_END = 1 << 43  # 1e-6 USD of it still fit the venue's numbers


@command.command
def create(
    *,
    venue: str,
    data: Path,
    scheme: Literal["secp256k1", "p256"] = "secp256k1",
    amount: str = "250000",
    notional: str = "1000000",
    days: int = 30,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Open an account on a demonstration venue and write the keys file for `merkat gateway`.

    A burner wallet is made, test money is deposited for it through the chain, and the wallet signs
    once: it lets a fresh session key trade within a scope, never withdraw. The gateway gets the
    session key alone; the wallet stays in its own file.

    Example: merkat account create --venue ws://127.0.0.1:8420/ws/link --data ./me

    Parameters
    ----------
    venue
        The venue's link; its other addresses will do.
    data
        The folder of wallet and keys file; made if it is not there.
    scheme
        The curve of the session key.
    amount
        What is deposited, USD.
    notional
        The most that one order of the session may be worth, USD.
    days
        How long the session lives, at most 180.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        if not 1 <= days <= DAYS_MAX:
            raise _common.usage(f"--days is {days}; expected 1 to {DAYS_MAX}")
        money = _micro("--amount", amount), _micro("--notional", notional)
        return _create(venue, data, scheme, money, days, json)

    return _common.guarded(body)


def _create(
    venue: str, data: Path, scheme: str, money: tuple[int, int], days: int, as_json: bool
) -> int:
    """Open an account; `money` is the deposit and the session's notional, 1e-6 USD."""
    from merkat.gateway.addresses import AddressError, link_url
    from merkat.gateway.keys import KeysFileError
    from merkat.gateway.opening import OpeningError, Wish, open_account

    def say(line: str) -> None:
        (sys.stderr if as_json else sys.stdout).write(line + "\n")

    try:
        opened = asyncio.run(open_account(link_url(venue), data, Wish(scheme, *money, days), say))
    except (AddressError, KeysFileError) as error:
        raise _common.refused(str(error)) from error
    except OpeningError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    if not as_json:
        say(f"keys file: {opened.keys} (client {opened.client_id}); next:")
        say(f"  merkat gateway --venue {venue} --keys {opened.keys} --port 8430")
        return _common.GOOD
    _common.print_json(
        {
            "account": opened.account,
            "owner": _common.digest(opened.owner),
            "deposit": str(Decimal(opened.amount_micro) / MICRO),
            "scheme": opened.scheme,
            "session_key": _common.digest(opened.session_key),
            "session_expiry_ns": opened.session_expiry_ns,
            "client_id": opened.client_id,
            "keys": str(opened.keys),
        }
    )
    return _common.GOOD


def _micro(option: str, text: str) -> int:
    """Return an amount of USD as 1e-6 USD. Raises CommandError (usage)."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 < value < USD_END or value * MICRO % 1:
        raise _common.usage(f"{option} is {text!r}; expected USD with at most 6 decimals, above 0")
    return int(value * MICRO)

"""Run your own gateway: it holds your session key, signs orders, and speaks the dialect to bots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from merkat.cli import _common


def command(
    *,
    venue: str,
    keys: Path,
    data: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    demo: Annotated[bool, Parameter(name="--demo", negative="")] = False,
    orders_per_second: int | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Run your own gateway until SIGTERM: bots speak the dialect to it, it signs what they order.

    It follows the venue's log with a replica of its own, checks every receipt and every outcome,
    and answers only what is durable. The venue gets signed commands and nothing else; the session
    key in --keys can trade within its scope and can never withdraw. One account a gateway: several
    are refused unless this is a demonstration.

    Example: merkat gateway --venue ws://127.0.0.1:8420/ws/link --keys account/keys.json --port 8430

    Parameters
    ----------
    venue
        The venue's link; its other addresses will do.
    keys
        The keys file, as `merkat account create` writes it (mode 0600).
    data
        The folder of labels and of the replica; by default `gateway` beside the keys file.
    host
        The address to listen on.
    port
        The port to listen on; 0 picks a free one.
    demo
        Allow several accounts and wallet keys, on a venue that is a demonstration too.
    orders_per_second
        Let each client send so many orders a second, instead of the usual limits.
    json
        Print the line that says ready as one JSON object.
    """

    folder = data if data is not None else keys.parent / "gateway"

    def body() -> int:
        if not 0 <= port < 1 << 16:
            raise _common.usage(f"--port is {port}; expected 0 to 65535")
        if orders_per_second is not None and not 1 <= orders_per_second <= 1_000_000:
            raise _common.usage(
                f"--orders-per-second is {orders_per_second}; expected 1 to 1000000"
            )
        return _run(venue, keys, folder, host, port, demo, json, orders_per_second)

    return _common.guarded(body)


def _run(*options: Any) -> int:
    """Run a gateway with the fields of `Options` in their order."""
    from merkat.gateway.addresses import AddressError
    from merkat.gateway.intents import IntentStoreError
    from merkat.gateway.keys import KeysFileError
    from merkat.gateway.process import GatewayFailedError, GatewayRefusedError, Options, run
    from merkat.market import HistoryError

    refusals = (AddressError, KeysFileError, GatewayRefusedError, IntentStoreError, HistoryError)
    try:
        run(Options(*options))
    except refusals as error:
        raise _common.refused(str(error)) from error
    except GatewayFailedError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    return _common.GOOD

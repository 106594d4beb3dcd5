"""What the demonstration says before and after: warnings, what came of it, what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from merkat.demo.cast import ROLES
from merkat.demo.report import Report

HOSTED: Final = (
    "demonstration: burner keys from a public seed; the gateway holds everybody's session keys, "
    "which only a demonstration may do. Never for money."
)
NEXT_LINES: Final = 6


def report_lines(report: Report) -> Iterator[str]:
    """Yield what came of a run."""
    yield f"trades        {report.trades:,}, of them {report.options:,} of options"
    yield (
        f"liquidations  {report.liquidations:,}; fundings {report.fundings:,}; "
        f"expired listings {report.expiries:,}; batches {report.batches:,}"
    )
    does = {role.name: role.does for role in ROLES}
    for name, profit in report.profits.items():
        yield f"P&L {name:<9} {profit:>+14,.2f} USD  {does[name]}"
    yield f"state root    0x{report.state_root.hex()}"
    yield f"replayed      0x{report.replayed_state_root.hex()}"
    yield f"first trade   after {report.first_trade_s:.1f} s; all in {report.seconds:.1f} s"


def next_lines(seed: int, program: str = "merkat") -> list[str]:
    """Return six lines to copy next; each works as it stands, one after the other.

    `program` is how the shell finds the command.
    """
    return [
        f"{program} demo --keep",
        f"{program} demo --fast --seed {seed + 1} --data ./venue --evidence ./evidence",
        f"{program} verify --evidence ./evidence",
        f"{program} verify {len(ROLES)} --evidence ./evidence",
        f"{program} replay ./venue/venue/venue",
        f"{program} rebuild --chain ./venue/venue/chain",
    ]


def kept_lines(ready: Mapping[str, Any]) -> Iterator[str]:
    """Yield how to connect to a venue that is kept."""
    yield f"A venue is kept at {ready['url']} until you press Ctrl-C."
    yield HOSTED
    yield ""
    yield f"export MERKAT_URL={ready['url']}"
    yield f"export MERKAT_CLIENT_ID={ready['client_id']}"
    yield f"export MERKAT_CLIENT_SECRET={ready['client_secret']}"
    yield ""
    yield "import ccxt"
    credentials = f'"apiKey": "{ready["client_id"]}", "secret": "{ready["client_secret"]}"'
    yield f"exchange = ccxt.deribit({{{credentials}}})"
    yield f'exchange.urls["api"] = {{"rest": "{ready["url"]}"}}'
    yield 'print(exchange.fetch_ticker("BTC/USDC:USDC"))'
    yield 'print(exchange.create_order("BTC/USDC:USDC", "market", "buy", 0.01))'

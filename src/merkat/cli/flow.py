"""Play a recorded order flow, a tape or a generated flow through the whole venue."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.flow.anchored import Anchored
    from merkat.flow.compare import Verdict
    from merkat.flow.run import Flow, Options, Outcome
    from merkat.flow.tally import Tally

MARKET_FILE_ENDING = ".csv.xz"
ROWS_SHOWN = 8


def command(
    file: Path | None = None,
    /,
    *,
    chains: Path | None = None,
    options: Path | None = None,
    prefill: int = 0,
    seed: int = 1,
    data: Path | None = None,
    receipts: Path | None = None,
    limit: int | None = None,
    spec: bool = True,
    segment_bytes: int = 64 << 20,
    snapshot_every: int = 0,
    anchor: Annotated[bool, Parameter(negative="")] = False,
    blobs: Annotated[bool, Parameter(negative="")] = False,
    evidence: Path | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Play a recorded order flow, a tape or a generated flow through the whole venue.

    Every command is signed, made durable, matched and settled; receipts are checked; the
    specification runs the first 200,000 commands beside the engine; at the end a second engine
    replays the journal. Exit code 1: the specification or the replay disagreed.

    Anchored, the money comes in through contracts on an embedded chain, every step is posted there
    in batches, what was withdrawn is claimed by proof, and the state is rebuilt from the chain
    alone. Exit code 1 too: another root, or claims that do not add up to the withdrawals.

    With recorded option chains makers quote what was quoted, owners with leverage meet the crash,
    and every claim (nobody was liquidated wrongly, no unit of money is lost) is computed at the
    end. Exit code 1 too: a claim that does not hold.

    Example: merkat flow quotes.tape --prefill 1000 --anchor --json

    Parameters
    ----------
    file
        A market file (*.csv.xz: every order of an exchange), a market-by-order file (DBN) or a
        tape (24-byte records). Without it a generated hour with leveraged owners, index shocks and
        a gap of the oracle is played.
    chains
        Play a folder's recorded option chains in order, a session each; --limit counts sessions.
    options
        List the chain of one snapshot (*.csv.gz) beside a market file, and trade it.
    prefill
        How many records of a tape fill the books before the timed operations.
    seed
        Keys, venue salt and the generated flow follow from it.
    data
        Keep journal and snapshots here (a new or empty folder); anchored, in its folder `venue`,
        and the chain in its folder `chain`.
    receipts
        Append one line for each receipt, once it is released.
    limit
        Play only so many rows, records or orders.
    spec
        Run the specification beside the engine.
    segment_bytes
        Size of a segment of the journal.
    snapshot_every
        Commands between snapshots; 0 takes one whenever the journal has grown by half.
    anchor
        Anchor the flow on an embedded chain that follows its clock.
    blobs
        Post batches as blobs; without it they are posted as calldata.
    evidence
        Write an evidence folder here (new or empty) for `merkat verify --evidence`.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        from merkat.flow.run import Options

        for option, value in (("--prefill", prefill), ("--limit", limit or 0)):
            if value < 0:
                raise _common.usage(f"{option} is {value}; expected 0 or more")
        if prefill and (file is None or file.name.endswith(MARKET_FILE_ENDING)):
            raise _common.usage("--prefill belongs to a tape; leave it out here")
        if chains is not None and (file is not None or options is not None or anchor):
            raise _common.usage(
                "--chains is a flow of its own; give no FILE, --options or --anchor"
            )
        if options is not None and (anchor or file is None or not _is_market_file(file)):
            raise _common.usage(
                f"--options stands beside a market file (*{MARKET_FILE_ENDING}), without --anchor"
            )
        if not anchor and (blobs or evidence is not None):
            raise _common.usage("--blobs and --evidence belong to --anchor; add it")
        name = "generated" if file is None else file.name
        name = name if chains is None else "chains"
        anchoring = None
        if anchor:
            from merkat.flow.anchored import AnchorOptions
            from merkat.settlement.data import BLOB, CALLDATA

            anchoring = AnchorOptions(BLOB if blobs else CALLDATA, evidence)
        how = Options(name, seed, data, receipts, spec, segment_bytes, snapshot_every, anchoring)
        return _play(Source(file, chains, options, prefill, limit), how, json)

    return _common.guarded(body)


@dataclass(frozen=True, slots=True)
class Source:
    """What is played, as the arguments name it."""

    file: Path | None
    chains: Path | None
    options: Path | None
    prefill: int
    limit: int | None


def _is_market_file(file: Path) -> bool:
    return file.name.endswith(MARKET_FILE_ENDING)


def _flow(source: Source, seed: int) -> Flow:
    """Return the flow of a file by its name's ending or content, of chains, or the generator."""
    from merkat.flow.generated import GeneratedFlow
    from merkat.flow.market_file import MarketFlow
    from merkat.flow.tape import TapeFlow

    if source.chains is not None or source.options is not None:
        from merkat.oracle import extra

        extra.require()
    if source.chains is not None:
        from merkat.flow.chain_flow import ChainFlow

        _needed("--chains", source.chains, folder=True)
        return ChainFlow.of_folder(source.chains, seed, source.limit)
    file = source.file
    if file is None:
        return GeneratedFlow(seed, source.limit)
    _needed("", file, folder=False)
    if source.options is not None:
        from merkat.flow.chain_beside import FlowWithOptions

        _needed("--options", source.options, folder=False)
        return FlowWithOptions.of_files(file, source.options, seed, source.limit)
    if _is_market_file(file):
        return MarketFlow(file, source.limit)
    from merkat.flow.market_by_order import MarketByOrderFlow, is_market_by_order

    if is_market_by_order(file):
        return MarketByOrderFlow(file, source.limit)
    return TapeFlow(file, source.prefill, source.limit)


def _needed(option: str, path: Path, *, folder: bool) -> None:
    """Refuse a path that is not there, or a folder in place of a file. Raises CommandError."""
    kind = "folder" if folder else "file"
    name = f"{option} {path}" if option else str(path)
    advice = "name a market file (*.csv.xz), a market-by-order file (DBN) or a tape"
    if option:
        advice = "expected recorded option chains"
    if not path.exists():
        raise _common.refused(f"{name}: no such {kind}; {advice}")
    if path.is_dir() != folder:
        raise _common.refused(f"{name} is {'a file' if folder else 'a folder'}; {advice}")


def _play(source: Source, options: Options, as_json: bool) -> int:
    from merkat.flow.market_file import MarketFileError
    from merkat.flow.run import run
    from merkat.oracle.calibration import CalibrationError
    from merkat.oracle.extra import MissingExtraError
    from merkat.oracle.snapshot import SnapshotError
    from merkat.sequencer.receipts import ReceiptError
    from merkat.tapes.records import TapeError

    try:
        flow = _flow(source, options.seed)
        # With --json standard output has nothing but the object, whatever there is to tell.
        outcome = run(flow, options, _Progress(flow), tell_stderr if as_json else print)
    except (MarketFileError, TapeError, SnapshotError, CalibrationError) as error:
        raise _common.refused(str(error)) from error
    except MissingExtraError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    except FileExistsError as error:
        raise _common.refused(f"{error.filename} {error.strerror}") from error
    except ReceiptError as error:
        raise _common.CommandError(_common.CHECK_SAID_NO, str(error)) from error
    disagreement = outcome.verdict is not None and not outcome.verdict.agrees
    if disagreement:
        _show_difference(outcome)
    if as_json:
        _common.print_json(_described(outcome))
    else:
        _show_summary(outcome)
    unreached = [name for name, count in outcome.reached.items() if not count]
    whole = source.limit is None
    if unreached and whole:
        sys.stderr.write(f"merkat: the flow never reached: {', '.join(unreached)}\n")
    for claim in outcome.broken:
        sys.stderr.write(f"merkat: does not hold: {claim}\n")
    good = outcome.replayed and not disagreement and not (unreached and whole)
    good = good and not outcome.broken
    good = good and (outcome.anchored is None or outcome.anchored.good)
    good = good and (outcome.killed is None or outcome.killed.good)
    return _common.GOOD if good else _common.CHECK_SAID_NO


class _Progress:
    """A line a second on standard error, which leaves standard output to the result."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._last_s = time.monotonic()

    def __call__(self, time_ns: int, tally: Tally) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s < 1.0:
            return
        self._last_s = now_s
        clock = time.strftime("%H:%M:%S", time.gmtime(time_ns // 1_000_000_000))
        rejected = sum(tally.rejected.values())
        price = (tally.last_price or 0) / 1_000_000
        sys.stderr.write(
            f"{clock}  {self._flow.rows:>9,} rows  {tally.commands:>9,} commands  "
            f"{tally.orders:>9,} orders  {tally.trades:>8,} trades  {rejected:>6,} rejected  "
            f"last {price:,.2f}\n"
        )


def tell_stderr(line: str) -> None:
    """Tell a line of the story on standard error."""
    sys.stderr.write(line + "\n")


def _described_anchor(outcome: Outcome) -> dict[str, object]:
    """Return what the chain adds to the JSON object; nothing for a flow that is not anchored."""
    anchored, killed = outcome.anchored, outcome.killed
    if anchored is None:
        return {}
    described: dict[str, object] = {
        "batches": anchored.batches,
        "batch_bytes": anchored.batch_bytes,
        "bytes_per_fill": anchored.bytes_per_fill,
        "micro_ops": anchored.micro_ops,
        "fills": anchored.fills,
        "anchored_root": _common.digest(anchored.anchored_root),
        "rebuilt_root": _common.digest(anchored.rebuilt_root),
        "withdrawn": anchored.withdrawn,
        "claimed": anchored.claimed,
        "claims": anchored.claims,
        "blocks": anchored.blocks,
        "gas": {name: list(used) for name, used in anchored.gas.items()},
        "rebuild_seconds": round(anchored.rebuild_s, 3),
    }
    if killed is not None:
        described["killed"] = asdict(killed) | {"good": killed.good}
    return described


def _described(outcome: Outcome) -> dict[str, object]:
    """Return the contract's JSON object."""
    tally, verdict = outcome.tally, outcome.verdict
    every = _described_flow(outcome, tally, verdict)
    return every | outcome.described | _described_anchor(outcome)


def _described_flow(outcome: Outcome, tally: Tally, verdict: Verdict | None) -> dict[str, object]:
    return {
        "orders": tally.orders,
        "trades": tally.trades,
        "quantity": tally.quantity,
        "notional": tally.notional,
        "rejected": dict(sorted(tally.rejected.items())),
        "state_root": _common.digest(outcome.digests.state_root),
        "venue_digest": _common.digest(outcome.digests.venue_digest),
        "replayed_state_root": _common.digest(outcome.genesis_replay.state_root),
        "replayed_venue_digest": _common.digest(outcome.genesis_replay.venue_digest),
        "snapshot_state_root": _common.digest(outcome.snapshot_replay.state_root),
        "snapshot_venue_digest": _common.digest(outcome.snapshot_replay.venue_digest),
        "spec_agrees": None if verdict is None else verdict.agrees,
        "spec_commands": 0 if verdict is None else verdict.commands,
        "spec_digests": 0 if verdict is None else verdict.digests,
        "spec_seconds": 0.0 if verdict is None else round(verdict.seconds, 3),
        "commands": tally.commands,
        "commands_per_second": outcome.commands_per_second,
        "rows": outcome.rows,
        "epochs": outcome.epochs,
        "cancelled": tally.cancel_counts(),
        "events": tally.event_counts(),
        "receipts_checked": outcome.receipts_checked,
        "reached": outcome.reached,
        "pipeline_seconds": round(outcome.pipeline_s, 3),
        "replay_seconds": round(outcome.replay_s, 3),
        "seconds": round(outcome.seconds, 3),
    }


def _show_difference(outcome: Outcome) -> None:
    """Print the first differing command and how to run this again."""
    verdict = outcome.verdict
    assert verdict is not None, "only a verdict can disagree"
    write = sys.stderr.write
    difference = dict(verdict.difference)
    write(f"merkat: the specification disagrees at log number {difference['log_number']}\n")
    for name, value in difference.items():
        if isinstance(value, dict):
            write(f"  {name}:\n")
            for kind, lines in value.items():
                write("".join(f"    {kind}: {line}\n" for line in lines))
        else:
            write(f"  {name}: {value}\n")
    write(f"  again: merkat {shlex.join(sys.argv[1:])}\n")


def _show_summary(outcome: Outcome) -> None:
    """Print the result for people: totals, what was reached, digests, and who agrees."""
    from rich.console import Console
    from rich.table import Table

    tally = outcome.tally
    table = Table(title="merkat flow", show_header=False, title_justify="left")
    for name, value in (
        ("commands", f"{tally.commands:,} ({outcome.commands_per_second:,.0f} a second)"),
        ("orders accepted", f"{tally.orders:,}"),
        ("trades", f"{tally.trades:,}"),
        ("quantity", f"{tally.quantity:,}"),
        ("notional", f"{tally.notional:,}"),
        ("rejected", _counts(tally.rejected)),
        ("cancelled", _counts(tally.cancel_counts())),
        ("receipts checked", f"{outcome.receipts_checked:,}"),
        ("seconds", f"{outcome.seconds:,.1f}, of them replay {outcome.replay_s:,.1f}"),
    ):
        table.add_row(name, value)
    for name, value in _plain(outcome.described):
        table.add_row(name.replace("_", " "), value)
    for name, count in outcome.reached.items():
        table.add_row(f"reached: {name.replace('_', ' ')}", f"{count:,}")
    console = Console(soft_wrap=True)
    console.print(table)
    print(f"state root    {_common.digest(outcome.digests.state_root)}")
    print(f"venue digest  {_common.digest(outcome.digests.venue_digest)}")
    if outcome.verdict is None:
        said = "not asked"
    elif outcome.verdict.agrees:
        verdict = outcome.verdict
        said = f"agrees on {verdict.commands:,} commands and {verdict.digests:,} pairs of digests"
    else:
        said = "DISAGREES"
    print(f"specification {said}")
    print(
        f"replay        {'agrees' if outcome.replayed else 'DISAGREES'}, from genesis and snapshot"
    )
    if outcome.anchored is not None:
        _show_anchored(outcome.anchored)


def _plain(described: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield what a flow alone says, without its lists and longer tables."""
    for name, value in described.items():
        if isinstance(value, dict) and len(value) <= ROWS_SHOWN:
            shown = ", ".join(f"{key} {one:,}" for key, one in value.items())
            yield name, shown or "none"
        elif isinstance(value, int) and not isinstance(value, bool):
            yield name, f"{value:,}"
        elif not isinstance(value, dict | list):
            yield name, str(value)


def _show_anchored(anchored: Anchored) -> None:
    equal = anchored.anchored_root == anchored.rebuilt_root
    print(
        f"chain         {anchored.batches:,} batches in {anchored.blocks:,} blocks, "
        f"{anchored.bytes_per_fill:,.1f} bytes a fill"
    )
    print(
        f"rebuilt       {'the anchored root' if equal else 'ANOTHER ROOT'} from the chain alone: "
        f"{anchored.micro_ops:,} micro-ops in {anchored.rebuild_s:,.1f} s"
    )
    paid = "all of it" if anchored.claimed == anchored.withdrawn else "NOT ALL OF IT"
    print(
        f"claimed       {anchored.claimed / 1_000_000:,.2f} of "
        f"{anchored.withdrawn / 1_000_000:,.2f} withdrawn: {paid}"
    )


def _counts(counts: Mapping[str, int]) -> str:
    """Return counts on one line, the largest first."""
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ranked) or "none"

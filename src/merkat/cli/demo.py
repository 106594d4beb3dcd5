"""Watch a whole venue live through its life: trade, fall, prove, die, return, pay out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.demo.report import Report
    from merkat.demo.run import Options

DEFAULT_SEED = 7


def command(
    *,
    fast: Annotated[bool, Parameter(name="--fast", negative="")] = False,
    seed: int = DEFAULT_SEED,
    keep: Annotated[bool, Parameter(name="--keep", negative="")] = False,
    host: str = "127.0.0.1",
    port: int = 0,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    evidence: Path | None = None,
    data: Path | None = None,
) -> int:
    """Watch a whole venue live through its life: trade, fall, prove, die, return, pay out.

    Offline, from a seed: a venue, a gateway and bots start, the index falls by 12 %, somebody is
    liquidated, a batch is anchored, a balance proved, the venue killed and brought back, options
    expire, a withdrawal is paid on the chain, and the journal is replayed. Exit code 0 only when
    all of it holds. The keys are burner keys.

    Example: merkat demo --fast --json --seed 7 --evidence ./evidence

    Parameters
    ----------
    fast
        Do not wait for people to watch.
    seed
        Everything follows from it: the same seed gives the same state root on every machine.
    keep
        Keep a venue on the machine's clock for your own programs, until Ctrl-C or SIGTERM.
    host
        The address that the gateway listens on.
    port
        The gateway's port; 0 picks a free one.
    json
        Print one JSON object as the last line; with --keep the only one, when it is ready.
    evidence
        Write a folder there for `merkat verify --evidence`.
    data
        Keep the venue's and the gateway's data there; a temporary folder when left out.
    """

    def body() -> int:
        from merkat.demo.run import FAILURES, Options

        started_s = time.perf_counter()
        if not 0 <= port < 1 << 16:
            raise _common.usage(f"port is {port}; expected 0 to 65535")
        if keep and (fast or evidence is not None):
            raise _common.usage("--keep tells no story: leave --fast and --evidence out")
        for folder in (data, evidence):
            if folder is not None and folder.exists() and any(folder.iterdir()):
                raise _common.refused(f"{folder}: is not empty; name a new folder")
        _check_free(host, port)
        options = Options(seed, fast, host, port, data, evidence)
        try:
            return _keep(options, json) if keep else _play(options, json, started_s)
        except FAILURES as error:
            raise _common.CommandError(_common.CHECK_SAID_NO, str(error)) from error

    return _common.guarded(body)


def _check_free(host: str, port: int) -> None:
    """Refuse an address that the gateway could not listen on, before anything is started."""
    import socket

    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _common.CommandError(
            _common.ENVIRONMENT,
            f"host {host}, port {port}: cannot be listened on ({error.strerror or error}); name "
            "another with --host and --port, port 0 picks a free one",
        ) from error


def _play(options: Options, as_json: bool, started_s: float) -> int:
    """Tell the story on the terminal, or in lines; returns the exit code."""
    from rich.console import Console

    from merkat.demo.board import Board
    from merkat.demo.run import play, run
    from merkat.demo.view import LiveTeller, PlainTeller, is_drawable, print_line
    from merkat.demo.words import HOSTED

    board = Board(options.seed)
    console = Console(stderr=as_json)
    console.print(HOSTED, soft_wrap=True, highlight=False)
    if as_json or options.fast or not is_drawable(console):
        report = run(play(options, board, PlainTeller(console, board), started_s))
    else:
        with LiveTeller(console, board) as teller:
            report = run(play(options, board, teller, started_s))
        for line in board.lines:
            print_line(console, line)
    if report is None:
        raise KeyboardInterrupt
    return _conclude(report, options, as_json)


def _conclude(report: Report, options: Options, as_json: bool) -> int:
    """Print what came of it; returns the exit code."""
    import shutil

    from merkat.demo.words import next_lines, report_lines

    for claim in report.broken():
        sys.stderr.write(f"merkat: does not hold: {claim}\n")
    if as_json:
        _common.print_json(report.described())
    else:
        print()
        for line in report_lines(report):
            print(line)
        print("\nWhat next? Copy a line:")
        program = "merkat" if shutil.which("merkat") else sys.argv[0]
        for line in next_lines(options.seed, program):
            print(f"  {line}")
    return _common.GOOD if report.good else _common.CHECK_SAID_NO


def _keep(options: Options, as_json: bool) -> int:
    """Keep a venue until somebody asks it to end."""
    from merkat.demo.run import keep, run
    from merkat.demo.words import HOSTED, kept_lines

    def say(ready: dict[str, Any]) -> None:
        if as_json:
            _common.print_json(ready)
            return
        for line in kept_lines(ready):
            print(line)
        sys.stdout.flush()

    if as_json:
        sys.stderr.write(HOSTED + "\n")
    run(keep(options, say))
    return _common.GOOD

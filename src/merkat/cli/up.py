"""Run a venue: link, journal, engine, embedded chain and its own JSON-RPC in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merkat.cli import _common


def command(
    *,
    data: Path,
    scene: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    virtual_clock: Annotated[bool, Parameter(name="--virtual-clock", negative="")] = False,
    block_seconds: int = 12,
    seed: int | None = None,
    demo: Annotated[bool, Parameter(name="--demo", negative="")] = False,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Run a venue until SIGTERM: it accepts signed commands over its link and nothing else.

    The first start needs --scene, which is brought through timelock and Vault of an embedded chain;
    every later one goes on where --data ends, also after a kill. When it is ready it says so on
    standard output, with --json as one line; logs go to standard error.

    Example: merkat up --data ./venue --scene docs/examples/scene.json --port 8420

    Parameters
    ----------
    data
        The folder of journal and chain.
    scene
        Groups, listings and first deposits of a new venue, a JSON file.
    host
        The address to listen on.
    port
        The port to listen on; 0 picks a free one.
    virtual_clock
        Time stands still until a link moves it. Decided at the first start.
    block_seconds
        Seconds between two blocks of the embedded chain. Decided at the first start.
    seed
        Derive the sequencer's key from a number, for demonstrations; else it is drawn.
    demo
        Unlock the chain's development accounts and the scene's owners. Decided at the first start.
    json
        Print the line that says ready as one JSON object.
    """

    if not 0 <= port < 1 << 16:
        return _common.guarded(lambda: _refuse(f"port is {port}; expected 0 to 65535"))
    if not 1 <= block_seconds <= 3_600:
        message = f"block-seconds is {block_seconds}; expected 1 to 3600"
        return _common.guarded(lambda: _refuse(message))
    settings = (virtual_clock, demo, block_seconds)
    return _common.guarded(lambda: _run(data, scene, host, port, settings, seed, json))


def _refuse(message: str) -> int:
    raise _common.usage(message)


def _run(
    data: Path,
    scene: Path | None,
    host: str,
    port: int,
    settings: tuple[bool, bool, int],
    seed: int | None,
    as_json: bool,
) -> int:
    from merkat.settlement.chain import ChainError
    from merkat.venue.clock import ClockError
    from merkat.venue.folder import FolderError, Settings
    from merkat.venue.process import Options, VenueFailedError, run
    from merkat.venue.scene import SceneError

    try:
        run(Options(data, scene, host, port, Settings(*settings), seed, as_json))
    except (SceneError, FolderError) as error:
        raise _common.refused(str(error)) from error
    except (ClockError, ChainError, VenueFailedError) as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    return _common.GOOD

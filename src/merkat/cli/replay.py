"""Replay a data folder's journal to its two digests, or explain one command of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.sdk.keys import Domain


def command(
    directory: Path,
    /,
    *,
    upto: int | None = None,
    explain: int | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Replay a data folder's journal to its two digests, or explain one command of it.

    A fresh engine starts at genesis, a second one at the newest snapshot; both must come to the
    same digests (exit code 1 if not). A torn tail of the journal, which was never acknowledged, is
    cut with a message; a damaged journal is refused.

    Example: merkat replay ./venue --explain 1234

    Parameters
    ----------
    directory
        What `merkat flow --data` has written.
    upto
        Stop after this log number.
    explain
        Show one command: its events, micro-ops, rules, and the numbers before and after.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        from merkat.sequencer import venue_file

        for option, value in (("--upto", upto), ("--explain", explain)):
            if value is not None and value < 0:
                raise _common.usage(f"{option} is {value}; expected a log number")
        try:
            domain = venue_file.read(directory)
        except venue_file.VenueFileError as error:
            raise _common.refused(str(error)) from error
        if explain is not None:
            return _explain(directory, domain, explain, json)
        return _replay(directory, domain, upto, json)

    return _common.guarded(body)


def _replay(directory: Path, domain: Domain, upto: int | None, as_json: bool) -> int:
    from merkat.sequencer.reading import open_reading, replay

    with open_reading(directory, domain) as reading:
        genesis = replay(reading, from_snapshot=False, up_to=upto)
        snapshot = replay(reading, from_snapshot=True, up_to=upto)
        equal = genesis.digests == snapshot.digests
        described = {
            "log_number": genesis.digests.log_number,
            "state_root": _common.digest(genesis.digests.state_root),
            "venue_digest": _common.digest(genesis.digests.venue_digest),
            "snapshot_log_number": snapshot.started_at,
            "snapshot_state_root": _common.digest(snapshot.digests.state_root),
            "snapshot_venue_digest": _common.digest(snapshot.digests.venue_digest),
            "equal": equal,
            "recovery": reading.message,
            "seconds": round(genesis.seconds, 3),
        }
    if as_json:
        _common.print_json(described)
    else:
        for name, value in described.items():
            print(f"{name:<22} {value}")
    return _common.GOOD if equal else _common.CHECK_SAID_NO


def _explain(directory: Path, domain: Domain, log_number: int, as_json: bool) -> int:
    from merkat.sequencer.reading import open_reading
    from merkat.spec import explain

    with open_reading(directory, domain) as reading:
        if not 1 <= log_number <= reading.head:
            raise _common.refused(
                f"--explain is {log_number}; this journal holds the commands 1 to {reading.head}"
            )
        venue, record = reading.venue_before(log_number)
        explained = explain.explain(venue, log_number, record.time_ns, record.command)
    if as_json:
        _common.print_json(explained.to_dict())
    else:
        print(explained.text())
    return _common.GOOD

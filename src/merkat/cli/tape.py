"""Write a matching tape: a seeded stream of operations of one of three kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from merkat.cli import _common
from merkat.tapes import generator


def command(
    kind: str,
    file: Path,
    /,
    *,
    seed: int = 1,
    operations: int | None = None,
    prefill: int | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Write a matching tape: a seeded stream of operations of one of three kinds.

    Example: merkat tape EC quotes.tape --seed 7 --operations 100000

    Parameters
    ----------
    kind
        EC (market makers who quote anew), ITCH (an equity feed) or DEEP (a million live orders).
    file
        Where the 24-byte records go.
    seed
        The same seed gives the same bytes.
    operations
        Operations after the prefill; the kind's own number (3 or 5 million) unless given.
    prefill
        Limit orders before them; the kind's own number unless given.
    json
        Print one JSON object as the last line.
    """
    return _common.guarded(lambda: _write(kind, file, seed, operations, prefill, json))


def _write(
    name: str, file: Path, seed: int, operations: int | None, prefill: int | None, as_json: bool
) -> int:
    kind = generator.KINDS.get(name.upper())
    if kind is None:
        raise _common.usage(f"KIND is {name!r}; expected one of {', '.join(generator.KINDS)}")
    for option, value in (("--operations", operations), ("--prefill", prefill)):
        if value is not None and value < 0:
            raise _common.usage(f"{option} is {value}; expected 0 or more")
    prefill = kind.prefill if prefill is None else prefill
    records = generator.write(file, kind, seed, operations, prefill)
    if as_json:
        _common.print_json(
            {
                "kind": kind.name,
                "seed": seed,
                "records": records,
                "prefill": prefill,
                "bytes": file.stat().st_size,
            }
        )
    else:
        print(f"{file}: {records:,} records, the first {prefill:,} are the prefill")
        print(f"play it: merkat flow {file} --prefill {prefill}")
    return _common.GOOD

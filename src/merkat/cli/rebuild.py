"""Rebuild the venue's state from chain data alone, with the specification, and compare roots."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.settlement.chain import Chain
    from merkat.settlement.decode import Rebuilder


def command(
    *,
    chain: str,
    pure: Annotated[bool, Parameter(negative="")] = False,
    compiled: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Rebuild the venue's state from chain data alone, with the specification, and compare roots.

    Every micro-op of every posted batch is executed once more; nothing of the venue is read, and
    its engine takes no part. Exit code 1: the chain's data do not lead to the chain's root; the
    message names batch, input and rule.

    Example: merkat rebuild --chain ./venue/chain --json

    Parameters
    ----------
    chain
        Folder of an embedded chain, or the URL of an endpoint (http://127.0.0.1:8545).
    pure
        Recover signers with the specification's own curve code too: slow, and nothing else runs.
    compiled
        Use the compiled settlement machine in the specification's place: faster, another reader.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        from merkat.settlement.chain import ChainError

        if pure and compiled:
            raise _common.usage("--pure and --compiled exclude each other")
        try:
            opened = open_chain(chain)
            try:
                return _check(opened, json) if compiled else _rebuild(opened, pure, json)
            finally:
                opened.close()
        except ChainError as error:
            raise _common.refused(f"--chain {chain}: {error}") from error

    return _common.guarded(body)


def open_chain(place: str) -> Chain:
    """Return the chain of a folder or URL."""
    from merkat.settlement.chain import EmbeddedChain, RpcChain

    if place.startswith(("http://", "https://")):
        return RpcChain(place)
    if not Path(place).is_dir():
        raise _common.refused(
            f"--chain {place}: no such folder; expected one that `merkat flow --anchor --data` has "
            "written, or a URL"
        )
    return EmbeddedChain.reopen(Path(place))


def _rebuild(chain: Chain, pure: bool, as_json: bool) -> int:
    from merkat import _core
    from merkat.settlement.decode import Divergence
    from merkat.settlement.rebuild import rebuild_from_chain
    from merkat.spec import signatures

    start_s = time.perf_counter()
    recover = signatures.recover if pure else _core.recover_digest
    try:
        found = rebuild_from_chain(chain, recover, _Progress())
    except Divergence as difference:
        raise _common.CommandError(_common.CHECK_SAID_NO, str(difference)) from difference
    seconds = time.perf_counter() - start_s
    globals_ = found.rebuilder.state.globals_
    described = {
        "anchored_root": _common.digest(found.anchored_root),
        "rebuilt_root": _common.digest(found.rebuilt_root),
        "equal": found.equal,
        "batches": found.last_batch,
        "micro_ops": found.rebuilder.micro_ops,
        "kinds": dict(sorted(found.rebuilder.kinds.items())),
        "refused": found.rebuilder.refused,
        "log_number": globals_.log_number,
        "accounts": globals_.next_account - 1,
        "inbox_cursor": globals_.inbox_cursor,
        "vault": _common.digest(found.contracts.addresses.vault),
        "anchor": _common.digest(found.contracts.addresses.anchor),
        "seconds": round(seconds, 3),
    }
    _show(described, as_json)
    return _common.GOOD if found.equal else _common.CHECK_SAID_NO


def _check(chain: Chain, as_json: bool) -> int:
    from merkat.settlement.decode import Divergence
    from merkat.settlement.rebuild import check_compiled

    start_s = time.perf_counter()
    try:
        found = check_compiled(chain)
    except Divergence as difference:
        raise _common.CommandError(_common.CHECK_SAID_NO, str(difference)) from difference
    described = {
        "anchored_root": _common.digest(found.anchored_root),
        "rebuilt_root": _common.digest(found.rebuilt_root),
        "equal": found.equal,
        "batches": found.batches,
        "micro_ops": found.micro_ops,
        "seconds": round(time.perf_counter() - start_s, 3),
    }
    _show(described, as_json)
    return _common.GOOD if found.equal else _common.CHECK_SAID_NO


def _show(described: dict[str, object], as_json: bool) -> None:
    if as_json:
        _common.print_json(described)
        return
    for name, value in described.items():
        print(f"{name:<14} {value}")


class _Progress:
    """A line a second on standard error."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def __call__(self, rebuilder: Rebuilder) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= 1.0:
            self._last_s = now_s
            sys.stderr.write(
                f"batch {rebuilder.batches:>6,}  {rebuilder.micro_ops:>9,} micro-ops\n"
            )

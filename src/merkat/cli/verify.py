"""Check an evidence folder, or an account's balance against the chain, with the specification."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from merkat.cli import _common

if TYPE_CHECKING:
    from merkat.settlement.chain import Chain
    from merkat.settlement.evidence.records import AccountProof
    from merkat.settlement.evidence.verify import Verdict


def command(
    account: int | None = None,
    /,
    *,
    evidence: Path | None = None,
    chain: str | None = None,
    batch: int | None = None,
    json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Check an evidence folder, or an account's balance against the chain, with the specification.

    With --evidence every byte of the folder is checked and everything in it is computed again; exit
    code 1 names what broke. With an account, its leaf is proved against the root on the chain, and
    every hash on the way is printed; the proof is the folder's, or made from the chain's data.

    Example: merkat verify --evidence ./evidence

    Parameters
    ----------
    account
        Number of an account.
    evidence
        The folder that `merkat flow --evidence` has written.
    chain
        A chain's folder or URL.
    batch
        The account as it stood after this batch; the newest one when left out.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        if (evidence is None) == (chain is None):
            raise _common.usage("name one of --evidence and --chain")
        if account is None and (chain is not None or batch is not None):
            raise _common.usage("--chain and --batch speak of one account: name it")
        if account is not None and not 1 <= account < 1 << 28:
            raise _common.usage(f"account is {account}; expected 1 to 2^28 - 1")
        if chain is not None:
            assert account is not None
            return _show_proof(*_from_chain(chain, account, batch), as_json=json)
        assert evidence is not None
        return _check_folder(evidence, account, batch, json)

    return _common.guarded(body)


class _Progress:
    """A line a second on standard error, which leaves standard output to the result."""

    def __init__(self) -> None:
        self._last_s = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= 1.0:
            self._last_s = now_s
            sys.stderr.write(f"{what} {done:,} of {total:,}\n")


def _check_folder(directory: Path, account: int | None, batch: int | None, as_json: bool) -> int:
    from merkat.settlement.evidence.verify import proof_of, verify_evidence

    if not directory.is_dir():
        raise _common.refused(f"{directory}: no such folder of evidence")
    started_s = time.monotonic()
    verdict = verify_evidence(directory, _Progress())
    seconds = round(time.monotonic() - started_s, 3)
    if account is None or not verdict.good:
        return _show_verdict(verdict, seconds, as_json)
    found = proof_of(directory, account, batch)
    if found is None:
        after = "" if batch is None else f" after batch {batch}"
        raise _common.refused(f"{directory} has no proof of account {account}{after}")
    return _show_proof(*found, as_json=as_json)


def _show_verdict(verdict: Verdict, seconds: float, as_json: bool) -> int:
    for error in verdict.broken:
        sys.stderr.write(f"merkat: broken: {error}\n")
    if as_json:
        broken = [error.to_dict() for error in verdict.broken]
        described = {"good": verdict.good, "broken": broken, **verdict.figures, "seconds": seconds}
        _common.print_json(described)
    elif verdict.good:
        for name, value in verdict.figures.items():
            print(f"{name:<22} {', '.join(value) if isinstance(value, list) else value}")
        print("good: every byte is accounted for; compare head, sequencer and manifest yourself")
    return _common.GOOD if verdict.good else _common.CHECK_SAID_NO


def _show_proof(proof: AccountProof, anchored_root: bytes, *, as_json: bool) -> int:
    """Print every hash from the leaf to the root, and what the chain has."""
    from merkat.spec.codec import MalformedError

    try:
        good = proof.root() == anchored_root
    except MalformedError as error:
        sys.stderr.write(f"merkat: broken: {error}\n")
        good = False
    steps = proof.steps()
    if as_json:
        _common.print_json(
            {
                "good": good,
                "account": proof.account,
                "batch": proof.batch,
                "words": [_common.digest(word) for word in proof.words],
                "steps": [{"of": what, "hash": _common.digest(found)} for what, found in steps],
                "anchored_root": _common.digest(anchored_root),
            }
        )
    else:
        for position, word in enumerate(proof.words):
            print(f"{f'word {position}':<30} {_common.digest(word)}")
        for what, found in steps:
            print(f"{what:<30} {_common.digest(found)}")
        print(f"{f'on the chain, batch {proof.batch}':<30} {_common.digest(anchored_root)}")
        print("good: the leaf belongs to the anchored root" if good else "broken: another root")
    return _common.GOOD if good else _common.CHECK_SAID_NO


# From the chain alone


def _from_chain(place: str, account: int, batch: int | None) -> tuple[AccountProof, bytes]:
    """Return a proof made from the chain's data, and the root that the chain has of that batch."""
    from merkat.settlement import contracts, posts
    from merkat.settlement.chain import ChainError, ChainUnavailableError
    from merkat.settlement.decode import Divergence, Rebuilder
    from merkat.settlement.evidence.proving import prove_account
    from merkat.spec.typed_data import Config

    try:
        venue = contracts.find(_open_chain(place))
        rebuilder = Rebuilder(Config(*venue.domain.parts))
        for posted, data in posts.posted_batches(venue):
            rebuilder.take(posted, data)
            if posted.index == batch:
                break
    except ChainUnavailableError as error:
        raise _common.CommandError(_common.ENVIRONMENT, str(error)) from error
    except (ChainError, ValueError) as error:
        raise _common.refused(f"{place}: {error}") from error
    except Divergence as error:
        raise _common.CommandError(_common.CHECK_SAID_NO, f"broken: {error}") from error
    if rebuilder.batches == 0 or batch not in (None, rebuilder.batches):
        raise _common.refused(f"{place}: the chain has {rebuilder.batches} batches, not {batch}")
    if account not in rebuilder.state.accounts:
        raise _common.refused(f"account {account} does not exist after batch {rebuilder.batches}")
    proof = prove_account(rebuilder.state, account, rebuilder.batches)
    return proof, rebuilder.anchored_root


def _open_chain(place: str) -> Chain:
    """Return the chain of a URL, or the embedded one of a folder."""
    from merkat.settlement.chain import EmbeddedChain, RpcChain

    if place.startswith(("http://", "https://")):
        return RpcChain(place)
    if not Path(place).is_dir():
        raise _common.refused(f"{place}: neither a URL nor a chain's folder")
    return EmbeddedChain.reopen(Path(place))

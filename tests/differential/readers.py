"""Both readers side by side: every command goes to each, and every byte is compared.

Signatures are injected: 65 bytes that begin with the signer's address, so that nobody spends time
on curves (the corpus and the settlement runs use real ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merkat import _core
from merkat.spec.rules import tracing
from merkat.spec.typed_data import Config
from merkat.spec.values import ZERO_ADDRESS
from merkat.spec.vectors.script import CONFIG, START_NS, Script
from merkat.spec.vectors.wallets import V_OF_SCHEME, Wallet
from merkat.spec.venue.machine import Output, Venue
from tests.differential import invariants
from tests.differential.coverage import Coverage

SIGNATURE_BYTES = 65
DIGEST_EVERY = 64
DOMAIN = (CONFIG.chain_id, CONFIG.verifying_contract, CONFIG.salt)
SIGNED_LENGTHS = {1: 136, 2: 136, 3: 136, 4: 89, 5: 84, 6: 96, 7: 99, 8: 80, 9: 126, 10: 85}
QUORUM_HEADS = {16: 76, 17: 51}  # version, kind, and what stands before the count
SURFACE_EPOCH = b"\x01\x10\x02"  # version, kind, version of the vector
SURFACE_HEAD, EXPIRY_BYTES = 109, 56  # version, kind, vector with the count of its expiries


def fake_recover(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address at the front of a fake signature, None when it is zero."""
    address = signature[:20]
    return None if address == ZERO_ADDRESS else address


class FakeSigner:
    """Writes the signer's address instead of a signature."""

    def sign(self, digest: bytes, by: Wallet) -> bytes:
        """Return the address, padded to 65 bytes."""
        return by.address.ljust(SIGNATURE_BYTES - 1, b"\1") + bytes([V_OF_SCHEME[by.scheme]])


def signers_of(command: bytes) -> bytes:
    """Return count and signers of a command as the engine takes them.

    A malformed command has as many signatures as its bytes promise where its length fits, else
    none; its signers do not matter.
    """
    kind = command[1] if len(command) >= 2 and command[0] == 1 else 0
    if SIGNED_LENGTHS.get(kind) == len(command):
        signatures = [command[-SIGNATURE_BYTES:]]
    elif command[:3] == SURFACE_EPOCH:
        expiries = command[SURFACE_HEAD - 1] if len(command) >= SURFACE_HEAD else 0
        signatures = _quorum(command, SURFACE_HEAD + EXPIRY_BYTES * expiries)
    elif kind in QUORUM_HEADS:
        signatures = _quorum(command, QUORUM_HEADS[kind])
    else:
        signatures = []
    return bytes([len(signatures)]) + b"".join(signature[:20] for signature in signatures)


def _quorum(command: bytes, head: int) -> list[bytes]:
    if len(command) <= head:
        return []
    count, each = command[head], 1 + SIGNATURE_BYTES
    if len(command) != head + 1 + count * each:
        return []
    starts = range(head + 2, len(command), each)
    return [command[start : start + SIGNATURE_BYTES] for start in starts]


@dataclass(frozen=True)
class Step:
    """One command as it was logged."""

    log_number: int
    time_ns: int
    command: bytes


class DifferenceError(AssertionError):
    """The readers differ, or one of them broke; `what` says where."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Pair:
    """The specification and the engine at the same log number."""

    def __init__(self, config: Config = CONFIG, coverage: Coverage | None = None) -> None:
        self.config = config
        self.coverage = coverage
        self.venue = Venue(config, fake_recover)
        self.engine = _core.Engine(*DOMAIN)
        self.applied = 0

    def apply(self, step: Step) -> Output:
        """Apply a command to both; DifferenceError unless both give the same bytes."""
        if self.coverage is not None:
            self.coverage.before(self.venue, step.command)
        output = self._specified(step)
        expected, found = output.encode(), self._engineered(step)
        if expected != found:
            raise DifferenceError(
                f"output of log number {step.log_number}:\n  specification "
                f"{expected.hex()}\n  engine        {found.hex()}"
            )
        if self.coverage is not None:
            self.coverage.after(self.venue, output)
        self.applied += 1
        if self.applied % DIGEST_EVERY == 0:
            self.compare_digests()
            lost = invariants.broken(self.venue)
            if lost:
                raise DifferenceError(f"both readers break an invariant: {lost}")
        return output

    def _specified(self, step: Step) -> Output:
        try:
            if self.coverage is None:
                return self.venue.apply(step.log_number, step.time_ns, step.command)
            with tracing(self.coverage.rule_met):
                return self.venue.apply(step.log_number, step.time_ns, step.command)
        except Exception as error:
            raise DifferenceError(
                f"the specification broke: {type(error).__name__}: {error}"
            ) from error

    def _engineered(self, step: Step) -> bytes:
        record = (
            len(step.command).to_bytes(4, "big")
            + step.log_number.to_bytes(8, "big")
            + step.time_ns.to_bytes(8, "big")
            + step.command
        )
        try:
            return self.engine.apply(record, signers_of(step.command))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of the core is no Exception
            raise DifferenceError(f"the engine broke: {type(error).__name__}: {error}") from error

    def compare_digests(self) -> None:
        """Compare both digests of both readers."""
        for name in ("state_root", "venue_digest"):
            expected, found = getattr(self.venue, name)(), getattr(self.engine, name)()
            if expected != found:
                raise DifferenceError(
                    f"{name}: specification {expected.hex()}, engine {found.hex()}"
                )

    def exchange(self) -> None:
        """Compare whole snapshots, and let each reader go on from the other's.

        While a vector waits each goes on from its own: the engine recovers the signers of what it
        reads, and the signatures here are none.
        """
        expected, found = self.venue.snapshot(), self.engine.snapshot()
        if expected != found:
            at = next(
                (
                    place
                    for place, (a, b) in enumerate(zip(expected, found, strict=False))
                    if a != b
                ),
                min(len(expected), len(found)),
            )
            raise DifferenceError(
                f"snapshots differ from byte {at} on: specification "
                f"{expected[at : at + 40].hex()}, engine {found[at : at + 40].hex()}"
            )
        if self.venue.pending_vectors:
            self.compare_digests()
            return
        self.engine = _core.Engine.from_snapshot(*DOMAIN, expected)
        self.venue = Venue.from_snapshot(self.config, found, fake_recover)
        self.compare_digests()


class PairScript(Script):
    """A script that drives both readers and keeps the log."""

    def __init__(self, coverage: Coverage | None) -> None:
        self.pair = Pair(coverage=coverage)
        super().__init__(self.pair.venue, FakeSigner(), 0, START_NS)
        self.log: list[Step] = []

    def send(self, command: bytes) -> Output:
        """Log a command and apply it to both readers."""
        self.log_number += 1
        self.time_ns += 1_000_000
        step = Step(self.log_number, self.time_ns, command)
        self.log.append(step)
        return self.pair.apply(step)

    def exchange(self) -> None:
        """Go on from each other's snapshots."""
        self.pair.exchange()
        self.venue = self.pair.venue


def replay(steps: Sequence[Step]) -> str | None:
    """Apply a log to fresh readers; return how they differ, None when they do not.

    Log numbers are given anew, so that steps can be left out.
    """
    pair = Pair()
    try:
        for number, step in enumerate(steps, start=1):
            pair.apply(Step(number, step.time_ns, step.command))
        pair.exchange()
    except DifferenceError as difference:
        return difference.what
    return None

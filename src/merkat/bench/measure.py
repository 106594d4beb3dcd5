"""The measurements of `merkat bench`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from merkat import _core
from merkat.bench.figure import Figure, timed
from merkat.bench.workload import Workload, named_signer
from merkat.flow.player import DIGEST_EVERY
from merkat.sdk.keys import derive_secret
from merkat.sdk.layouts import split_outputs
from merkat.sequencer.pipeline import cut_after
from merkat.sequencer.reading import split_batch
from merkat.spec.typed_data import Config
from merkat.spec.values import keccak256
from merkat.spec.venue.machine import Venue
from merkat.tapes import generator
from merkat.tapes.book import SymbolBook
from merkat.tapes.records import CANCEL, IMMEDIATE, LIMIT, RECORD, RECORD_BYTES, Triple

BATCH: Final = 4_096
MATCHING_GOALS: Final = {"EC": 15e6, "ITCH": 22e6, "DEEP": 4e6}
ENGINE_GOAL: Final = 1e6
JOURNAL_GOAL: Final = 500e3
SPECIFICATION_GOAL: Final = 1e3
CONTROL_RECORDS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each figure measures."""

    accounts: int
    engine_commands: int
    specification_commands: int
    journal_records: int
    signatures: int
    tape_operations: int
    deep_prefill: int


FULL: Final = Sizes(1_000, 400_000, BATCH, 1_000_000, 20_000, 1_000_000, 1_000_000)
SHORT: Final = Sizes(50, 4_096, 640, 8_192, 512, 5_000, 5_000)


class Batches(Protocol):
    """What builds commands that follow each other."""

    def batch(self, first_log_number: int, count: int) -> tuple[bytes, bytes]:
        """Return a batch of `count` commands and their signers."""


def batches_of(workload: Batches, first: int, count: int) -> list[tuple[bytes, bytes]]:
    """Return batches of at most BATCH commands with their signers."""
    batches = []
    while count:
        size = min(count, BATCH)
        batches.append(workload.batch(first, size))
        first += size
        count -= size
    return batches


def engine_and_specification(sizes: Sizes) -> list[Figure]:
    """Measure the engine through Python and the specification, both on the same commands.

    The engine's control is the specification; the specification's is a loop of keccak hashes.
    """
    workload = Workload(sizes.accounts)
    setup, setup_signers = workload.setup()
    engine = _core.Engine(*workload.domain.parts)
    engine.apply(setup, setup_signers)
    first = engine.log_number + 1
    batches = batches_of(workload, first, sizes.engine_commands)

    venue = Venue(Config(*workload.domain.parts), recover=named_signer)
    for record in split_batch(setup):
        venue.apply(*record)
    sample = cut_after(batches[0][0], first + sizes.specification_commands - 1)
    sample_count = min(BATCH, sizes.specification_commands)

    def specification() -> None:
        for position, record in enumerate(split_batch(sample), start=1):
            venue.apply(*record)
            if position % DIGEST_EVERY == 0:
                venue.state_root()
                venue.venue_digest()

    outputs: list[bytes] = []

    def engine_run() -> None:
        for batch, signers in batches:
            outputs.append(engine.apply(batch, signers))

    engine_s = timed(engine_run)
    refused = refused_commands(outputs)
    assert refused * 10 < sizes.engine_commands, f"{refused} commands refused: the figure is void"
    engine.state_root()
    specification_s = timed(specification)
    hashes = 200_000
    keccak_s = timed(lambda: [keccak256(number.to_bytes(64, "big")) for number in range(hashes)])
    return [
        Figure(
            "engine",
            "commands/s",
            sizes.engine_commands,
            engine_s,
            "specification, the same commands",
            sample_count,
            specification_s,
            ENGINE_GOAL,
        ),
        Figure(
            "specification",
            "commands/s with digests every 64",
            sample_count,
            specification_s,
            "keccak of 64 bytes in a Python loop",
            hashes,
            keccak_s,
            SPECIFICATION_GOAL,
        ),
    ]


def refused_commands(outputs: list[bytes]) -> int:
    """Return how many commands were refused: the only event then, framed in six bytes."""
    return sum(
        output[8:12] == b"\0\0\0\x06" and output[14] == 1
        for batch in outputs
        for _, output in split_outputs(batch)
    )


def journal(sizes: Sizes) -> Figure:
    """Measure appended records until all are durable. Control: the same bytes in a plain file."""
    workload = Workload(2)
    batches = []
    first = 1
    count = sizes.journal_records
    # The journal does not look into commands: one batch of them serves, numbered anew.
    commands = [record.command for record in split_batch(workload.batch(1, BATCH)[0])]
    while count:
        size = min(count, BATCH)
        batches.append((_renumbered(commands[:size], first), first))
        first += size
        count -= size
    with tempfile.TemporaryDirectory(prefix="merkat-bench-") as folder:
        book = _core.Journal(str(Path(folder) / "journal"), workload.domain.salt, 64 << 20)

        def append() -> None:
            for batch, number in batches:
                book.append(batch, number)
            book.wait_durable(sizes.journal_records)

        journal_s = timed(append)
        book.close()
        control_s = _plain_write(Path(folder) / "plain", [batch for batch, _ in batches])
    return Figure(
        "journal",
        "records/s, durable",
        sizes.journal_records,
        journal_s,
        "the same batches with write and fdatasync each",
        sizes.journal_records,
        control_s,
        JOURNAL_GOAL,
    )


def _renumbered(commands: list[bytes], first: int) -> bytes:
    parts = []
    for number, command in enumerate(commands, start=first):
        head = len(command) << 128 | number << 64 | number
        parts.append(head.to_bytes(20, "big") + command)
    return b"".join(parts)


def _plain_write(path: Path, batches: list[bytes]) -> float:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:

        def write() -> None:
            for batch in batches:
                os.write(descriptor, batch)
                os.fdatasync(descriptor)

        return timed(write)
    finally:
        os.close(descriptor)


def signatures(sizes: Sizes) -> list[Figure]:
    """Measure recovery of signers and signing, over all cores. Control: keccak hashes."""
    workload = Workload(2)
    batch, _ = workload.batch(1, sizes.signatures)
    commands = [record.command for record in split_batch(batch) if record.command[1] <= 7]
    framed = b"".join(len(command).to_bytes(4, "big") + command for command in commands)
    secrets = derive_secret(1, "bench") * len(commands)
    parts = workload.domain.parts
    signed: list[bytes] = []
    sign_s = timed(lambda: signed.append(_core.sign_commands(*parts, framed, secrets)))
    with_signatures = []
    at = 0
    for command in commands:
        with_signatures.append(signed[0][at + 4 : at + 4 + len(command)])
        at += 4 + len(command)
    to_recover = _renumbered(with_signatures, 1)
    recover_s = timed(lambda: _core.recover_signers(*parts, to_recover))
    hashes = max(1_000, sizes.signatures)
    keccak_s = timed(lambda: [_core.keccak256(command) for command in commands[:hashes]])
    control = "keccak of a command, one call each"
    count = len(commands)
    return [
        Figure("recover", "signers/s", count, recover_s, control, count, keccak_s),
        Figure("sign", "signatures/s", count, sign_s, control, count, keccak_s),
    ]


def _play(books: list[SymbolBook], records: bytes) -> Triple:
    """Play records on the tape generator's own book, in plain Python."""
    for kind, side, symbol, quantity, identifier, price in RECORD.iter_unpack(records):
        book = books[symbol]
        if kind == LIMIT:
            book.limit(identifier, side, price, quantity)
        elif kind == IMMEDIATE:
            book.immediate(side, price, quantity)
        elif kind == CANCEL:
            book.cancel(identifier)
        else:
            book.move(identifier, price)
    return Triple(
        sum(book.trades for book in books),
        sum(book.quantity for book in books),
        sum(book.notional for book in books),
    )


def matching(sizes: Sizes, name: str) -> Figure:
    """Measure the engine's book alone on one kind of tape. Control: a plain Python book.

    Both must come to the same triple on what both play. Raises AssertionError where they differ.
    """
    kind = generator.KINDS[name]
    prefill = sizes.deep_prefill if name == "DEEP" else kind.prefill
    tape = b"".join(generator.generate(kind, 1, sizes.tape_operations, prefill))
    split = prefill * RECORD_BYTES
    book = _core.Book()
    book.run(tape[:split])
    matching_ns = book.run_timed(tape[split:])
    control_bytes = min(len(tape), split + CONTROL_RECORDS * RECORD_BYTES)
    books = [SymbolBook() for _ in range(kind.symbols)]
    _play(books, tape[:split])
    played: list[Triple] = []
    control_s = timed(lambda: played.append(_play(books, tape[split:control_bytes])))
    again = _core.Book().run(tape[:control_bytes])
    assert played[0] == again, f"{name}: the books differ, {played[0]} and {again}"
    return Figure(
        f"matching_{name}",
        "operations/s, matching alone",
        sizes.tape_operations,
        matching_ns / 1e9,
        "plain Python book, the same tape",
        (control_bytes - split) // RECORD_BYTES,
        control_s,
        MATCHING_GOALS[name],
    )


def measure(sizes: Sizes) -> Iterator[Figure]:
    """Yield every figure as it is measured."""
    yield from engine_and_specification(sizes)
    yield journal(sizes)
    yield from signatures(sizes)
    for name in generator.KINDS:
        yield matching(sizes, name)

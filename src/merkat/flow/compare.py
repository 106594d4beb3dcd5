"""The specification beside the engine, in a process of its own so that both cores work.

The parent writes frames into the child's standard input, the child answers with one line of JSON:

    head: chain_id u64 ‖ verifying_contract b20 ‖ salt b32
    frame: u32 length of the batch ‖ u32 length of the outputs ‖ u8 digests follow ‖ batch ‖ outputs
           ‖ (state_root b32 ‖ venue_digest b32)

Signatures are checked by libsecp here, because the specification's own curve code is slow: it is
given `recover_digest`, with digests that the specification makes itself.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from struct import Struct
from typing import BinaryIO, Final

from merkat.sdk import layouts
from merkat.sdk.keys import Domain
from merkat.sequencer.pipeline import Digests, Released

COMMANDS_MAX: Final = 200_000
_HEAD: Final = Struct(">Q20s32s")
_FRAME: Final = Struct(">IIB")
_QUEUE_BATCHES: Final = 8_192


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the specification found. `difference` is empty where it agrees."""

    agrees: bool
    commands: int
    digests: int
    seconds: float
    difference: dict[str, object] = field(default_factory=dict)


class SpecificationProcess:
    """The parent's side: offers batches without waiting for them, up to COMMANDS_MAX commands."""

    def __init__(self, domain: Domain, commands_max: int = COMMANDS_MAX) -> None:
        self.open_for = commands_max
        self._process = subprocess.Popen(
            [sys.executable, "-m", "merkat.flow.compare"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._queue: queue.Queue[bytes | None] = queue.Queue(maxsize=_QUEUE_BATCHES)
        self._queue.put(_HEAD.pack(*domain.parts))
        self._feeder = threading.Thread(target=self._feed, name="specification", daemon=True)
        self._feeder.start()

    def _feed(self) -> None:
        """Write what is queued. The child may end early, at a difference: the rest is dropped."""
        sink = self._process.stdin
        assert sink is not None, "standard input is a pipe"
        broken = False
        while (frame := self._queue.get()) is not None:
            if broken:
                continue
            try:
                sink.write(frame)
            except BrokenPipeError:
                broken = True
        with contextlib.suppress(BrokenPipeError):
            sink.close()

    def offer(self, released: Released, digests: Digests | None) -> None:
        """Queue a batch with the engine's outputs and its digests after the last command."""
        if released.first_log_number > self.open_for:
            return
        head = _FRAME.pack(len(released.batch), len(released.outputs), digests is not None)
        tail = digests.state_root + digests.venue_digest if digests is not None else b""
        self._queue.put(head + released.batch + released.outputs + tail)

    def finish(self) -> Verdict:
        """Wait for the specification to come to the end and return its verdict."""
        self._queue.put(None)
        assert self._process.stdout is not None, "standard output is a pipe"
        answer = self._process.stdout.read()
        status = self._process.wait()
        self._feeder.join()
        self._process.stdout.close()
        if status != 0 or not answer:
            raise RuntimeError(f"the specification's process ended with status {status}")
        return Verdict(**json.loads(answer.splitlines()[-1]))

    def abandon(self) -> None:
        """End the process without a verdict, after an error of the flow."""
        self._process.kill()
        self._queue.put(None)
        self._feeder.join()
        self._process.wait()
        assert self._process.stdout is not None, "standard output is a pipe"
        self._process.stdout.close()


class Comparer:
    """The child's side: one specification, compared output by output."""

    def __init__(self, domain: Domain) -> None:
        from merkat import _core
        from merkat.spec.typed_data import Config
        from merkat.spec.venue.machine import Venue

        self._last: tuple[bytes, bytes, bytes | None] = (b"", b"", None)
        self._recover = _core.recover_digest
        self.venue = Venue(Config(*domain.parts), recover=self._recover_cached)
        self.commands = 0
        self.digests = 0
        self.seconds = 0.0
        self.difference: dict[str, object] = {}

    def _recover_cached(self, digest: bytes, signature: bytes) -> bytes | None:
        """Recover, remembering the last: venue and settlement both check a signature."""
        if self._last[:2] != (digest, signature):
            self._last = (digest, signature, self._recover(digest, signature))
        return self._last[2]

    def compare(self, batch: bytes, outputs: bytes, digests: bytes) -> bool:
        """Apply a batch; returns whether outputs and digests are the engine's to the byte."""
        start_s = time.process_time()
        at = 0
        for log_number, output in layouts.split_outputs(outputs):
            head = int.from_bytes(batch[at : at + 20], "big")
            length, time_ns = head >> 128, head & 0xFFFF_FFFF_FFFF_FFFF
            command = batch[at + 20 : at + 20 + length]
            at += 20 + length
            expected = self.venue.apply(log_number, time_ns, command).encode()
            self.commands += 1
            if expected != output:
                self.difference = _difference(log_number, time_ns, command, expected, output)
                break
        if digests and not self.difference:
            self._compare_digests(digests)
        self.seconds += time.process_time() - start_s
        return not self.difference

    def _compare_digests(self, digests: bytes) -> None:
        self.digests += 1
        pairs = {
            "state_root": (self.venue.state_root(), digests[:32]),
            "venue_digest": (self.venue.venue_digest(), digests[32:]),
        }
        for name, (specification, engine) in pairs.items():
            if specification != engine:
                self.difference = {
                    "log_number": self.commands,
                    "what": name,
                    "specification": "0x" + specification.hex(),
                    "engine": "0x" + engine.hex(),
                }
                return

    def verdict(self) -> Verdict:
        """Return what was found so far."""
        return Verdict(
            not self.difference, self.commands, self.digests, self.seconds, self.difference
        )


def _difference(
    log_number: int, time_ns: int, command: bytes, expected: bytes, output: bytes
) -> dict[str, object]:
    """Return the first differing command, decoded, with what both readers made of it."""

    def shown(encoded: bytes) -> dict[str, list[str]]:
        parts = layouts.decode_output(encoded)
        return {
            "events": [str(layouts.show_event(event)) for event in parts.events],
            "micro_ops": [str(layouts.show_micro_op(op)) for op in parts.micro_ops],
        }

    return {
        "log_number": log_number,
        "what": "output",
        "time_ns": time_ns,
        "command": str(layouts.show_command(command)),
        "specification": shown(expected),
        "engine": shown(output),
    }


def _read_exactly(source: BinaryIO, length: int) -> bytes:
    data = source.read(length)
    if len(data) != length:
        raise EOFError(f"expected {length} bytes, got {len(data)}")
    return data


def serve(source: BinaryIO) -> Verdict:
    """Compare what the parent sends until it ends or differs."""
    comparer = Comparer(Domain(*_HEAD.unpack(_read_exactly(source, _HEAD.size))))
    while head := source.read(_FRAME.size):
        batch_bytes, outputs_bytes, with_digests = _FRAME.unpack(head)
        batch = _read_exactly(source, batch_bytes)
        outputs = _read_exactly(source, outputs_bytes)
        digests = _read_exactly(source, 64) if with_digests else b""
        if not comparer.compare(batch, outputs, digests):
            break
    return comparer.verdict()


if __name__ == "__main__":
    print(json.dumps(asdict(serve(sys.stdin.buffer))))

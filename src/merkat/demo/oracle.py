"""The demonstration's oracle: seven nodes in one process, which know what the venue made of them.

A vector that the venue did not take up leaves the nodes where the venue stands: the next one
follows the vector that does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Final

from merkat.demo.path import Report, surface
from merkat.flow.oracle import OracleNodes
from merkat.link import LinkClient, ReleasedFrame
from merkat.sdk.commands import NO_VECTOR
from merkat.sdk.keys import Domain
from merkat.sdk.layouts import EVENTS, decode_output, split_outputs

KEPT_HASHES: Final = 16
KEPT_REFUSALS: Final = 256
_KINDS: Final = {name: kind for kind, (name, _) in EVENTS.items()}
_REFUSED: Final = _KINDS["refused"]
_EPOCH: Final = _KINDS["epoch"]
_NUMBER: Final = slice(3, 11)


class OracleError(Exception):
    """The venue refuses what the nodes report."""


class Standing:
    """What the venue says of vectors: give `on_released` every batch.

    Attributes:
        number: of the newest vector that was taken up, 0 before the first.
        log_number: of the newest command that was seen, 0 before the first.
    """

    def __init__(self) -> None:
        self.number = 0
        self.log_number = 0
        self._refused: OrderedDict[int, None] = OrderedDict()

    def on_released(self, frame: ReleasedFrame) -> None:
        """Note refused commands and new vectors."""
        for log_number, encoded in split_outputs(frame.outputs):
            for event in decode_output(encoded).events:
                if event[0] == _REFUSED:
                    self._refused[log_number] = None
                elif event[0] == _EPOCH:
                    self.number = int.from_bytes(event[_NUMBER], "big")
            self.log_number = log_number
        while len(self._refused) > KEPT_REFUSALS:
            self._refused.popitem(last=False)

    def was_refused(self, log_number: int) -> bool:
        """Return whether one of the newest commands was refused."""
        return log_number in self._refused


class Oracle:
    """The nodes of group 0."""

    def __init__(self, domain: Domain, seed: int, expiries_ns: Sequence[int]) -> None:
        self.nodes = OracleNodes(domain, seed)
        self.standing = Standing()
        self._expiries_ns = tuple(expiries_ns)
        self._hashes: OrderedDict[int, bytes] = OrderedDict({0: NO_VECTOR})

    async def tell(self, link: LinkClient, report: Report) -> int:
        """Bring a report as a vector or heartbeat; returns its log number.

        Raises:
            OracleError: the venue refuses it; the nodes stand where the venue does.
            LinkClosedError, LinkBusyError: it did not arrive, or nobody knows.
        """
        nodes = self.nodes
        if report.is_heartbeat:
            command = nodes.heartbeat(report.time_ns)
        else:
            command = nodes.surface(partial(surface, report, self._expiries_ns))
            self._hashes[nodes.number] = nodes.vector_hash
            while len(self._hashes) > KEPT_HASHES:
                self._hashes.popitem(last=False)
        [answer] = await link.submit([command])
        if answer.reason or self.standing.was_refused(answer.log_number):
            self._stand_again()
            what = "heartbeat" if report.is_heartbeat else "vector"
            why = answer.reason or f"it is refused as command {answer.log_number}"
            raise OracleError(f"the venue does not take a {what}: {why}")
        return answer.log_number

    def _stand_again(self) -> None:
        number = self.standing.number
        if number in self._hashes:
            self.nodes.number = number
            self.nodes.vector_hash = self._hashes[number]

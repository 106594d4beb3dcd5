"""Reads batches with their outputs into the view, command by command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from merkat.market import layout
from merkat.market.follow_accounts import AccountEvents
from merkat.market.follow_oracle import OracleEvents
from merkat.market.follow_orders import OrderEvents
from merkat.market.step import Records, Step
from merkat.market.types import Topic
from merkat.market.view import View, topics_of_book
from merkat.sdk.layouts import EVENTS

_KINDS: Final = max(EVENTS) + 1
_HEAD: Final = layout.RECORD_HEAD_BYTES


class Follower:
    """The only one that changes a view. What goes to the history is left in `records`."""

    def __init__(self, view: View, records: Records) -> None:
        self.view = view
        self.step = Step(view, records)
        self._handlers: list[Callable[[int], None]] = [_nothing] * _KINDS
        for part in (OrderEvents(self.step), OracleEvents(self.step), AccountEvents(self.step)):
            for kind, handler in part.handlers.items():
                self._handlers[kind] = handler

    def follow(self, batch: bytes, outputs: bytes) -> set[Topic]:
        """Read a batch and what it gave; returns what changed.

        The bytes are the engine's own: they are whole and in order.
        """
        step, view, handlers = self.step, self.view, self._handlers
        outcomes = view.outcomes
        record, output, frame, length = layout.RECORD, layout.OUTPUT, layout.FRAME, layout.LENGTH
        step.batch, step.outputs = batch, outputs
        topics: set[Topic] = set()
        step.topics = topics
        at = event_at = 0
        end = len(batch)
        while at < end:
            width, log_number, time_ns, _, kind = record.unpack_from(batch, at)
            step.log_number, step.time_ns, step.command_kind = log_number, time_ns, kind
            step.command_at = at + _HEAD
            at = step.command_end = at + _HEAD + width
            _, events_length = output.unpack_from(outputs, event_at)
            first = event_at = event_at + 12
            events_end = event_at + events_length
            step.place = step.settlement_place = 0
            while event_at < events_end:
                event_length, event = frame.unpack_from(outputs, event_at)
                handlers[event](event_at + 3)
                event_at += 2 + event_length
            if step.books:
                for book in step.books:
                    if book.commit(log_number, time_ns):
                        topics.update(topics_of_book(book.listing))
                step.books.clear()
            outcomes.add(log_number, time_ns, kind, outputs[first:events_end])
            event_at = events_end + 4 + length.unpack_from(outputs, events_end)[0]
        if end:
            view.log_number, view.time_ns = log_number, time_ns
        step.batch = step.outputs = b""
        return topics


def _nothing(at: int) -> None:
    """Leave an event that says nothing the view keeps."""

"""A state as `put` steps and back: the inputs of a snapshot batch.

Sources: batches.md section 3, derivatives.md section 1, sessions.md section 1.

A put is no input of the machine, which refuses its kind (S-01). `puts` gives the steps of a state;
`Rebuilding` takes them, from the empty state, in the one order that is allowed:

    rebuilding = Rebuilding(config)
    for put in puts:                 # each without its frame
        rebuilding.put(put)
        root = rebuilding.root()     # whose cut is the step's checkpoint
    state = rebuilding.finish()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from merkat.spec.codec import MalformedError, Reader
from merkat.spec.risk.rows import Row, read_row
from merkat.spec.settle.leaves import WORD_BYTES, Globals, Leaf
from merkat.spec.settle.machine import FRAME_BYTES
from merkat.spec.settle.risks import RecordHead, check_record, read_head
from merkat.spec.settle.state import (
    ACCOUNTS_DEPTH,
    GROUPS_DEPTH,
    INSTRUMENTS_DEPTH,
    ORDERS_DEPTH,
    SESSIONS_DEPTH,
    State,
    next_key,
)
from merkat.spec.typed_data import Config

PUT_KIND = 16
GLOBALS_PART = 5
RISK_PART = 6  # a group's risk record without its rows
ROW_PART = 7
SESSION_PART = 8
PART_ORDER = (1, 2, 3, 4, SESSION_PART, RISK_PART, ROW_PART, GLOBALS_PART)
"""The parts in the order in which they come."""
OTHER_NAMES = {GLOBALS_PART: "globals", RISK_PART: "risk", ROW_PART: "row"}


class PutError(MalformedError):
    """A step that does not follow: its message names the step's number, offset and part.

    Attributes:
        number: how many puts came before.
        offset: bytes of the framed inputs before it.
        part: its part, None where even that cannot be read.
    """

    def __init__(self, number: int, offset: int, part: int | None, why: str) -> None:
        name = PARTS[part].name if part in PARTS else OTHER_NAMES.get(part or 0, "none")
        spelled = "no part" if part is None else f"part {part} ({name})"
        super().__init__(f"put {number} at byte {offset} of the inputs, {spelled}: {why}")
        self.number, self.offset, self.part = number, offset, part


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of leaf: its name, its tree's depth, and what takes the record behind the key."""

    name: str
    depth: int
    take: Callable[[State, int, Reader], None]


PARTS = {
    1: Part("group", GROUPS_DEPTH, State.take_group),
    2: Part("instrument", INSTRUMENTS_DEPTH, State.take_instrument),
    3: Part("account", ACCOUNTS_DEPTH, State.take_account),
    4: Part("order", ORDERS_DEPTH, State.take_order),
    SESSION_PART: Part("session", SESSIONS_DEPTH, State.take_session),
}


def puts(state: State) -> Iterator[bytes]:
    """Yield the steps that rebuild a state, each without its frame."""
    for part, records in (
        (1, (state.group_record(group) for group in sorted(state.groups))),
        (2, (state.instrument_record(listing) for listing in sorted(state.instruments))),
        (3, (state.account_record(index) for index in sorted(state.accounts))),
        (4, (state.order_record(key) for key in sorted(state.orders))),
        (SESSION_PART, (state.session_record(key) for key in sorted(state.sessions))),
    ):
        for record in records:
            yield bytes([PUT_KIND, part]) + record
    for group in sorted(state.risks):
        number, risk = group.to_bytes(2, "big"), state.risks[group]
        yield bytes([PUT_KIND, RISK_PART]) + number + risk.head(0)
        for row in () if risk.built is None else risk.built.rows.values():
            yield bytes([PUT_KIND, ROW_PART]) + number + row.encode()
    yield bytes([PUT_KIND, GLOBALS_PART]) + state.globals_.words()


@dataclass(slots=True)
class _OpenRecord:
    """A risk record whose rows are coming in."""

    group: int
    head: RecordHead
    rows: list[Row] = field(default_factory=list)


class Rebuilding:
    """A state that is put together leaf by leaf.

    After an error it is of no more use: part of the refused step may have been taken.
    """

    def __init__(self, config: Config) -> None:
        self._state = State(config)
        # A leaf is absent when all its words are zero: at first the globals' leaf too.
        self._state.globals_ = Globals.read_words(Reader(bytes(WORD_BYTES * len(Globals.WORDS))))
        self._part, self._key = 1, -1
        self._record: _OpenRecord | None = None
        self._number = self._offset = 0
        self._complete = False

    def put(self, data: bytes) -> None:
        """Take the next step, given without its frame; PutError when it is not one."""
        part = data[1] if len(data) > 1 else None
        try:
            self._put(data)
        except MalformedError as error:
            raise PutError(self._number, self._offset, part, str(error)) from None
        self._number += 1
        self._offset += FRAME_BYTES + len(data)

    def root(self) -> bytes:
        """Return the 32-byte state root after the steps so far."""
        return self._state.root()

    def finish(self) -> State:
        """Return the state; PutError unless the globals were the last step."""
        if not self._complete:
            raise PutError(self._number, self._offset, None, "the inputs end before the globals")
        return self._state

    def _put(self, data: bytes) -> None:
        reader = Reader(data)
        kind, part = reader.u8(), reader.u8()
        if kind != PUT_KIND:
            raise MalformedError(f"kind {kind}, expected {PUT_KIND}: a snapshot has only puts")
        if self._complete:
            raise MalformedError("the globals must be the last step")
        if part == ROW_PART:
            self._take_row(reader)
            reader.finish()
            return
        self._close_record()
        if part == GLOBALS_PART:
            self._state.globals_ = Globals.read_words(reader)
            _expect_leaf(self._state.globals_, "the globals")
            self._state.check_references()
            self._complete = True
        elif part == RISK_PART:
            self._take_head(reader)
        elif part in PARTS:
            self._take(part, reader)
        else:
            raise MalformedError(f"unknown part, expected 1 to {SESSION_PART}")
        reader.finish()

    def _next_key(self, part: int, reader: Reader, depth: int) -> int:
        """Take the key of a record, which follows the last one of its part."""
        if PART_ORDER.index(part) < PART_ORDER.index(self._part):
            raise MalformedError(f"part {part} does not follow part {self._part}")
        if part != self._part:
            self._part, self._key = part, -1
        self._key = next_key(reader, depth, self._key)
        return self._key

    def _take_head(self, reader: Reader) -> None:
        """Take a risk record whose rows follow."""
        group = self._next_key(RISK_PART, reader, GROUPS_DEPTH)
        if group not in self._state.groups:
            raise MalformedError(f"the risk record of group {group}, which is not there")
        head, count = read_head(reader)
        if count != 0:
            raise MalformedError(f"{count} rows in the record, which has them in part {ROW_PART}")
        self._record = _OpenRecord(group, head)

    def _take_row(self, reader: Reader) -> None:
        """Take one row of the record before."""
        group, record = reader.u16(), self._record
        if record is None or record.group != group:
            raise MalformedError(f"a row of group {group} does not follow its risk record")
        row = read_row(reader, record.head.scenario_count)
        if record.rows and row.listing <= record.rows[-1].listing:
            raise MalformedError(f"the row of listing {row.listing} does not ascend")
        record.rows.append(row)

    def _close_record(self) -> None:
        """Put the record together whose last row has come, and test it against its hashes."""
        record, self._record = self._record, None
        if record is not None:
            whole = record.head.with_rows(tuple(record.rows))
            check_record(record.group, self._state.groups[record.group], whole)
            self._state.risks[record.group] = whole

    def _take(self, part: int, reader: Reader) -> None:
        self._key = self._next_key(part, reader, PARTS[part].depth)
        PARTS[part].take(self._state, self._key, reader)
        for leaf, name in _leaves(self._state, part, self._key):
            _expect_leaf(leaf, name)


def _leaves(state: State, part: int, key: int) -> Iterator[tuple[Leaf, str]]:
    """Yield the leaves that a record of a part has written, with names for errors."""
    if part == 3:
        account = state.accounts[key]
        yield account, f"account {key}"
        for slot, position in account.positions.items():
            yield position, f"slot {slot} of account {key}"
    else:
        trees: dict[int, Mapping[int, Leaf]]
        trees = {
            1: state.groups,
            2: state.instruments,
            4: state.orders,
            SESSION_PART: state.sessions,
        }
        yield trees[part][key], f"{PARTS[part].name} {key}"


def _expect_leaf(leaf: Leaf, name: str) -> None:
    """Refuse words that are all zero: they would name a leaf that is not there."""
    if not any(leaf.words()):
        raise MalformedError(f"all words of {name} are zero, which is an absent leaf")

"""What the chain dump says of the venue: inbox items, money in and out, batches.

Reads the logs of the three contracts; each is named by the keccak of its signature. A log of the
contracts whose event is none of these (roles, pauses, parameters) says nothing about the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from merkat.settlement.evidence.chain_dump import Block, Log
from merkat.settlement.evidence.layout import CHAIN, EvidenceError, Manifest
from merkat.spec.codec import MalformedError
from merkat.spec.messages import FROM_TIMELOCK, FROM_USER, Deposit, FundDeposit, encode_item
from merkat.spec.values import ZERO32, keccak256

WORD = 32
HEADER = "(uint64,bytes32,bytes32,uint64,bytes32,uint64,uint64,uint32)"
ITEM_ENQUEUED = keccak256(b"ItemEnqueued(uint64,bytes32,uint48,bytes)")
DEPOSITED = keccak256(b"Deposited(uint64,uint8,address,address,uint32,uint128)")
FUND_DEPOSITED = keccak256(b"FundDeposited(uint64,uint16,uint128)")
CLAIMED = keccak256(b"Claimed(uint32,uint8,address,uint128,uint128,uint64)")
BATCH_POSTED = keccak256(f"BatchPosted(uint64,bytes32,{HEADER},uint8,uint256,bytes32[])".encode())
BATCH_FINALISED = keccak256(b"BatchFinalised(uint64,bytes32)")

MODE_BLOBS = 1  # batches.md section 2
MODE_CALLDATA = 2


@dataclass(frozen=True, slots=True)
class Posted:
    """A batch as the Anchor took it."""

    index: int
    previous_root: bytes
    state_root: bytes
    inbox_cursor: int
    inbox_hash: bytes
    time_first: int
    time_last: int
    input_count: int
    mode: int
    data_bytes: int
    data_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """Money that the Vault paid out."""

    account: int
    token: int
    owner: bytes
    amount: int
    total: int
    batch: int
    where: str


@dataclass
class ChainView:
    """The venue's custody as the chain saw it, in order.

    Attributes:
        items: the inbox.
        inbox_hashes: hash of the first n items, from n = 0.
        posted: the batches, batch 1 first.
        last_final: highest finalised batch.
        claims: payments.
    """

    items: list[bytes] = field(default_factory=list)
    inbox_hashes: list[bytes] = field(default_factory=lambda: [ZERO32])
    posted: list[Posted] = field(default_factory=list)
    last_final: int = 0
    claims: list[Claim] = field(default_factory=list)
    _paid_in: dict[int, tuple[bytes, str]] = field(default_factory=dict)

    def finish(self) -> None:
        """Compare the Vault's deposits with the inbox; EvidenceError V-24."""
        for index, item in enumerate(self.items):
            found, where = self._paid_in.pop(index, (None, f"inbox item {index}"))
            is_money = item[:1] in (bytes([Deposit.KIND]), bytes([FundDeposit.KIND]))
            if found != (item if is_money else None):
                text = f"inbox item {index} and what the vault says it took differ"
                raise EvidenceError("V-24", CHAIN, where, text)
        for index, (_, where) in self._paid_in.items():
            text = f"the vault took money for inbox item {index}, which is not there"
            raise EvidenceError("V-24", CHAIN, where, text)


class _Words:
    """ABI words of a log's topics or data, taken strictly."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def word(self) -> bytes:
        if self._at + WORD > len(self._data):
            raise MalformedError("the event's data end early")
        self._at += WORD
        return self._data[self._at - WORD : self._at]

    def unsigned(self, bits: int) -> int:
        found = int.from_bytes(self.word(), "big")
        if found >> bits:
            raise MalformedError(f"a value of the event does not fit {bits} bits")
        return found

    def address(self) -> bytes:
        return self.unsigned(160).to_bytes(20, "big")

    def offset(self, expected: int) -> None:
        if self.unsigned(256) != expected:
            raise MalformedError("an offset of the event is not where its encoder puts it")

    def dynamic_bytes(self) -> bytes:
        length = self.unsigned(32)
        padded = b"".join(self.word() for _ in range(-(-length // WORD)))
        if any(padded[length:]):
            raise MalformedError("bytes of the event are not padded with zeros")
        return padded[:length]

    def finish(self) -> None:
        if self._at != len(self._data):
            raise MalformedError("the event has data left over")


def read_chain(blocks: Sequence[Block], manifest: Manifest) -> ChainView:
    """Return what the three contracts announced.

    Raises:
        EvidenceError: V-23, V-24 or V-25: an event that does not decode, or does not follow from
            the ones before it; names block and log.
    """
    view = ChainView()
    readers = {
        (manifest.inbox, ITEM_ENQUEUED): ("V-23", _take_item),
        (manifest.vault, DEPOSITED): ("V-24", _take_deposit),
        (manifest.vault, FUND_DEPOSITED): ("V-24", _take_fund_deposit),
        (manifest.vault, CLAIMED): ("V-24", _take_claim),
        (manifest.anchor, BATCH_POSTED): ("V-25", _take_posted),
        (manifest.anchor, BATCH_FINALISED): ("V-25", _take_finalised),
    }
    for where, log in _logs(blocks):
        reader = readers.get((log.address, log.topics[0])) if log.topics else None
        if reader is None:
            continue
        rule, take = reader
        topics, data = _Words(b"".join(log.topics[1:])), _Words(log.data)
        try:
            take(view, topics, data, where)
            topics.finish()
            data.finish()
        except MalformedError as error:
            raise EvidenceError(rule, CHAIN, where, str(error)) from None
    view.finish()
    return view


def _logs(blocks: Sequence[Block]) -> Iterator[tuple[str, Log]]:
    for block in blocks:
        for transaction in block.transactions:
            for position, log in enumerate(transaction.logs):
                yield f"block {block.number}, log {position}", log


def _take_item(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index, inbox_hash = topics.unsigned(64), data.word()
    data.unsigned(48)  # its deadline, which only the chain's own rules need
    data.offset(3 * WORD)
    item = data.dynamic_bytes()
    if index != len(view.items):
        raise MalformedError(f"inbox item {index}, expected {len(view.items)}")
    expected = keccak256(view.inbox_hashes[-1] + keccak256(item))
    if inbox_hash != expected:
        raise MalformedError(f"inbox item {index}: its hash is not that of the items up to it")
    view.items.append(item)
    view.inbox_hashes.append(inbox_hash)


def _take_deposit(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index = topics.unsigned(64)
    topics.address()  # the payer, who may be anyone
    owner, token = topics.address(), data.unsigned(8)
    account, amount = data.unsigned(32), data.unsigned(128)
    item = Deposit(FROM_USER, token, owner, account, amount)
    _take_money(view, index, encode_item(item), where)


def _take_fund_deposit(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index, group, amount = topics.unsigned(64), data.unsigned(16), data.unsigned(128)
    _take_money(view, index, encode_item(FundDeposit(FROM_TIMELOCK, group, amount)), where)


def _take_money(view: ChainView, index: int, item: bytes, where: str) -> None:
    if index in view._paid_in:
        raise MalformedError(f"a second deposit for inbox item {index}")
    view._paid_in[index] = (item, where)


def _take_claim(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    account, owner = topics.unsigned(32), topics.address()
    token, amount = data.unsigned(8), data.unsigned(128)
    total, batch = data.unsigned(128), data.unsigned(64)
    if not batch <= view.last_final:
        raise MalformedError(f"a claim against batch {batch}, final is {view.last_final}")
    view.claims.append(Claim(account, token, owner, amount, total, batch, where))


def _take_posted(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index, state_root = topics.unsigned(64), topics.word()
    header_index, previous_root, header_root = data.unsigned(64), data.word(), data.word()
    inbox_cursor, inbox_hash = data.unsigned(64), data.word()
    time_first, time_last = data.unsigned(64), data.unsigned(64)
    input_count, mode, data_bytes = data.unsigned(32), data.unsigned(8), data.unsigned(256)
    data.offset(11 * WORD)
    hashes = tuple(data.word() for _ in range(data.unsigned(16)))
    if index != len(view.posted) + 1:
        raise MalformedError(f"batch {index} was posted, expected {len(view.posted) + 1}")
    if (header_index, header_root) != (index, state_root):
        raise MalformedError(f"batch {index}: topics and header differ")
    if mode not in (MODE_BLOBS, MODE_CALLDATA) or not hashes:
        raise MalformedError(f"batch {index}: mode {mode} with {len(hashes)} data hashes")
    if view.posted and previous_root != view.posted[-1].state_root:
        raise MalformedError(f"batch {index} does not start from the root of the one before")
    view.posted.append(
        Posted(
            index,
            previous_root,
            state_root,
            inbox_cursor,
            inbox_hash,
            time_first,
            time_last,
            input_count,
            mode,
            data_bytes,
            hashes,
        )
    )


def _take_finalised(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index, state_root = topics.unsigned(64), topics.word()
    if not view.last_final < index <= len(view.posted):
        raise MalformedError(f"batch {index} cannot become final")
    if view.posted[index - 1].state_root != state_root:
        raise MalformedError(f"batch {index} became final with another root")
    view.last_final = index

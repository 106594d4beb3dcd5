"""What the chain dump says of the venue: inbox items, money in and out, batches.

Reads the logs of the three contracts; each is named by the keccak of its signature. A log of the
contracts whose event is none of these (roles, pauses, parameters) says nothing about the evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from merkat.settlement.evidence.chain_dump import Block, Log
from merkat.settlement.evidence.layout import CHAIN, EvidenceError, Manifest
from merkat.spec.codec import MalformedError
from merkat.spec.messages import FROM_TIMELOCK, Deposit, FundDeposit, Item, decode_item
from merkat.spec.values import SETTLEMENT_TOKEN, TOKENS, ZERO32, keccak256

WORD = 32
HEADER = "(uint64,bytes32,bytes32,uint64,bytes32,uint64,uint64,uint32)"
ITEM_ENQUEUED = keccak256(b"ItemEnqueued(uint64,bytes32,uint48,bytes)")
TOKEN_REGISTERED = keccak256(b"TokenRegistered(uint8,address,uint128,uint128)")
TRANSFER = keccak256(b"Transfer(address,address,uint256)")  # of the token itself (ERC-20)
DEPOSITED = keccak256(b"Deposited(uint64,address)")
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
class Token:
    """A token of the Vault: its contract, and how many of its own units a base unit is."""

    address: bytes
    scale: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the Vault paid out, in base units of the token."""

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
        tokens: by number; 0 is the settlement token.
    """

    items: list[bytes] = field(default_factory=list)
    inbox_hashes: list[bytes] = field(default_factory=lambda: [ZERO32])
    posted: list[Posted] = field(default_factory=list)
    last_final: int = 0
    claims: list[Claim] = field(default_factory=list)
    tokens: dict[int, Token] = field(default_factory=dict)
    _paid_items: set[int] = field(default_factory=set)
    # By token, in base units, of the transaction under way.
    _to_receive: Counter[int] = field(default_factory=Counter)
    _to_pay: Counter[int] = field(default_factory=Counter)

    def end_transaction(self, vault: bytes, logs: Sequence[Log], where: str) -> None:
        """Compare what the Vault says it took and paid with each token's transfers; V-24.

        More may come in: tokens that were sent without a deposit stay for good.
        """
        for number, token in sorted(self.tokens.items()):
            self._end_token(number, token, vault, logs, where)
        self._to_receive.clear()
        self._to_pay.clear()

    def _end_token(
        self, number: int, token: Token, vault: bytes, logs: Sequence[Log], where: str
    ) -> None:
        received = paid = 0
        padded = vault.rjust(WORD, b"\0")
        for log in logs:
            if (
                log.address == token.address
                and log.topics[:1] == (TRANSFER,)
                and len(log.topics) == 3
            ):
                amount = int.from_bytes(log.data, "big")
                received += amount if log.topics[2] == padded else 0
                paid += amount if log.topics[1] == padded else 0
        to_receive = self._to_receive[number] * token.scale
        to_pay = self._to_pay[number] * token.scale
        if received < to_receive or paid != to_pay:
            text = f"the vault received {received} and paid {paid} of token {number}, its events "
            text += f"say {to_receive} and {to_pay}"
            raise EvidenceError("V-24", CHAIN, where, text)

    def finish(self) -> None:
        """Every item that stands for money was paid for; EvidenceError V-24."""
        for index, item in enumerate(self.items):
            is_money = item[:1] in (bytes([Deposit.KIND]), bytes([FundDeposit.KIND]))
            if is_money and index not in self._paid_items:
                text = "the vault took no money for it"
                raise EvidenceError("V-24", CHAIN, f"inbox item {index}", text)


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


_Reader: TypeAlias = Callable[[ChainView, _Words, _Words, str], None]


def read_chain(blocks: Sequence[Block], manifest: Manifest) -> ChainView:
    """Return what the three contracts announced.

    Raises:
        EvidenceError: V-23, V-24 or V-25: an event that does not decode, or does not follow from
            the ones before it; names block and log.
    """
    view = ChainView()
    readers = {
        (manifest.inbox, ITEM_ENQUEUED): ("V-23", _take_item),
        (manifest.vault, TOKEN_REGISTERED): ("V-24", _take_token),
        (manifest.vault, DEPOSITED): ("V-24", _take_deposit),
        (manifest.vault, FUND_DEPOSITED): ("V-24", _take_fund_deposit),
        (manifest.vault, CLAIMED): ("V-24", _take_claim),
        (manifest.anchor, BATCH_POSTED): ("V-25", _take_posted),
        (manifest.anchor, BATCH_FINALISED): ("V-25", _take_finalised),
    }
    for block in blocks:
        for transaction in block.transactions:
            for position, log in enumerate(transaction.logs):
                reader = readers.get((log.address, log.topics[0])) if log.topics else None
                if reader is not None:
                    _take(view, log, *reader, f"block {block.number}, log {position}")
            view.end_transaction(manifest.vault, transaction.logs, f"block {block.number}")
    view.finish()
    return view


def _take(view: ChainView, log: Log, rule: str, take: _Reader, where: str) -> None:
    topics, data = _Words(b"".join(log.topics[1:])), _Words(log.data)
    try:
        take(view, topics, data, where)
        topics.finish()
        data.finish()
    except MalformedError as error:
        raise EvidenceError(rule, CHAIN, where, str(error)) from None


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


def _take_token(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    number, address = data.unsigned(8), data.address()
    lot, scale = data.unsigned(128), data.unsigned(128)
    if number >= TOKENS or number in view.tokens:
        raise MalformedError(f"token {number} has a number already, or none that a leaf has")
    if address in {token.address for token in view.tokens.values()}:
        raise MalformedError(f"token {number} is the contract of another number")
    if not lot or not scale or (number == SETTLEMENT_TOKEN and (lot, scale) != (1, 1)):
        raise MalformedError(f"token {number} has a lot of {lot} and a scale of {scale}")
    view.tokens[number] = Token(address, scale)


def _take_deposit(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index = topics.unsigned(64)
    topics.address()  # the payer, who may be anyone
    _take_money(view, index, Deposit)


def _take_fund_deposit(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    index, group, amount = topics.unsigned(64), data.unsigned(16), data.unsigned(128)
    item = _take_money(view, index, FundDeposit)
    if item != FundDeposit(FROM_TIMELOCK, group, amount):
        raise MalformedError(f"inbox item {index} is another deposit for a fund")


def _take_money(view: ChainView, index: int, kind: type[Item]) -> Item:
    """Return the item that was paid for just now, of the kind that the event is of."""
    if index in view._paid_items or index >= len(view.items):
        raise MalformedError(f"inbox item {index} is not there or was paid for already")
    item = decode_item(view.items[index])
    if not isinstance(item, kind) or not isinstance(item, Deposit | FundDeposit):
        raise MalformedError(f"inbox item {index} is no {kind.__name__}")
    number = item.token if isinstance(item, Deposit) else SETTLEMENT_TOKEN
    if number not in view.tokens:
        raise MalformedError(f"inbox item {index} is of token {number}, which is not registered")
    view._paid_items.add(index)
    view._to_receive[number] += item.amount
    return item


def _take_claim(view: ChainView, topics: _Words, data: _Words, where: str) -> None:
    account, owner = topics.unsigned(32), topics.address()
    token, amount = data.unsigned(8), data.unsigned(128)
    total, batch = data.unsigned(128), data.unsigned(64)
    if not batch <= view.last_final:
        raise MalformedError(f"a claim against batch {batch}, final is {view.last_final}")
    if token not in view.tokens:
        raise MalformedError(f"a claim of token {token}, which is not registered")
    view._to_pay[token] += amount
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

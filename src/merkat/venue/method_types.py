"""Parameters and results of the venue's own JSON-RPC methods."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

COMMAND_BYTES_MAX: Final = 16_384

Account = Annotated[int, msgspec.Meta(ge=1, lt=1 << 28)]
Hex = Annotated[str, msgspec.Meta(max_length=2 + 2 * COMMAND_BYTES_MAX)]
Whole = Annotated[int, msgspec.Meta(ge=1, le=(1 << 62))]


class AccountParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of one account."""

    account: Account


class BatchParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of one batch."""

    index: Whole


class ReceiptParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of one command of the log."""

    log_number: Whole


class CommandParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A signed command (formats.md section 4), 0x hex."""

    command: Hex


class SessionParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a wallet has signed as SessionOpen (sessions.md section 1), and its signature.

    Left out, `groups` and `kinds` are all. `notional` is USD an order. `expiry_ns` and `nonce` may
    be decimal strings: a JSON number of JavaScript does not hold them.
    """

    account: Account
    slot: Annotated[int, msgspec.Meta(ge=1, le=15)]
    scheme: Literal["secp256k1", "p256"]
    key: Hex
    notional: Decimal
    expiry_ns: Decimal
    nonce: Decimal
    signature: Hex
    groups: list[Annotated[int, msgspec.Meta(ge=0, le=63)]] | None = None
    kinds: list[Literal["perpetual", "future", "call", "put", "spot"]] | None = None


class DebugParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A command, or what a wallet was given to sign (eth_signTypedData_v4), or both to compare.

    `signature` is what the wallet gave; a command has its own.
    """

    command: Hex | None = None
    typed_data: dict[str, Any] | None = None
    signature: Hex | None = None


class BatchResult(msgspec.Struct, kw_only=True):
    """A batch as the Anchor has it."""

    index: int
    state_root: str
    previous_root: str
    inbox_cursor: int
    input_count: int
    first_timestamp: int
    last_timestamp: int
    data_mode: str
    data_hashes: list[str]
    block_number: int
    block_hash: str
    transaction_hash: str
    posted_timestamp: int
    final: bool


class StateRootResult(msgspec.Struct, kw_only=True):
    """Where the venue stands, and the newest batch on the chain."""

    log_number: int
    state_root: str
    venue_digest: str
    batch: BatchResult | None


class ProofResult(msgspec.Struct, kw_only=True):
    """An account's leaf, its path, and the state root that both lead to (formats.md section 7)."""

    account: int
    owner: str
    cash: Decimal
    claimable: Decimal
    words: list[str]
    siblings: list[str]
    roots: dict[str, str]
    state_root: str
    batch: BatchResult


class ReceiptResult(msgspec.Struct, kw_only=True):
    """A receipt (formats.md section 9) and the command that it is of."""

    log_number: int
    timestamp: int
    command: str
    command_hash: str
    journal_hash: str
    signature: str
    sequencer: str
    kind: str
    fields: dict[str, int | str]


class RefusalResult(msgspec.Struct, kw_only=True):
    """Why a command did nothing."""

    code: int
    rule: str
    name: str
    field: str


class EventResult(msgspec.Struct, kw_only=True):
    """An event of a command (formats.md section 5)."""

    kind: str
    fields: dict[str, int | str]


class SubmittedResult(msgspec.Struct, kw_only=True):
    """A durable command: its receipt, what it did, or why it did nothing."""

    log_number: int
    receipt: ReceiptResult
    refused: RefusalResult | None
    events: list[EventResult]


class DifferenceResult(msgspec.Struct, kw_only=True):
    """The first member in which two typed data differ."""

    field: str
    was: str
    expected: str


class DebugResult(msgspec.Struct, kw_only=True):
    """What a signature is of, whose it is and whose it must be."""

    kind: str
    digest: str
    typed_data: dict[str, Any]
    recovered: str | None
    expected: str | None
    good: bool
    difference: DifferenceResult | None
    hint: str


class StatusResult(msgspec.Struct, kw_only=True):
    """Whether the venue takes commands."""

    locked: str
    locked_indices: list[str]

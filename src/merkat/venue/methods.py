"""The venue's own JSON-RPC methods: what it promises, and how anyone checks it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal

from merkat.api.errors import ApiError, invalid_params, missing_param, not_found
from merkat.api.numbers import usd
from merkat.api.registry import FREE, ORDER, READ, Context, NoParams, Registry
from merkat.market.rules import RULE_NAMES, field_name, rule_id
from merkat.sdk import commands
from merkat.sdk.layouts import show_command, show_event
from merkat.sequencer.receipts import Receipt
from merkat.settlement.data import MODES
from merkat.settlement.proofs import PART_NAMES
from merkat.venue import signatures
from merkat.venue.anchored import AnchoredBatch
from merkat.venue.method_types import (
    AccountParams,
    BatchParams,
    BatchResult,
    CommandParams,
    DebugParams,
    DebugResult,
    DifferenceResult,
    EventResult,
    ProofResult,
    ReceiptParams,
    ReceiptResult,
    RefusalResult,
    SessionParams,
    StateRootResult,
    StatusResult,
    SubmittedResult,
)
from merkat.venue.sequencing import SEQUENCERS_OWN
from merkat.venue.service import Found, VenueService

MILLISECOND_NS: Final = 1_000_000
SECOND_MS: Final = 1_000
REFUSED: Final = 1  # kind of the event
SCHEMES: Final = {"secp256k1": commands.SECP256K1, "p256": commands.P256}
KINDS: Final = {
    "perpetual": commands.SCOPE_PERPETUALS,
    "future": commands.SCOPE_FUTURES,
    "call": commands.SCOPE_CALLS,
    "put": commands.SCOPE_PUTS,
    "spot": commands.SCOPE_SPOT,
}
U64_END: Final = 1 << 64

registry = Registry()


@registry.method("public/get_time", summary="The venue's time, ms since 1970.", cost=FREE)
def get_time(context: Context, params: NoParams) -> int:
    """Return the time that commands get now."""
    service: VenueService = context.service
    return service.clock.now_ns() // MILLISECOND_NS


@registry.method("public/status", summary="Whether the venue takes commands.", cost=FREE)
def get_status(context: Context, params: NoParams) -> StatusResult:
    """Answer: a venue that answers takes commands."""
    return StatusResult(locked="false", locked_indices=[])


@registry.method(
    "venue/get_state_root",
    summary="State root and venue digest after the last command, and the newest anchored batch.",
)
async def get_state_root(context: Context, params: NoParams) -> StateRootResult:
    """Return where the venue stands."""
    service: VenueService = context.service
    digests = await service.digests()
    newest, last_final = await service.on_chain(
        lambda _, batches: (batches.newest(), batches.last_final())
    )
    return StateRootResult(
        log_number=digests.log_number,
        state_root=_hex(digests.state_root),
        venue_digest=_hex(digests.venue_digest),
        batch=None if newest is None else _batch(newest, last_final),
    )


@registry.method(
    "venue/get_account_proof",
    summary="An account's leaf with its path to the state root of the newest anchored batch.",
)
async def get_account_proof(context: Context, params: AccountParams) -> ProofResult:
    """Prove an account's balance against what the chain has."""
    service: VenueService = context.service
    found = await service.account_proof(params.account)
    if found is None:
        raise not_found("batch", None, "no batch is anchored yet: ask again in some seconds")
    proof, batch, last_final = found
    if not any(proof.owner):
        hint = f"accounts that exist after batch {batch.header.index} have a proof; wait for it"
        raise not_found("account", params.account, hint)
    return ProofResult(
        account=proof.account,
        owner=_hex(proof.owner),
        cash=usd(proof.cash),
        claimable=usd(proof.claimable(0)),
        words=[_hex(word) for word in proof.words],
        siblings=[_hex(sibling) for sibling in proof.siblings],
        roots={name: _hex(root) for name, root in zip(PART_NAMES, proof.parts, strict=True)},
        state_root=_hex(proof.root()),
        batch=_batch(batch, last_final),
    )


@registry.method("venue/get_batch", summary="A batch as it is anchored.")
async def get_batch(context: Context, params: BatchParams) -> BatchResult:
    """Return a batch by its index."""
    service: VenueService = context.service
    found, last_final = await service.on_chain(
        lambda _, batches: (batches.at(params.index), batches.last_final())
    )
    if found is None:
        raise not_found(
            "index", params.index, "batches count from 1; get_state_root has the newest"
        )
    return _batch(found, last_final)


@registry.method("venue/get_receipt", summary="The signed receipt of a command of the log.")
async def get_receipt(context: Context, params: ReceiptParams) -> ReceiptResult:
    """Return a receipt by its log number."""
    service: VenueService = context.service
    found = await service.found(params.log_number)
    if found is None:
        hint = f"the log ends at {service.feed.next_number - 1}"
        raise not_found("log_number", params.log_number, hint)
    return _receipt(service, found)


@registry.method(
    "venue/submit_signed_command",
    summary="Hands in a command that its signer has signed; answers once it is durable.",
    cost=ORDER,
)
async def submit_signed_command(context: Context, params: CommandParams) -> SubmittedResult:
    """Sequence one command."""
    return await _submit(context.service, _bytes("command", params.command), "command")


@registry.method(
    "venue/register_session_key",
    summary="Lets a key trade for an account: a SessionOpen that the wallet has signed.",
    cost=ORDER,
)
async def register_session_key(context: Context, params: SessionParams) -> SubmittedResult:
    """Open a session from its typed fields and the wallet's signature."""
    unsigned = commands.session_open(
        params.account,
        params.slot,
        SCHEMES[params.scheme],
        _bytes("key", params.key, commands.KEY_BYTES),
        _groups(params.groups),
        _kinds(params.kinds),
        _u64("notional", params.notional.scaleb(6)),
        _u64("expiry_ns", params.expiry_ns),
        _u64("nonce", params.nonce),
    )
    signature = _bytes("signature", params.signature, commands.SIGNATURE_BYTES)
    signed = unsigned[: -commands.SIGNATURE_BYTES] + signature
    return await _submit(context.service, signed, "signature")


@registry.method(
    "venue/debug_signature",
    summary="What a command's signature is of, who made it, and who must have made it.",
    cost=READ,
)
async def debug_signature(context: Context, params: DebugParams) -> DebugResult:
    """Explain a signature."""
    service: VenueService = context.service
    expected, signature = _debugged(service, params)
    digest = signatures.digest_of(expected)
    recovered = None if signature is None else signatures.signer_of(digest, signature)
    message = expected["message"]
    slotted = expected["primaryType"] in _SLOTTED
    wanted = await service.expected_signer(
        int(message["account"]), int(message["slot"]) if slotted else 0
    )
    difference = None
    if params.typed_data is not None:
        found = signatures.first_difference(params.typed_data, expected)
        if found is not None:
            difference = DifferenceResult(field=found.field, was=found.was, expected=found.expected)
    good = recovered is not None and recovered == wanted
    return DebugResult(
        kind=expected["primaryType"],
        digest=_hex(digest),
        typed_data=expected,
        recovered=None if recovered is None else _hex(recovered),
        expected=None if wanted is None else _hex(wanted),
        good=good,
        difference=difference,
        hint=_hint(good, recovered, wanted, difference),
    )


def _debugged(service: VenueService, params: DebugParams) -> tuple[dict[str, Any], bytes | None]:
    """Return the venue's typed data for what is asked about, and the signature."""
    signature = None
    if params.signature is not None:
        signature = _bytes("signature", params.signature, commands.SIGNATURE_BYTES)
    if params.command is not None:
        command = _bytes("command", params.command)
        expected = signatures.typed_data_of(service.domain, command)
        if expected is None:
            raise invalid_params("command", params.command, "a command of kind 1 to 10, whole")
        return expected, signature or command[-commands.SIGNATURE_BYTES :]
    if params.typed_data is None:
        raise missing_param("command", "a command in 0x hex, or typed_data")
    try:
        return signatures.read_as_ours(service.domain, params.typed_data), signature
    except signatures.SignedDataError as error:
        hint = "send what eth_signTypedData_v4 was given, with the venue's structures"
        raise ApiError(-32602, str(error), hint, field="typed_data") from None


# Cancels name the slot of the order, whoever signs: the wallet may always.
_SLOTTED: Final = frozenset(("Order", "Cancel"))


def _hint(
    good: bool,
    recovered: bytes | None,
    wanted: bytes | None,
    difference: DifferenceResult | None,
) -> str:
    if difference is not None:
        return (
            f"you signed {difference.field} as {difference.was}, the command says "
            f"{difference.expected}: sign the typed data of this answer"
        )
    if good:
        return "the signature is right; nonce, margin and book are the engine's to judge"
    if wanted is None:
        return "nobody may sign for this account and slot: open the account or the session first"
    if recovered is None:
        return "r, s and v are no signature: v is 27 or 28 (secp256k1), 29 or 30 (P-256), s low"
    return (
        "another key signed, or other bytes were signed: compare domain and message with the "
        "typed data of this answer"
    )


async def _submit(service: VenueService, command: bytes, field: str) -> SubmittedResult:
    if len(command) > 1 and command[1] in SEQUENCERS_OWN:
        raise invalid_params("command", f"kind {command[1]}", "a command that somebody signs")
    (answer,) = await service.submit([command])
    if answer.log_number == 0:
        hint = "venue/debug_signature shows what must be signed and by whom"
        raise ApiError(13016, f"admission refuses the command: {answer.reason}", hint, field=field)
    found = await service.found(answer.log_number)
    assert found is not None, "what is answered is released"
    events = found.events or []
    refused = next((one for one in events if one[0] == REFUSED), None)
    return SubmittedResult(
        log_number=answer.log_number,
        receipt=_receipt(service, found),
        refused=None if refused is None else _refusal(refused),
        events=[_event(event) for event in events],
    )


# --- showing ---


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _batch(batch: AnchoredBatch, last_final: int) -> BatchResult:
    header = batch.header
    return BatchResult(
        index=header.index,
        state_root=_hex(header.state_root),
        previous_root=_hex(header.previous_root),
        inbox_cursor=header.inbox_cursor,
        input_count=header.input_count,
        first_timestamp=header.time_first // MILLISECOND_NS,
        last_timestamp=header.time_last // MILLISECOND_NS,
        data_mode=MODES[batch.mode],
        data_hashes=[_hex(one) for one in batch.data_hashes],
        block_number=batch.block_number,
        block_hash=_hex(batch.block_hash),
        transaction_hash=_hex(batch.transaction_hash),
        posted_timestamp=batch.posted_s * SECOND_MS,
        final=header.index <= last_final,
    )


def _receipt(service: VenueService, found: Found) -> ReceiptResult:
    receipt: Receipt = found.receipt
    shown = show_command(found.command)
    return ReceiptResult(
        log_number=receipt.log_number,
        timestamp=found.time_ns // MILLISECOND_NS,
        command=_hex(found.command),
        command_hash=_hex(receipt.command_hash),
        journal_hash=_hex(receipt.journal_hash),
        signature=_hex(receipt.signature),
        sequencer=_hex(service.sequencer),
        kind=shown.kind,
        fields=shown.fields,
    )


def _event(event: bytes) -> EventResult:
    shown = show_event(event)
    return EventResult(kind=shown.kind, fields=shown.fields)


def _refusal(event: bytes) -> RefusalResult:
    code = int.from_bytes(event[1:3], "big")
    name = RULE_NAMES.get(code, f"code_{code}")
    return RefusalResult(code=code, rule=rule_id(code), name=name, field=field_name(event[3]))


# --- reading ---


def _bytes(field: str, text: str, length: int | None = None) -> bytes:
    expected = "0x and hex digits" if length is None else f"0x and {2 * length} hex digits"
    try:
        data = bytes.fromhex(text[2:]) if text.startswith("0x") and text.isascii() else b""
    except ValueError:
        data = b""
    if not data or 2 * len(data) != len(text) - 2 or (length is not None and len(data) != length):
        raise invalid_params(field, text, expected)
    return data


def _u64(field: str, value: Decimal) -> int:
    if not 0 <= value < U64_END or value != int(value):
        raise invalid_params(field, value, "a whole number below 2^64 in its smallest unit")
    return int(value)


def _groups(groups: list[int] | None) -> int:
    if groups is None:
        return commands.ALL_GROUPS
    bits = 0
    for group in groups:
        bits |= 1 << group
    return bits


def _kinds(kinds: list[Literal["perpetual", "future", "call", "put", "spot"]] | None) -> int:
    if kinds is None:
        return commands.ALL_KINDS
    bits = 0
    for kind in kinds:
        bits |= KINDS[kind]
    return bits

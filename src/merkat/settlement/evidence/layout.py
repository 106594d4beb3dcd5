"""What lies in an evidence folder, byte by byte (docs/spec/evidence.md sections 1 to 3).

Every file has one encoding for its content. `decode` functions refuse every other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from merkat.spec.codec import MalformedError, Reader, u32
from merkat.spec.typed_data import Config
from merkat.spec.values import keccak256

FORMAT: Final = "merkat evidence"
VERSION: Final = 1
BLOCKS: Final = "embedded"  # how the chain dump's blocks are hashed

SEAL: Final = "MANIFEST.keccak"
MANIFEST: Final = "manifest.json"
JOURNAL: Final = "journal.bin"
RECEIPTS: Final = "receipts.bin"
CHAIN: Final = "chain.jsonl"
BLOBS: Final = "blobs.jsonl"
PROOFS: Final = "proofs.jsonl"
LIQUIDATIONS: Final = "liquidations.jsonl"
SNAPSHOT: Final = "snapshot.batch"
BATCHES: Final = "batches"
ALWAYS_THERE: Final = (JOURNAL, RECEIPTS, CHAIN, BLOBS, PROOFS, LIQUIDATIONS)

COMMAND_BYTES_MAX: Final = 65_535
RECEIPT_BYTES: Final = 8 + 32 + 32 + 65

RULES: Final = {
    "V-01": "files",
    "V-02": "seal",
    "V-03": "canonical",
    "V-04": "manifest",
    "V-05": "file_hash",
    "V-10": "journal_chain",
    "V-11": "receipt_record",
    "V-12": "receipt_signature",
    "V-20": "block_link",
    "V-21": "block_hash",
    "V-22": "chain_head",
    "V-23": "inbox_events",
    "V-24": "vault_deposits",
    "V-25": "batch_events",
    "V-30": "batch_data",
    "V-31": "batch_header",
    "V-32": "batch_inputs",
    "V-33": "checkpoint",
    "V-34": "anchored_root",
    "V-35": "snapshot_batch",
    "V-40": "replay",
    "V-41": "inbox_items",
    "V-42": "conservation",
    "V-43": "digests",
    "V-44": "nodes",
    "V-50": "liquidation",
    "V-60": "account_proof",
    "V-70": "claim",
}
"""Id and name of every check, in the order in which they are made."""


class EvidenceError(Exception):
    """One thing that is broken: which rule, in which file, where in it, and how."""

    def __init__(self, rule: str, file: str, where: str, text: str) -> None:
        super().__init__(f"{rule} {RULES[rule]}: {file}{', ' + where if where else ''}: {text}")
        self.rule = rule
        self.file = file
        self.where = where
        self.text = text

    def to_dict(self) -> dict[str, str]:
        """Plain values, ready for JSON."""
        return {
            "rule": self.rule,
            "name": RULES[self.rule],
            "file": self.file,
            "where": self.where,
            "text": self.text,
        }


def batch_file(index: int) -> str:
    """Return the name of a batch's file."""
    return f"{BATCHES}/{index:020}.batch"


def is_known(name: str) -> bool:
    """Whether a folder may hold a file of that name, beside manifest and seal."""
    return name in ALWAYS_THERE or name == SNAPSHOT or bool(_BATCH_FILE.fullmatch(name))


_BATCH_FILE = re.compile(rf"{BATCHES}/[0-9]{{20}}\.batch", re.ASCII)


# Canonical JSON


def canonical(value: Any) -> bytes:
    """Return the one encoding of a JSON value: sorted keys, no spaces, ASCII, a line feed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def number(value: int) -> str:
    """Return an integer as evidence writes it: a decimal string, whatever its size."""
    return str(value)


def hexadecimal(value: bytes) -> str:
    """Return bytes as evidence writes them."""
    return "0x" + value.hex()


def from_canonical(data: bytes, file: str, where: str) -> Any:
    """Return the value of canonical JSON.

    Raises:
        EvidenceError: V-03, when the bytes are not the canonical ones of their own value.
    """
    try:
        value = json.loads(data, parse_int=_no_number, parse_float=_no_number)
        if canonical(value) == data:
            return value
    except (ValueError, RecursionError) as error:
        raise EvidenceError("V-03", file, where, f"no canonical JSON: {error}") from None
    raise EvidenceError(
        "V-03", file, where, "not the canonical JSON of its value: sorted keys, no spaces"
    )


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"a JSON number ({text}) where integers are strings")


_NUMBER = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_HEXADECIMAL = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)
_DIGITS_MAX = 80  # a u256 has 78


def unsigned(bits: int) -> Callable[[Any], int]:
    """Return the reader of an unsigned integer of so many bits."""

    def read(value: Any) -> int:
        if not isinstance(value, str) or len(value) > _DIGITS_MAX or not _NUMBER.fullmatch(value):
            raise MalformedError(f"expected an integer in a string, got {value!r:.60}")
        found = int(value)
        if not 0 <= found < 1 << bits:
            raise MalformedError(f"expected 0 to 2^{bits} - 1, got {found}")
        return found

    return read


def raw(length: int | None = None) -> Callable[[Any], bytes]:
    """Return the reader of a hex string, of so many bytes when `length` is given."""

    def read(value: Any) -> bytes:
        if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
            raise MalformedError(f"expected 0x and small hex digits, got {value!r:.60}")
        found = bytes.fromhex(value[2:])
        if length is not None and len(found) != length:
            raise MalformedError(f"expected {length} bytes, got {len(found)}")
        return found

    return read


def maybe(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a reader that takes null as None."""
    return lambda value: None if value is None else read(value)


def listed(
    read: Callable[[Any], Any], count: int | None = None
) -> Callable[[Any], tuple[Any, ...]]:
    """Return the reader of a list, of so many members when `count` is given."""

    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or (count is not None and len(value) != count):
            raise MalformedError(f"expected a list of {count if count is not None else 'members'}")
        return tuple(read(member) for member in value)

    return read_all


def members(value: Any, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Return the members of a JSON object, each through its reader.

    Raises:
        MalformedError: a member is missing, unknown or no such value; it is named.
    """
    if not isinstance(value, dict) or set(value) != set(readers):
        found = sorted(value) if isinstance(value, dict) else value
        raise MalformedError(f"expected the members {sorted(readers)}, got {found!r:.200}")
    taken = {}
    for name, read in readers.items():
        try:
            taken[name] = read(value[name])
        except MalformedError as error:
            raise MalformedError(f"{name}: {error}") from None
    return taken


def lines_of(data: bytes, file: str) -> list[bytes]:
    """Return the lines of a file, each with its line feed; the last line has one too."""
    lines = data.splitlines(keepends=True) if b"\r" not in data else []
    if data and (not lines or not data.endswith(b"\n") or b"".join(lines) != data):
        raise EvidenceError("V-03", file, "", "expected lines that each end with one line feed")
    return lines


# The manifest


@dataclass(frozen=True)
class Manifest:
    """Who and what the folder speaks of, and the length and hash of each of its files.

    Attributes:
        config: the EIP-712 domain.
        anchor, inbox, vault: contract addresses.
        sequencer: address that signs the receipts.
        nodes: every oracle node's address that a group ever had, ascending.
        head_number, head_hash: the last block of the chain dump.
        log_number, journal_hash, state_root, venue_digest: after the last record.
        files: name -> (length in bytes, keccak).
    """

    config: Config
    anchor: bytes
    inbox: bytes
    vault: bytes
    sequencer: bytes
    nodes: tuple[bytes, ...]
    head_number: int
    head_hash: bytes
    log_number: int
    journal_hash: bytes
    state_root: bytes
    venue_digest: bytes
    files: Mapping[str, tuple[int, bytes]]

    def encode(self) -> bytes:
        """Return the bytes of manifest.json."""
        domain = {
            "chain_id": number(self.config.chain_id),
            "verifying_contract": hexadecimal(self.config.verifying_contract),
            "salt": hexadecimal(self.config.salt),
        }
        contracts = {
            "anchor": hexadecimal(self.anchor),
            "inbox": hexadecimal(self.inbox),
            "vault": hexadecimal(self.vault),
        }
        end = {
            "log_number": number(self.log_number),
            "journal_hash": hexadecimal(self.journal_hash),
            "state_root": hexadecimal(self.state_root),
            "venue_digest": hexadecimal(self.venue_digest),
        }
        files = {
            name: {"bytes": number(length), "keccak": hexadecimal(digest)}
            for name, (length, digest) in self.files.items()
        }
        return canonical(
            {
                "format": FORMAT,
                "version": number(VERSION),
                "blocks": BLOCKS,
                "domain": domain,
                "contracts": contracts,
                "sequencer": hexadecimal(self.sequencer),
                "nodes": [hexadecimal(node) for node in self.nodes],
                "head": {"number": number(self.head_number), "hash": hexadecimal(self.head_hash)},
                "end": end,
                "files": files,
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Return the manifest of manifest.json; EvidenceError V-03 or V-04."""
        value = from_canonical(data, MANIFEST, "")
        try:
            manifest = cls._read(value)
        except MalformedError as error:
            raise EvidenceError("V-04", MANIFEST, "", str(error)) from None
        if manifest.encode() != data:
            raise EvidenceError("V-03", MANIFEST, "", "encodes to other bytes")
        return manifest

    @classmethod
    def _read(cls, value: Any) -> Manifest:
        address, digest = raw(20), raw(32)
        top = members(
            value,
            {
                "format": _exactly(FORMAT),
                "version": _exactly(number(VERSION)),
                "blocks": _exactly(BLOCKS),
                "domain": lambda v: members(
                    v, {"chain_id": unsigned(64), "verifying_contract": address, "salt": digest}
                ),
                "contracts": lambda v: members(
                    v, {"anchor": address, "inbox": address, "vault": address}
                ),
                "sequencer": address,
                "nodes": listed(address),
                "head": lambda v: members(v, {"number": unsigned(64), "hash": digest}),
                "end": lambda v: members(
                    v,
                    {
                        "log_number": unsigned(63),
                        "journal_hash": digest,
                        "state_root": digest,
                        "venue_digest": digest,
                    },
                ),
                "files": lambda v: v if isinstance(v, dict) else members(v, {}),
            },
        )
        entry = {"bytes": unsigned(63), "keccak": digest}
        files = {}
        for name, described in top["files"].items():
            found = members(described, entry)
            files[name] = (found["bytes"], found["keccak"])
        return cls(
            config=Config(**top["domain"]),
            **top["contracts"],
            sequencer=top["sequencer"],
            nodes=top["nodes"],
            head_number=top["head"]["number"],
            head_hash=top["head"]["hash"],
            **top["end"],
            files=files,
        )


def _exactly(expected: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value != expected:
            raise MalformedError(f"expected {expected!r}, got {value!r:.60}")
        return expected

    return read


def seal_of(manifest: bytes) -> bytes:
    """Return the bytes of MANIFEST.keccak."""
    return hexadecimal(keccak256(manifest)).encode() + b"\n"


# Journal and receipts


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One command of the log, and the hash of the log up to it."""

    log_number: int
    time_ns: int
    command: bytes
    journal_hash: bytes

    def encode(self) -> bytes:
        """Return u32 length ‖ log number u64 ‖ time u64 ‖ command ‖ journal hash b32."""
        return (
            u32(len(self.command))
            + self.log_number.to_bytes(8, "big")
            + self.time_ns.to_bytes(8, "big")
            + self.command
            + self.journal_hash
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sequencer signed for one command."""

    log_number: int
    command_hash: bytes
    journal_hash: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Return the 137 bytes of formats.md section 9."""
        number_bytes = self.log_number.to_bytes(8, "big")
        return number_bytes + self.command_hash + self.journal_hash + self.signature


def genesis_hash(salt: bytes) -> bytes:
    """Return journal_hash(0)."""
    return keccak256(b"merkat journal v1" + salt)


def next_hash(before: bytes, log_number: int, time_ns: int, command: bytes) -> bytes:
    """Return journal_hash(n) from journal_hash(n-1) and the record's content."""
    numbers = log_number.to_bytes(8, "big") + time_ns.to_bytes(8, "big")
    return keccak256(before + numbers + keccak256(command))


def encode_all(records: Iterable[JournalRecord] | Iterable[Receipt]) -> bytes:
    """Return the records' bytes, one after the other."""
    return b"".join(record.encode() for record in records)


def decode_journal(data: bytes, salt: bytes) -> list[JournalRecord]:
    """Return the records of journal.bin, whose hash chain holds; EvidenceError V-03 or V-10."""
    reader, offset = Reader(data), 0
    records: list[JournalRecord] = []
    running, time_ns = genesis_hash(salt), 0
    while offset < len(data):
        where = f"record {len(records) + 1} at byte {offset}"
        try:
            length = reader.u32()
            if not 1 <= length <= COMMAND_BYTES_MAX:
                raise MalformedError(f"a command of {length} bytes, expected 1 to 65,535")
            record = JournalRecord(reader.u64(), reader.u64(), reader.raw(length), reader.raw(32))
        except MalformedError as error:
            raise EvidenceError("V-03", JOURNAL, where, str(error)) from None
        if record.log_number != len(records) + 1:
            text = f"log number {record.log_number}, expected {len(records) + 1}"
            raise EvidenceError("V-10", JOURNAL, where, text)
        if not time_ns <= record.time_ns < 1 << 63:
            raise EvidenceError("V-10", JOURNAL, where, f"time {record.time_ns} after {time_ns}")
        running = next_hash(running, record.log_number, record.time_ns, record.command)
        if record.journal_hash != running:
            raise EvidenceError("V-10", JOURNAL, where, "the journal hash is not that of the chain")
        records.append(record)
        time_ns, offset = record.time_ns, offset + 4 + 8 + 8 + length + 32
    return records


def decode_receipts(data: bytes) -> list[Receipt]:
    """Return the receipts of receipts.bin; EvidenceError V-03."""
    if len(data) % RECEIPT_BYTES:
        text = f"{len(data)} bytes are no whole number of receipts of {RECEIPT_BYTES} bytes"
        raise EvidenceError("V-03", RECEIPTS, f"byte {len(data)}", text)
    reader = Reader(data)
    return [
        Receipt(reader.u64(), reader.raw(32), reader.raw(32), reader.raw(65))
        for _ in range(len(data) // RECEIPT_BYTES)
    ]

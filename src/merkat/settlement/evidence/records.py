"""Account proofs, blob sidecars, liquidation records (docs/spec/evidence.md sections 5 to 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from merkat.settlement.evidence.layout import (
    BLOBS,
    LIQUIDATIONS,
    PROOFS,
    EvidenceError,
    JournalRecord,
    canonical,
    from_canonical,
    hexadecimal,
    lines_of,
    listed,
    members,
    number,
    raw,
    unsigned,
)
from merkat.spec import signatures
from merkat.spec.codec import MalformedError
from merkat.spec.explain import explain
from merkat.spec.settle.state import ACCOUNTS_DEPTH
from merkat.spec.signatures import Recover
from merkat.spec.trees import leaf_hash, node_hash
from merkat.spec.typed_data import Config
from merkat.spec.values import ACCOUNTS_END, keccak256
from merkat.spec.venue.machine import Output, Venue

ACCOUNT_WORDS = 9
ROOTS = ("accounts", "orders", "sessions", "instruments", "groups", "globals")
LIQUIDATION_EVENTS = frozenset({15, 16, 17, 18, 19, 20, 38})
"""stage, liquidation, slice, bankrupt, tear_up, write_off, hedge (formats.md section 5)."""


# Account proofs


@dataclass(frozen=True)
class AccountProof:
    """An account's leaf and its path to the state root of a batch.

    Attributes:
        batch: index of the batch after which the leaf stood so.
        words: the leaf's nine words, 32 bytes each.
        siblings: 28 hashes, from the leaf up.
        roots: of the six parts of the state root, in the order of ROOTS.
    """

    account: int
    batch: int
    words: tuple[bytes, ...]
    siblings: tuple[bytes, ...]
    roots: tuple[bytes, ...]

    def steps(self) -> list[tuple[str, bytes]]:
        """Every hash on the way from the leaf to the state root, with what it is of."""
        value = leaf_hash(b"".join(self.words))
        steps = [(f"leaf of account {self.account}", value)]
        for height, sibling in enumerate(self.siblings):
            right = self.account >> height & 1
            value = node_hash(sibling, value) if right else node_hash(value, sibling)
            side = "left" if right else "right"
            steps.append((f"level {height + 1}, sibling on the {side}", value))
        steps.append(("state root", keccak256(b"".join((value, *self.roots[1:])))))
        return steps

    def root(self) -> bytes:
        """The state root that the leaf belongs to; MalformedError when the parts do not fit."""
        if not 1 <= self.account < ACCOUNTS_END:
            raise MalformedError(f"account {self.account}, expected 1 to 2^28 - 1")
        if any(word[0] for word in self.words):
            raise MalformedError("a word of the leaf is not below 2^248")
        steps = self.steps()
        if steps[-2][1] != self.roots[0]:
            raise MalformedError("leaf and siblings do not give the root of the accounts")
        return steps[-1][1]

    def encode(self) -> bytes:
        """Return the proof's line."""
        return canonical(
            {
                "account": number(self.account),
                "batch": number(self.batch),
                "words": [hexadecimal(word) for word in self.words],
                "siblings": [hexadecimal(sibling) for sibling in self.siblings],
                "roots": {
                    name: hexadecimal(root) for name, root in zip(ROOTS, self.roots, strict=True)
                },
            }
        )


def decode_proofs(data: bytes) -> list[AccountProof]:
    """Return the proofs of proofs.jsonl, ascending by (batch, account); EvidenceError V-03."""
    proofs: list[AccountProof] = []
    for position, line in enumerate(lines_of(data, PROOFS)):
        where = f"line {position + 1}"
        value = from_canonical(line, PROOFS, where)
        try:
            found = members(
                value,
                {
                    "account": unsigned(32),
                    "batch": unsigned(64),
                    "words": listed(raw(32), ACCOUNT_WORDS),
                    "siblings": listed(raw(32), ACCOUNTS_DEPTH),
                    "roots": lambda v: members(v, {name: raw(32) for name in ROOTS}),
                },
            )
        except MalformedError as error:
            raise EvidenceError("V-03", PROOFS, where, str(error)) from None
        found["roots"] = tuple(found["roots"][name] for name in ROOTS)
        proof = AccountProof(**found)
        if proofs and (proof.batch, proof.account) <= (proofs[-1].batch, proofs[-1].account):
            raise EvidenceError("V-03", PROOFS, where, "lines ascend by batch, then by account")
        proofs.append(proof)
    return proofs


# Blob sidecars


@dataclass(frozen=True)
class Sidecar:
    """KZG commitment of a blob, and the proof that it is that of the blob (EIP-4844)."""

    commitment: bytes
    proof: bytes

    def encode(self) -> bytes:
        """Return the sidecar's line."""
        return canonical(
            {"commitment": hexadecimal(self.commitment), "proof": hexadecimal(self.proof)}
        )


def decode_sidecars(data: bytes) -> list[Sidecar]:
    """Return the sidecars of blobs.jsonl, one for every posted blob in order; V-03."""
    sidecars = []
    for position, line in enumerate(lines_of(data, BLOBS)):
        where = f"line {position + 1}"
        value = from_canonical(line, BLOBS, where)
        try:
            found = members(value, {"commitment": raw(48), "proof": raw(48)})
        except MalformedError as error:
            raise EvidenceError("V-03", BLOBS, where, str(error)) from None
        sidecars.append(Sidecar(**found))
    return sidecars


# Liquidation records


def liquidation_line(explained: Mapping[str, Any]) -> bytes:
    """Return the line of one command that liquidated; takes what `Explanation.to_dict` gives."""
    return canonical(_without_numbers(explained))


def _without_numbers(value: Any) -> Any:
    """Integers as decimal strings, like everywhere in the folder; truth values stay."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return number(value)
    if isinstance(value, Mapping):
        return {name: _without_numbers(member) for name, member in value.items()}
    return [_without_numbers(member) for member in value]


def decode_liquidations(data: bytes) -> dict[int, bytes]:
    """Return {log number: line} of liquidations.jsonl, ascending; EvidenceError V-03."""
    lines: dict[int, bytes] = {}
    last = 0
    for position, line in enumerate(lines_of(data, LIQUIDATIONS)):
        where = f"line {position + 1}"
        value = from_canonical(line, LIQUIDATIONS, where)
        try:
            if not isinstance(value, dict):
                raise MalformedError("expected an object")
            log_number = unsigned(63)(value.get("log_number"))
        except MalformedError as error:
            raise EvidenceError("V-03", LIQUIDATIONS, where, f"log_number: {error}") from None
        if log_number <= last:
            raise EvidenceError("V-03", LIQUIDATIONS, where, "log numbers ascend")
        lines[log_number] = line
        last = log_number
    return lines


def is_liquidation(output: Output) -> bool:
    """Whether a command's events tell of a liquidation."""
    return any(event[0] in LIQUIDATION_EVENTS for event in output.events)


def explain_liquidations(
    config: Config, journal: Iterable[JournalRecord], recover: Recover = signatures.recover
) -> list[dict[str, Any]]:
    """Return the explanation of every command of a journal that liquidated.

    Runs the specification from genesis, slowly; a venue with an engine explains the log numbers
    that its events name instead.
    """
    venue, explained = Venue(config, recover), []
    for record in journal:
        before = venue.snapshot()
        output = venue.apply(record.log_number, record.time_ns, record.command)
        if is_liquidation(output):
            venue_before = Venue.from_snapshot(config, before, recover)
            told = explain(venue_before, record.log_number, record.time_ns, record.command)
            explained.append(told.to_dict())
    return explained

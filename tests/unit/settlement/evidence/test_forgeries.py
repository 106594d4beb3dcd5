"""Folders whose hashes all fit, made by someone who lies: each lie is found by the rule for it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from merkat.settlement.evidence import layout
from merkat.settlement.evidence.chain_dump import Block, Log
from merkat.settlement.evidence.events import CLAIMED, DEPOSITED, FUND_DEPOSITED, TRANSFER
from merkat.settlement.evidence.layout import EvidenceError, JournalRecord
from merkat.settlement.evidence.replay import check_conservation
from merkat.settlement.evidence.verify import verify_evidence
from merkat.settlement.evidence.writer import Sources, write_evidence
from merkat.spec.secp256k1 import N
from merkat.spec.venue.machine import Venue
from tests.support.evidence_builder import (
    ANCHOR,
    INBOX,
    TOKEN,
    VAULT,
    Chain,
    Story,
    chunk_tree,
    make_journal,
    play,
    reseal,
    word,
)
from tests.support.keys import CurveKeys

SEED = 20_260_105
FLIPS = 40
CHAIN, JOURNAL, MANIFEST = layout.CHAIN, layout.JOURNAL, layout.MANIFEST


@pytest.fixture(scope="module")
def sources(story: Story) -> Sources:
    return story.sources()


@pytest.fixture
def judge(tmp_path: Path) -> Callable[[Sources], tuple[str, str, str]]:
    """Writes a folder and returns (rule, file, where) of the one thing that is broken."""
    made = 0

    def write_and_verify(sources: Sources) -> tuple[str, str, str]:
        nonlocal made
        made += 1
        directory = tmp_path / f"forged {made}"
        write_evidence(directory, sources)
        broken = verify_evidence(directory).broken
        assert broken, "the lie was not found"
        assert len(broken) == 1, [str(error) for error in broken]
        return broken[0].rule, broken[0].file, broken[0].where

    return write_and_verify


Judge = Callable[[Sources], tuple[str, str, str]]
Change = Callable[[Log], Log | None]


def remined(blocks: Sequence[Block], change: Change) -> list[Block]:
    """The same chain with other logs (None: the log never was), every hash made anew."""
    chain = Chain()
    for block in blocks[1:]:
        for transaction in block.transactions:
            logs = [changed for log in transaction.logs if (changed := change(log)) is not None]
            assert transaction.to is not None
            chain.mine(transaction.to, transaction.data, logs, transaction.blobs)
    return chain.blocks


def nth(address: bytes, position: int, change: Change, name: bytes | None = None) -> Change:
    """Change only the n-th log of a contract (of that event)."""
    seen = -1

    def changed(log: Log) -> Log | None:
        nonlocal seen
        if log.address == address and name in (None, log.topics[0]):
            seen += 1
            return change(log) if seen == position else log
        return log

    return changed


def logs_of(blocks: Sequence[Block]) -> list[Log]:
    """Every log of a chain."""
    transactions = (one for block in blocks for one in block.transactions)
    return [log for transaction in transactions for log in transaction.logs]


def with_word(log: Log, at: int, value: int | bytes) -> Log:
    """The log with another word in its data."""
    return replace(log, data=log.data[: 32 * at] + word(value) + log.data[32 * at + 32 :])


def test_a_flip_of_any_byte_is_found_even_when_all_hashes_are_made_anew(folder: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    names = sorted(
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and file.name != layout.SEAL and file.stat().st_size
    )
    manifest = (folder / MANIFEST).read_bytes()
    for flip in range(FLIPS):
        name = names[flip % len(names)]
        path = folder / name
        data = path.read_bytes()
        at, bit = chance.randrange(len(data)), chance.randrange(8)
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        if name == MANIFEST:
            (folder / layout.SEAL).write_bytes(layout.seal_of(path.read_bytes()))
        else:
            reseal(folder)
        found = verify_evidence(folder).broken
        assert found, f"seed {SEED}, flip {flip}: bit {bit} of byte {at} of {name} was not found"
        path.write_bytes(data)
        (folder / MANIFEST).write_bytes(manifest)
        (folder / layout.SEAL).write_bytes(layout.seal_of(manifest))


# Journal and receipts


def test_a_record_of_another_time_breaks_the_hash_chain(sources: Sources, judge: Judge) -> None:
    journal = list(sources.journal)
    journal[4] = replace(journal[4], time_ns=journal[4].time_ns + 1)
    rule, file, where = judge(replace(sources, journal=journal))
    assert (rule, file) == ("V-10", JOURNAL)
    assert where.startswith("record 5 at byte ")


def rewritten(
    story: Story, sources: Sources, change: Callable[[list[JournalRecord]], None]
) -> Sources:
    """The journal changed, its hashes made anew, and signed by the sequencer itself."""
    journal = list(sources.journal)
    change(journal)
    journal = make_journal([(record.time_ns, record.command) for record in journal])
    receipts = [story.receipt(record) for record in journal]
    return replace(sources, journal=journal, receipts=receipts)


def test_a_missing_command_makes_other_micro_ops(
    story: Story, sources: Sources, judge: Judge
) -> None:
    trade = next(  # the first fill's command
        record.log_number
        for record in sources.journal
        if record.command[1] == 1 and record.log_number > 9
    )

    def drop(journal: list[JournalRecord]) -> None:
        del journal[trade - 1]

    rule, file, _ = judge(rewritten(story, sources, drop))
    assert (rule, file) in {
        ("V-32", layout.batch_file(1)),
        ("V-32", layout.batch_file(2)),
        ("V-50", layout.LIQUIDATIONS),
    }


def test_a_tail_that_was_never_run_is_found_by_the_digests(
    story: Story, sources: Sources, judge: Judge
) -> None:
    def more(journal: list[JournalRecord]) -> None:
        journal.append(replace(journal[-1], time_ns=journal[-1].time_ns + 10**9))

    assert judge(rewritten(story, sources, more)) == ("V-43", MANIFEST, "end")


def test_receipts_are_complete_and_signed(story: Story, sources: Sources, judge: Judge) -> None:
    receipts = list(sources.receipts)
    assert judge(replace(sources, receipts=receipts[:-1]))[0] == "V-11"
    swapped = [receipts[1], receipts[0], *receipts[2:]]
    assert judge(replace(sources, receipts=swapped))[0] == "V-11"

    digest_of_another = replace(receipts[2], signature=receipts[3].signature)
    receipts[2] = digest_of_another
    rule, file, where = judge(replace(sources, receipts=receipts))
    assert (rule, file, where) == ("V-12", layout.RECEIPTS, "receipt 3 at byte 274")


def test_the_other_spelling_of_a_signature_is_refused(sources: Sources, judge: Judge) -> None:
    receipts = list(sources.receipts)
    signature = receipts[0].signature
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    high = signature[:32] + (N - s).to_bytes(32, "big") + bytes([55 - v])
    receipts[0] = replace(receipts[0], signature=high)
    assert judge(replace(sources, receipts=receipts))[0] == "V-12"


def test_receipts_of_another_sequencer_are_refused(sources: Sources, judge: Judge) -> None:
    other = CurveKeys().wallet("somebody else").address
    assert judge(replace(sources, sequencer=other))[:2] == ("V-12", layout.RECEIPTS)


# The chain


def test_blocks_are_linked_and_hashed(sources: Sources, judge: Judge) -> None:
    blocks = list(sources.chain)
    blocks[3] = replace(blocks[3], time_s=blocks[3].time_s + 1)
    rule, file, where = judge(replace(sources, chain=blocks))
    assert (rule, file) in {("V-20", CHAIN), ("V-21", CHAIN)}
    assert where == "block 3 (line 4)"

    without = [*sources.chain[:3], *sources.chain[4:]]
    assert judge(replace(sources, chain=without))[0] == "V-20"


def test_a_shorter_chain_is_not_the_head_of_the_manifest(folder: Path) -> None:
    lines = (folder / CHAIN).read_bytes().splitlines(keepends=True)
    (folder / CHAIN).write_bytes(b"".join(lines[:-1]))
    reseal(folder)
    broken = verify_evidence(folder).broken
    assert [error.rule for error in broken] == ["V-22"], "the manifest names the head"


def test_an_item_is_hashed_into_the_inbox(sources: Sources, judge: Judge) -> None:
    def other_item(log: Log) -> Log:
        at = 4 * 32 + 5  # of a group item, whose money no other event tells
        return replace(log, data=log.data[:at] + bytes([log.data[at] ^ 1]) + log.data[at + 1 :])

    for change in (other_item, lambda log: with_word(log, 0, 7), lambda log: None):
        forged = remined(sources.chain, nth(INBOX, 0, change))
        assert judge(replace(sources, chain=forged))[:2] == ("V-23", CHAIN)


def test_a_transactions_name_is_that_of_its_content(folder: Path) -> None:
    path = folder / CHAIN
    lines = path.read_bytes().splitlines(keepends=True)
    name = json.loads(lines[2])["transactions"][0]["hash"].encode()
    lines[2] = lines[2].replace(name, b"0x" + b"7" * 64)
    path.write_bytes(b"".join(lines))
    reseal(folder)
    (error,) = verify_evidence(folder).broken
    assert (error.rule, error.where) == ("V-03", "block 2 (line 3)")


def test_the_vault_took_what_the_inbox_says(sources: Sources, judge: Judge) -> None:
    def other_item(log: Log) -> Log:
        return replace(log, topics=(log.topics[0], word(999), *log.topics[2:]))

    def first(log: Log) -> Log:
        return replace(log, topics=(log.topics[0], word(0), *log.topics[2:]))

    for change in (
        nth(VAULT, 1, lambda log: None, DEPOSITED),
        nth(VAULT, 1, other_item, DEPOSITED),
        nth(VAULT, 1, first, DEPOSITED),  # item 0 is a group
        nth(VAULT, 0, lambda log: None, FUND_DEPOSITED),
        nth(VAULT, 0, lambda log: with_word(log, 1, 10**15), FUND_DEPOSITED),
        nth(TOKEN, 1, lambda log: None, TRANSFER),
        nth(TOKEN, 1, lambda log: with_word(log, 0, 1), TRANSFER),
    ):
        forged = remined(sources.chain, change)
        assert judge(replace(sources, chain=forged))[:2] == ("V-24", CHAIN)


def test_tokens_sent_without_a_deposit_are_nobodys(sources: Sources, tmp_path: Path) -> None:
    more = remined(sources.chain, nth(TOKEN, 1, lambda log: with_word(log, 0, 10**15), TRANSFER))
    write_evidence(tmp_path / "more", replace(sources, chain=more))
    assert verify_evidence(tmp_path / "more").good


def test_the_vault_pays_by_claims_only(sources: Sources, judge: Judge) -> None:
    last = sum(log.address == TOKEN for log in logs_of(sources.chain)) - 1
    for change in (lambda log: None, lambda log: with_word(log, 0, 10**15)):
        forged = remined(sources.chain, nth(TOKEN, last, change, TRANSFER))
        assert judge(replace(sources, chain=forged))[:2] == ("V-24", CHAIN)


def test_the_venue_takes_the_chains_items_only(
    story: Story, sources: Sources, judge: Judge
) -> None:
    def deposit_more(journal: list[JournalRecord]) -> None:
        at = next(n for n, one in enumerate(journal) if one.command[1] == 32 and n > 5)
        command = bytearray(journal[at].command)
        command[-1] ^= 1
        journal[at] = replace(journal[at], command=bytes(command))

    rule, file, where = judge(rewritten(story, sources, deposit_more))
    assert (rule, file) == ("V-41", JOURNAL)
    assert where.startswith("record ")


def test_batches_are_posted_in_order(sources: Sources, judge: Judge) -> None:
    dropped = remined(sources.chain, nth(ANCHOR, 0, lambda log: None))
    assert judge(replace(sources, chain=dropped))[:2] == ("V-25", CHAIN)
    unlinked = nth(ANCHOR, 1, lambda log: with_word(log, 1, 7))
    assert judge(replace(sources, chain=remined(sources.chain, unlinked)))[0] == "V-25"
    last = len(sources.batches)
    two_roots = nth(ANCHOR, last - 1, lambda log: with_word(log, 2, 7))  # topic and header
    assert judge(replace(sources, chain=remined(sources.chain, two_roots)))[0] == "V-25"
    unposted = replace(sources, batches=[*sources.batches, sources.batches[0]])
    assert judge(unposted) == ("V-30", layout.batch_file(last + 1), "")


@pytest.mark.parametrize(
    ("at", "rule"), [(3, "V-31"), (4, "V-31"), (5, "V-31"), (6, "V-31"), (7, "V-31"), (12, "V-30")]
)
def test_what_was_posted_is_what_the_batch_says(
    sources: Sources, judge: Judge, at: int, rule: str
) -> None:
    forged = remined(sources.chain, nth(ANCHOR, 2, lambda log: with_word(log, at, 1)))
    assert judge(replace(sources, chain=forged))[:2] == (rule, layout.batch_file(3))


# Batches: the operator posts what it likes, and the chain has the hash of just that


def with_batch(sources: Sources, change: Callable[[bytearray], None]) -> Sources:
    """Batch 2 changed and posted so."""
    data = bytearray(sources.batches[1])
    change(data)
    changed = bytes(data)
    chain = remined(
        sources.chain, nth(ANCHOR, 1, lambda log: with_word(log, 12, chunk_tree(changed)))
    )
    batches = [sources.batches[0], changed, *sources.batches[2:]]
    return replace(sources, batches=batches, chain=chain)


def test_an_input_that_the_venue_never_gave(sources: Sources, judge: Judge) -> None:
    def change(data: bytearray) -> None:
        data[95 + 2 + 20] ^= 1

    assert judge(with_batch(sources, change)) == ("V-32", layout.batch_file(2), "input 0")


def test_a_checkpoint_that_is_not_the_states(sources: Sources, judge: Judge) -> None:
    def change(data: bytearray) -> None:
        data[-31 * 2] ^= 1  # of the last input but one

    rule, file, where = judge(with_batch(sources, change))
    assert (rule, file) == ("V-33", layout.batch_file(2))
    assert where.startswith("input ")


@pytest.mark.parametrize("at", [10, 50, 58, 74, 82, 90], ids=str)
def test_a_header_that_is_not_the_states(sources: Sources, judge: Judge, at: int) -> None:
    def change(data: bytearray) -> None:
        data[at] ^= 1

    rule, file, _ = judge(with_batch(sources, change))
    assert (rule, file) == ("V-31", layout.batch_file(2)), "previous root, cursors, numbers, times"


@pytest.mark.parametrize("at", [0, 31], ids=["first byte", "last byte"])
def test_another_root_on_the_chain(story: Story, sources: Sources, judge: Judge, at: int) -> None:
    """A checkpoint is 31 bytes: the last byte of a root is told by the root alone."""
    true = story.sealed[-1].root
    lie = true[:at] + bytes([true[at] ^ 1]) + true[at + 1 :]

    def change(log: Log) -> Log:
        return replace(with_word(log, 2, lie), topics=(*log.topics[:2], lie))

    last = len(sources.batches) - 1
    one = remined(sources.chain, nth(ANCHOR, last, change))
    # The batch became final with that root too, or the chain contradicts itself.
    both = remined(
        one, nth(ANCHOR, last + 1, lambda log: replace(log, topics=(*log.topics[:2], lie)))
    )
    assert judge(replace(sources, chain=one))[:2] == ("V-25", CHAIN)
    proofs = [proof for proof in sources.proofs if proof.batch <= last]
    forged = replace(sources, chain=both, proofs=proofs)
    assert judge(forged)[:2] == ("V-34", layout.batch_file(3))


def test_batches_that_no_command_gave(sources: Sources, judge: Judge) -> None:
    """The journal ends before the last batch does, and its digests are told truly."""
    journal = sources.journal[: len(sources.journal) * 8 // 10]
    venue = Venue(sources.config)
    for record in journal:
        venue.apply(record.log_number, record.time_ns, record.command)
    told = [one for one in sources.liquidations if one["log_number"] <= len(journal)]
    forged = replace(
        sources,
        journal=journal,
        receipts=sources.receipts[: len(journal)],
        liquidations=told,
        state_root=venue.state_root(),
        venue_digest=venue.venue_digest(),
    )
    rule, file, where = judge(forged)
    assert (rule, file, where) == ("V-32", layout.batch_file(3), "")


# Records, proofs, claims, manifest


def test_liquidations_are_all_told_and_told_truly(sources: Sources, judge: Judge) -> None:
    told = [dict(one) for one in sources.liquidations]
    missing = judge(replace(sources, liquidations=told[1:]))
    assert missing == ("V-50", layout.LIQUIDATIONS, f"log number {told[0]['log_number']}")

    invented: dict[str, Any] = dict(told[0]) | {"log_number": told[0]["log_number"] - 1}
    assert judge(replace(sources, liquidations=[invented, *told]))[0] == "V-50"
    beyond = dict(told[0]) | {"log_number": len(sources.journal) + 1}
    assert judge(replace(sources, liquidations=[*told, beyond]))[0] == "V-50"

    milder = dict(told[0]) | {"events": told[0]["events"][:-1]}
    assert judge(replace(sources, liquidations=[milder, *told[1:]]))[0] == "V-50"


def test_proofs_lead_to_the_anchored_root(sources: Sources, judge: Judge) -> None:
    proofs = list(sources.proofs)
    proof = proofs[0]
    richer = replace(proof, words=(*proof.words[:3], word(10**12), *proof.words[4:]))
    assert judge(replace(sources, proofs=[richer]))[:2] == ("V-60", layout.PROOFS)
    other_batch = replace(proof, batch=proof.batch + 1)
    assert judge(replace(sources, proofs=[other_batch]))[0] == "V-60"
    unposted = replace(proof, batch=99)
    assert judge(replace(sources, proofs=[unposted]))[0] == "V-60"
    other_account = replace(proof, account=proof.account + 1)
    assert judge(replace(sources, proofs=[other_account]))[0] == "V-60"
    large = replace(proof, words=(b"\1" + proof.words[0][1:], *proof.words[1:]))
    assert judge(replace(sources, proofs=[large]))[0] == "V-60"


@pytest.mark.parametrize(
    ("at", "value", "rule"),
    [(0, 1, "V-24"), (1, 10**9, "V-70"), (2, 10**9, "V-70"), (3, 3, "V-70")],
    ids=["token", "sum", "all", "batch"],
)
def test_claims_pay_what_the_state_allows(
    sources: Sources, judge: Judge, at: int, value: int, rule: str
) -> None:
    claim = nth(VAULT, 0, lambda log: with_word(log, at, value), CLAIMED)
    forged = remined(sources.chain, claim)
    if at == 1:  # the token's transfer says so too
        transfers = [log for log in logs_of(forged) if log.address == TOKEN]
        first = next(n for n, log in enumerate(transfers) if log.topics[1] == word(VAULT))
        forged = remined(forged, nth(TOKEN, first, lambda log: with_word(log, 0, value), TRANSFER))
    assert judge(replace(sources, chain=forged))[:2] == (rule, CHAIN)


def test_a_second_claim_of_the_same_money(sources: Sources, judge: Judge) -> None:
    chain = Chain()
    chain.blocks = remined(sources.chain, lambda log: log)
    last = chain.blocks[-1].transactions[0]
    assert last.to == VAULT
    chain.mine(VAULT, b"claim", last.logs)
    assert judge(replace(sources, chain=chain.blocks))[:2] == ("V-70", CHAIN)


def test_a_claim_against_a_batch_that_is_not_final(sources: Sources, judge: Judge) -> None:
    last = len(sources.batches)
    never_final = remined(sources.chain, nth(ANCHOR, last, lambda log: None))
    assert judge(replace(sources, chain=never_final))[:2] == ("V-24", CHAIN)


def test_the_manifests_digests_and_nodes(sources: Sources, judge: Judge) -> None:
    assert judge(replace(sources, state_root=bytes(32))) == ("V-43", MANIFEST, "end")
    assert judge(replace(sources, venue_digest=bytes(32))) == ("V-43", MANIFEST, "end")
    nodes = list(sources.nodes)
    assert judge(replace(sources, nodes=nodes[:-1])) == ("V-44", MANIFEST, "nodes")
    assert judge(replace(sources, nodes=[*nodes, bytes(20)])) == ("V-44", MANIFEST, "nodes")
    domain = replace(sources.config, verifying_contract=bytes(20))
    assert judge(replace(sources, config=domain)) == ("V-04", MANIFEST, "domain")
    other_chain = replace(sources.config, chain_id=1)
    assert judge(replace(sources, config=other_chain))[0] in {"V-12", "V-21"}


def test_the_snapshot_is_the_state(sources: Sources, story: Story, judge: Judge) -> None:
    assert sources.snapshot is not None
    flipped = bytearray(sources.snapshot)
    flipped[-1] ^= 1
    assert judge(replace(sources, snapshot=bytes(flipped)))[:2] == ("V-35", layout.SNAPSHOT)
    older = bytearray(story.sealed[0].snapshot)
    older[3:11] = (3).to_bytes(8, "big")
    assert judge(replace(sources, snapshot=bytes(older)))[0] == "V-35"
    assert judge(replace(sources, snapshot=sources.batches[0]))[0] == "V-35"


def test_money_from_nothing_is_found_without_the_specifications_assertions() -> None:
    market, traders = play(1)
    state = market.venue.settlement
    check_conservation(state, "x")
    state.change_account(traders[0].number).cash += 1
    with pytest.raises(EvidenceError, match="V-42 conservation: x, log number"):
        check_conservation(state, "x")
    state.change_account(traders[0].number).cash -= 1
    state.accounts[traders[0].number].claimable[0] += 1
    with pytest.raises(EvidenceError, match="token 0: claims of"):
        check_conservation(state, "x")

"""A folder of a venue on the embedded chain, with the real contracts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from merkat.settlement.custody import Custody
from merkat.settlement.data import BLOB, CALLDATA
from merkat.settlement.evidence.batch_bytes import blobs_of
from merkat.settlement.evidence.dumping import dump_chain
from merkat.settlement.evidence.layout import JournalRecord, Receipt, genesis_hash, next_hash
from merkat.settlement.evidence.proving import prove_account
from merkat.settlement.evidence.records import explain_liquidations
from merkat.settlement.evidence.verify import verify_evidence
from merkat.settlement.evidence.writer import Sources, sidecar_of, write_evidence
from merkat.spec import messages
from merkat.spec.typed_data import Config, receipt_digest
from merkat.spec.values import keccak256
from merkat.spec.venue.events import join_framed
from tests.support.keys import CurveKeys
from tests.support.venue_builder import START_NS, Market, Reply, Trader, coins, usd
from tests.unit.settlement.evidence.test_command import merkat


class AnchoredMarket(Market):
    """A market whose items come from a chain and whose micro-ops go there."""

    def __init__(self, custody: Custody) -> None:
        super().__init__(CurveKeys(), start=False, config=Config(*custody.domain.parts))
        self.custody = custody

    def apply(self, command: messages.Command | bytes) -> Reply:
        reply = super().apply(command)
        self.custody.take_micro_ops(join_framed(reply.output.micro_ops))
        return reply


def scene() -> list[bytes]:
    """Items: a group, a listing, a fund and two deposits."""
    market = Market(CurveKeys())
    market.fund(usd(1_000))
    market.account("alice", usd(50_000))
    market.account("bob", usd(50_000))
    decoded = [messages.decode_command(command) for _, _, command in market.commands]
    return [one.item for one in decoded if isinstance(one, messages.InboxCommand)]


def live(custody: Custody) -> AnchoredMarket:
    """Deposits, trades, a withdrawal and its claim, in two batches."""
    market = AnchoredMarket(custody)
    for command in custody.set_up(scene()):
        market.apply(command)
    alice, bob = (Trader(n, market.keys.wallet(name)) for n, name in ((1, "alice"), (2, "bob")))
    market.epoch(usd(100))
    market.trade(alice, bob, usd(100), coins(3))
    custody.seal()
    market.withdraw(bob, usd(250))
    market.trade(bob, alice, usd(101), coins(1))
    custody.claim_all(custody.make_final())
    return market


def sources_of(market: AnchoredMarket) -> Sources:
    custody, venue = market.custody, market.venue
    addresses, sequencer = custody.contracts.addresses, market.keys.wallet("sequencer")
    journal, receipts, running = [], [], genesis_hash(market.config.salt)
    for log_number, time_ns, command in market.commands:
        running = next_hash(running, log_number, time_ns, command)
        journal.append(JournalRecord(log_number, time_ns, command, running))
        hashes = (log_number, keccak256(command), running)
        signature = market.keys.sign(receipt_digest(market.config, *hashes), sequencer)
        receipts.append(Receipt(*hashes, signature))
    return Sources(
        config=market.config,
        anchor=addresses.anchor,
        inbox=addresses.inbox,
        vault=addresses.vault,
        sequencer=sequencer.address,
        nodes=[node.address for node in market.nodes],
        journal=journal,
        receipts=receipts,
        chain=dump_chain(custody.chain),
        batches=custody.batches,
        state_root=venue.state_root(),
        venue_digest=venue.venue_digest(),
        proofs=[
            prove_account(venue.settlement, account, len(custody.batches))
            for account in venue.accounts
        ],
        liquidations=explain_liquidations(market.config, journal),
    )


@pytest.mark.parametrize("mode", [CALLDATA, BLOB], ids=["calldata", "blob"])
def test_what_the_real_contracts_say_is_what_the_verifier_reads(tmp_path: Path, mode: int) -> None:
    custody = Custody.create(tmp_path / "chain", START_NS, mode)
    market = live(custody)
    sources = sources_of(market)
    if mode == BLOB:
        blobs = [blob for batch in sources.batches for blob in blobs_of(batch)]
        sources = replace(sources, sidecars=[sidecar_of(blob) for blob in blobs])
    write_evidence(tmp_path / "evidence", sources)
    verdict = verify_evidence(tmp_path / "evidence")
    assert verdict.good, [str(error) for error in verdict.broken]
    assert verdict.figures["batches"] == verdict.figures["final_batches"] == 2
    assert verdict.figures["claimed"] == ["250000000", "0", "0", "0"]
    assert verdict.figures["micro_ops_not_posted"] == 0

    # The same root from the chain's data alone.
    root = market.venue.state_root()
    custody.close()
    result = merkat("verify", 2, "--chain", tmp_path / "chain", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["anchored_root"] == told["steps"][-1]["hash"] == "0x" + root.hex()
    assert merkat("verify", 9, "--chain", tmp_path / "chain").returncode == 3, "no such account"
    assert merkat("verify", 2, "--chain", tmp_path / "chain", "--batch", 9).returncode == 3

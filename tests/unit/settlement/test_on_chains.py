"""The same way in and out on the embedded chain and on anvil, with a reorganisation on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.layouts import micro_ops_of
from merkat.sequencer.admission import Command, frame
from merkat.settlement import committer
from merkat.settlement.chain import (
    DevelopmentChain,
    EmbeddedChain,
    RpcChain,
    advance,
    development_secrets,
)
from merkat.settlement.claims import claim, force_withdrawal
from merkat.settlement.committer import Committer, Limits, Sealed
from merkat.settlement.contracts import Contracts, Parameters, deploy, venue_domain
from merkat.settlement.data import BLOB, CALLDATA
from merkat.settlement.inbox import InboxWatcher
from merkat.settlement.poster import Poster
from merkat.settlement.proofs import AccountProof
from merkat.settlement.rebuild import rebuild_from_chain
from tests.support.anvil import anvil_is_missing, running_anvil

SECRETS = development_secrets(5)
DEPLOYER, PROPOSER, POSTER, GUARDIAN, OWNER = (_core.address_of(secret) for secret in SECRETS)
BALANCE_WEI = 10_000 * 10**18
START_S = 1_767_225_600
CONFIRMATIONS = 2


@pytest.fixture(params=["embedded", "anvil"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DevelopmentChain]:
    if request.param == "embedded":
        embedded = EmbeddedChain(tmp_path, genesis_time_s=START_S)
        yield embedded
        embedded.close()
        return
    reason = anvil_is_missing()
    if reason is not None:
        pytest.skip(reason)
    with running_anvil(31_337, START_S) as url:
        rpc = RpcChain(url, SECRETS)
        for secret in SECRETS:
            rpc.fund(_core.address_of(secret), BALANCE_WEI)
        yield rpc
        rpc.close()


class Venue:
    """A venue of one owner on any chain."""

    def __init__(self, chain: DevelopmentChain, mode: int) -> None:
        self.chain = chain
        anywhere = venue_domain(chain.chain_id, bytes(20))
        root = committer.genesis(anywhere)[1]
        self.contracts: Contracts = deploy(
            chain, Parameters(DEPLOYER, PROPOSER, POSTER, GUARDIAN, root, 1_000_000)
        )
        domain = self.contracts.domain
        self.engine = _core.Engine(*domain.parts)
        self.machine = _core.Settlement(*domain.parts, committer.genesis(domain)[0])
        self.committer = Committer(self.machine, Limits.of_mode(mode))
        self.watcher = InboxWatcher(self.contracts, CONFIRMATIONS)
        self.poster = Poster(self.contracts, POSTER, mode)
        vault = self.contracts.addresses.vault
        self.contracts.send(OWNER, "TestToken", "mint", OWNER, 10**15)
        self.contracts.send(OWNER, "TestToken", "approve", vault, 10**15)

    def deposit(self, amount: int) -> None:
        fee = self.contracts.read("Inbox", "feeWei")
        self.contracts.send(OWNER, "Vault", "deposit", 0, amount, OWNER, 1, value_wei=fee)

    def confirm(self) -> None:
        for _ in range(CONFIRMATIONS):
            self.chain.mine()

    def now_s(self) -> int:
        newest = self.chain.block(self.chain.block_number())
        assert newest is not None
        return newest.time_s

    def apply(self, sent: list[bytes]) -> None:
        time_ns = self.now_s() * 1_000_000_000
        batch = frame(self.engine.log_number + 1, [Command(time_ns, one) for one in sent])
        assert not self.committer.add(micro_ops_of(self.engine.apply(batch, None)))

    def make_final(self) -> int:
        sealed: list[Sealed] = self.committer.seal()
        post = self.poster.post(sealed[0])
        assert post is not None
        advance(self.chain, self.poster.window_s + 1)
        index = self.poster.finalise(self.now_s())
        assert index == post.index
        return index

    def claim(self, batch: int) -> int:
        proof = AccountProof.decode(1, self.machine.account_proof(1))
        return claim(self.contracts, GUARDIAN, batch, proof).amount


@pytest.mark.parametrize("mode", [CALLDATA, BLOB], ids=["calldata", "blob"])
def test_in_and_out(chain: DevelopmentChain, mode: int) -> None:
    venue = Venue(chain, mode)
    venue.deposit(5_000_000)
    assert not venue.watcher.poll(), "not deep enough yet"

    # A reorganisation drops the first deposit's confirmations and then brings another deposit.
    chain.mine()
    before = chain.block_number()
    venue.deposit(7_000_000)
    chain.revert_to(before)
    venue.deposit(8_000_000)
    venue.confirm()
    items = venue.watcher.poll()
    amounts = [int.from_bytes(item[-16:], "big") for item in items]
    assert amounts == [5_000_000, 8_000_000], "what the chain dropped is not credited"
    venue.apply(items)

    index = force_withdrawal(venue.contracts, OWNER, 1, 3_000_000)
    assert index == 2
    venue.confirm()
    venue.apply(venue.watcher.poll())
    held = venue.contracts.read("TestToken", "balanceOf", OWNER)
    batch = venue.make_final()
    assert venue.claim(batch) == 3_000_000
    assert venue.claim(batch) == 0, "a second claim pays nothing"
    assert venue.contracts.read("TestToken", "balanceOf", OWNER) == held + 3_000_000

    found = rebuild_from_chain(chain)
    assert found.equal
    assert found.rebuilt_root == venue.engine.state_root()


def test_a_poster_that_starts_again_posts_nothing_twice(chain: DevelopmentChain) -> None:
    venue = Venue(chain, CALLDATA)
    venue.deposit(5_000_000)
    venue.confirm()
    venue.apply(venue.watcher.poll())
    sealed = venue.committer.seal()[0]
    assert venue.poster.post(sealed) is not None
    again = Poster(venue.contracts, POSTER)
    assert again.last_batch() == 1
    assert again.post(sealed) is None, "the batch is on the chain"
    assert again.next_final_s is not None, "its window is known from the chain"
    advance(chain, again.window_s + 1)
    assert again.finalise(venue.now_s()) == 1
    assert Poster(venue.contracts, POSTER).next_final_s is None, "nothing waits any more"


def test_items_of_the_inbox_are_read_off_either_chain(chain: DevelopmentChain) -> None:
    venue = Venue(chain, CALLDATA)
    venue.deposit(5_000_000)
    venue.confirm()
    (command,) = venue.watcher.poll()
    assert command == commands.inbox(0, commands.deposit(OWNER, 5_000_000, 1))

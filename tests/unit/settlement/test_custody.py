"""Money in and out on the embedded chain: deposits, batches, windows, claims, force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from merkat.sdk import commands
from merkat.settlement.batch import decode
from merkat.settlement.chain import ChainError
from merkat.settlement.claims import claim
from merkat.settlement.committer import CommitError
from merkat.settlement.contracts import ContractRefusedError, Contracts, find
from merkat.settlement.custody import Custody
from merkat.settlement.data import BLOB, CALLDATA
from merkat.settlement.poster import Poster
from merkat.settlement.proofs import AccountProof, ProofError
from merkat.settlement.rebuild import rebuild_from_chain
from tests.support.anchored import CASH, OWNERS, SmallVenue


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[SmallVenue]:
    made = SmallVenue(tmp_path / "chain")
    yield made
    made.custody.close()


def proof_of(venue: SmallVenue, account: int) -> AccountProof:
    return AccountProof.decode(account, venue.custody.machine.account_proof(account))


def test_the_vault_holds_what_the_state_says(venue: SmallVenue) -> None:
    state = venue.specification()
    vault = venue.custody.contracts.addresses.vault
    assert state.globals_.deposited[0] == 3 * CASH + 3_000_000
    assert venue.custody.token_balance(vault) == state.globals_.deposited[0]
    assert [state.accounts[number].owner for number in (1, 2, 3)] == OWNERS
    assert venue.custody.machine.root() == venue.engine.state_root()


@pytest.mark.parametrize("mode", [CALLDATA, BLOB], ids=["calldata", "blob"])
def test_what_is_withdrawn_is_paid_once(tmp_path: Path, mode: int) -> None:
    venue = SmallVenue(tmp_path / "chain", mode)
    custody = venue.custody
    venue.withdraw(2, 700_000_000)
    batch = custody.make_final()
    (paid,) = custody.claim_all(batch)
    assert (paid.account, paid.owner, paid.amount) == (2, OWNERS[1], 700_000_000)
    assert custody.token_balance(OWNERS[1]) == 700_000_000
    again = custody.claim(batch, 2)
    assert again.amount == 0, "a second claim pays nothing"
    assert again.total == 700_000_000
    venue.withdraw(2, 50_000_000)
    later = custody.make_final()
    assert custody.claim_all(later)[0].amount == 50_000_000, "a later claim pays the difference"
    found = rebuild_from_chain(custody.chain)
    assert found.equal, "the specification alone reaches the anchored root"
    assert found.rebuilt_root == venue.engine.state_root()
    custody.close()


def test_anyone_may_send_a_claim_and_the_owner_is_paid(venue: SmallVenue) -> None:
    venue.withdraw(1, 10_000_000)
    batch = venue.custody.make_final()
    guardian = venue.custody.people.guardian
    paid = claim(venue.custody.contracts, guardian, batch, proof_of(venue, 1))
    assert venue.custody.token_balance(OWNERS[0]) == paid.amount == 10_000_000
    assert venue.custody.token_balance(guardian) == 0


def refused(error: str) -> pytest.RaisesExc[ContractRefusedError]:
    return pytest.raises(ContractRefusedError, match=error)


def test_a_claim_against_a_batch_that_is_not_final_is_refused(venue: SmallVenue) -> None:
    venue.withdraw(1, 10_000_000)
    venue.custody.seal()
    with refused("NotFinal"):
        venue.custody.claim(1, 1)


def test_a_claim_with_another_states_proof_is_refused(venue: SmallVenue) -> None:
    venue.withdraw(1, 10_000_000)
    first = venue.custody.make_final()
    venue.withdraw(1, 20_000_000)
    with refused("RootDiffers"):
        venue.custody.claim(first, 1)
    forged = proof_of(venue, 1)
    words = list(forged.words)
    words[4] = (10**9).to_bytes(32, "big")
    with pytest.raises(ProofError):
        claim(
            venue.custody.contracts,
            venue.custody.people.guardian,
            first,
            replace(forged, words=tuple(words)),
        )


def test_a_batch_is_final_after_its_window_and_not_before(venue: SmallVenue) -> None:
    venue.custody.seal()
    contracts, poster = venue.custody.contracts, venue.custody.poster
    assert poster.finalise(venue.custody.clock.now_s) is None, "nothing is ready yet"
    with refused("WindowIsOpen"):
        contracts.send(venue.custody.people.poster, "Anchor", "finalise", 1)
    venue.custody.clock.now_s += poster.window_s
    assert poster.finalise(venue.custody.clock.now_s) == 1
    assert contracts.read("Anchor", "finalRoot", 1) == venue.engine.state_root()
    with refused("AlreadyFinal"):
        contracts.send(venue.custody.people.poster, "Anchor", "finalise", 1)


def test_only_the_poster_posts(venue: SmallVenue) -> None:
    stranger = Poster(venue.custody.contracts, venue.custody.people.guardian)
    (sealed,) = venue.custody.committer.seal()
    with refused("MissingRole"):
        stranger.post(sealed)


def test_batches_are_posted_in_order_and_once(venue: SmallVenue) -> None:
    committer, poster = venue.custody.committer, venue.custody.poster
    (first,) = committer.seal()
    venue.withdraw(1, 10_000_000)
    (second,) = committer.seal()
    with refused("WrongIndex"):
        poster.post(second)
    assert poster.post(first) is not None
    assert poster.post(first) is None, "the chain has it already"
    with refused("WrongPreviousRoot"):
        header = replace(second.header, previous_root=bytes(31) + b"\x01")
        poster.post(replace(second, batch=replace(second.batch, header=header)))
    with pytest.raises(ChainError, match="another poster has posted another state"):
        poster.post(replace(first, state_root=bytes(32)))


def test_a_batch_with_another_inbox_is_refused(venue: SmallVenue) -> None:
    (sealed,) = venue.custody.committer.seal()
    with refused("InboxHashDiffers"):
        venue.custody.poster.post(replace(sealed, inbox_hash=bytes(32)))


def test_a_batch_from_the_future_is_refused(venue: SmallVenue) -> None:
    (sealed,) = venue.custody.committer.seal()
    far = sealed.header.time_last + 10**12
    header = replace(sealed.header, time_last=far)
    with refused("EndsInFuture"):
        venue.custody.poster.post(replace(sealed, batch=replace(sealed.batch, header=header)))


def test_an_item_that_is_not_served_stops_posting_and_freezes(venue: SmallVenue) -> None:
    custody = venue.custody
    custody.seal()
    custody.force_withdrawal(OWNERS[0], 1, 1_000_000)
    with refused("NothingOverdue"):
        custody.contracts.send(custody.people.guardian, "Anchor", "freeze")
    custody.clock.now_s += 24 * 3600 + 1
    venue.withdraw(2, 1_000_000)
    (sealed,) = custody.committer.seal()
    with refused("ItemIsOverdue"):
        custody.poster.post(sealed)
    custody.contracts.send(custody.people.guardian, "Anchor", "freeze")
    with refused("IsFrozen"):
        custody.poster.post(sealed)
    custody.clock.now_s += custody.poster.window_s
    assert custody.poster.finalise(custody.clock.now_s) == 1, "pending batches become final"


@pytest.mark.parametrize(("asked", "paid"), [(1_000_000, 1_000_000), (2 * CASH, CASH)])
def test_a_forced_withdrawal_pays_the_most_that_is_allowed(
    venue: SmallVenue, asked: int, paid: int
) -> None:
    custody = venue.custody
    index = custody.force_withdrawal(OWNERS[2], 3, asked)
    items = custody.confirm()
    assert [int.from_bytes(item[2:10], "big") for item in items] == [index]
    venue.apply(items)
    (claimed,) = custody.claim_all(custody.make_final())
    assert (claimed.account, claimed.amount) == (3, paid)
    assert custody.token_balance(OWNERS[2]) == paid


def test_a_forced_withdrawal_of_anothers_account_pays_nothing(venue: SmallVenue) -> None:
    custody = venue.custody
    custody.force_withdrawal(OWNERS[2], 1, 1_000_000)
    venue.apply(custody.confirm())
    (claimed,) = custody.claim_all(custody.make_final())
    assert claimed.amount == 0, "I-21: the owner of the item is not the owner of the account"
    assert rebuild_from_chain(custody.chain).equal


def test_a_deposit_needs_its_money_fee_and_size(venue: SmallVenue) -> None:
    contracts = venue.custody.contracts
    treasurer = venue.custody.people.treasurer
    fee = contracts.read("Inbox", "feeWei")
    for amount, value_wei, error in (
        (999_999, fee, "AmountOutOfRange"),
        (2_000_000, fee + 1, "WrongFee"),
        (2_000_000, 0, "WrongFee"),
    ):
        with refused(error):
            contracts.send(
                treasurer, "Vault", "deposit", 0, amount, OWNERS[0], 0, value_wei=value_wei
            )
    with refused("NoSpotListing"):
        contracts.send(treasurer, "Vault", "deposit", 1, 2_000_000, OWNERS[0], 0, value_wei=fee)


def test_a_venue_is_found_by_its_chain_alone(venue: SmallVenue) -> None:
    found: Contracts = find(venue.custody.chain)
    assert found.addresses == venue.custody.contracts.addresses
    assert found.domain == venue.custody.domain


def test_custody_goes_on_where_the_folder_ends(tmp_path: Path) -> None:
    venue = SmallVenue(tmp_path / "chain")
    venue.withdraw(1, 10_000_000)
    venue.custody.seal()
    inputs = b"".join(len(op).to_bytes(2, "big") + op for op in _inputs(venue))
    venue.custody.close()
    resumed = Custody.resume(tmp_path / "chain")
    resumed.take_micro_ops(inputs)
    resumed.catch_up_with_inbox()
    assert resumed.machine.root() == venue.engine.state_root()
    assert not resumed.watcher.poll(), "every item is taken already"
    resumed.seal()
    assert resumed.poster.last_batch() == 1, "nothing is posted twice"
    batch = resumed.make_final()
    assert resumed.claim(batch, 1).amount == 10_000_000
    resumed.close()


def _inputs(venue: SmallVenue) -> list[bytes]:
    return [op for data in venue.custody.batches for op in decode(data).inputs]


def test_custody_of_another_venue_is_found_out(tmp_path: Path) -> None:
    venue = SmallVenue(tmp_path / "chain")
    venue.custody.seal()
    inputs = _inputs(venue)
    venue.custody.close()
    resumed = Custody.resume(tmp_path / "chain")
    other = commands.deposit(OWNERS[0], 1_000_001)
    inputs[-1] = inputs[-1][:13] + other
    framed = b"".join(len(op).to_bytes(2, "big") + op for op in inputs)
    with pytest.raises(CommitError, match="journal and chain are of different venues"):
        resumed.take_micro_ops(framed)
    resumed.close()

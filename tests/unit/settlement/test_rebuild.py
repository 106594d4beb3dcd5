"""The state from a chain alone: both modes, and data that are not what was posted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from merkat.settlement.chain import ChainError, EmbeddedChain, Log, MinedTransaction
from merkat.settlement.data import BLOB, CALLDATA
from merkat.settlement.decode import Divergence
from merkat.settlement.rebuild import check_compiled, rebuild_from_chain
from tests.support.anchored import SmallVenue


def lived(directory: Path, mode: int) -> SmallVenue:
    """Return a venue with three batches on its chain."""
    venue = SmallVenue(directory, mode)
    for account in (1, 2, 3):
        venue.withdraw(account, 1_000_000 * account)
        venue.custody.seal()
    return venue


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallVenue]:
    made = lived(tmp_path_factory.mktemp("rebuild") / "chain", CALLDATA)
    yield made
    made.custody.close()


class Changed:
    """A chain whose answers are changed on the way."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)


@pytest.mark.parametrize("mode", [CALLDATA, BLOB], ids=["calldata", "blob"])
def test_the_folder_of_the_chain_is_enough(tmp_path: Path, mode: int) -> None:
    made = lived(tmp_path / "chain", mode)
    made.custody.close()
    chain = EmbeddedChain.reopen(tmp_path / "chain")
    found = rebuild_from_chain(chain)
    chain.close()
    assert found.equal
    assert found.rebuilt_root == made.engine.state_root()
    assert (found.last_batch, found.rebuilder.micro_ops) == (3, 10)
    assert found.rebuilder.state.encode() == made.custody.machine.encode(), "leaf by leaf"


def test_the_compiled_machine_reads_the_same(venue: SmallVenue) -> None:
    found = check_compiled(venue.custody.chain)
    assert found.equal
    assert (found.batches, found.micro_ops) == (3, 10)
    assert found.rebuilt_root == rebuild_from_chain(venue.custody.chain).rebuilt_root


def test_changed_calldata_name_their_batch(venue: SmallVenue) -> None:
    class Calldata(Changed):
        def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
            found = self._chain.transaction(transaction_hash)
            assert found is not None
            data = bytearray(found.data)
            data[-100] ^= 1
            return replace(found, data=bytes(data))

    with pytest.raises(Divergence) as caught:
        rebuild_from_chain(Calldata(venue.custody.chain))  # type: ignore[arg-type]
    assert (caught.value.batch, caught.value.rule) == (1, "posted_data")


def test_calldata_of_another_call_are_refused(venue: SmallVenue) -> None:
    class Calldata(Changed):
        def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
            found = self._chain.transaction(transaction_hash)
            assert found is not None
            return replace(found, data=b"\0" + found.data[1:])

    with pytest.raises(Divergence, match="expected postCalldata"):
        rebuild_from_chain(Calldata(venue.custody.chain))  # type: ignore[arg-type]


def test_a_missing_transaction_is_an_error_of_the_chain(venue: SmallVenue) -> None:
    class Calldata(Changed):
        def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
            return None

    with pytest.raises(ChainError, match="ask a node that keeps history"):
        rebuild_from_chain(Calldata(venue.custody.chain))  # type: ignore[arg-type]


def test_a_left_out_batch_is_found(venue: SmallVenue) -> None:
    class Logs(Changed):
        def logs(self, address: bytes | None, from_block: int, to_block: int) -> list[Log]:
            found = self._chain.logs(address, from_block, to_block)
            if address != venue.custody.contracts.addresses.anchor:
                return found
            posts = [log for log in found if len(log.topics) == 3]
            return [log for log in found if log != posts[-1]]

    with pytest.raises(Divergence) as caught:
        rebuild_from_chain(Logs(venue.custody.chain))  # type: ignore[arg-type]
    assert caught.value.rule == "missing_batch"


def test_blobs_that_a_node_has_forgotten_are_asked_for_elsewhere(tmp_path: Path) -> None:
    made = lived(tmp_path / "chain", BLOB)

    class Blobs(Changed):
        wrong = False

        def blob(self, versioned_hash: bytes) -> bytes | None:
            found = self._chain.blob(versioned_hash)
            assert found is not None
            return found[:70] + b"\1" + found[71:] if self.wrong else None

    chain = Blobs(made.custody.chain)
    with pytest.raises(ChainError, match="ask an archive of blobs"):
        rebuild_from_chain(chain)  # type: ignore[arg-type]
    chain.wrong = True
    with pytest.raises(Divergence, match="blob 0 has the versioned hash"):
        rebuild_from_chain(chain)  # type: ignore[arg-type]
    made.custody.close()


def test_a_chain_without_a_venue_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="0 contracts on the chain have the event TokenRegistered"):
        rebuild_from_chain(EmbeddedChain())
    with pytest.raises(ChainError, match="expected the directory of a chain"):
        EmbeddedChain.reopen(tmp_path)

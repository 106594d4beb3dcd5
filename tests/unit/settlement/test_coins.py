"""A coin as collateral on the embedded chain: listed, registered, deposited, withdrawn, claimed.

The coin has 18 decimals, its spot market 8: the Vault counts in base units of 10^10 coin units.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret
from merkat.sdk.layouts import micro_ops_of
from merkat.sdk.risk_sets import risk_set
from merkat.sdk.surfaces import Surface
from merkat.sequencer.admission import Command, frame
from merkat.sequencer.row_builder import RowBuilder
from merkat.settlement.chain.abi import load_artifact
from merkat.settlement.claims import claim
from merkat.settlement.contracts import ContractRefusedError, abi, send
from merkat.settlement.custody import SECOND_NS, Custody
from merkat.settlement.proofs import AccountProof
from merkat.settlement.rebuild import check_compiled, rebuild_from_chain
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config

START_NS = 1_767_225_600_000_000_000
SECRET = derive_secret(7, "owner")
OWNER = _core.address_of(SECRET)
NODE_SECRETS = [derive_secret(7, "node", node) for node in range(3)]
NODES = [_core.address_of(secret) for secret in NODE_SECRETS]
LOT = 100_000  # a thousandth
SCALE = 10**10
COIN = 10**18


class CoinVenue:
    """One owner with 5,000 USD and ten coins in the wallet; token 1 is registered."""

    def __init__(self, directory: Path) -> None:
        self.custody = Custody.create(directory, START_NS)
        self.contracts = self.custody.contracts
        self.engine = _core.Engine(*self.custody.domain.parts)
        items = [
            commands.group(0, 2, NODES),
            commands.risk(0, risk_set().encode()),
            commands.list_perpetual(0, 8, LOT, 500_000, 0, 500_000),
            commands.list_dated(5, 0, 8, LOT, 500_000, maker_fee=0, taker_fee=500_000, token=1),
            commands.fund_deposit(0, 3_000_000),
            commands.deposit(OWNER, 5_000_000_000),
        ]
        self.taken = self.custody.set_up(items)
        chain, treasurer = self.custody.chain, self.custody.people.treasurer
        code = load_artifact("TestToken").creation_code("Coin", "COIN", 18)
        made = send(chain, treasurer, None, code).contract_address
        assert made is not None
        self.coin = made
        self.custody.make_known(OWNER)
        for call in (
            abi("TestToken").call("mint", OWNER, 10 * COIN),
            abi("TestToken").call("approve", self.contracts.addresses.vault, 10 * COIN),
        ):
            send(chain, OWNER, self.coin, call)
        self.register()
        self.custody.clock.now_s = max(self.custody.clock.now_s, START_NS // SECOND_NS)

    def register(self) -> None:
        """Have the timelock give the coin its number."""
        call = abi("Vault").call("registerToken", 1, self.coin, LOT, SCALE)
        self.custody._timelock([(self.contracts.addresses.vault, call)])

    def deposit(self, amount: int) -> None:
        fee = self.contracts.read("Inbox", "feeWei")
        self.contracts.send(OWNER, "Vault", "deposit", 1, amount, OWNER, 1, value_wei=fee)

    def balance(self, address: bytes) -> int:
        token = abi("TestToken")
        found = self.custody.chain.call(self.coin, token.call("balanceOf", address))
        amount: int = token.result("balanceOf", found)
        return amount

    def apply(self, sent: list[bytes]) -> None:
        time_ns = max(self.custody.clock.now_s * SECOND_NS, self.engine.time_ns)
        batch = frame(self.engine.log_number + 1, [Command(time_ns, one) for one in sent])
        self.custody.take_micro_ops(micro_ops_of(self.engine.apply(batch, None)))

    def take_up(self, number: int, previous: bytes) -> bytes:
        """Sign a vector, build its rows, activate it; returns its hash."""
        surface = Surface(
            group=0,
            number=number,
            time_ns=self.custody.clock.now_s * SECOND_NS,
            previous=previous,
            index=60_000_000_000,
            vol=550_000_000,
            vol_mean=550_000_000,
        ).encode()
        parts = self.custody.domain.parts
        signed = _core.sign_oracle(*parts, surface, bytes([0, 1]), b"".join(NODE_SECRETS[:2]))
        self.apply([commands.epoch(surface, signed)])
        builder = RowBuilder(self.engine)
        builder.look()
        self.apply(builder.take(wait=True))
        builder.close()
        return _core.keccak256(surface)[:31]

    def state(self) -> State:
        return State.decode(Config(*self.custody.domain.parts), self.custody.machine.encode())


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[CoinVenue]:
    made = CoinVenue(tmp_path / "chain")
    yield made
    made.custody.close()


def test_a_deposit_s_item_is_in_base_units(venue: CoinVenue) -> None:
    venue.deposit(5 * COIN // 2)
    (command,) = venue.custody.confirm()
    item = commands.deposit(OWNER, 250_000_000, account=1, token=1)
    assert command == commands.inbox(len(venue.taken), item)
    assert venue.balance(venue.contracts.addresses.vault) == 5 * COIN // 2


@pytest.mark.parametrize(
    ("amount", "error"), [(COIN // 1_000 + 1, "NotWholeLots"), (0, "AmountOutOfRange")]
)
def test_a_deposit_is_of_whole_lots(venue: CoinVenue, amount: int, error: str) -> None:
    with pytest.raises(ContractRefusedError, match=error):
        venue.deposit(amount)
    venue.deposit(COIN // 1_000)


def test_a_coin_is_deposited_withdrawn_and_paid(venue: CoinVenue) -> None:
    custody = venue.custody
    venue.apply(venue.taken)
    venue.deposit(3 * COIN)
    venue.apply(custody.confirm())
    sizes = [position.size for position in venue.state().accounts[1].positions.values()]
    assert sizes == [300_000_000], "three coins in base units"
    venue.take_up(1, commands.NO_VECTOR)
    withdraw = commands.withdraw(1, 200_000_000, 1, token=1)
    framed = len(withdraw).to_bytes(4, "big") + withdraw
    venue.apply([_core.sign_commands(*custody.domain.parts, framed, SECRET)[4:]])
    batch = custody.make_final()
    proof = AccountProof.decode(1, custody.machine.account_proof(1))
    paid = claim(venue.contracts, custody.people.treasurer, batch, proof, token=1)
    assert (paid.token, paid.amount, paid.total) == (1, 200_000_000, 200_000_000)
    assert venue.balance(OWNER) == 9 * COIN, "ten, less three, and two are back"
    again = claim(venue.contracts, custody.people.treasurer, batch, proof, token=1)
    assert again.amount == 0
    assert rebuild_from_chain(custody.chain).equal, "the chain's data lead to the chain's root"
    assert check_compiled(custody.chain).equal, "so they do with the compiled machine"

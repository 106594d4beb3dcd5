"""A venue's custody: contracts on an embedded chain that follows the venue's clock.

Deposits go through the Vault, rules of the venue through the timelock; what the Inbox then holds
comes back as commands once it is deep enough. Micro-ops go to the committer, batches to the Anchor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from merkat import _core
from merkat.sdk.keys import DEMO_CHAIN_ID, Domain
from merkat.sdk.layouts import micro_ops_of
from merkat.sequencer.pipeline import Released
from merkat.settlement.chain import EmbeddedChain, development_secrets
from merkat.settlement.claims import Claim, claim, force_withdrawal
from merkat.settlement.committer import Committer, Limits, Sealed
from merkat.settlement.contracts import (
    TIMELOCK_DELAY_S,
    Contracts,
    Parameters,
    abi,
    deploy,
    find,
)
from merkat.settlement.data import CALLDATA
from merkat.settlement.inbox import InboxWatcher
from merkat.settlement.poster import Poster
from merkat.settlement.posts import posted_headers
from merkat.settlement.proofs import AccountProof

SECOND_NS: Final = 1_000_000_000
SLOT_S: Final = 12
# The timelock's delay, and some time for the deposits that come before the first command.
SET_UP_S: Final = TIMELOCK_DELAY_S + 900
DEPOSIT_ITEM: Final = 1
FUND_ITEM: Final = 6
USER: Final = 0
ETHER_WEI: Final = 10**18
MINIMUM_DEPOSIT: Final = 1_000_000  # that opens an account, 1e-6 USD
TOKEN_AMPLE: Final = 1 << 120
# An unlimited approval, which the token does not count down: it saves 2,900 gas a deposit.
UNLIMITED: Final = 2**256 - 1
# The genesis state is the same for every domain.
_ANY_DOMAIN: Final = Domain(DEMO_CHAIN_ID, bytes(20), bytes(32))
# The timelock's calls go out in transactions of about this much gas, estimated from their bytes.
_TRANSACTION_GAS: Final = 10_000_000
_CALL_GAS: Final = 70_000
_BYTE_GAS: Final = 60
_NO_PREDECESSOR: Final = bytes(32)
_DEPOSIT_OWNER: Final = slice(3, 23)


@dataclass(frozen=True, slots=True)
class People:
    """Who sends transactions, 20 bytes each. The treasurer pays in for every owner."""

    treasurer: bytes
    poster: bytes
    guardian: bytes
    proposer: bytes

    @classmethod
    def of_development(cls) -> People:
        """Return the first four development accounts."""
        return cls(*(_core.address_of(secret) for secret in development_secrets(4)))


def ceil_seconds(time_ns: int) -> int:
    """Return the first whole second that is not before a time."""
    return -(-time_ns // SECOND_NS)


@dataclass(slots=True)
class Clock:
    """The time that the chain's blocks take, s since the Unix epoch."""

    now_s: int

    def time_s(self) -> int:
        """Return the time."""
        return self.now_s


def genesis_part(domain: Domain) -> tuple[bytes, bytes]:
    """Return settlement part and state root of the state before the first input."""
    engine = _core.Engine(*domain.parts)
    snapshot = engine.snapshot()
    return snapshot[: 4 + int.from_bytes(snapshot[:4], "big")], engine.state_root()


class Custody:
    """One venue's contracts, watcher, committer and poster, on one clock.

    The clock is the venue's: `advance` moves it, and makes an empty block every slot.
    """

    def __init__(
        self,
        directory: Path,
        chain: EmbeddedChain,
        contracts: Contracts,
        clock: Clock,
        mode: int,
        slot_s: int = SLOT_S,
        as_service: bool = False,
    ) -> None:
        """Stand where the chain stands: at genesis, or behind the batches that it holds."""
        self.directory = directory
        self.chain = chain
        self.contracts = contracts
        self.clock = clock
        self.slot_s = slot_s
        self.people = People.of_development()
        self.domain: Domain = contracts.domain
        self.machine = _core.Settlement(*self.domain.parts, genesis_part(self.domain)[0])
        posted = [(header.input_count, header.state_root) for header in posted_headers(contracts)]
        self.committer = Committer(self.machine, Limits.of_mode(mode), posted, as_service)
        self.watcher = InboxWatcher(contracts)
        self.poster = Poster(contracts, self.people.poster, mode)
        self.next_ns = (clock.now_s + slot_s) * SECOND_NS
        self._as_service = as_service
        self.batches: list[bytes] = []
        self.claimers: set[int] = set()
        self.claims: list[Claim] = []
        # Of batches that are not final yet: the proofs of accounts that may claim more then.
        self.claimable: dict[int, dict[int, bytes]] = {}
        self._known = set(astuple(self.people))

    @classmethod
    def create(
        cls,
        directory: Path,
        start_ns: int,
        mode: int = CALLDATA,
        *,
        minimum_deposit: int = MINIMUM_DEPOSIT,
        slot_s: int = SLOT_S,
        as_service: bool = False,
    ) -> Custody:
        """Make chain and contracts for a venue whose first command comes at `start_ns`.

        Args:
            minimum_deposit: what a deposit must bring to open an account, 1e-6 USD.
            slot_s: seconds between two empty blocks.
            as_service: keep no list of what was posted, apply a batch when it is sealed, so that
                proofs are against the newest batch.
        """
        clock = Clock(start_ns // SECOND_NS - SET_UP_S)
        chain = EmbeddedChain(
            directory, chain_id=DEMO_CHAIN_ID, genesis_time_s=clock.now_s, clock=clock.time_s
        )
        people = People.of_development()
        contracts = deploy(
            chain,
            Parameters(
                deployer=people.treasurer,
                proposer=people.proposer,
                poster=people.poster,
                guardian=people.guardian,
                genesis_root=genesis_part(_ANY_DOMAIN)[1],
                minimum_deposit=minimum_deposit,
            ),
        )
        made = cls(directory, chain, contracts, clock, mode, slot_s, as_service)
        made.next_ns = start_ns + slot_s * SECOND_NS
        return made

    @classmethod
    def resume(
        cls,
        directory: Path,
        mode: int = CALLDATA,
        *,
        slot_s: int = SLOT_S,
        as_service: bool = False,
    ) -> Custody:
        """Go on where a chain's folder ends. Then hand it every answer of the venue's journal."""
        clock = Clock(0)
        chain = EmbeddedChain.reopen(directory, clock=clock.time_s)
        newest = chain.block(chain.block_number())
        assert newest is not None, "the newest block is there"
        clock.now_s = newest.time_s
        return cls(directory, chain, find(chain), clock, mode, slot_s, as_service)

    # --- in ---

    def set_up(self, items: list[bytes]) -> list[bytes]:
        """Bring a scene's items through timelock and Vault; returns their commands, in order."""
        rules = [item for item in items if item[1] != USER]
        deposits = [item for item in items if item[1] == USER]
        if rules + deposits != items:
            raise ValueError(
                "the scene's rules must come before its deposits: the timelock is slow"
            )
        people, token = self.people, self.contracts.addresses.token
        self._send(people.treasurer, "TestToken", "mint", people.treasurer, TOKEN_AMPLE)
        vault = self.contracts.addresses.vault
        self._send(people.treasurer, "TestToken", "approve", vault, UNLIMITED)
        funds = sum(int.from_bytes(item[4:], "big") for item in rules if item[0] == FUND_ITEM)
        timelock = self.contracts.addresses.timelock
        self._send(people.treasurer, "TestToken", "mint", timelock, max(1, funds))
        calls = [(token, abi("TestToken").call("approve", vault, max(1, funds)))]
        calls += [self._rule(item) for item in rules]
        self._timelock(calls)
        for item in deposits:
            self.deposit(item)
        self._confirm()
        return self.watcher.poll()

    def _rule(self, item: bytes) -> tuple[bytes, bytes]:
        """Return receiver and data of the timelock's call that gives an item."""
        if item[0] == FUND_ITEM:
            group = int.from_bytes(item[2:4], "big")
            amount = int.from_bytes(item[4:20], "big")
            vault = self.contracts.addresses.vault
            return vault, abi("Vault").call("depositToFund", group, amount)
        inbox = self.contracts.addresses.inbox
        return inbox, abi("Inbox").call("enqueueFromTimelock", item[0], item[2:])

    def _timelock(self, calls: list[tuple[bytes, bytes]]) -> None:
        """Propose calls, wait out the delay, execute them, in as many transactions as it takes."""
        operations = [
            (
                [receiver for receiver, _ in part],
                [0] * len(part),
                [data for _, data in part],
                _NO_PREDECESSOR,
                number.to_bytes(32, "big"),
            )
            for number, part in enumerate(_in_transactions(calls))
        ]
        proposer = self.people.proposer
        for operation in operations:
            self._send(
                proposer, "TimelockController", "scheduleBatch", *operation, TIMELOCK_DELAY_S
            )
        self._pass_seconds(TIMELOCK_DELAY_S)
        for operation in operations:
            self._send(proposer, "TimelockController", "executeBatch", *operation)

    def deposit(self, item: bytes) -> None:
        """Send the Vault a deposit, given as the item that it will become."""
        if item[0] != DEPOSIT_ITEM:
            raise ValueError(f"item of kind {item[0]}: expected 1, a deposit")
        fee = self.contracts.read("Inbox", "feeWei")
        self._send(
            self.people.treasurer,
            "Vault",
            "deposit",
            item[2],
            int.from_bytes(item[27:43], "big"),
            item[_DEPOSIT_OWNER],
            int.from_bytes(item[23:27], "big"),
            value_wei=fee,
        )

    def force_withdrawal(self, owner: bytes, account: int, amount: int) -> int:
        """Have an owner force a withdrawal; returns the item's index in the Inbox."""
        self.make_known(owner)
        return force_withdrawal(self.contracts, owner, account, amount)

    # --- the clock ---

    def advance(self, time_ns: int) -> list[bytes]:
        """Let time pass: blocks, due batches, windows. Returns the commands of items now deep.

        Every answer of commands before `time_ns` must have been handed to `released` first.
        """
        while self.next_ns <= time_ns:
            self._post(self.committer.advance(self.next_ns))
            self._pass_to(self.next_ns // SECOND_NS)
            self.poster.finalise(self.clock.now_s)
            self.next_ns += self.slot_s * SECOND_NS
        return self.watcher.poll()

    def advance_to_due(self, limit_ns: int) -> tuple[list[bytes], int]:
        """Do what is due next, at most until `limit_ns`; returns Inbox commands and the time.

        In place of a block every slot, as `advance` makes them, there is one where a batch or a
        window is due, one every slot while an item of the Inbox is not deep enough, and one at the
        last slot before the limit. The time is the limit when nothing more is due before it.
        """
        slot_ns = self.slot_s * SECOND_NS
        if self.next_ns > limit_ns:
            return self.watcher.poll(), limit_ns
        last_ns = limit_ns - (limit_ns - self.next_ns) % slot_ns
        due_ns = last_ns
        final_s = self.poster.next_final_s
        for wanted_ns in (self.committer.due_ns, final_s and final_s * SECOND_NS):
            if wanted_ns is not None:
                ahead = max(0, -(-(wanted_ns - self.next_ns) // slot_ns))
                due_ns = min(due_ns, self.next_ns + ahead * slot_ns)
        if self.contracts.read("Inbox", "length") > self.watcher.cursor:
            due_ns = self.next_ns
        self.next_ns = due_ns
        return self.advance(due_ns), due_ns

    def confirm(self) -> list[bytes]:
        """Make as many blocks as an item needs; returns the commands of items now deep."""
        self._confirm()
        return self.watcher.poll()

    def _confirm(self) -> None:
        for _ in range(self.watcher.confirmations):
            self._pass_seconds(self.slot_s)

    def _pass_seconds(self, seconds: int) -> None:
        self._pass_to(self.clock.now_s + seconds)

    def _pass_to(self, time_s: int) -> None:
        """Let the clock come to a time, with a block there unless a later one stands."""
        newest = self.chain.block(self.chain.block_number())
        self.clock.now_s = max(self.clock.now_s, time_s)
        if newest is None or newest.time_s < time_s:
            self.chain.mine()

    # --- out ---

    def released(self, released: Released) -> None:
        """Take the answers of a durable batch of commands."""
        self.take_micro_ops(micro_ops_of(released.outputs))

    def take_micro_ops(self, framed_ops: bytes) -> None:
        """Commit framed micro-ops and post what is sealed by them."""
        self._post(self.committer.add(framed_ops))

    def catch_up_with_inbox(self) -> None:
        """Have the watcher go on behind the items that the micro-ops so far have taken."""
        self.claimable.update(self.committer.resealed)
        self.committer.resealed.clear()
        figures = self.committer.figures
        self.watcher = InboxWatcher(
            self.contracts, cursor=figures.inbox_cursor, inbox_hash=figures.inbox_hash
        )

    def seal(self) -> None:
        """Seal and post what no batch holds yet."""
        self._post(self.committer.seal())

    def _post(self, sealed: list[Sealed]) -> None:
        for batch in sealed:
            # The Anchor takes no batch from the future: its block comes when the batch has ended.
            self.clock.now_s = max(self.clock.now_s, ceil_seconds(batch.header.time_last))
            self.poster.post(batch)
            if batch.proofs:
                self.claimable[batch.header.index] = batch.proofs
            if self._as_service:
                self.poster.posts.clear()
                self.contracts.gas.clear()
            else:
                self.batches.append(batch.data)
                self.claimers |= set(batch.proofs)

    def make_final(self) -> int:
        """Post what is there and wait out the windows; returns the last final batch's index."""
        self.seal()
        self._pass_seconds(self.poster.window_s)
        self.poster.finalise(self.clock.now_s)
        index: int = self.contracts.read("Anchor", "lastFinal")
        self.next_ns = max(self.next_ns, self.clock.now_s * SECOND_NS)
        return index

    def claim_all(self, batch: int) -> list[Claim]:
        """Claim for every account that has withdrawn since the last time.

        `batch` must be final and the newest: the proofs are of the state that it ended in.
        """
        claims = [self.claim(batch, account) for account in sorted(self.claimers)]
        self.claimers.clear()
        return claims

    def claim(self, batch: int, account: int) -> Claim:
        """Claim for one account against the newest batch, which must be final."""
        proof = AccountProof.decode(account, self.machine.account_proof(account))
        paid = claim(self.contracts, self.people.treasurer, batch, proof)
        self.claims.append(paid)
        return paid

    def claim_final(self) -> list[Claim]:
        """Claim, against final batches, for every account that they let claim more.

        Anyone may: the owners are paid. What was claimed already costs no transaction.
        """
        last_final: int = self.contracts.read("Anchor", "lastFinal")
        newest: dict[int, tuple[int, AccountProof]] = {}
        for batch in sorted(index for index in self.claimable if index <= last_final):
            for account, encoded in self.claimable.pop(batch).items():
                newest[account] = batch, AccountProof.decode(account, encoded)
        paid = []
        for batch, proof in newest.values():
            if self.contracts.read("Vault", "paid", proof.account, 0) < proof.claimable(0):
                paid.append(claim(self.contracts, self.people.treasurer, batch, proof))
        return paid

    @property
    def claimed(self) -> int:
        """Return what the Vault paid out in all, 1e-6 USD."""
        return sum(paid.amount for paid in self.claims)

    def token_balance(self, address: bytes) -> int:
        """Return what an address holds of the settlement token."""
        balance: int = self.contracts.read("TestToken", "balanceOf", address)
        return balance

    def close(self) -> None:
        """Give the chain's directory back."""
        self.chain.close()

    def _send(
        self, sender: bytes, contract: str, function: str, *values: object, value_wei: int = 0
    ) -> None:
        self.contracts.send(sender, contract, function, *values, value_wei=value_wei)

    def known_already(self, addresses: Iterable[bytes]) -> None:
        """Note who has been given ether before this custody was opened again."""
        self._known.update(addresses)

    def make_known(self, address: bytes) -> None:
        """Give an owner ether for fees: the embedded chain takes transactions of its accounts."""
        if address not in self._known:
            self._known.add(address)
            self.chain.fund(address, ETHER_WEI)


def _in_transactions(
    calls: list[tuple[bytes, bytes]],
) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield the timelock's calls in parts that fit one transaction each."""
    part: list[tuple[bytes, bytes]] = []
    gas = 0
    for receiver, data in calls:
        costs = _CALL_GAS + _BYTE_GAS * len(data)
        if part and gas + costs > _TRANSACTION_GAS:
            yield part
            part, gas = [], 0
        part.append((receiver, data))
        gas += costs
    yield part

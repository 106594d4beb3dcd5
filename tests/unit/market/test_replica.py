"""The view follows the log: what it says is what the engine says, and nobody is believed."""

from __future__ import annotations

from functools import cache

import pytest

from merkat import _core
from merkat.market import Replica, ReplicaError
from merkat.market.book import Level
from merkat.market.recovering import signers_of
from merkat.market.types import OrderState
from merkat.sequencer.pipeline import Released
from merkat.sequencer.reading import split_batch
from tests.unit.market.feeding import DOMAIN, Recorded, give, recorded

# What a bankrupt account gets and gives otherwise than by trading.
RESCUES = ("fund_payment", "write_off", "surplus")
PERIODS = 700  # so far every event of a perpetual came


@cache
def run() -> Recorded:
    """Return one run that the tests of this module share."""
    return recorded(PERIODS)


def replica_of(run: Recorded, batches: int | None = None) -> Replica:
    replica = Replica(DOMAIN, run.sequencer)
    for batch in run.released[:batches]:
        give(replica, batch)
    return replica


def check_against_engine(replica: Replica) -> None:
    """Hold books, accounts, marks and groups against what the engine says."""
    view, engine = replica.view, replica.engine
    assert view.log_number == engine.log_number
    for listing, book in view.books.items():
        levels: tuple[list[Level], list[Level]] = book.levels()
        assert levels == engine.book(listing, 1 << 20), f"book of listing {listing}"
        terms = engine.listing(listing)
        assert terms is not None
        instrument = view.instruments[listing]
        assert (instrument.kind, instrument.state) == terms[:2]
        assert (instrument.maker_fee, instrument.taker_fee) == terms[8:10]
        assert view.marks.get(listing) == engine.mark(listing), f"mark of listing {listing}"
        if instrument.state < 3:
            assert view.open_interest[listing] == terms[11], f"open interest of {listing}"
    for number, account in view.accounts.items():
        found = engine.account(number)
        assert found is not None
        owner, mode, stage, _, positions = found
        assert (account.owner, account.mode, account.stage) == (owner, mode, stage)
        held = sorted((listing, one.size) for listing, one in account.positions.items())
        assert held == positions, f"positions of account {number}"
    for number, group in view.groups.items():
        said = engine.group(number)
        assert said is not None
        mine = (group.number, group.epoch_time, group.index, group.basis, group.premium)
        assert (*mine, group.held, group.cumulative_funding) == said[:7]


def check_cash(replica: Replica) -> None:
    """Hold what the view says that accounts made against the cash that they have."""
    for number, account in replica.view.accounts.items():
        found = replica.engine.account(number)
        assert found is not None
        cash = account.realized + account.deposited - account.withdrawn
        cash -= account.fees_paid + account.funding_paid
        for listing, position in account.positions.items():
            atoms = position.realized - position.cost + position.funding_cost
            assert atoms % replica.view.instruments[listing].coin == 0
            cash += atoms // replica.view.instruments[listing].coin
        rescued = replica.history.settlements(number, kinds=RESCUES)
        assert cash + sum(one.amount for one in rescued) == found[3], f"cash of account {number}"


def test_the_view_is_what_the_engine_says_after_every_batch() -> None:
    replica = Replica(DOMAIN, run().sequencer)
    for batch in run().released:
        give(replica, batch)
        check_against_engine(replica)
    assert replica.view.trade_seq[1] > 500, "the flow is to trade"


def test_money_is_conserved_by_costs_and_realized_profits() -> None:
    view = replica_of(run()).view
    # Every trade has two sides: what all bought and sold sums to nothing, exactly.
    coin = view.instruments[1].coin
    held = [account.positions.get(1) for account in view.accounts.values()]
    atoms = sum(one.cost - one.realized for one in held if one is not None)
    closed = sum(account.realized for account in view.accounts.values())
    assert atoms == closed * coin
    assert sum(one.size for one in held if one is not None) == 0


def test_what_accounts_made_explains_their_cash() -> None:
    replica = replica_of(run())
    check_cash(replica)
    stages = {account.stage for account in replica.view.accounts.values()}
    assert 3 in stages, "some account is bankrupt"


def test_orders_end_as_their_events_said() -> None:
    view = replica_of(run()).view
    states = {order.state for order in view.orders.values()}
    assert states == set(OrderState), "open, filled, cancelled and renewed orders are met"
    for order in view.orders.values():
        assert 0 <= order.filled <= order.size
        if order.state == OrderState.FILLED:
            assert order.filled == order.size
        open_keys = view.accounts[order.account].open_orders
        assert (order.key in open_keys) == order.is_open
        assert (order.reason != 0) == (order.state == OrderState.CANCELLED)


def test_a_chain_of_renewals_is_found_by_its_first_key() -> None:
    view = replica_of(run()).view
    renewed = [order for order in view.orders.values() if order.state == OrderState.RENEWED]
    assert renewed
    for order in renewed:
        newest = view.newest_of_chain(order.origin)
        assert newest is not None
        assert newest.origin == order.origin
        assert newest.state != OrderState.RENEWED
        assert newest.total_filled >= order.filled
        assert newest.total_size >= newest.total_filled


def test_topics_name_what_changed() -> None:
    replica = Replica(DOMAIN, run().sequencer)
    for batch in run().released:
        before = replica.view.books[1].change_id if 1 in replica.view.books else 0
        topics = give(replica, batch)
        after = replica.view.books[1].change_id
        changed = before not in (0, after)
        if ("book", 1) in topics:
            assert after > before
        assert not changed or ("book", 1) in topics


def test_batches_may_come_twice_or_overlap_but_never_with_a_gap() -> None:
    batches = run().released
    replica = replica_of(run(), 10)
    number = replica.log_number
    assert give(replica, batches[3]) == set()
    assert replica.log_number == number
    first, second = batches[10], batches[11]
    joined = (
        first.first_log_number,
        first.batch + second.batch,
        first.outputs + second.outputs,
        first.hashes + second.hashes,
        first.signatures + second.signatures,
    )
    give(replica, first)
    replica.take(*joined)
    assert replica.log_number == second.first_log_number + second.count - 1
    check_against_engine(replica)
    with pytest.raises(ReplicaError, match="missing; follow from there"):
        give(replica, batches[14])
    give(replica, batches[12])


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("part", "at", "text"),
    [
        ("batch", 40, "hashes are not those of the batch"),
        ("hashes", 3, "hashes are not those of the batch"),
        ("hashes", -3, "hashes are not those of the batch"),
        ("signatures", -20, "signature is not the sequencer's"),
        ("outputs", -1, "the venue says another than the replay"),
    ],
)
def test_a_flipped_bit_is_refused_and_nothing_is_taken_after_it(
    part: str, at: int, text: str
) -> None:
    replica = replica_of(run(), 5)
    batch = run().released[5]
    parts = {name: getattr(batch, name) for name in ("batch", "outputs", "hashes", "signatures")}
    broken = parts | {part: flipped(parts[part], at % len(parts[part]))}
    with pytest.raises(ReplicaError, match=text):
        replica.take(batch.first_log_number, **broken)
    with pytest.raises(ReplicaError, match=text):
        replica.take(batch.first_log_number, **parts)


def test_another_sequencers_receipts_are_refused() -> None:
    replica = Replica(DOMAIN, bytes(20))
    with pytest.raises(ReplicaError, match="signature is not the sequencer's"):
        give(replica, run().released[0])


def test_outcomes_say_what_a_command_gave() -> None:
    replica = replica_of(run())
    refused = accepted = 0
    for number in range(1, replica.log_number + 1):
        outcome = replica.view.outcome(number)
        assert outcome is not None
        assert outcome.log_number == number
        refusal = outcome.refused
        if refusal is not None:
            refused += 1
            assert outcome.events == [
                ("refused", {"code": refusal.code, "field": outcome.raw_events[0][3]})
            ]
            assert refusal.rule[1] == "-"
            assert refusal.name
            assert outcome.order_key is None
        elif outcome.command == "place":
            accepted += 1
            order = replica.view.order_by_command(number)
            assert order is not None
            assert order.log_number == number
    assert refused
    assert accepted
    assert replica.view.outcome(replica.log_number + 1) is None


def known_in(batch: Released) -> dict[bytes, bytes]:
    """Return every second command with one signature, and who signed it."""
    signers = _core.recover_signers(*DOMAIN.parts, batch.batch)
    known, at = {}, 0
    for place, record in enumerate(split_batch(batch.batch)):
        signer = signers[at : at + 1 + 20 * signers[at]]
        at += len(signer)
        if place % 2 and signer[0] == 1:
            known[record.command] = signer[1:]
    return known


def test_own_commands_are_not_recovered_again_and_all_others_are() -> None:
    replica = Replica(DOMAIN, run().sequencer)
    used = 0
    for batch in run().released:
        own = known_in(batch)
        used += len(own)
        assert signers_of(DOMAIN, batch.batch, own) == _core.recover_signers(
            *DOMAIN.parts, batch.batch
        )
        parts = (batch.batch, batch.outputs, batch.hashes, batch.signatures)
        replica.take(batch.first_log_number, *parts, own)
    assert used > 500, "the flow is to have signed commands"
    check_against_engine(replica)


def test_a_command_that_is_not_ones_own_to_the_last_byte_is_recovered() -> None:
    batch = next(batch for batch in run().released if known_in(batch))
    stranger = bytes(19) + b"\x01"
    others = {flipped(command, -1): stranger for command in known_in(batch)}
    others |= {command[:-65]: stranger for command in known_in(batch)}
    right = _core.recover_signers(*DOMAIN.parts, batch.batch)
    assert signers_of(DOMAIN, batch.batch, others) == right
    wrong = dict.fromkeys(known_in(batch), stranger)
    assert signers_of(DOMAIN, batch.batch, wrong) != right, "what is named own is believed"

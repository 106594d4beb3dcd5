"""Every claim of a flow with chains is computed: each has a case in which it does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.flow.chain_books import Books
from merkat.flow.chain_check import Check, astray_of, difference_of, unbalanced_of
from merkat.flow.chain_judge import Wrong
from merkat.flow.tally import Tally
from merkat.spec.settle.leaves import Account, Group, Position
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config

GOOD = Check(
    listed_share=0.97,
    expiry_cash=-30,
    expiry_fees=30,
    deficits=5,
    bad_debt=0,
    funds={0: 10, 1: 0},
    difference=0,
    unbalanced=[],
    astray=[],
    judged=4,
    deviation=1e-9,
)


def test_a_good_check_breaks_nothing() -> None:
    assert GOOD.broken() == []
    assert GOOD.conserved


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"listed_share": 0.9499}, "listed_share"),
        ({"expiry_cash": -29}, "expiry_cash_sum"),
        ({"expiry_fees": 31}, "expiry_cash_sum"),
        ({"difference": 1}, "conservation"),
        ({"unbalanced": [7]}, "conservation"),
        ({"astray": ["account 3"]}, "conservation"),
        ({"funds": {0: -1}}, "conservation"),
        ({"wrong": [Wrong("stage", 3, 10.0, 9.0)]}, "wrongful"),
    ],
)
def test_canary_a_broken_claim_is_named(change: dict[str, object], name: str) -> None:
    (broken,) = replace(GOOD, **change).broken()  # type: ignore[arg-type]
    assert broken.startswith(name), broken


def state() -> tuple[State, Books]:
    """Return a state with two accounts and a fund, and books that say the same."""
    made = State(Config(1, bytes(20), bytes(32)))
    made.add_group(0, Group(fund=40))
    for index, (cash, size) in enumerate(((100, 5), (-20, -5)), start=1):
        account = Account(owner=bytes([index]) * 20, cash=cash)
        account.positions[0] = Position(9, size)
        made.add_account(index, account)
    made.globals_.fees = 3
    made.globals_.deposited[0] = 100 - 20 + 40 + 3
    books = Books(Tally(1))
    books.fees = 3
    books.group(0).fund = 40
    for index, leaf in made.accounts.items():
        books.account(index).cash = leaf.cash
        books.account(index).positions = {9: leaf.positions[0].size}
    return made, books


def test_a_balanced_state_has_no_difference() -> None:
    made, books = state()
    assert difference_of(made) == 0
    assert unbalanced_of(made) == []
    assert astray_of(books, made) == []


def test_canary_every_counter_of_the_sum_counts() -> None:
    for name, sign in (("fees", 1), ("rebates", 1), ("interest", 1), ("bad_debt", -1)):
        made, _ = state()
        setattr(made.globals_, name, getattr(made.globals_, name) + 11)
        assert difference_of(made) == 11 * sign, f"{name} is not in the sum"
    made, _ = state()
    made.globals_.claimable[0] += 11
    made.globals_.deposited[0] += 1
    made.change_account(1).cash += 5
    made.change_group(0).fund += 7
    assert difference_of(made) == 11 - 1 + 5 + 7


def test_canary_a_position_too_many_is_found() -> None:
    made, books = state()
    made.accounts[2].positions[0].size = -4
    assert unbalanced_of(made) == [9]
    assert astray_of(books, made) == ["account 2"]


def test_canary_books_that_differ_are_named() -> None:
    made, books = state()
    made.change_account(1).cash += 1
    made.change_group(0).fund += 1
    made.globals_.fees += 1
    assert astray_of(books, made) == ["account 1", "fund of group 0", "fees"]

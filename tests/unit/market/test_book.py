"""A book of levels is what plain dictionaries say, and tells what each command changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.market.book import CHANGES_MAX, Book

COMMANDS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(1, 6), st.integers(-9, 9).filter(bool)),
        min_size=1,
        max_size=5,
    ),
    max_size=30,
)


@given(COMMANDS)
def test_levels_and_changes_agree_with_plain_dictionaries(
    commands: list[list[tuple[int, int, int]]],
) -> None:
    book = Book(1, 7, 0)
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    seen: dict[int, dict[int, int]] = {7: {}}
    for number, moves in enumerate(commands, start=8):
        for side, price, by in moves:
            amount = max(by, -sides[side].get(price, 0))
            if not amount:
                continue
            book.add(side, price, amount)
            sides[side][price] = sides[side].get(price, 0) + amount
            if not sides[side][price]:
                del sides[side][price]
        before = seen[book.change_id]
        now = {**sides[0], **{-price: size for price, size in sides[1].items()}}
        assert book.commit(number, number) == (now != before), "a change changes something"
        assert book.signed_levels() == now
        assert book.levels() == (
            sorted(sides[0].items(), reverse=True),
            sorted(sides[1].items()),
        )
        assert book.levels(2) == (book.bids[:2], book.asks[:2])
        assert book.best_bid == (book.bids[0] if book.bids else None)
        assert book.best_ask == (book.asks[0] if book.asks else None)
        seen[book.change_id] = now
    for number, then in seen.items():
        changes = book.changes_after(number)
        assert changes is not None
        rebuilt = dict(then)
        for change in changes:
            rebuilt |= change.levels
        assert {price: size for price, size in rebuilt.items() if size} == book.signed_levels()


def test_a_command_that_leaves_all_as_it_was_is_no_change() -> None:
    book = Book(1, 1, 0)
    book.add(0, 100, 5)
    book.add(0, 100, -5)
    assert not book.commit(2, 2)
    assert book.change_id == 1
    assert book.changes_after(1) == []


def test_changes_that_are_lost_are_not_made_up() -> None:
    book = Book(1, 1, 0)
    for number in range(2, CHANGES_MAX + 4):
        book.add(0, 100, 1)
        book.commit(number, number)
    assert book.changes_after(1) is None
    assert book.changes_after(2) is None
    assert book.changes_after(1_000_000) is None
    newest = book.changes_after(CHANGES_MAX + 2)
    assert newest is not None
    assert [change.number for change in newest] == [CHANGES_MAX + 3]
    assert len(book.changes) == CHANGES_MAX


def test_taking_more_than_there_is_fails() -> None:
    book = Book(1, 1, 0)
    book.add(1, 100, 5)
    with pytest.raises(AssertionError, match="less than nothing"):
        book.add(1, 100, -6)

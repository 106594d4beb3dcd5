"""A label that was taken in is never denied, and hardly any other one is taken for one."""

from __future__ import annotations

from merkat.gateway.label_filter import LabelFilter


def test_what_was_taken_in_is_never_denied() -> None:
    labels = LabelFilter()
    taken = [(number % 3, f"label-{number}") for number in range(50_000)]
    for account, label in taken:
        labels.add(account, label)
    assert all(labels.may_have(account, label) for account, label in taken)
    vain = sum(labels.may_have(4, label) for _, label in taken)
    assert vain < 500, "50,000 labels in 4 MiB: hardly one look of a hundred in vain"


def test_an_empty_one_denies_and_a_full_one_nothing() -> None:
    labels = LabelFilter()
    assert not labels.may_have(1, "a")
    labels.fill()
    assert labels.may_have(1, "a")

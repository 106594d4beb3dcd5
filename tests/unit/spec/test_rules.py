"""The registry: codes, fields, tracing."""

from __future__ import annotations

import pytest

import merkat.spec.settle.machine  # noqa: F401 - registers the settlement rules
from merkat.spec.rules import FIELDS, Refused, Rule, all_rules, rule, tracing


def find(rule_id: str) -> Rule:
    return next(one for one in all_rules() if one.id == rule_id)


@pytest.mark.parametrize(
    ("rule_id", "code"), [("S-03", 103), ("I-20", 220), ("P-12", 412), ("F-15", 515), ("Q-18", 718)]
)
def test_code_is_the_base_of_the_letter_plus_the_number(rule_id: str, code: int) -> None:
    assert find(rule_id).code == code


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *[("command", 0), ("fee_cap", 7), ("expiry", 8), ("to_account", 16), ("owner", 27)],
        *[
            ("taker_fee", 35),
            ("slot", 39),
            ("stage", 46),
            ("parameter_0", 64),
            ("parameter_20", 84),
        ],
    ],
)
def test_field_numbers_are_those_of_the_table(field: str, number: int) -> None:
    assert FIELDS[field] == number


def test_require_raises_with_code_and_field_only_when_broken() -> None:
    find("F-01").require(True, "side")
    with pytest.raises(Refused, match="F-01 fill_order") as caught:
        find("F-01").require(False, "side")
    assert (caught.value.code, caught.value.field_number) == (501, FIELDS["side"])


def test_tracer_hears_both_answers_and_only_inside() -> None:
    heard: list[tuple[str, bool]] = []
    with tracing(lambda one, held: heard.append((one.id, held))):
        assert find("F-01").holds(True)
        assert not find("F-02").holds(False)
        find("F-03").require(True)
    find("F-04").holds(True)
    assert heard == [("F-01", True), ("F-02", False), ("F-03", True)]


def test_an_id_is_registered_once() -> None:
    with pytest.raises(AssertionError, match="registered twice"):
        rule("S-01", "again", "command", "never")

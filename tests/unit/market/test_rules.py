"""The table of refusal names is the specification's registry."""

from __future__ import annotations

import merkat.spec.venue.machine  # noqa: F401 - registers every rule
from merkat.market.rules import RULE_NAMES, field_name, rule_id
from merkat.spec.rules import FIELDS, all_rules


def test_every_rule_has_its_name_and_id() -> None:
    assert dict(RULE_NAMES) == {rule.code: rule.name for rule in all_rules()}
    assert {code: rule_id(code) for code in RULE_NAMES} == {
        rule.code: rule.id for rule in all_rules()
    }


def test_every_field_has_its_name() -> None:
    assert {name: field_name(number) for name, number in FIELDS.items()} == {
        name: name for name in FIELDS
    }


def test_an_unknown_code_is_named_as_it_is() -> None:
    assert rule_id(199) == "code 199"

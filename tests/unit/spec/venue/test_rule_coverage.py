"""Every rule of the venue machine has a case from each side, and its text."""

from __future__ import annotations

import re

from merkat.spec.rules import all_rules
from merkat.spec.venue import machine
from tests.conftest import ROOT
from tests.unit.spec.venue import (
    test_rules_of_commands,
    test_rules_of_derivatives,
    test_rules_of_matching,
    test_rules_of_orders,
    test_rules_of_resting_orders,
    test_rules_of_sessions,
)

DROPPED = {"M-05"}
"""Ids that the rule book only mentions; an id is never given again."""
RULE_BOOK = [
    ROOT / "docs" / "spec" / name for name in ("rules.md", "derivatives.md", "sessions.md")
]
LETTERS = "ACOXM"


def venue_rules() -> set[str]:
    assert machine is not None, "importing the machine registers its rules"
    return {rule.id for rule in all_rules() if rule.id[0] in LETTERS}


def test_the_registry_has_the_rules_of_the_rule_book() -> None:
    text = "".join(page.read_text() for page in RULE_BOOK)
    written = set(re.findall(rf"\b[{LETTERS}]-\d\d\b", text)) - DROPPED
    assert venue_rules() == written, "the rule book and the registry differ"


def test_every_rule_has_an_accepted_and_a_refused_case() -> None:
    cased = {
        case.rule_id
        for module in (
            test_rules_of_commands,
            test_rules_of_derivatives,
            test_rules_of_orders,
            test_rules_of_resting_orders,
            test_rules_of_sessions,
        )
        for case in module.CASES
    }
    cased |= {case.rule_id for case in test_rules_of_matching.CASES} | {"M-07", "M-09"}
    venue_cases = {rule_id for rule_id in cased if rule_id[0] in LETTERS}
    assert venue_cases == venue_rules(), "rules without a case, or cases without a rule"

"""Every reader gives what the corpus says: the specification, and the compiled core from Python."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from merkat import _core
from merkat.spec import rules, signatures, vectors
from merkat.spec.settle.machine import apply_input
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from merkat.spec.vectors.files import read_cases, read_config, read_states
from merkat.spec.venue.machine import Venue

FOLDER = Path(__file__).parent
CONFIG = read_config(FOLDER)
DOMAIN = (CONFIG.chain_id, CONFIG.verifying_contract, CONFIG.salt)
CASES = read_cases(FOLDER)
STATES = read_states(FOLDER)
FAMILIES = sorted({case["family"] for case in CASES})
BYTES_MAX = 7_000_000


def settlement_part(case: dict[str, Any]) -> bytes:
    """Return the settlement part of a case's pre-state, its length first."""
    kept = STATES.get(("settlement", case["pre"]))
    snapshot = STATES[("venue", case["pre"])] if kept is None else kept
    return snapshot[: 4 + int.from_bytes(snapshot[:4], "big")]


def read_by_specification(case: dict[str, Any]) -> list[str]:
    """Return where the specification differs from a case."""
    found = []
    if case["kind"] == "venue":
        venue = Venue.from_snapshot(CONFIG, STATES[("venue", case["pre"])], _core.recover_digest)
        for number, step in enumerate(case["commands"]):
            command = bytes.fromhex(step["command"])
            output = venue.apply(step["log_number"], step["time_ns"], command).encode()
            if output.hex() != step["output"]:
                found.append(f"output of command {number}: {output.hex()}")
        found += difference("state_root", venue.state_root(), case)
        return found + difference("venue_digest", venue.venue_digest(), case)
    state = State.decode(CONFIG, settlement_part(case))
    for number, step in enumerate(case["inputs"]):
        result = apply_input(state, bytes.fromhex(step["input"]), _core.recover_digest)
        if (result.code, result.field) != (step["code"], step["field"]):
            found.append(f"input {number}: {result}")
    return found + difference("state_root", state.root(), case)


def read_by_core(case: dict[str, Any]) -> list[str]:
    """Return where the compiled core differs from a case; it checks the signatures itself."""
    found = []
    if case["kind"] == "venue":
        engine = _core.Engine.from_snapshot(*DOMAIN, STATES[("venue", case["pre"])])
        for number, step in enumerate(case["commands"]):
            command = bytes.fromhex(step["command"])
            record = len(command).to_bytes(4, "big") + step["log_number"].to_bytes(8, "big")
            output = engine.apply(record + step["time_ns"].to_bytes(8, "big") + command, None)
            if output.hex() != step["output"]:
                found.append(f"output of command {number}: {output.hex()}")
        found += difference("state_root", engine.state_root(), case)
        return found + difference("venue_digest", engine.venue_digest(), case)
    machine = _core.Settlement(*DOMAIN, settlement_part(case))
    for number, step in enumerate(case["inputs"]):
        result = machine.apply_input(bytes.fromhex(step["input"]))
        if result != (step["code"], step["field"]):
            found.append(f"input {number}: {result}")
    return found + difference("state_root", machine.root(), case)


def difference(name: str, found: bytes, case: dict[str, Any]) -> list[str]:
    """Return a line when a digest is not that of the case."""
    return [] if found.hex() == case[name] else [f"{name}: {found.hex()}, not {case[name]}"]


def report(family: str, reader: Any) -> str:
    """Return a line for each case of a family that a reader does not read as written."""
    lines = [
        f"{case['id']} ({case['title']}): {line[:400]}"
        for case in CASES
        if case["family"] == family
        for line in reader(case)
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_specification_reads_the_corpus(family: str) -> None:
    differences = report(family, read_by_specification)
    assert not differences, f"the specification differs from its corpus:\n{differences}"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_core_reads_the_corpus(family: str) -> None:
    differences = report(family, read_by_core)
    assert not differences, f"merkat._core differs from the corpus:\n{differences}"


def test_the_specification_recovers_as_the_core_does() -> None:
    """The readers above share the core's recovery; here the specification's own reads families."""
    families = ("commands", "sessions")
    signed = [case for case in CASES if case["family"] in families]
    assert len(signed) > 200, "the families of signatures have become small"
    for case in signed:
        venue = Venue.from_snapshot(CONFIG, STATES[("venue", case["pre"])], signatures.recover)
        for step in case["commands"]:
            command = bytes.fromhex(step["command"])
            output = venue.apply(step["log_number"], step["time_ns"], command).encode()
            assert output.hex() == step["output"], (
                f"{case['id']} with the specification's own curve"
            )


@pytest.mark.parametrize("reader", [read_by_specification, read_by_core])
@pytest.mark.parametrize("kind", ["venue", "settlement"])
def test_canary_a_changed_case_is_found(reader: Any, kind: str) -> None:
    case = copy.deepcopy(next(case for case in CASES if case["kind"] == kind))
    assert not reader(case), f"{case['id']} must be right before it is changed"
    case["state_root"] = "00" * 32
    assert reader(case), "a wrong root must be found"
    case = copy.deepcopy(next(case for case in CASES if case["kind"] == kind))
    if kind == "venue":
        case["commands"][0]["output"] = case["commands"][0]["output"][:-2] + "ee"
    else:
        case["inputs"][0]["field"] += 1
    assert reader(case), "a wrong output must be found"


def without_cases(cases: dict[str, tuple[int, int]]) -> list[str]:
    """Return the rules that lack an accepting or a refusing case."""
    return [
        f"{rule_id}: {accepting} accepting, {refusing} refusing"
        for rule_id, (accepting, refusing) in cases.items()
        if not accepting or not refusing
    ]


def test_every_rule_has_an_accepting_and_a_refusing_case() -> None:
    missing = without_cases(vectors.corpus_cases(FOLDER))
    assert not missing, "rules without a case of each kind:\n" + "\n".join(missing)


def test_canary_a_rule_without_cases_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_registry", dict(rules._registry))
    rules.rule("O-99", "no_such_rule", "size", "a rule that no case meets")
    assert without_cases(vectors.corpus_cases(FOLDER)) == ["O-99: 0 accepting, 0 refusing"]


def test_the_corpus_is_what_the_specification_gives_now() -> None:
    differences = vectors.check(FOLDER)
    assert not differences, (
        f"{differences}: if the rules were meant to change, write the corpus again with "
        "`merkat spec vectors --write` and look at the difference"
    )


def test_the_corpus_is_small_and_its_cases_have_names_of_their_own() -> None:
    size = sum(path.stat().st_size for path in FOLDER.glob("*.json"))
    assert size < BYTES_MAX, f"the corpus has {size} bytes, expected below {BYTES_MAX}"
    names = [case["id"] for case in CASES]
    assert len(set(names)) == len(names), "two cases have the same id"


def test_the_domain_of_the_corpus_is_a_test_domain() -> None:
    assert Config(31_337, salt=CONFIG.salt) == CONFIG, "keys of the corpus must be worth nothing"

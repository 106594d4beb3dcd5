"""Reads the corpus with the specification that lies in another folder, up to the first difference.

python read_corpus.py FOLDER-WITH-merkat CORPUS: 0 when all agrees, 1 and the case when not; any
other status means that it could not be read. Run as a program of its own, without the merkat that
is installed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

DIFFERS = 1
BROKEN = 3
OWN_CURVES = ("commands", "sessions")
"""The families that are read with the specification's own, slow, recovery of signers."""


def main(folder: str, corpus: str) -> int:
    """Read every family; return the exit status."""
    sys.path.insert(0, folder)
    for module in ("merkat.spec.settle.machine", "merkat.spec.venue.machine"):
        import_module(module)  # before the first case: what cannot be imported is no kill
    from merkat import _core, spec
    from merkat.spec import signatures

    assert Path(str(spec.__file__)).is_relative_to(folder), f"{spec.__file__} is not the copy"
    head = json.loads(Path(corpus, "states.json").read_bytes())
    states = {(each["kind"], each["name"]): bytes.fromhex(each["state"]) for each in head["states"]}
    for path in sorted(Path(corpus).glob("*.json")):
        if path.name == "states.json":
            continue
        family = json.loads(path.read_bytes())
        own = family["family"] in OWN_CURVES
        recover = signatures.recover if own else _core.recover_digest
        for case in family["cases"]:
            difference = read_case(case, head["config"], states, recover)
            if difference:
                print(f"{family['family']}: {case['id']} ({difference})")
                return DIFFERS
    return 0


def read_case(
    case: dict[str, Any],
    config: dict[str, Any],
    states: dict[tuple[str, str], bytes],
    recover: Callable[[bytes, bytes], bytes | None],
) -> str:
    """Return the first difference of a case, an empty text when there is none."""
    from merkat.spec.typed_data import Config

    contract, salt = bytes.fromhex(config["verifying_contract"]), bytes.fromhex(config["salt"])
    domain = Config(config["chain_id"], contract, salt)
    try:
        if case["kind"] == "venue":
            return read_venue_case(case, domain, states[("venue", case["pre"])], recover)
        state = states.get(("settlement", case["pre"])) or states[("venue", case["pre"])]
        return read_settlement_case(case, domain, state, recover)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def read_venue_case(case: dict[str, Any], domain: Any, snapshot: bytes, recover: Any) -> str:
    """Return the first difference of a venue case."""
    from merkat.spec.venue.machine import Venue

    venue = Venue.from_snapshot(domain, snapshot, recover)
    for step in case["commands"]:
        command = bytes.fromhex(step["command"])
        output = venue.apply(step["log_number"], step["time_ns"], command).encode()
        if output.hex() != step["output"]:
            return "output"
    if venue.state_root().hex() != case["state_root"]:
        return "state_root"
    return "" if venue.venue_digest().hex() == case["venue_digest"] else "venue_digest"


def read_settlement_case(case: dict[str, Any], domain: Any, kept: bytes, recover: Any) -> str:
    """Return the first difference of a settlement case."""
    from merkat.spec.settle.machine import apply_input
    from merkat.spec.settle.state import State

    state = State.decode(domain, kept[: 4 + int.from_bytes(kept[:4], "big")])
    for step in case["inputs"]:
        result = apply_input(state, bytes.fromhex(step["input"]), recover)
        if (result.code, result.field) != (step["code"], step["field"]):
            return f"{result}"
    return "" if state.root().hex() == case["state_root"] else "state_root"


if __name__ == "__main__":
    try:
        status = main(sys.argv[1], sys.argv[2])
    except Exception as error:  # an import that fails is no kill
        print(f"{type(error).__name__}: {error}")
        status = BROKEN
    sys.exit(status)

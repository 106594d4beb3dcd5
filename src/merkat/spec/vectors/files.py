"""The corpus as files: states.json and one file a rule family, a case a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from merkat.spec.typed_data import Config
from merkat.spec.vectors.corpus import Case, Corpus
from merkat.spec.vectors.script import CONFIG

FORMAT = 1
STATES_FILE = "states.json"
VENUE = "venue"
SETTLEMENT = "settlement"


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _lines(name: str, values: list[str], rest: dict[str, object]) -> bytes:
    """Return a JSON object whose list or table `name` has one value a line; sorted keys."""
    fields = {key: _compact(value) for key, value in rest.items()}
    fields[name] = "[\n" + ",\n".join(values) + "\n]"
    inner = ",\n".join(f'"{key}":{fields[key]}' for key in sorted(fields))
    return f"{{{inner}}}\n".encode()


def _case(case: Case) -> str:
    written: dict[str, Any] = {
        "id": case.id,
        "kind": case.kind,
        "pre": case.pre,
        "rules": {"accepted": sorted(case.accepted), "refused": sorted(case.refused)},
        "state_root": case.state_root.hex(),
        "title": case.title,
    }
    if case.kind == VENUE:
        written |= {"commands": case.steps, "venue_digest": case.venue_digest.hex()}
    else:
        written |= {"inputs": case.steps}
    return _compact(written)


def render(corpus: Corpus) -> dict[str, bytes]:
    """Return the corpus as {file name: bytes}."""
    states = [
        _compact({"kind": kind, "name": name, "state": state.hex()})
        for kind, table in (
            (VENUE, corpus.venue_states),
            (SETTLEMENT, corpus.settlement_states),
        )
        for name, state in sorted(table.items())
    ]
    config = {
        "chain_id": CONFIG.chain_id,
        "salt": CONFIG.salt.hex(),
        "verifying_contract": CONFIG.verifying_contract.hex(),
    }
    files = {STATES_FILE: _lines("states", states, {"config": config, "format": FORMAT})}
    for family, cases in corpus.families.items():
        lines = [_case(case) for case in cases]
        files[f"{family}.json"] = _lines("cases", lines, {"family": family, "format": FORMAT})
    return files


def read_cases(directory: Path) -> list[dict[str, Any]]:
    """Return the cases of every file of a corpus, in the order of the files' names."""
    cases: list[dict[str, Any]] = []
    for path in sorted(directory.glob("*.json")):
        if path.name != STATES_FILE:
            family = json.loads(path.read_bytes())
            cases += [{**case, "family": family["family"]} for case in family["cases"]]
    return cases


def read_states(directory: Path) -> dict[tuple[str, str], bytes]:
    """Return {(kind, name): bytes} of the pre-states of a corpus."""
    states = json.loads((directory / STATES_FILE).read_bytes())["states"]
    return {(each["kind"], each["name"]): bytes.fromhex(each["state"]) for each in states}


def read_config(directory: Path) -> Config:
    """Return the domain under which the corpus is signed."""
    config = json.loads((directory / STATES_FILE).read_bytes())["config"]
    contract, salt = config["verifying_contract"], config["salt"]
    return Config(config["chain_id"], bytes.fromhex(contract), bytes.fromhex(salt))

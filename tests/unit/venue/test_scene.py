"""Scenes: the example works, and each wrong one is refused with its field and what was expected."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from merkat.sdk.commands import KIND_CALL, KIND_PERPETUAL, GroupParameters
from merkat.venue.scene import SCENE_BYTES_MAX, SceneError, parse_scene, read_scene

EXAMPLE = Path("docs/examples/scene.json")
OWNER = "0x" + "0a" * 20
NODE = "0x" + "0b" * 20


def good() -> dict[str, Any]:
    return {
        "start_ns": 1_790_000_000_000_000_000,
        "limits": {"position_limit": 64, "new_account_minimum": "10"},
        "groups": [
            {
                "underlying": "BTC",
                "nodes": [NODE, "0x" + "0c" * 20],
                "threshold": 2,
                "parameters": {"band": 40_000_000},
                "risk": True,
                "fund": "1000000.5",
                "listings": ["BTC_USDC-PERPETUAL", "BTC_USDC-25DEC26-100000-C"],
            }
        ],
        "deposits": [{"owner": OWNER, "amount": "250000.000001"}],
    }


def text(scene: object) -> bytes:
    return json.dumps(scene).encode()


def test_a_scene_is_read_exactly() -> None:
    scene = parse_scene(text(good()))
    assert scene.start_ns == 1_790_000_000_000_000_000
    assert (scene.limits.position_limit, scene.limits.new_account_minimum) == (64, 10_000_000)
    assert scene.limits.open_orders_account == 1_000, "what is left out has its default"
    (group,) = scene.groups
    assert (group.underlying, group.threshold, len(group.nodes)) == ("BTC", 2, 2)
    assert group.parameters == GroupParameters(band=40_000_000)
    assert group.fund == 1_000_000_500_000
    assert [one.kind for one in group.listings] == [KIND_PERPETUAL, KIND_CALL]
    (deposit,) = scene.deposits
    assert (deposit.owner, deposit.amount) == (bytes.fromhex(OWNER[2:]), 250_000_000_001)


def test_rules_come_before_deposits() -> None:
    kinds = [item[0] for item in parse_scene(text(good())).items()]
    assert kinds == [5, 2, 9, 3, 10, 6, 1], "limits, group, risk, listings, fund, deposits"


def test_the_documented_example_is_a_scene() -> None:
    assert read_scene(EXAMPLE).groups, "docs/examples/scene.json has a group"


def test_a_scene_needs_groups_alone() -> None:
    scene = parse_scene(b'{"groups": []}')
    assert scene.start_ns is None
    assert scene.deposits == []


Change = Callable[[dict[str, Any]], object]


def group(name: str, value: object) -> Change:
    return lambda scene: scene["groups"][0].__setitem__(name, value)


def deposit(name: str, value: object) -> Change:
    return lambda scene: scene["deposits"][0].__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("groups"), "groups: was absent"),
        (lambda s: s.update(people=[]), "scene.people: was unknown, expected one of start_ns"),
        (lambda s: s.update(start_ns="now"), "start_ns: was now, expected an integer"),
        (lambda s: s.update(start_ns=True), "start_ns: was True, expected an integer"),
        (lambda s: s.update(start_ns=5), "start_ns: was 5"),
        (lambda s: s.update(start_ns=1 << 63), "start_ns"),
        (lambda s: s.update(limits=[]), r"limits: was \[\], expected an object"),
        (lambda s: s.update(limits={"orders": 1}), "limits.orders: was unknown"),
        (lambda s: s.update(limits={"position_limit": 0}), "limits.position_limit: was 0"),
        (lambda s: s.update(limits={"new_account_minimum": 1}), "limits.new_account_minimum"),
        (lambda s: s.update(groups={}), "groups: was {}, expected a list"),
        (lambda s: s.update(groups=s["groups"] * 3), "groups: was 3 entries, expected at most 2"),
        (
            lambda s: s.update(groups=s["groups"] * 2),
            r"groups\[1\].underlying: was BTC, expected ETH",
        ),
        (group("underlying", "ETH"), r"listings\[0\]: was a contract on BTC, expected one on ETH"),
        (group("colour", 1), r"groups\[0\].colour: was unknown"),
        (group("underlying", "DOGE"), r"groups\[0\].underlying: was DOGE, expected one of BTC"),
        (group("nodes", []), r"groups\[0\].nodes: was \[\], expected 1 to 8"),
        (group("nodes", [NODE] * 2), r"groups\[0\].nodes\[1\]: was 0x0b"),
        (group("nodes", [NODE] * 9), r"groups\[0\].nodes: was 9 entries, expected at most 8"),
        (group("nodes", ["0x0b"]), r"groups\[0\].nodes\[0\]: was 0x0b, expected an address"),
        (group("threshold", 3), r"groups\[0\].threshold: was 3, expected an integer from 1 to 2"),
        (group("threshold", "2"), r"groups\[0\].threshold: was 2, expected an integer"),
        (group("parameters", {"bend": 1}), r"groups\[0\].parameters.bend: was unknown"),
        (group("parameters", {"band": "1"}), r"groups\[0\].parameters.band: was 1, expected"),
        (group("risk", 1), r"groups\[0\].risk: was 1, expected true or false"),
        (group("risk", False), r"groups\[0\].listings\[1\]: was a dated contract"),
        (group("fund", "-1"), r"groups\[0\].fund: was -1, expected USD"),
        (group("fund", 5), r"groups\[0\].fund: was 5, expected USD as a decimal string"),
        (group("listings", "all"), r"groups\[0\].listings: was all, expected a list"),
        (group("listings", ["BTC"]), r"groups\[0\].listings\[0\]: was BTC; name: 'BTC'"),
        (group("listings", ["BTC_USDC"]), r"groups\[0\].listings\[0\]: was a spot market"),
        (group("listings", ["ETH_USDC-PERPETUAL"]), r"listings\[0\]: was a contract on ETH"),
        (group("listings", ["BTC_EURC-PERPETUAL"]), r"listings\[0\]: was BTC_EURC-PERPETUAL"),
        (group("listings", ["BTC_USDC-PERPETUAL"] * 2), r"listings\[1\]: was a second time"),
        (group("listings", ["BTC_USDC-31FEB26"]), r"listings\[0\]: was BTC_USDC-31FEB26; expiry"),
        (group("listings", ["BTC_USDC-25DEC26-1d000001-C"]), r"listings\[0\]: was strike 1.000001"),
        (deposit("owner", OWNER[:-1]), r"deposits\[0\].owner: was 0x0a"),
        (deposit("owner", "0x" + "zz" * 20), r"deposits\[0\].owner: was 0xzz"),
        (deposit("owner", "0x" + "00" * 20), r"deposits\[0\].owner: was 0x00"),
        (deposit("amount", "1e3"), r"deposits\[0\].amount: was 1e3, expected USD"),
        (deposit("amount", "NaN"), r"deposits\[0\].amount: was NaN, expected USD"),
        (deposit("amount", "1.0000001"), r"deposits\[0\].amount: was 1.0000001"),
        (
            deposit("amount", "9.999999"),
            r"deposits\[0\].amount: was 9.999999, expected at least 10",
        ),
        (deposit("amount", "1" * 24), r"deposits\[0\].amount: was 1111"),
        (deposit("note", "x"), r"deposits\[0\].note: was unknown"),
    ],
)
def test_a_wrong_scene_names_the_field(change: Change, says: str) -> None:
    scene = copy.deepcopy(good())
    change(scene)
    with pytest.raises(SceneError, match=says):
        parse_scene(text(scene))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JSON"),
        (b"[]", r"scene: was \[\], expected an object with"),
        (b"\xff{}", "no UTF-8"),
        (b'{"groups": [], "groups": []}', "groups: was there twice"),
        (b'{"groups": [], "start_ns": 1.5}', "the number 1.5"),
        (b'{"groups": [], "start_ns": 1e18}', "the number 1e18"),
        (b'{"groups": [], "start_ns": NaN}', "the number NaN"),
        (b'{"groups": []} x', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b" " * (SCENE_BYTES_MAX + 1), "expected at most"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_a_text_that_is_no_scene_says_why(data: bytes, says: str) -> None:
    with pytest.raises(SceneError, match=says):
        parse_scene(data)


def test_the_first_group_is_of_the_first_coin() -> None:
    scene = good()
    scene["groups"][0].update(underlying="ETH", listings=["ETH_USDC-PERPETUAL"])
    with pytest.raises(SceneError, match=r"groups\[0\].underlying: was ETH, expected BTC: the log"):
        parse_scene(text(scene))


def test_a_files_name_stands_in_front(tmp_path: Path) -> None:
    path = tmp_path / "scene.json"
    path.write_bytes(b"{}")
    with pytest.raises(SceneError, match=r"scene.json: groups: was absent"):
        read_scene(path)

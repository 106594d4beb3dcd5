"""The crowd: whose turn it is, and what everybody comes with."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from merkat.bots.desk import Desk
from merkat.demo.cast import BULL, ROLES, YOU, Cast, keyed_clients, scene_of, write_scene
from merkat.demo.crowd import Crowd, Turn
from merkat.demo.listings import story_listings, story_start_ns
from merkat.gateway.keys import read_keys, write_keys
from merkat.sdk.keys import demo_domain
from merkat.venue.scene import read_scene


class Nobody:
    """A bot that only counts."""

    def __init__(self) -> None:
        self.desk = Desk(self)
        self.acted: list[int] = []

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        raise AssertionError(f"nobody asks {method}")

    async def act(self, now_ms: int) -> None:
        self.acted.append(now_ms)


@pytest.mark.parametrize(
    ("turn", "due"),
    [
        ({"every": 1}, [0, 1, 2, 3, 4, 5, 6, 7]),
        ({"every": 3}, [0, 3, 6]),
        ({"every": 3, "offset": 1}, [1, 4, 7]),
        ({"every": 2, "offset": 1, "first": 4}, [5, 7]),
    ],
)
def test_turns(turn: dict[str, int], due: list[int]) -> None:
    nobody = Nobody()
    crowd = Crowd({"nobody": nobody.desk}, [Turn(nobody, **turn)], "BTC_USDC-PERPETUAL")
    for step in range(8):
        asyncio.run(crowd.act(step, step))
    assert nobody.acted == due
    assert crowd.sent == 0
    assert crowd.refused() == Counter()


def test_the_venue_takes_the_scene_and_the_gateway_the_keys(tmp_path: Any) -> None:
    members, listed = Cast(7), story_listings(7)
    scene, keys = tmp_path / "scene.json", tmp_path / "keys.json"
    nodes = [bytes([number]) * 20 for number in range(1, 8)]
    write_scene(scene, scene_of(members, listed, nodes, story_start_ns()))
    read = read_scene(scene)
    assert [deposit.owner for deposit in read.deposits] == [one.owner for one in members.members]
    assert read.groups[0].listings == list(listed.contracts)
    assert read.start_ns == story_start_ns()
    write_keys(keys, keyed_clients(members))
    ring = read_keys(keys)
    assert ring.accounts == list(range(1, len(ROLES) + 1))
    found = ring.find(members[YOU].client_id)
    assert found is not None
    assert found.session_secret == members[YOU].session != members[YOU].wallet


def test_everybody_has_keys_of_its_own_that_follow_from_the_seed() -> None:
    first, again, other = Cast(7), Cast(7), Cast(8)
    secrets = {one.wallet for one in first.members} | {one.session for one in first.members}
    assert len(secrets) == 2 * len(ROLES)
    assert first[YOU].wallet == again[YOU].wallet != other[YOU].wallet
    assert first[BULL].client_secret != first[YOU].client_secret


def test_the_first_wallet_commands_are_signed_by_each_owner() -> None:
    members, domain = Cast(7), demo_domain(7, "cast")
    signed = members.set_up(domain, story_start_ns())
    accounts = [int.from_bytes(command[2:6], "big") for command in signed]
    assert accounts[: len(ROLES)] == list(range(1, len(ROLES) + 1)), "a session each"
    assert len(signed) == len(ROLES) + sum(role.portfolio_margin for role in ROLES)

"""How a gateway is started: addresses, custody, limits."""

from __future__ import annotations

import pytest

from merkat.api.limits import Limits
from merkat.gateway.addresses import AddressError, api_url, chain_url, link_url
from merkat.gateway.keys import KeyedClient, KeyRing
from merkat.gateway.process import GatewayRefusedError, check_custody, limits_of
from merkat.link import Hello
from merkat.sdk.commands import SECP256K1
from merkat.sdk.keys import demo_domain

LINK = "ws://10.0.0.1:8420/ws/link"


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        "ws://10.0.0.1:8420",
        "http://10.0.0.1:8420",
        "http://10.0.0.1:8420/chain",
        "ws://10.0.0.1:8420/ws/api/v2",
        "10.0.0.1:8420",
    ],
)
def test_any_address_of_a_venue_gives_all_of_them(text: str) -> None:
    link = link_url(text)
    assert link == LINK
    assert api_url(link) == "ws://10.0.0.1:8420/ws/api/v2"
    assert chain_url(link) == "http://10.0.0.1:8420/chain"


def test_a_venue_behind_tls_stays_there() -> None:
    link = link_url("https://venue.example")
    assert link == "wss://venue.example/ws/link"
    assert chain_url(link) == "https://venue.example/chain"


@pytest.mark.parametrize("text", ["", "ftp://x", "ws://", "http://:1", "file:///etc"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="expected ws://host:port/ws/link"):
        link_url(text)


def hello(demo: bool) -> Hello:
    return Hello(demo_domain(1, "x"), bytes(20), 1, 1, False, demo)


def ring(*signers: tuple[int, int]) -> KeyRing:
    return KeyRing(
        [
            KeyedClient(f"c{place}", "s", account, slot, SECP256K1, bytes(31) + b"\x01")
            for place, (account, slot) in enumerate(signers)
        ]
    )


def test_one_account_with_session_keys_needs_no_permission() -> None:
    assert check_custody(ring((1, 1), (1, 2)), hello(False), demo=False) == []
    assert check_custody(ring((1, 1)), hello(True), demo=False) == []


@pytest.mark.parametrize(
    ("signers", "said"), [(((1, 1), (2, 1)), "several owners"), (((1, 0),), "wallet's own key")]
)
def test_custody_needs_a_demonstration_on_both_sides(
    signers: tuple[tuple[int, int], ...], said: str
) -> None:
    keys = ring(*signers)
    for on_venue, here in ((False, False), (False, True), (True, False)):
        with pytest.raises(GatewayRefusedError, match=said):
            check_custody(keys, hello(on_venue), demo=here)
    loud = check_custody(keys, hello(True), demo=True)
    assert len(loud) == 2
    assert any("DEMO" in line for line in loud)


def test_limits_are_widened_and_never_narrowed() -> None:
    usual = Limits()
    assert limits_of(None) == usual
    assert limits_of(1) == usual
    wide = limits_of(20_000)
    for rate in (wide.orders, wide.cancels, wide.reads):
        assert (rate.per_second, rate.burst) == (20_000, 200_000)
    assert wide.frame_bytes == usual.frame_bytes

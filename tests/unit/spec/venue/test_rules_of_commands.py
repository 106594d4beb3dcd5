"""C-01 to C-06: what every command must satisfy, from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.spec import messages, typed_data
from merkat.spec.values import BUY
from tests.support.venue_builder import START_NS, Market, Reply, coins, usd
from tests.unit.spec.venue.cases import Case, accepts, refuses


def c_01_length(market: Market, spoilt: bool) -> Reply:
    tick = messages.encode_command(messages.Tick())
    return market.apply(tick + b"\0" if spoilt else tick)


def c_01_version(market: Market, spoilt: bool) -> Reply:
    return market.apply(bytes([2 if spoilt else 1, 24]))


def c_01_kind(market: Market, spoilt: bool) -> Reply:
    return market.apply(bytes([1, 25 if spoilt else 24]))


def c_01_empty(market: Market, spoilt: bool) -> Reply:
    return market.apply(b"" if spoilt else bytes([1, 24]))


def c_01_vector_version(market: Market, spoilt: bool) -> Reply:
    return market.epoch(usd(100), version=2 if spoilt else 1)


def c_02(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    changes = {"account": 2} if spoilt else {}
    return market.place(alice, BUY, usd(100), coins(1), **changes)


def c_02_zero(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    changes = {"account": 0} if spoilt else {}
    return market.place(alice, BUY, usd(100), coins(1), **changes)


def c_03_other_signer(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    order = market.make_order(alice, BUY, usd(100), coins(1))
    signature = market.sign_order(order, (bob if spoilt else alice).wallet)
    return market.apply(messages.Place(order, signature))


def c_03_other_order(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.make_order(alice, BUY, usd(100), coins(1))
    signed = replace(order, size=coins(2)) if spoilt else order
    return market.apply(messages.Place(order, market.sign_order(signed, alice.wallet)))


def c_03_other_domain(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.make_order(alice, BUY, usd(100), coins(1))
    config = replace(market.config, chain_id=1) if spoilt else market.config
    signature = market.keys.sign(typed_data.order_digest(config, order), alice.wallet)
    return market.apply(messages.Place(order, signature))


def c_04_used(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.rest(alice, BUY, usd(100), coins(1))
    return market.cancel(alice, order, **({"nonce": order.nonce} if spoilt else {}))


def c_04_used_by_refused(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    order = market.make_order(alice, BUY, usd(100), coins(1))
    refused = market.send_place(replace(order, listing=9), alice)
    assert refused.refused_by == "O-01"
    again = order if spoilt else market.make_order(alice, BUY, usd(100), coins(1))
    return market.send_place(again, alice)


def c_04_below_the_newest_hundred(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    nonces = [market.next_nonce() for _ in range(101)]
    for nonce in nonces[1:]:
        market.place(alice, 9, usd(100), coins(1), nonce=nonce)
    oldest = nonces[0] if spoilt else market.next_nonce()
    return market.place(alice, BUY, usd(100), coins(1), nonce=oldest)


def c_04_too_far_ahead(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    last = market.time_ns // 1_000_000 + 86_400_000
    return market.place(alice, BUY, usd(100), coins(1), nonce=last + int(spoilt))


def c_04_withdraw(market: Market, spoilt: bool) -> Reply:
    alice = market.account("alice")
    nonce = market.next_nonce()
    market.withdraw(alice, usd(1), nonce=nonce)
    return market.withdraw(alice, usd(1), nonce=nonce if spoilt else nonce + 1)


def c_04_transfer_after_refused_withdraw(market: Market, spoilt: bool) -> Reply:
    alice, bob = market.account("alice"), market.account("bob")
    nonce = market.next_nonce()
    assert market.withdraw(alice, usd(1), nonce=nonce, token=1).refused_by == "W-01"
    return market.transfer(alice, bob, usd(1), nonce=nonce if spoilt else nonce + 1)


def c_05(market: Market, spoilt: bool) -> Reply:
    item = messages.encode_item(messages.FundDeposit(1, 0, usd(1)))
    cursor = market.venue.settlement.globals_.inbox_cursor
    return market.item(item, index=cursor + int(spoilt))


def c_06_short(market: Market, spoilt: bool) -> Reply:
    return market.item(b"\x01" if spoilt else b"\x01\x00")


def c_06_long(market: Market, spoilt: bool) -> Reply:
    return market.item(bytes(1_025 if spoilt else 1_024))


CASES = [
    Case("C-01", "command", c_01_length, "length"),
    Case("C-01", "command", c_01_version, "version"),
    Case("C-01", "command", c_01_kind, "kind"),
    Case("C-01", "command", c_01_empty, "empty"),
    Case("C-01", "command", c_01_vector_version, "vector version"),
    Case("C-02", "account", c_02, "not yet opened"),
    Case("C-02", "account", c_02_zero, "zero"),
    Case("C-03", "signature", c_03_other_signer, "another signer"),
    Case("C-03", "signature", c_03_other_order, "another order"),
    Case("C-03", "signature", c_03_other_domain, "another domain"),
    Case("C-04", "nonce", c_04_used, "used"),
    Case("C-04", "nonce", c_04_used_by_refused, "used by a refused command"),
    Case("C-04", "nonce", c_04_below_the_newest_hundred, "below the newest hundred"),
    Case("C-04", "nonce", c_04_too_far_ahead, "too far ahead"),
    Case("C-04", "nonce", c_04_withdraw, "withdraw"),
    Case("C-04", "nonce", c_04_transfer_after_refused_withdraw, "transfer"),
    Case("C-05", "item", c_05),
    Case("C-06", "item", c_06_short, "short"),
    Case("C-06", "item", c_06_long, "long"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_accepts(case: Case) -> None:
    accepts(case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_refuses(case: Case) -> None:
    refuses(case)


def test_c_04_an_older_nonce_is_free_while_fewer_than_a_hundred_are_kept() -> None:
    market = Market()
    alice = market.account("alice")
    market.rest(alice, BUY, usd(100), coins(1))
    reply = market.place(alice, BUY, usd(100), coins(1), nonce=START_NS // 1_000_000 - 5)
    assert reply.refused_by is None, "a smaller nonce that was never used is allowed"


def test_c_03_refused_signature_uses_no_nonce() -> None:
    market = Market()
    alice, bob = market.account("alice"), market.account("bob")
    order = market.make_order(alice, BUY, usd(100), coins(1))
    before = market.venue.accounts[alice.number].encode()
    market.apply(messages.Place(order, market.sign_order(order, bob.wallet)))
    assert market.venue.accounts[alice.number].encode() == before, "anyone could burn nonces"
    assert market.send_place(order, alice).refused_by is None

"""The rules that many steps share, and the fund's day."""

from __future__ import annotations

from merkat.spec.rules import rule
from merkat.spec.settle.leaves import Group
from merkat.spec.settle.state import State
from merkat.spec.signatures import SECP256K1, Recover, signed_by
from merkat.spec.values import ONE, day_of

S_01 = rule(
    "S-01",
    "malformed",
    "command",
    "the input is of a known kind and exact length, and an inbox item is of 2 to 1,024 bytes",
)
S_02 = rule("S-02", "unknown_account", "account", "1 <= account < next_account")
S_03 = rule(
    "S-03",
    "bad_signature",
    "signature",
    "the signer is the account's owner; of an order of a session: scheme and signer are its leaf's",
)
S_04 = rule("S-04", "nonce_not_larger", "nonce", "the nonce is larger than the leaf's")
S_05 = rule("S-05", "time_overflow", "time", "the new time and log number are below 2^63")
I_02 = rule("I-02", "not_timelock", "source", "the source is the timelock (1)")
I_08 = rule("I-08", "unknown_group", "group", "the group exists (a group item: or is the next)")


def known_account(state: State, account: int) -> bool:
    """Return whether an account exists (S-02): its number is given out and its leaf is there."""
    return 1 <= account < state.globals_.next_account and account in state.accounts


def known_listing(state: State, listing: int) -> bool:
    """Return whether a listing exists (I-17): its number is given out and its leaf is there."""
    return 1 <= listing < state.globals_.next_listing and listing in state.instruments


def signed_by_owner(
    state: State, account: int, digest: bytes, signature: bytes, recover: Recover
) -> bool:
    """Return whether the owner of an account signed a digest (S-03)."""
    return signed_by(digest, signature, SECP256K1, state.accounts[account].owner, recover)


def turn_day(group: Group, time_ns: int) -> None:
    """Start the fund's day anew when the last one is over: before each change of the fund."""
    if group.fund_day != day_of(time_ns):
        group.fund_day = day_of(time_ns)
        group.fund_day_open = group.fund
        group.fund_day_used = 0


def left_today(group: Group) -> int:
    """Return what the fund may still pay today; the day must have been turned."""
    return group.fund_day_share * group.fund_day_open // ONE - group.fund_day_used


def pay_into_fund(group: Group, amount: int, time_ns: int) -> None:
    """Add to a group's fund; an amount of 0 changes nothing, the day neither."""
    assert amount >= 0, f"a payment into the fund is not negative, got {amount}"
    if amount > 0:
        turn_day(group, time_ns)
        group.fund += amount


def pay_out_of_fund(group: Group, amount: int) -> None:
    """Take a payment out of a group's fund; the day must have been turned."""
    assert 0 <= amount <= group.fund, f"the fund of {group.fund} cannot pay {amount}"
    group.fund -= amount
    group.fund_day_used += amount

"""Withdraw and transfer: the ways by which an owner's signature takes money out (rules.md 2.2)."""

from __future__ import annotations

from merkat.spec.messages import Transfer, Withdraw
from merkat.spec.rules import rule
from merkat.spec.secp256k1 import Recover
from merkat.spec.settle.leaves import BANKRUPT, STANDARD
from merkat.spec.settle.margin import all_fresh, figures, net_delta_requirement
from merkat.spec.settle.outcomes import Outcome
from merkat.spec.settle.shared import S_02, S_03, S_04, known_account, signed_by_owner
from merkat.spec.settle.state import State
from merkat.spec.typed_data import transfer_digest, withdraw_digest
from merkat.spec.values import SETTLEMENT_TOKEN

AMOUNT_END = 2**96

W_01 = rule("W-01", "withdraw_token", "token", "the token is 0")
W_02 = rule("W-02", "withdraw_amount", "amount", "0 < amount < 2^96")
W_03 = rule(
    "W-03", "transfer_target", "to_account", "the target is another account and not bankrupt"
)
W_04 = rule("W-04", "withdraw_stage", "stage", "stage 0; or stage 3 with no position")
W_05 = rule("W-05", "withdraw_stale", "group", "every group among the positions is fresh")
W_06 = rule("W-06", "withdraw_margin", "amount", "amount <= E - max(IM, D)")


def withdraw(state: State, op: Withdraw, time_ns: int, recover: Recover) -> Outcome:
    """Move cash to what the Vault may pay out."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = withdraw_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))
    S_04.require(op.nonce > state.accounts[op.account].nonce)

    # CHECKS
    W_01.require(op.token == SETTLEMENT_TOKEN)
    W_02.require(0 < op.amount < AMOUNT_END)
    W_04.require(may_pay_out(state, op.account))
    W_05.require(all_fresh(state, op.account, time_ns))
    W_06.require(op.amount <= free_cash(state, op.account))

    # EFFECT
    state.change_account(op.account).nonce = op.nonce
    make_claimable(state, op.account, op.token, op.amount)

    # RESULT: nothing besides.
    return None


def transfer(state: State, op: Transfer, time_ns: int, recover: Recover) -> Outcome:
    """Move cash to another account."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = transfer_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))
    S_04.require(op.nonce > state.accounts[op.account].nonce)

    # CHECKS
    W_02.require(0 < op.amount < AMOUNT_END)
    S_02.require(known_account(state, op.to_account), "to_account")
    W_03.require(op.to_account != op.account and state.accounts[op.to_account].stage != BANKRUPT)
    W_04.require(may_pay_out(state, op.account))
    W_05.require(all_fresh(state, op.account, time_ns))
    W_06.require(op.amount <= free_cash(state, op.account))

    # EFFECT
    account = state.change_account(op.account)
    account.nonce = op.nonce
    account.cash -= op.amount
    state.change_account(op.to_account).cash += op.amount

    # RESULT: nothing besides.
    return None


def may_pay_out(state: State, account: int) -> bool:
    """Return whether an account's stage lets money leave (W-04)."""
    leaf = state.accounts[account]
    return leaf.stage == STANDARD or (leaf.stage == BANKRUPT and not leaf.positions)


def make_claimable(state: State, account: int, token: int, amount: int) -> None:
    """Move cash of an account to what the Vault may pay out for it."""
    leaf = state.change_account(account)
    leaf.cash -= amount
    leaf.claimable[token] += amount
    state.globals_.claimable[token] += amount


def free_cash(state: State, account: int) -> int:
    """Return what may leave an account: E - max(IM, D) (W-06)."""
    of = figures(state, account)
    return of.equity - max(of.initial, net_delta_requirement(state, account))

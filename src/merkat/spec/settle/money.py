"""Withdraw, transfer, margin_mode: what an owner's signature does with an account.

Sources: rules.md section 2.2, derivatives.md section 4.
"""

from __future__ import annotations

from merkat.spec.messages import MarginMode, Transfer, Withdraw
from merkat.spec.rules import rule
from merkat.spec.settle.collateral import (
    credit_claimable,
    in_held_lots,
    known_token,
    stays_safe_without,
    withdraw_token,
)
from merkat.spec.settle.leaves import BANKRUPT, PORTFOLIO_MARGIN, STANDARD, STANDARD_MARGIN
from merkat.spec.settle.margin import (
    all_fresh,
    figures,
    figures_of,
    holds,
    net_delta_requirement,
    sizes_of,
)
from merkat.spec.settle.outcomes import Outcome
from merkat.spec.settle.shared import S_02, S_03, S_04, known_account, signed_by_owner
from merkat.spec.settle.state import State
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import margin_mode_digest, transfer_digest, withdraw_digest
from merkat.spec.values import SETTLEMENT_TOKEN

AMOUNT_END = 2**96

W_01 = rule("W-01", "withdraw_token", "token", "the token is 0 or that of a spot listing")
W_02 = rule(
    "W-02",
    "withdraw_amount",
    "amount",
    "0 < amount < 2^96; of a token above 0 whole lots, at most the position",
)
W_03 = rule(
    "W-03", "transfer_target", "to_account", "the target is another account and not bankrupt"
)
W_04 = rule("W-04", "withdraw_stage", "stage", "stage 0; or stage 3 with no position")
W_05 = rule("W-05", "withdraw_stale", "group", "every group among the positions is fresh")
W_06 = rule(
    "W-06", "withdraw_margin", "amount", "afterwards E_w >= max(IM, D) and the loan is in its limit"
)
W_07 = rule("W-07", "mode_value", "mode", "the mode is 0 or 1 and not the present one")
W_08 = rule("W-08", "mode_stage", "stage", "the account is in stage 0")
W_09 = rule("W-09", "mode_stale", "group", "every group among the positions is fresh")
W_10 = rule("W-10", "mode_margin", "mode", "the account holds its initial margin in the new mode")


def withdraw(state: State, op: Withdraw, time_ns: int, recover: Recover) -> Outcome:
    """Move cash to what the Vault may pay out."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = withdraw_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))
    S_04.require(op.nonce > state.accounts[op.account].nonce)

    # CHECKS
    W_01.require(known_token(state, op.token))
    W_02.require(amount_fits(state, op))
    W_04.require(may_pay_out(state, op.account))
    W_05.require(all_fresh(state, op.account, time_ns))
    W_06.require(margin_stays(state, op))

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


def amount_fits(state: State, op: Withdraw) -> bool:
    """Return whether an amount can be withdrawn at all (W-02)."""
    bounded = 0 < op.amount < AMOUNT_END
    in_cash = op.token == SETTLEMENT_TOKEN
    return bounded and (in_cash or in_held_lots(state, op.account, op.token, op.amount))


def margin_stays(state: State, op: Withdraw) -> bool:
    """Return whether the account holds its margin when the amount is gone (W-06)."""
    if op.token == SETTLEMENT_TOKEN:
        return op.amount <= free_cash(state, op.account)
    return stays_safe_without(state, op.account, op.token, op.amount)


def make_claimable(state: State, account: int, token: int, amount: int) -> None:
    """Move cash or collateral of an account to what the Vault may pay out for it."""
    if token == SETTLEMENT_TOKEN:
        state.change_account(account).cash -= amount
        credit_claimable(state, account, token, amount)
    else:
        withdraw_token(state, account, token, amount)


def free_cash(state: State, account: int) -> int:
    """Return what may leave of an account's cash (W-06).

    It is E_w - max(IM, D), and no more than what the loan limit still lets it owe.
    """
    of = figures(state, account)
    excess = of.wide_equity - max(of.initial, net_delta_requirement(state, account))
    return min(excess, of.usd + of.loan_limit)


def margin_mode(state: State, op: MarginMode, time_ns: int, recover: Recover) -> Outcome:
    """Change how an account's requirement is computed."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = margin_mode_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))
    S_04.require(op.nonce > state.accounts[op.account].nonce)

    # CHECKS
    W_07.require(another_mode(state, op))
    W_08.require(state.accounts[op.account].stage == STANDARD)
    W_09.require(all_fresh(state, op.account, time_ns))
    W_10.require(holds_in_mode(state, op))

    # EFFECT
    account = state.change_account(op.account)
    account.nonce = op.nonce
    account.margin_mode = op.mode

    # RESULT: nothing besides.
    return None


def another_mode(state: State, op: MarginMode) -> bool:
    """Return whether a mode is known and not the present one (W-07)."""
    known = op.mode in (STANDARD_MARGIN, PORTFOLIO_MARGIN)
    return known and op.mode != state.accounts[op.account].margin_mode


def holds_in_mode(state: State, op: MarginMode) -> bool:
    """Return whether the account holds its initial margin in the named mode (W-10)."""
    leaf = state.accounts[op.account]
    return holds(figures_of(state, leaf.cash, sizes_of(leaf), op.mode))

"""The rules of the venue machine, each with its text: rules.md 3, derivatives.md, sessions.md.

C: every command. A: activation of a vector. O: terms of an order. X: orders that rest already.
M: matching; an M rule that does not hold cancels an order instead of refusing a command.
"""

from __future__ import annotations

from merkat.spec.rules import rule

C_01 = rule(
    "C-01", "malformed_command", "command", "version 1, a known kind, exactly the length of it"
)
C_02 = rule("C-02", "no_account", "account", "1 <= account < next_account")
C_03 = rule(
    "C-03",
    "wrong_signature",
    "signature",
    "the signer is the account's owner; of an order that of its slot; of a cancel the owner or a "
    "live session",
)
C_04 = rule(
    "C-04",
    "used_nonce",
    "nonce",
    "orders, cancels, floors: the nonce is not among the newest 100 of the signer's slot, "
    "not below all of them when there are 100, and at most a day ahead in ms; withdraw, transfer, "
    "margin_mode, session_open, session_revoke: above strict_nonce",
)
C_05 = rule("C-05", "inbox_index", "item", "index = inbox_cursor")
C_06 = rule("C-06", "item_size", "item", "the item has 2 to 1,024 bytes")
C_07 = rule("C-07", "bad_slot", "session_slot", "orders, cancels: slot <= 15")
C_08 = rule("C-08", "no_session", "session_slot", "the session of the order's slot is live")

A_01 = rule("A-01", "no_pending", "number", "the group has a pending vector of that number")
A_02 = rule(
    "A-02",
    "wrong_rows",
    "rows",
    "row_root is that of the rows the pending vector makes; zero when it will be held",
)

O_01 = rule("O-01", "no_listing", "listing", "the listing exists")
O_02 = rule("O-02", "bad_side", "side", "side is 0 (buy) or 1 (sell)")
O_03 = rule("O-03", "bad_flags", "flags", "flags are 0, 1, 2 or 5")
O_04 = rule("O-04", "off_tick", "limit_price", "on the listing's tick, 0 < limit_price <= 2^52")
O_05 = rule(
    "O-05", "bad_size", "size", "a multiple of lot, 0 < size < 2^56, size x limit_price < 2^88"
)
O_06 = rule("O-06", "expired", "expiry", "expiry > t")
O_07 = rule(
    "O-07",
    "expiry_too_far",
    "expiry",
    "expiry - t <= 7 days (1 minute for immediate orders), its hour below 2^20",
)
O_08 = rule("O-08", "bad_version", "version", "a new order has version 1")
O_09 = rule("O-09", "bad_counter", "counter", "counter = nonce mod 2^40")
O_10 = rule("O-10", "bad_renews", "renews", "renews names no order (place, amend)")
O_11 = rule("O-11", "below_floor", "counter", "counter > the account's order floor")
O_12 = rule("O-12", "low_fee_cap", "fee_cap", "fee_cap >= max(taker_fee, maker_fee) of the listing")
O_13 = rule("O-13", "in_liquidation", "stage", "the account is in stage 0")
O_14 = rule("O-14", "halted", "group", "the group has had a vector, not older than halt_ns")
O_15 = rule(
    "O-15", "duplicate_order", "counter", "no resting order and no settlement leaf has the key"
)
O_16 = rule(
    "O-16",
    "too_many_orders",
    "account",
    "fewer than open_orders_account orders rest, and fewer than open_orders_listing in the listing",
)
O_17 = rule(
    "O-17",
    "too_many_positions",
    "listing",
    "listings of positions, resting orders and this order number at most position_limit",
)
O_18 = rule("O-18", "too_many_groups", "group", "the groups of those listings number at most 8")
O_19 = rule("O-19", "band", "limit_price", "buy: limit <= mark + band; sell: limit >= mark - band")
O_20 = rule(
    "O-20", "oracle_stale", "group", "the account is not restricted in the listing, or it reduces"
)
O_21 = rule(
    "O-21", "would_trade", "flags", "post-only: the best opposite price does not cross the limit"
)
O_22 = rule(
    "O-22",
    "insufficient_margin",
    "size",
    "with the order counted E_w >= IM with open orders and loan <= limit; or the order reduces and "
    "E >= 0",
)

O_23 = rule(
    "O-23",
    "no_row",
    "listing",
    "in a group with a risk set the listing has a row, has not expired and is not delivered",
)
O_24 = rule(
    "O-24",
    "spot_short",
    "size",
    "what is left of the account's resting sells of collateral plus this is at most its position",
)

O_25 = rule(
    "O-25", "out_of_scope", "scope", "the listing's kind and group are in the session's scope"
)
O_26 = rule(
    "O-26",
    "over_notional",
    "size",
    "the order's notional is at most the session's; of a renewal also that of the old order, where "
    "it must be opened first",
)
O_27 = rule("O-27", "outlives_session", "expiry", "the order's expiry <= the session's")

X_01 = rule("X-01", "order_not_open", "counter", "a resting order has the key")
X_02 = rule(
    "X-02", "changed_terms", "listing", "listing, side and flags are those of the resting order"
)
X_03 = rule("X-03", "version_not_larger", "version", "version > that of the resting order")
X_04 = rule("X-04", "below_filled", "size", "size > filled")
X_05 = rule(
    "X-05", "renewal_differs", "limit_price", "the same limit_price, size = what is left of the old"
)
X_06 = rule("X-06", "floor_not_raised", "floor", "floor > the account's order floor")
X_07 = rule("X-07", "renew_expired", "renews", "the old order's expiry > t")

M_01 = rule("M-01", "maker_expired", "expiry", "the maker's expiry > t")
M_02 = rule("M-02", "self_trade", "owner", "maker and taker have different owners")
M_03 = rule("M-03", "maker_band", "price", "mark - band <= maker's price <= mark + band")
M_04 = rule("M-04", "maker_stale", "group", "the maker is not restricted, or the fill reduces")
M_06 = rule(
    "M-06",
    "maker_margin",
    "margin_rule",
    "F-11, F-12, F-13, F-17 for the maker, and after the fill E_w >= IM with open orders and "
    "loan <= limit, or it improves",
)
M_07 = rule(
    "M-07",
    "taker_margin",
    "margin_rule",
    "F-11, F-12, F-13, F-17 for the taker, and after the fill E_w >= IM with open orders and "
    "loan <= limit, or it improves",
)
M_08 = rule("M-08", "maker_fee_cap", "fee_cap", "the listing's maker_fee <= the maker's fee_cap")
M_09 = rule(
    "M-09",
    "maker_session",
    "size",
    "a session's maker that settlement has not seen is within the session's notional now",
)

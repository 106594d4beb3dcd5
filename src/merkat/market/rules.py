"""What the codes and field numbers of refusals are called (rules.md, derivatives.md, sessions.md).

The specification registers its rules where it checks them; this table is for readers of events,
which do not load it. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# Letter -> base of its codes, and the names of its rules by number; None where there is no such.
_LETTERS: Final[dict[str, tuple[int, dict[int, str]]]] = {
    "S": (
        100,
        {
            1: "malformed",
            2: "unknown_account",
            3: "bad_signature",
            4: "nonce_not_larger",
            5: "time_overflow",
        },
    ),
    "I": (
        200,
        {
            1: "malformed_item",
            2: "not_timelock",
            3: "unknown_token",
            4: "bad_amount",
            5: "bad_owner",
            6: "below_minimum",
            7: "accounts_full",
            8: "unknown_group",
            9: "bad_parameter",
            10: "bad_nodes",
            11: "bad_kind",
            12: "bad_size_decimals",
            13: "bad_lot",
            14: "bad_tick",
            15: "bad_fee",
            16: "listings_full",
            17: "unknown_listing",
            18: "bad_state",
            19: "bad_limits",
            20: "no_such_account",
            21: "forced_owner",
            22: "no_risk_set",
            23: "bad_strike",
            24: "bad_expiry",
            25: "bad_coarse",
            26: "bad_delivery_fee",
            27: "bad_token",
            28: "duplicate_listing",
            29: "mixed_decimals",
            30: "bad_scalar",
            31: "bad_scenario",
            32: "no_delivery",
            33: "bad_delivery_price",
            34: "settled_listing",
        },
    ),
    "W": (
        300,
        {
            1: "withdraw_token",
            2: "withdraw_amount",
            3: "transfer_target",
            4: "withdraw_stage",
            5: "withdraw_stale",
            6: "withdraw_margin",
            7: "mode_value",
            8: "mode_stage",
            9: "mode_stale",
            10: "mode_margin",
        },
    ),
    "P": (
        400,
        {
            1: "open_listing",
            2: "open_side",
            3: "open_price",
            4: "open_size",
            5: "open_expired",
            6: "open_far",
            7: "open_floor",
            8: "open_version",
            9: "open_renews",
            10: "close_absent",
            11: "floor_not_larger",
            12: "drop_early",
        },
    ),
    "F": (
        500,
        {
            1: "fill_order",
            2: "fill_floor",
            3: "fill_expired",
            4: "fill_self",
            5: "fill_price",
            6: "fill_size",
            7: "fill_fee_cap",
            8: "fill_oracle",
            9: "fill_band",
            10: "fill_stage",
            11: "fill_slot",
            12: "fill_groups",
            13: "fill_bound",
            14: "fill_restricted",
            15: "fill_margin",
            16: "fill_listing",
            17: "fill_spot",
            18: "fill_names",
        },
    ),
    "E": (
        600,
        {
            1: "epoch_group",
            2: "epoch_number",
            3: "epoch_previous",
            4: "epoch_time",
            5: "epoch_value",
            6: "epoch_quorum",
            7: "surface_value",
            8: "surface_shape",
            9: "surface_butterfly",
            10: "surface_calendar",
            11: "surface_missing",
            12: "surface_jump",
            13: "surface_domain",
            14: "vector_version",
            15: "chunk_hashes",
        },
    ),
    "Q": (
        700,
        {
            1: "stage_value",
            2: "stage_fresh",
            3: "stage_enter",
            4: "stage_leave",
            5: "liquidate_stage",
            6: "liquidate_position",
            7: "liquidate_order",
            8: "liquidate_size",
            9: "liquidate_share",
            10: "liquidate_price",
            11: "liquidate_equity",
            12: "liquidate_maker",
            13: "bankrupt_state",
            14: "bankrupt_group",
            15: "tear_stage",
            16: "tear_position",
            17: "tear_price",
            18: "write_off_state",
            19: "hedge_listing",
            20: "hedge_size",
        },
    ),
    "C": (
        800,
        {
            1: "malformed_command",
            2: "no_account",
            3: "wrong_signature",
            4: "used_nonce",
            5: "inbox_index",
            6: "item_size",
            7: "bad_slot",
            8: "no_session",
        },
    ),
    "O": (
        900,
        {
            1: "no_listing",
            2: "bad_side",
            3: "bad_flags",
            4: "off_tick",
            5: "bad_size",
            6: "expired",
            7: "expiry_too_far",
            8: "bad_version",
            9: "bad_counter",
            10: "bad_renews",
            11: "below_floor",
            12: "low_fee_cap",
            13: "in_liquidation",
            14: "halted",
            15: "duplicate_order",
            16: "too_many_orders",
            17: "too_many_positions",
            18: "too_many_groups",
            19: "band",
            20: "oracle_stale",
            21: "would_trade",
            22: "insufficient_margin",
            23: "no_row",
            24: "spot_short",
            25: "out_of_scope",
            26: "over_notional",
            27: "outlives_session",
        },
    ),
    "X": (
        1000,
        {
            1: "order_not_open",
            2: "changed_terms",
            3: "version_not_larger",
            4: "below_filled",
            5: "renewal_differs",
            6: "floor_not_raised",
            7: "renew_expired",
        },
    ),
    "M": (
        1100,
        {
            1: "maker_expired",
            2: "self_trade",
            3: "maker_band",
            4: "maker_stale",
            6: "maker_margin",
            7: "taker_margin",
            8: "maker_fee_cap",
            9: "maker_session",
        },
    ),
    "A": (
        1200,
        {
            1: "no_pending",
            2: "wrong_rows",
        },
    ),
    "D": (
        1300,
        {
            1: "deliver_listing",
            2: "deliver_price",
            3: "expire_position",
        },
    ),
    "K": (
        1400,
        {
            1: "session_slot",
            2: "session_scheme",
            3: "session_key",
            4: "session_scope",
            5: "session_expiry",
            6: "session_taken",
            7: "session_absent",
            8: "revoke_floor",
            9: "no_session",
            10: "out_of_scope",
            11: "over_notional",
            12: "outlives_session",
        },
    ),
}

RULE_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {base + number: name for base, names in _LETTERS.values() for number, name in names.items()}
)

_NAMED_FIELDS: Final = (
    *("command", "account", "listing", "side", "flags"),
    *("limit_price", "size", "fee_cap", "expiry", "counter"),
    *("version", "nonce", "renews", "signature", "amount"),
    *("token", "to_account", "floor", "group", "number"),
    *("previous", "time", "index", "basis", "premium"),
    *("signatures", "item", "owner", "source", "kind"),
    *("state", "lot", "tick", "size_decimals", "maker_fee"),
    *("taker_fee", "threshold", "nodes", "price", "slot"),
    *(
        "margin_rule",
        "position_limit",
        "open_orders_account",
        "open_orders_listing",
        "new_account_minimum",
    ),
    *("hour", "stage", "strike", "surface", "rows"),
    *("confidence", "peg", "vol", "vol_mean", "forward"),
    *("scenarios", "coarse_tick", "coarse_from", "delivery_fee", "mode"),
    *("session_slot", "scheme", "key", "scope"),
)
PARAMETERS_AT: Final = 64
SCALARS_AT: Final = 96


def rule_id(code: int) -> str:
    """Return the id of a rule by its refusal code, such as O-22; the code where there is none."""
    for letter, (base, names) in _LETTERS.items():
        if code - base in names:
            return f"{letter}-{code - base:02}"
    return f"code {code}"


def field_name(number: int) -> str:
    """Return what the field of a refusal is called."""
    if number < len(_NAMED_FIELDS):
        return _NAMED_FIELDS[number]
    if number >= SCALARS_AT:
        return f"scalar_{number - SCALARS_AT}"
    return f"parameter_{number - PARAMETERS_AT}"

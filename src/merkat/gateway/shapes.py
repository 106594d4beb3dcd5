"""What private methods answer, field by field as the dialect has it (msgspec encodes them).

Prices and fees are in USD (USDC), amounts in coins, times in milliseconds. Decimals become exact
JSON numbers.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

ZERO = Decimal(0)


class OrderShape(msgspec.Struct, kw_only=True):
    """An order. `price` of a market order is the hard limit that was signed for it."""

    order_id: str
    order_state: str
    order_type: str
    original_order_type: str | None
    instrument_name: str
    direction: str
    price: Decimal
    amount: Decimal
    contracts: Decimal
    filled_amount: Decimal
    average_price: Decimal
    commission: Decimal
    profit_loss: Decimal = ZERO
    time_in_force: str
    post_only: bool
    reject_post_only: bool
    reduce_only: bool
    risk_reducing: bool = False
    label: str
    creation_timestamp: int
    last_update_timestamp: int
    max_show: Decimal
    display_amount: Decimal
    api: bool = True
    web: bool = False
    mmp: bool = False
    is_liquidation: bool = False
    is_rebalance: bool = False
    replaced: bool = False
    cancel_reason: str | None = None
    order_version: int
    log_number: int


class UserTradeShape(msgspec.Struct, kw_only=True):
    """One's own side of a trade."""

    trade_id: str
    trade_seq: int
    order_id: str | None
    instrument_name: str
    direction: str
    price: Decimal
    amount: Decimal
    contracts: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str
    order_type: str
    state: str
    timestamp: int
    index_price: Decimal
    mark_price: Decimal
    tick_direction: int
    profit_loss: Decimal
    matching_id: str | None = None
    self_trade: bool = False
    reduce_only: bool = False
    post_only: bool = False
    risk_reducing: bool = False
    api: bool = True
    mmp: bool = False
    liquidation: str | None = None
    label: str = ""
    log_number: int


class Placed(msgspec.Struct):
    """The answer to buy, sell, edit."""

    order: OrderShape
    trades: list[UserTradeShape]


class UserTrades(msgspec.Struct):
    """A page of own trades."""

    trades: list[UserTradeShape]
    has_more: bool


class PositionShape(msgspec.Struct, kw_only=True):
    """A position; a flat one where there is none. Greeks are display figures of the newest rows."""

    instrument_name: str
    kind: str
    direction: str
    size: Decimal
    size_currency: Decimal
    average_price: Decimal
    mark_price: Decimal
    index_price: Decimal
    settlement_price: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    open_orders_margin: Decimal
    floating_profit_loss: Decimal
    realized_profit_loss: Decimal
    realized_funding: Decimal
    total_profit_loss: Decimal
    delta: Decimal
    gamma: Decimal
    vega: Decimal
    theta: Decimal
    leverage: int
    estimated_liquidation_price: Decimal | None
    creation_timestamp: int
    interest_value: Decimal = ZERO


class FeeShape(msgspec.Struct, kw_only=True):
    """What trading costs, as a fraction of the value (of the index for options)."""

    instrument_type: str
    fee_type: str
    maker_fee: Decimal
    taker_fee: Decimal
    currency: str


class AccountSummary(msgspec.Struct, kw_only=True):
    """What an account has and must have in one currency."""

    currency: str
    equity: Decimal
    balance: Decimal
    margin_balance: Decimal
    available_funds: Decimal
    available_withdrawal_funds: Decimal
    available_subaccount_transfer_funds: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    projected_initial_margin: Decimal
    projected_maintenance_margin: Decimal
    spot_reserve: Decimal = ZERO
    additional_reserve: Decimal = ZERO
    locked_balance: Decimal = ZERO
    fee_balance: Decimal = ZERO
    margin_model: str
    portfolio_margining_enabled: bool
    cross_collateral_enabled: bool
    delta_total: Decimal
    projected_delta_total: Decimal
    delta_total_map: dict[str, Decimal]
    futures_pl: Decimal
    futures_session_rpl: Decimal
    futures_session_upl: Decimal
    session_rpl: Decimal
    session_upl: Decimal
    total_pl: Decimal
    session_funding: Decimal
    options_delta: Decimal
    options_gamma: Decimal
    options_vega: Decimal
    options_theta: Decimal
    options_pl: Decimal
    options_session_rpl: Decimal
    options_session_upl: Decimal
    options_value: Decimal
    options_gamma_map: dict[str, Decimal]
    options_vega_map: dict[str, Decimal]
    options_theta_map: dict[str, Decimal]
    estimated_liquidation_ratio: Decimal
    estimated_liquidation_ratio_map: dict[str, Decimal]
    total_equity_usd: Decimal
    total_initial_margin_usd: Decimal
    total_maintenance_margin_usd: Decimal
    total_margin_balance_usd: Decimal
    total_delta_total_usd: Decimal
    loan: Decimal
    loan_limit: Decimal
    liquidation_stage: int
    fees: list[FeeShape]
    # With extended=true, and always of one account.
    id: int
    username: str
    system_name: str
    email: str = ""
    type: str = "main"
    creation_timestamp: int
    login_enabled: bool = False
    security_keys_enabled: bool = False
    mmp_enabled: bool = False
    interuser_transfers_enabled: bool = False
    deposit_address: str = ""
    self_trading_reject_mode: str = "cancel_maker"
    self_trading_extended_to_subaccounts: bool = True
    limits: dict[str, int]


class AccountSummaries(msgspec.Struct, kw_only=True):
    """The summaries of all currencies of an account."""

    id: int
    username: str
    system_name: str
    email: str = ""
    type: str = "main"
    creation_timestamp: int
    login_enabled: bool = False
    security_keys_enabled: bool = False
    mmp_enabled: bool = False
    self_trading_reject_mode: str = "cancel_maker"
    self_trading_extended_to_subaccounts: bool = True
    summaries: list[AccountSummary]


class Subaccount(msgspec.Struct, kw_only=True):
    """An account as one of a list of accounts; here there is only the one that asks."""

    id: int
    username: str
    system_name: str
    email: str = ""
    type: str = "main"
    is_password: bool = False
    login_enabled: bool = False
    margin_model: str
    security_keys_enabled: bool = False
    receive_notifications: bool = False
    portfolio: dict[str, dict[str, Decimal | str]] = {}


class MovementShape(msgspec.Struct, kw_only=True):
    """A deposit, withdrawal or transfer of the log."""

    id: str
    currency: str
    amount: Decimal
    state: str
    created_timestamp: int
    updated_timestamp: int
    received_timestamp: int
    address: str
    transaction_id: str | None
    type: str
    direction: str
    log_number: int


class Movements(msgspec.Struct):
    """A page of deposits, withdrawals or transfers."""

    count: int
    data: list[MovementShape]


class SettlementShape(msgspec.Struct, kw_only=True):
    """Funding or delivery of a position."""

    type: str
    timestamp: int
    instrument_name: str | None
    position: Decimal
    mark_price: Decimal
    index_price: Decimal
    profit_loss: Decimal
    funding: Decimal
    session_profit_loss: Decimal


class Settlements(msgspec.Struct):
    """A page of settlements."""

    settlements: list[SettlementShape]
    continuation: str | None

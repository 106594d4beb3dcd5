// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountIndex} from "../types/AccountIndex.sol";
import {TokenId} from "../types/TokenId.sol";

/// @title The bytes of inbox items: kind ‖ source ‖ body, big-endian (formats.md section 4)
library Items {
    uint8 internal constant DEPOSIT = 1;
    uint8 internal constant GROUP = 2;
    uint8 internal constant LIST = 3;
    uint8 internal constant INSTRUMENT = 4;
    uint8 internal constant VENUE = 5;
    uint8 internal constant FUND_DEPOSIT = 6;
    uint8 internal constant FEE_SWEEP = 7;
    uint8 internal constant FORCED_WITHDRAWAL = 8;
    uint8 internal constant RISK = 9;
    uint8 internal constant LIST_DATED = 10;
    uint8 internal constant DELIVER = 11;

    uint8 internal constant FROM_USER = 0;
    uint8 internal constant FROM_TIMELOCK = 1;

    uint256 private constant RISK_HEAD_BYTES = 2 + 1 + 53 * 8;
    uint256 private constant SCENARIO_BYTES = 4 + 1 + 4;
    uint256 private constant SCENARIOS_MAX = 64;

    /// The state machine refuses larger amounts, so the vault must not take them.
    uint128 internal constant AMOUNT_MAX = (1 << 96) - 1;

    function deposit(TokenId token, address owner, AccountIndex account, uint128 amount)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(DEPOSIT, FROM_USER, token, owner, account, amount);
    }

    function forcedWithdrawal(AccountIndex account, address owner, TokenId token, uint128 amount)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(FORCED_WITHDRAWAL, FROM_USER, account, owner, token, amount);
    }

    function fundDeposit(uint16 group, uint128 amount) internal pure returns (bytes memory) {
        return abi.encodePacked(FUND_DEPOSIT, FROM_TIMELOCK, group, amount);
    }

    function fromTimelock(uint8 kind, bytes calldata body) internal pure returns (bytes memory) {
        return abi.encodePacked(kind, FROM_TIMELOCK, body);
    }

    /// Length of the body that an item of the timelock has, 0 for a kind that is none of its.
    /// @dev FUND_DEPOSIT is not among them: it comes through the vault, with its money. A risk set
    /// says how many scenarios it has; more than 64 are measured as 64, so that no item is longer
    /// than a command can be.
    function timelockBodyBytes(uint8 kind, bytes calldata body) internal pure returns (uint256) {
        if (kind == GROUP) return 2 + 1 + 8 * 20 + 21 * 8;
        if (kind == LIST) return 1 + 2 + 1 + 4 * 8;
        if (kind == INSTRUMENT) return 4 + 1 + 2 * 8;
        if (kind == VENUE) return 2 + 4 + 4 + 8;
        if (kind == FEE_SWEEP) return 4;
        if (kind == LIST_DATED) return 1 + 2 + 1 + 9 * 8 + 1;
        if (kind == DELIVER) return 2 + 8 + 8;
        if (kind == RISK) {
            uint256 scenarios = body.length > 2 ? uint8(body[2]) : 0;
            if (scenarios > SCENARIOS_MAX) scenarios = SCENARIOS_MAX;
            return RISK_HEAD_BYTES + scenarios * SCENARIO_BYTES;
        }
        return 0;
    }
}
